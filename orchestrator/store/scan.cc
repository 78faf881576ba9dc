#include "orchestrator/store/scan.h"

#include <algorithm>
#include <utility>

#include "orchestrator/base/error.h"
#include "orchestrator/base/json.h"

namespace presswork::store {

namespace {

using base::Error;
using base::ErrorCode;
using base::FileKind;

class Scanner {
 public:
  Scanner(base::FileSystem& file_system, ScanRule rule) : file_system_(file_system), rule_(rule) {}

  std::vector<FoundFile> run(const fs::path& root) {
    const auto status = file_system_.status(root);
    if (!status) throw Error(ErrorCode::not_found, "there is nothing at " + root.native());
    if (status->kind == FileKind::directory) {
      folders_.emplace_back(root, "");
    } else {
      add(root, root.filename().native(), *status);
    }
    while (!folders_.empty()) {
      const auto [folder, prefix] = std::move(folders_.back());
      folders_.pop_back();
      for (const std::string& name : file_system_.list(folder)) {
        if (rule_ == ScanRule::referenced && name.front() == '.') continue;
        const auto entry = file_system_.status(folder / name);
        if (!entry) {
          throw Error(ErrorCode::io, (folder / name).native() + " vanished while its folder was being read");
        }
        add(folder / name, prefix + name, *entry);
      }
    }
    std::sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return std::move(found_);
  }

 private:
  void add(const fs::path& real, const std::string& path, const base::FileStatus& status) {
    switch (status.kind) {
      case FileKind::directory:
        folders_.emplace_back(real, path + "/");
        return;
      case FileKind::regular:
        add_file(real, path, status);
        return;
      case FileKind::symlink:
        follow(real, path);
        return;
      case FileKind::other:
        throw Error(ErrorCode::invalid_input,
                    real.native() + " is neither a file nor a folder and cannot be part of an artifact",
                    "devices, sockets and pipes have no contents to keep; remove it");
    }
  }

  void add_file(const fs::path& real, const std::string& path, const base::FileStatus& status) {
    require_utf8(path);
    found_.push_back({path, real, status});
  }

  void follow(const fs::path& link, const std::string& path) {
    if (rule_ == ScanRule::produced) {
      throw Error(ErrorCode::invalid_input,
                  link.native() + " is a symbolic link, which cannot be part of an artifact",
                  "the stage must write the file itself");
    }
    fs::path real;
    try {
      real = file_system_.resolve(link);
    } catch (const Error& error) {
      throw Error(error.code, "the symbolic link " + link.native() + " leads nowhere: " + error.message,
                  "mend the link or remove it");
    }
    const auto status = file_system_.status(real);
    if (!status || status->kind != FileKind::regular) {
      throw Error(
          ErrorCode::invalid_input,
          "the symbolic link " + link.native() + " leads to " + real.native() + ", which is not a file",
          "only links to regular files are followed; put the folder itself there");
    }
    add_file(real, path, *status);
  }

  base::FileSystem& file_system_;
  ScanRule rule_;
  std::vector<std::pair<fs::path, std::string>> folders_;  // to be read: the folder, the prefix of its paths
  std::vector<FoundFile> found_;
};

}  // namespace

void require_utf8(const fs::path& path) {
  try {
    base::canonical(base::Json(path.native()));
  } catch (const base::Json::exception&) {
    throw Error(ErrorCode::invalid_input, "the name of " + path.native() + " is not UTF-8", "rename it");
  }
}

std::vector<FoundFile> scan(base::FileSystem& file_system, const fs::path& root, ScanRule rule) {
  return Scanner(file_system, rule).run(root);
}

}  // namespace presswork::store
