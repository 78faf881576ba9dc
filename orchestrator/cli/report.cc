#include <CLI/CLI.hpp>
#include <memory>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/cli/calling.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/report_file.h"
#include "orchestrator/cli/scratch_folder.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/engine/evidence.h"
#include "orchestrator/engine/plan.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;

struct Options {
  std::string run;
  std::string stage = "report/summary";
  bool print = false;
};

// The workflow has no report of its own: the stage writes one from what the ledger knows of the run.
fs::path write_report(Session& session, const store::RunRow& run, const Options& options) {
  const plugins::StageDescription& stage = session.stage(options.stage);
  const engine::Plan plan = engine::restore_plan(run.plan, session.catalogue());
  const ScratchFolder folder;
  engine::CallRequest request;
  request.out = folder.path();
  request.run_facts = engine::with_evidence(engine::run_facts(plan, session.ledger(), run.id),
                                            session.ledger(), run.id, session.artifacts());
  const Called called = call(session, stage, request);
  if (called.code != kOk) {
    throw Error(ErrorCode::stage_failed, stage.id + " failed: " + called.result.outcome.message,
                called.result.outcome.hint);
  }
  if (called.result.outputs.empty()) throw Error(ErrorCode::stage_failed, stage.id + " wrote no report");
  const fs::path written = called.result.outputs.begin()->second;
  return keep_report(session, run.id, written);
}

int report_verb_work(Session& session, const Options& options) {
  const store::RunRow run = session.find_run(options.run);
  const auto recorded = report_file(session, run.id);
  const fs::path path = recorded ? *recorded : write_report(session, run, options);
  if (session.options().json) {
    base::Json json = {{"run", run.id}, {"path", path.string()}};
    if (options.print) json["text"] = base::real_file_system().read(path);
    session.output().json(json);
  } else if (options.print) {
    const std::string text = base::real_file_system().read(path);
    session.output().text(session.output().to_terminal() ? report::printable(text) : text);
  } else {
    session.output().line(path.string());
  }
  return kOk;
}

}  // namespace

Verb report_verb() {
  return {
      "report", "Find or write the report of a run",
      "Prints the path of the report of RUN, or of the latest run. Where the workflow wrote none, the stage "
      "report/summary writes one now.",
      "  presswork report r3 --print", [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<Options>();
        app.add_option("RUN", options->run, "The run, like r3")->type_name("");
        app.add_option("--stage", options->stage, "The stage that writes a report (default: report/summary)")
            ->type_name("STAGE");
        app.add_flag("--print", options->print, "Print the report itself");
        return [options](Session& session) { return report_verb_work(session, *options); };
      }};
}

}  // namespace presswork::cli
