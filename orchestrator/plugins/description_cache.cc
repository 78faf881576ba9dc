#include "orchestrator/plugins/description_cache.h"

#include "orchestrator/base/error.h"
#include "orchestrator/base/hash.h"
#include "orchestrator/plugins/schema_text.h"

namespace presswork::plugins {

using base::Json;

namespace {

// Descriptions were checked by a schema; under another one they have to be checked anew.
std::string format() { return "1:" + base::sha256(stage_description_schema_text()).substr(0, 16); }

}  // namespace

Json identity(const base::FileStatus& status) {
  return {status.size, status.mtime_ns, status.inode, status.device};
}

DescriptionCache::DescriptionCache(std::filesystem::path file) : file_(std::move(file)) {
  if (file_.empty()) return;
  try {
    if (!base::real_file_system().status(file_)) return;
    Json stored = Json::parse(base::real_file_system().read(file_));
    if (stored.at("format") != format()) return;
    for (auto& [path, entry] : stored.at("plugins").items()) {
      entry.at("digest").get_ref<const std::string&>();
      if (entry.contains("identity") && entry.at("document").is_object()) entries_[path] = std::move(entry);
    }
  } catch (const Json::exception&) {
    entries_.clear();
  } catch (const base::Error&) {
    entries_.clear();
  }
}

std::optional<CachedPlugin> DescriptionCache::find(const std::filesystem::path& path,
                                                   const base::FileStatus& status) const {
  const auto found = entries_.find(path.native());
  if (found == entries_.end() || found->second.at("identity") != identity(status)) return std::nullopt;
  return CachedPlugin{found->second.at("digest"), found->second.at("document")};
}

void DescriptionCache::put(const std::filesystem::path& path, const base::FileStatus& status,
                           const CachedPlugin& plugin) {
  entries_[path.native()] = {
      {"identity", identity(status)}, {"digest", plugin.digest}, {"document", plugin.document}};
  changed_ = true;
}

void DescriptionCache::save_as(const std::filesystem::path& file) const {
  if (file.empty() || !changed_) return;
  Json plugins = Json::object();
  for (const auto& [path, entry] : entries_) {
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) plugins[path] = entry;
  }
  try {
    base::real_file_system().create_directories(file.parent_path());
    base::real_file_system().write_durably(file, Json{{"format", format()}, {"plugins", plugins}}.dump());
  } catch (const base::Error&) {
    // The next command asks the plugins again.
  }
}

}  // namespace presswork::plugins
