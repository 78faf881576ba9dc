#include "orchestrator/host/plugin.h"

#include <dlfcn.h>

#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>
#include <cstring>
#include <deque>
#include <set>
#include <string_view>
#include <system_error>

namespace presswork::host {

namespace {

// The sizes of version 1.0, which every plugin of major 1 covers; later fields are asked for with PW_HAS.
constexpr std::size_t plugin_size_1_0 = offsetof(pw_plugin, stages) + sizeof(pw_plugin::stages);
constexpr std::size_t stage_size_1_0 = offsetof(pw_stage, destroy) + sizeof(pw_stage::destroy);

std::string version(unsigned major, unsigned minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

const std::string host_version = version(PW_ABI_MAJOR, PW_ABI_MINOR);

Failure refused(const std::string& path, const std::string& reason, std::string hint) {
  return {"plugin_refused", "the plugin " + path + " is refused: " + reason, path, std::move(hint)};
}

std::optional<Failure> check_stage(const pw_stage* stage, std::size_t index, const std::string& path,
                                   std::set<std::string_view>& ids) {
  const std::string name = "stage " + std::to_string(index);
  const char* const hint = "correct the plugin's pw_stage table and build it again";
  if (stage == nullptr) return refused(path, name + " is a null pointer", hint);
  if (stage->struct_size < stage_size_1_0) {
    return refused(path,
                   name + " has struct_size " + std::to_string(stage->struct_size) +
                       ", but version 1.0 has " + std::to_string(stage_size_1_0),
                   "set struct_size to sizeof(pw_stage)");
  }
  if (stage->id == nullptr || *stage->id == '\0') return refused(path, name + " has no id", hint);
  const std::string named = "stage \"" + std::string(stage->id) + "\"";
  if (!ids.insert(stage->id).second) return refused(path, named + " appears twice", hint);
  if (stage->describe == nullptr) return refused(path, named + " has no describe function", hint);
  if (stage->run == nullptr) return refused(path, named + " has no run function", hint);
  if (stage->create != nullptr && stage->destroy == nullptr) {
    return refused(path, named + " has a create function but no destroy function", hint);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Failure> check_plugin(const pw_plugin* table, const std::string& path) {
  if (table == nullptr) {
    return refused(path, PW_ENTRY_POINT "() returned a null pointer",
                   "return the address of a static pw_plugin");
  }
  // Until the major version is known to be ours, only the first two fields can be trusted.
  if (!PW_HAS(table, pw_plugin, abi_minor)) {
    return refused(path, "its pw_plugin says struct_size " + std::to_string(table->struct_size),
                   "set struct_size to sizeof(pw_plugin)");
  }
  const std::string theirs = version(table->abi_major, table->abi_minor);
  if (table->abi_major != PW_ABI_MAJOR) {
    return refused(path, "it is built for stage ABI " + theirs + ", and this host speaks " + host_version,
                   "build the plugin with the SDK of this Presswork, or use a Presswork of stage ABI " +
                       std::to_string(table->abi_major));
  }
  if (table->struct_size < plugin_size_1_0) {
    return refused(path,
                   "its pw_plugin has struct_size " + std::to_string(table->struct_size) +
                       ", but version 1.0 has " + std::to_string(plugin_size_1_0),
                   "set struct_size to sizeof(pw_plugin)");
  }
  if (table->min_host_minor > PW_ABI_MINOR) {
    return refused(path,
                   "it is built for stage ABI " + theirs + " and needs a host of at least " +
                       version(PW_ABI_MAJOR, table->min_host_minor) + ", but this host speaks " +
                       host_version,
                   "use a newer Presswork, or a build of the plugin for stage ABI " + host_version);
  }
  if (table->name == nullptr || table->version == nullptr) {
    return refused(path, "its name or version is a null pointer", "set name and version in pw_plugin");
  }
  if (table->stage_count == 0 || table->stages == nullptr) {
    return refused(path, "it offers no stage", "set stage_count and stages in pw_plugin");
  }
  std::set<std::string_view> ids;
  for (std::size_t i = 0; i < table->stage_count; ++i) {
    if (auto failure = check_stage(table->stages[i], i, path, ids)) return failure;
  }
  return std::nullopt;
}

LoadedPlugin load_plugin(const std::string& path) {
  namespace dll = boost::dll;
  static auto* const loaded = new std::deque<dll::shared_library>;  // never destroyed, so never unloaded
  dll::shared_library& library = loaded->emplace_back();
  std::error_code failed;
  library.load(path, failed, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
  if (failed) {
    // Boost hands out a general code only; the reason is the loader's.
    const char* text = ::dlerror();
    const std::string reason = text == nullptr ? failed.message() : text;
    if (reason.find("undefined symbol") != std::string::npos) {
      return {nullptr,
              Failure{"undefined_symbol", "the plugin " + path + " cannot be loaded: " + reason, path,
                      "link the library that defines it into the plugin; -Wl,--no-undefined finds this "
                      "when the plugin is built"}};
    }
    return {nullptr, refused(path, "it cannot be loaded: " + reason,
                             "check that it is a shared library for this machine and that its own libraries "
                             "are installed (ldd shows them)")};
  }
  if (!library.has(PW_ENTRY_POINT)) {
    return {nullptr,
            refused(path, "it does not export " PW_ENTRY_POINT "; this host speaks stage ABI " + host_version,
                    "define it with PRESSWORK_PLUGIN, or as a PW_EXPORT function in C; nm -D shows what is "
                    "exported")};
  }
  const pw_plugin* table = library.get<const pw_plugin*()>(PW_ENTRY_POINT)();
  return {table, check_plugin(table, path)};
}

const pw_stage* find_stage(const pw_plugin& plugin, const std::string& id) {
  for (std::uint32_t i = 0; i < plugin.stage_count; ++i) {
    if (id == plugin.stages[i]->id) return plugin.stages[i];
  }
  return nullptr;
}

}  // namespace presswork::host
