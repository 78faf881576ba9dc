#include "orchestrator/store/workspace.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"

namespace presswork::store {

using base::Error;
using base::ErrorCode;
using base::FileKind;

namespace {

void make_folder(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    throw base::system_error("create the folder", path.native(), errno);
  }
}

// The folder's real path; nothing when there is nothing at `root`.
std::optional<fs::path> existing_folder(const fs::path& root) {
  base::FileSystem& file_system = base::real_file_system();
  const fs::path absolute = fs::absolute(root).lexically_normal();
  if (!file_system.status(absolute)) return {};
  const fs::path real = file_system.resolve(absolute);  // a dangling link is Error{not_found}
  if (file_system.status(real)->kind != FileKind::directory) {
    throw Error(ErrorCode::invalid_input, absolute.native() + " is a file; the workspace has to be a folder",
                "move it aside, or name another --workspace");
  }
  return real;
}

// `store` is the first thing made in a workspace: a folder, or a link to one.
bool is_workspace(const fs::path& root) {
  const auto store = base::real_file_system().status(root / "store");
  if (!store) return false;
  if (store->kind != FileKind::symlink) return store->kind == FileKind::directory;
  std::error_code error;
  if (fs::is_directory(root / "store", error)) return true;
  throw Error(ErrorCode::not_found,
              "the store of the workspace " + root.native() + " is not there: " + (root / "store").native() +
                  " leads to " + fs::read_symlink(root / "store", error).native(),
              "is its disk mounted?");
}

// Where nothing is yet, or a store.
void make_store(const fs::path& store) {
  base::FileSystem& file_system = base::real_file_system();
  if (!file_system.status(store)) {
    file_system.create_directories(store.parent_path());
    make_folder(store);
    file_system.sync(store.parent_path());
  }
  const auto has = [&](const char* name) { return file_system.status(store / name).has_value(); };
  if (!file_system.list(store).empty() && !has("version") && !has("objects")) {
    throw Error(ErrorCode::invalid_input, store.native() + " has other things in it and is not a store",
                "name a folder that is new or empty with --store");
  }
}

void link_store(const fs::path& root, const fs::path& given) {
  base::FileSystem& file_system = base::real_file_system();
  const fs::path absolute = fs::absolute(given).lexically_normal();
  const fs::path target = absolute.has_filename() ? absolute : absolute.parent_path();
  const fs::path link = root / "store";
  if (const auto there = file_system.status(link)) {
    std::error_code error;
    if (fs::equivalent(link, target, error)) return;
    throw Error(ErrorCode::invalid_input,
                "the workspace " + root.native() + " has its store at " +
                    fs::weakly_canonical(link, error).native() + ", not at " + target.native(),
                "leave out --store, or use a new --workspace");
  }
  make_store(target);
  if (::symlink(target.c_str(), link.c_str()) != 0 && errno != EEXIST) {
    throw base::system_error("link the store to", link.native(), errno);
  }
  file_system.sync(root);
}

}  // namespace

Workspace open_workspace(const fs::path& root, const fs::path& store) {
  base::FileSystem& file_system = base::real_file_system();
  auto folder = existing_folder(root);
  if (!folder) {
    const fs::path absolute = fs::absolute(root).lexically_normal();
    const fs::path target = absolute.has_filename() ? absolute : absolute.parent_path();
    file_system.create_directories(target.parent_path());
    make_folder(target);
    file_system.sync(target.parent_path());
    folder = file_system.resolve(target);
  }
  // A .gitignore of '*' and half a dozen folders must not land in somebody's project.
  if (!is_workspace(*folder) && !file_system.list(*folder).empty()) {
    throw Error(ErrorCode::invalid_input, folder->native() + " has other things in it and is not a workspace",
                "name a folder that is new or empty, for example " + (*folder / ".presswork").native());
  }
  if (::access(folder->c_str(), R_OK | W_OK | X_OK) != 0) {
    throw base::system_error("write to the workspace", folder->native(), errno);
  }
  const Workspace workspace{*folder};
  if (!store.empty()) link_store(*folder, store);
  for (const fs::path& path :
       {workspace.store(), workspace.cache(), workspace.attempts(), *folder / "scratch", *folder / "runs"}) {
    make_folder(path);
  }
  const fs::path ignore = *folder / ".gitignore";
  if (!file_system.status(ignore)) file_system.write_durably(ignore, "*\n");
  return workspace;
}

Workspace existing_workspace(const fs::path& root) {
  const auto folder = existing_folder(root);
  if (!folder || !is_workspace(*folder)) {
    throw Error(ErrorCode::not_found,
                "there is no workspace at " + fs::absolute(root).lexically_normal().native(),
                "nothing has run here yet; go to the folder where it ran, or name it with --workspace");
  }
  return Workspace{*folder};
}

void set_aside_former_run(const Workspace& workspace, const std::string& run) {
  const fs::path folder = workspace.logs(run).parent_path();
  base::FileSystem& files = base::real_file_system();
  if (!files.status(folder)) return;
  fs::path aside;
  for (int n = 1; aside.empty() || files.status(aside); ++n) {
    aside = folder;
    aside += ".former-" + std::to_string(n);
  }
  files.rename(folder, aside);
}

}  // namespace presswork::store
