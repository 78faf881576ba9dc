#include "orchestrator/cli/conduct.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/report_file.h"
#include "orchestrator/cli/signals.h"
#include "orchestrator/cli/stop_notice.h"
#include "orchestrator/report/journal.h"
#include "orchestrator/report/metrics_file.h"
#include "orchestrator/report/pauses.h"
#include "orchestrator/report/progress.h"
#include "orchestrator/report/summary.h"
#include "orchestrator/store/registry.h"
#include "orchestrator/store/reserve.h"
#include "orchestrator/store/store_lock.h"

namespace presswork::cli {

namespace {

// The locks, in their order (store_lock.h).
struct Held {
  std::unique_ptr<store::WorkspaceLock> workspace;
  std::unique_ptr<store::StoreLock> store;
};

Held hold(Session& session) {
  const store::Workspace& workspace = session.writable_workspace();
  Held held{store::WorkspaceLock::acquire(workspace), nullptr};
  session.artifacts();  // makes the store when there is none
  held.store = store::StoreLock::share(workspace.store());
  store::register_workspace(base::real_file_system(), workspace.store(), workspace.root);
  store::keep_reserve(workspace);
  return held;
}

std::unique_ptr<engine::Observer> make_progress(Session& session) {
  const int verbosity = session.options().verbosity();
  if (session.screen().live())
    return report::make_live_progress(session.screen(), session.clock(), verbosity);
  return report::make_plain_progress(session.screen(), session.clock(), verbosity);
}

bool is_headline(const plugins::Catalogue& catalogue, const std::string& uses, const std::string& metric) {
  const plugins::StageDescription* stage = catalogue.find(uses);
  if (stage == nullptr || !stage->document.is_object()) return false;
  const base::Json metrics = stage->document.value("metrics", base::Json::object());
  const auto it = metrics.find(metric);
  return it != metrics.end() && it->is_object() &&
         it->value("headline", base::Json(false)) == base::Json(true);
}

// Nothing when `file` is empty. Throws Error{usage} when its folder is not there: better now than at the end.
std::unique_ptr<engine::Observer> make_metrics(Session& session, const std::string& file) {
  if (file.empty()) return nullptr;
  const fs::path path = fs::absolute(file).lexically_normal();
  if (!fs::is_directory(path.parent_path()) || fs::is_directory(path)) {
    throw base::Error(base::ErrorCode::usage,
                      "--metrics-file " + file + " cannot be written: " +
                          (fs::is_directory(path) ? "it is a folder" : "its folder does not exist"),
                      "name a file, like /var/lib/prometheus/node-exporter/presswork.prom");
  }
  report::MetricsSource source;
  source.metrics_of = [&session](const std::string& key) {
    try {
      const auto checkpoint = session.ledger().checkpoint(key);
      return checkpoint ? checkpoint->metrics : base::Json();
    } catch (const base::Error&) {  // the file lacks them; the run goes on
      return base::Json();
    }
  };
  source.is_headline = [&session](const std::string& uses, const std::string& metric) {
    return is_headline(session.catalogue(), uses, metric);
  };
  source.complain = [](const std::string& what) { spdlog::warn(what); };
  return report::make_metrics_file(path, session.clock(), std::move(source));
}

void print_summary(Session& session, const Went& went) {
  const engine::RunResult& result = went.result;
  report::Summary summary =
      report::summarize(result.run, session.ledger(), session.artifacts(), session.catalogue(),
                        session.clock(), went.plan, session.options().json, result.instances);
  summary.checklist = result.checklist;
  summary.seconds = report::without_pauses(summary.seconds, session.workspace().root / "runs" / result.run);
  if (const auto file = report_file(session, summary)) summary.report = *file;
  if (session.options().json) {
    session.output().json(report::to_json(summary));
  } else {
    session.output().text(
        report::to_text(summary, session.output().style(), false, session.output().columns()));
  }
}

bool required_check_failed(const engine::RunResult& result) {
  return std::any_of(result.checklist.begin(), result.checklist.end(),
                     [](const auto& item) { return item.required && item.state != "pass"; });
}

// A resume keeps the workflow and its parameters, and so what made a loop, decision or selection fail.
void advise_after_failure(const Session& session, const Went& went, const std::string& resume) {
  if (went.result.stage_failed) {
    spdlog::warn("once the cause is mended, go on with: {}", resume);
    return;
  }
  spdlog::warn(
      "a resume keeps the workflow and its parameters, and would come to the same; mend those, and start "
      "a new run: presswork run {}{}",
      quoted(went.plan->workflow.file.string()), session.same_arguments());
}

int conclude(Session& session, const Went& went, int signal_code) {
  const engine::RunResult& result = went.result;
  const std::string resume = "presswork resume " + result.run + session.same_arguments();
  if (result.state == "succeeded" && !required_check_failed(result)) return kOk;
  if (result.state == "partial") {
    if (session.options().verbosity() >= 0)
      session.screen().print(result.run + " ran as far as was asked; do the rest with: " + resume);
    return kOk;
  }
  if (result.state == "succeeded" || result.state == "failed") {
    if (!result.failed.empty()) advise_after_failure(session, went, resume);
    return result.cannot_fit ? kCannotFit : kFailed;
  }
  spdlog::warn("{} was interrupted; what is finished is kept. Go on with: {}", result.run, resume);
  return signal_code != 0 ? signal_code : kInterrupted;
}

}  // namespace

int conduct(Session& session, const Go& go, const std::string& metrics_file) {
  const auto metrics = make_metrics(session, metrics_file);
  const store::Workspace& workspace = session.writable_workspace();
  const Held held = hold(session);
  Went went;
  int signal_code = 0;
  {
    const auto progress = make_progress(session);
    const auto journal =
        report::make_journal(workspace.root / "runs", [](const std::string& what) { spdlog::warn(what); });
    engine::StopRequest stop{0};
    StopNotice notice(stop);
    std::vector<engine::Observer*> observers = {journal.get(), progress.get(), &notice};
    if (metrics) observers.push_back(metrics.get());
    report::Fanout observer(std::move(observers));
    const Signals signals(stop, session.executor());
    went = go({workspace, session.ledger(), session.artifacts(), session.executor(), session.clock(),
               observer, stop});
    signal_code = signals.exit_code();
  }
  print_summary(session, went);
  session.output().flush();  // before the hints on stderr, so that a terminal shows them last
  return conclude(session, went, signal_code);
}

void with_workspace(Session& session, const std::function<void(const engine::Surroundings&)>& work) {
  const store::Workspace& workspace = session.writable_workspace();
  const Held held = hold(session);
  const auto progress = make_progress(session);
  engine::StopRequest stop{0};
  const Signals signals(stop, session.executor());
  work({workspace, session.ledger(), session.artifacts(), session.executor(), session.clock(), *progress,
        stop});
}

}  // namespace presswork::cli
