#include "orchestrator/cli/other_workspaces.h"

#include "orchestrator/base/file_system.h"
#include "orchestrator/store/registry.h"

namespace presswork::cli {

std::vector<fs::path> other_workspaces(Session& session) {
  base::FileSystem& files = base::real_file_system();
  std::vector<fs::path> others;
  for (const auto& [root, there] : store::registered_workspaces(files, session.workspace().store())) {
    if (!there || root == session.workspace().root) continue;
    if (files.status(store::Workspace{root}.ledger())) others.push_back(root);
  }
  return others;
}

std::vector<fs::path> missing_workspaces(Session& session) {
  std::vector<fs::path> missing;
  for (const auto& [root, there] :
       store::registered_workspaces(base::real_file_system(), session.workspace().store())) {
    if (!there) missing.push_back(root);
  }
  return missing;
}

}  // namespace presswork::cli
