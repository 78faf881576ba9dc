#include "orchestrator/engine/plan.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>

#include "orchestrator/base/file_system.h"
#include "orchestrator/base/units.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/scratch_folder.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/cli/workflow_file.h"
#include "orchestrator/report/table.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

// Against an empty workspace when there is none yet: a plan leaves nothing behind.
std::vector<engine::Preview> preview_of(Session& session, const engine::Plan& plan) {
  if (session.has_workspace()) return engine::preview(plan, session.ledger(), session.artifacts());
  const ScratchFolder folder;
  const auto ledger = store::Ledger::open(folder.path() / "ledger.db");
  store::ArtifactStore artifacts(base::real_file_system(), folder.path() / "store");
  return engine::preview(plan, *ledger, artifacts);
}

base::Json to_json(const engine::Plan& plan, const std::vector<engine::Preview>& previews) {
  base::Json json = {
      {"workflow", plan.workflow.name}, {"params", plan.params}, {"stages", base::Json::array()}};
  for (const engine::Preview& preview : previews) {
    base::Json stage = {
        {"id", preview.id}, {"uses", preview.uses}, {"action", preview.action}, {"why", preview.why}};
    stage["key"] = preview.key.empty() ? base::Json() : base::Json(preview.key);
    if (preview.action == "cached") stage["seconds"] = preview.seconds;
    json["stages"].push_back(std::move(stage));
  }
  return json;
}

std::string to_text(const engine::Plan& plan, const std::vector<engine::Preview>& previews,
                    const report::Style& style) {
  report::Table table(
      {{style.bold("STAGE")}, {style.bold("USES")}, {style.bold("ACTION")}, {style.bold("WHY")}});
  std::map<std::string, std::size_t> counts;
  for (const engine::Preview& preview : previews) {
    ++counts[preview.action];
    std::string why = report::one_line(preview.why);
    if (preview.action == "cached" && preview.seconds > 0) {
      const std::chrono::milliseconds spent(static_cast<long long>(preview.seconds * 1000));
      why += " in " + base::format_duration(spent);
    }
    table.add(
        {preview.id, preview.uses.empty() ? "decision" : preview.uses, style.state(preview.action), why});
  }
  std::string text =
      "plan of " + style.bold(report::one_line(plan.workflow.name)) + "\n\n" + table.text() + "\n";
  std::string sum;
  for (const auto& [action, count] : counts) {
    sum += (sum.empty() ? "" : ", ") + std::to_string(count) + " " + action;
  }
  return text + sum + "\n";
}

int plan(Session& session, const WorkflowOptions& options) {
  const engine::Plan plan = plan_of(session, options);
  const std::vector<engine::Preview> previews = preview_of(session, plan);
  if (session.options().json) {
    session.output().json(to_json(plan, previews));
  } else {
    session.output().text(to_text(plan, previews, session.output().style()));
  }
  return kOk;
}

}  // namespace

Verb plan_verb() {
  return {"plan", "Show what running a workflow would do",
          "Says for each stage of the workflow in FILE whether it would run, whether its result is known "
          "already, or "
          "what it waits for. Runs nothing.",
          "  presswork plan workflows/quantize-int4.yaml", [](CLI::App& app) -> std::function<int(Session&)> {
            auto options = std::make_shared<WorkflowOptions>();
            add_workflow(app, *options);
            add_params(app, *options);
            return [options](Session& session) { return plan(session, *options); };
          }};
}

}  // namespace presswork::cli
