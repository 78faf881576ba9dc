#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/report_file.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/engine/plan.h"
#include "orchestrator/report/pauses.h"
#include "orchestrator/report/summary.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

// Nothing when a plugin of the run is no longer there: its stages are in the ledger all the same.
std::optional<engine::Plan> plan_of(Session& session, const store::RunRow& run) {
  try {
    return engine::restore_plan(run.plan, session.catalogue());
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

struct StatusOptions {
  std::string run;
  bool all = false;
};

base::Json history_json(const std::vector<store::SupersededRow>& history) {
  base::Json list = base::Json::array();
  for (const store::SupersededRow& row : history) {
    base::Json json = {
        {"id", row.id}, {"generation", row.generation}, {"time", row.time}, {"reason", row.reason}};
    if (row.instance) {
      json["uses"] = row.instance->uses;
      json["state"] = row.instance->state;
      json["cause"] = row.instance->cause;
    }
    if (row.decision) json["branch"] = row.decision->branch;
    if (!row.undo.empty()) json["undo"] = row.undo;
    list.push_back(std::move(json));
  }
  return list;
}

std::string history_text(const std::vector<store::SupersededRow>& history) {
  std::string text;
  for (const store::SupersededRow& row : history) {
    text +=
        "superseded " + report::one_line(row.id) + " (generation " + std::to_string(row.generation) + ") ";
    if (row.instance) text += row.instance->state + ", ";
    text += report::one_line(row.reason) + " at " + row.time;
    if (!row.undo.empty()) text += ", undo " + row.undo;
    text += "\n";
  }
  return text;
}

int status(Session& session, const StatusOptions& options) {
  const store::RunRow run = session.find_run(options.run);
  const std::optional<engine::Plan> plan = plan_of(session, run);
  report::Summary summary =
      report::summarize(run.id, session.ledger(), session.artifacts(), session.catalogue(), session.clock(),
                        plan ? &*plan : nullptr, session.options().json);
  summary.run.state = run.state;
  summary.run.message = run.message;
  for (report::NodeSummary& node : summary.nodes) node.state = state_now(run, node.state);
  if (plan) summary.checklist = engine::evaluate_checklist(*plan, session.ledger(), run.id);
  summary.seconds = report::without_pauses(summary.seconds, session.workspace().root / "runs" / run.id);
  if (const auto file = report_file(session, summary)) summary.report = *file;
  std::vector<store::SupersededRow> history;
  if (options.all) history = session.ledger().history(run.id);
  if (session.options().json) {
    base::Json json = report::to_json(summary);
    if (options.all) json["superseded"] = history_json(history);
    session.output().json(json);
  } else {
    session.output().text(
        report::to_text(summary, session.output().style(), options.all, session.output().columns()));
    session.output().text(history_text(history));
  }
  return kOk;
}

}  // namespace

Verb status_verb() {
  return {"status", "Show the stages of a run",
          "Shows RUN, or the latest run: its stages with state and time, what changed for the model, its "
          "checklist, "
          "and where the results lie.",
          "  presswork status r3", [](CLI::App& app) -> std::function<int(Session&)> {
            auto options = std::make_shared<StatusOptions>();
            app.add_option("RUN", options->run, "The run, like r3")->type_name("");
            app.add_flag(
                "-a,--all", options->all,
                "A line for each instance, also of large matrices and of loops, and what a rollback or retry "
                "superseded");
            return [options](Session& session) { return status(session, *options); };
          }};
}

}  // namespace presswork::cli
