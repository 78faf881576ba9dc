// What the verbs work with, made when it is first asked for.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "orchestrator/base/clock.h"
#include "orchestrator/cli/options.h"
#include "orchestrator/cli/output.h"
#include "orchestrator/engine/run.h"
#include "orchestrator/executor/executor.h"
#include "orchestrator/plugins/catalogue.h"
#include "orchestrator/report/screen.h"
#include "orchestrator/store/artifact_store.h"
#include "orchestrator/store/ledger.h"
#include "orchestrator/store/workspace.h"

namespace presswork::cli {

namespace fs = std::filesystem;

std::string quoted(const std::string& word);  // as a shell wants it

class Session {
 public:
  Session(const CommonOptions& options, Output& output, report::Screen& screen);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const CommonOptions& options() const { return options_; }
  Output& output() { return output_; }
  report::Screen& screen() { return screen_; }  // stderr
  base::Clock& clock() { return base::system_clock(); }

  executor::Executor& executor();
  // Warns once about plugins that cannot be used. Descriptions are remembered in the workspace,
  // where there is one.
  const plugins::Discovery& discovery();
  // Looks for plugins when a stage is first asked for.
  const plugins::Catalogue& catalogue() const { return catalogue_; }
  // Throws Error{usage} with a suggestion when there is no such stage.
  const plugins::StageDescription& stage(const std::string& id);

  fs::path workspace_root() const;
  // Throws Error{permission} where that cannot be seen.
  bool has_workspace() const;
  // As it is, which need not be writable; made when there is none.
  const store::Workspace& workspace();
  // For verbs that change it: made when there is none, completed, and its ledger one that can be written to.
  const store::Workspace& writable_workspace();
  store::Ledger& ledger();
  store::ArtifactStore& artifacts();
  // For verbs that only look: throws Error{not_found} instead of making an empty workspace.
  void need_workspace() const;
  // All runs, newest first, without their plans; one whose process has died is "interrupted", though nobody
  // has written that down yet.
  std::vector<store::RunRow> runs();
  // A run with its plan by its id, or the latest one for "". Throws Error{not_found} with a suggestion.
  store::RunRow find_run(const std::string& id);

  // Also tells the executor whether to enforce what stages declare.
  engine::Limits limits(const LimitOptions& options);
  // " --workspace DIR --plugin-path DIR", as far as they were given: for commands shown to the user.
  std::string same_arguments() const;

  std::vector<fs::path> plugin_directories() const;

 private:
  const CommonOptions& options_;
  Output& output_;
  report::Screen& screen_;
  std::unique_ptr<executor::Executor> executor_;
  std::unique_ptr<plugins::Discovery> discovery_;
  class OnDemand : public plugins::Catalogue {
   public:
    explicit OnDemand(Session& session) : session_(session) {}
    const plugins::StageDescription* find(const std::string& id) const override {
      return session_.discovery().catalogue->find(id);
    }
    std::vector<std::string> ids() const override { return session_.discovery().catalogue->ids(); }

   private:
    Session& session_;
  };
  OnDemand catalogue_{*this};
  bool plugins_unsaved_ = false;  // what they said of themselves
  std::unique_ptr<store::Workspace> workspace_;
  std::unique_ptr<store::Ledger> ledger_;
  store::Ledger::Mode ledger_access_ = store::Ledger::Mode::read_write;
  bool to_write_ = false;
  std::unique_ptr<store::ArtifactStore> artifacts_;
};

// The state that an instance of the run is in by now: what was running when the run's process died is
// "interrupted", though nobody has written that down.
std::string state_now(const store::RunRow& run, const std::string& state);

// Where this program lies, and the host beside it. The build tree is laid out like an installation.
fs::path executable_path();
fs::path host_path();

}  // namespace presswork::cli
