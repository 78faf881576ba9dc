#include "orchestrator/engine/plan.h"

#include <CLI/CLI.hpp>
#include <algorithm>
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

struct PlanOptions {
  WorkflowOptions workflow;
  LimitOptions limits;
  bool explain = false, exit_code = false;
};

// What the plan comes to: time one after another, the largest memory, all disk. `unknown_…` is in none of it.
struct Sum {
  double seconds = 0;
  std::uint64_t memory_bytes = 0, disk_bytes = 0, free_bytes = 0;
  std::size_t to_run = 0, unknown_time = 0, unknown_stages = 0, unknown_loops = 0;
};

// All that is said of a plan.
struct Foresight {
  std::vector<engine::Preview> previews;
  Sum sum;
  std::vector<base::Error> misfits;  // why the run would be refused
};

std::string problem_of(const executor::Outcome& outcome) {
  std::string text = outcome.where.empty() ? outcome.message : outcome.where + ": " + outcome.message;
  if (!outcome.hint.empty()) text += "; " + outcome.hint;
  return text;
}

engine::Estimate ask_stage(Session& session, const fs::path& folder, const engine::Step& step,
                           const base::Json& with, const std::map<std::string, executor::InputFile>& inputs,
                           int cores) {
  executor::StageRequest request;
  request.token = 1;
  request.verb = executor::Verb::plan;
  request.plugin = step.stage->plugin;
  request.stage = step.stage->id;
  request.nonce = executor::random_id();
  request.attempt = executor::random_id();
  request.parameters = with;
  request.inputs = inputs;
  request.work_dir = folder / request.attempt;
  request.scratch_dir = folder / (request.attempt + ".scratch");
  request.seed = step.node->stage()->seed;
  request.threads = static_cast<unsigned>(cores);
  request.timeout = std::chrono::minutes(1);
  fs::create_directories(request.work_dir);
  session.executor().start(std::move(request));
  for (;;) {
    for (const auto& news : session.executor().poll(std::chrono::milliseconds(-1))) {
      const auto* outcome = std::get_if<executor::Outcome>(&news);
      if (outcome == nullptr) continue;
      if (outcome->ending == executor::Ending::succeeded) return engine::estimate_from(outcome->document);
      engine::Estimate estimate;
      // Anything else (a process that died, say) tells nothing of the run.
      if (outcome->code == "invalid_parameter") estimate.problem = problem_of(*outcome);
      return estimate;
    }
  }
}

// Against an empty workspace when there is none yet: a plan leaves nothing behind.
std::vector<engine::Preview> preview_of(Session& session, const engine::Plan& plan, bool explain,
                                        const engine::Limits& limits) {
  const ScratchFolder folder;
  const engine::PreviewOptions options{
      explain,
      [&](const engine::Step& step, const base::Json& with, const auto& inputs) {
        return ask_stage(session, folder.path(), step, with, inputs, limits.cores);
      },
      limits};
  if (session.has_workspace()) return engine::preview(plan, session.ledger(), session.artifacts(), options);
  const auto ledger = store::Ledger::open(folder.path() / "ledger.db");
  store::ArtifactStore artifacts(base::real_file_system(), folder.path() / "store");
  return engine::preview(plan, *ledger, artifacts, options);
}

Sum sum_of(Session& session, const std::vector<engine::Preview>& previews) {
  Sum sum;
  for (const engine::Preview& preview : previews) {
    if (preview.is_open || (preview.action == "unknown" && preview.kind == "loop")) ++sum.unknown_loops;
    if (preview.action == "unknown" && preview.kind == "stage") ++sum.unknown_stages;
    if (preview.action != "run") continue;
    ++sum.to_run;
    sum.seconds += preview.estimate.seconds.value_or(0);
    sum.unknown_time += preview.estimate.seconds ? 0 : 1;
    sum.memory_bytes = std::max(sum.memory_bytes, preview.estimate.memory_bytes.value_or(0));
    sum.disk_bytes += preview.estimate.disk_bytes.value_or(0);
  }
  std::error_code error;
  const fs::path folder = session.has_workspace() ? session.workspace().store() : fs::absolute(".", error);
  const fs::space_info space = fs::space(folder, error);
  if (!error) sum.free_bytes = space.available;
  return sum;
}

base::Json to_json(const engine::Estimate& estimate) {
  base::Json json = base::Json::object();
  if (estimate.seconds) json["seconds"] = *estimate.seconds;
  if (estimate.memory_bytes) json["memory_bytes"] = *estimate.memory_bytes;
  if (estimate.disk_bytes) json["disk_bytes"] = *estimate.disk_bytes;
  if (!estimate.notes.empty()) json["notes"] = estimate.notes;
  if (!estimate.problem.empty()) json["problem"] = estimate.problem;
  return json;
}

base::Json to_json(const engine::Plan& plan, const Foresight& foresight, bool explain) {
  base::Json json = {
      {"workflow", plan.workflow.name}, {"params", plan.params}, {"stages", base::Json::array()}};
  for (const engine::Preview& preview : foresight.previews) {
    base::Json stage = {{"id", preview.id},
                        {"kind", preview.kind},
                        {"uses", preview.uses},
                        {"action", preview.action},
                        {"why", preview.why}};
    stage["key"] = preview.key.empty() ? base::Json() : base::Json(preview.key);
    if (preview.action == "cached") stage["seconds"] = preview.seconds;
    if (!preview.estimate_by.empty()) {
      stage["estimate"] = to_json(preview.estimate);
      stage["estimate"]["by"] = preview.estimate_by;
    }
    if (explain && preview.action == "run") stage["changed"] = preview.changed;
    json["stages"].push_back(std::move(stage));
  }
  const Sum& sum = foresight.sum;
  json["total"] = {{"to_run", sum.to_run},
                   {"without_time", sum.unknown_time},
                   {"seconds", sum.seconds},
                   {"memory_bytes", sum.memory_bytes},
                   {"disk_bytes", sum.disk_bytes},
                   {"free_bytes", sum.free_bytes},
                   {"not_counted", {{"stages", sum.unknown_stages}, {"loops", sum.unknown_loops}}}};
  json["cannot_fit"] = base::Json::array();
  for (const base::Error& misfit : foresight.misfits)
    json["cannot_fit"].push_back({{"message", misfit.message}, {"hint", misfit.hint}});
  return json;
}

std::string estimate_text(const engine::Preview& preview) {
  std::vector<std::string> parts;
  const engine::Estimate& estimate = preview.estimate;
  if (estimate.seconds) parts.push_back(base::format_seconds(*estimate.seconds));
  if (estimate.memory_bytes) parts.push_back(base::format_bytes(*estimate.memory_bytes) + " of memory");
  if (estimate.disk_bytes) parts.push_back(base::format_bytes(*estimate.disk_bytes) + " on disk");
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::string counted(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// What the sums leave out, which may be most of the work.
std::string not_counted_text(const Sum& sum) {
  std::string text;
  if (sum.unknown_stages > 0)
    text = counted(sum.unknown_stages, "stage") + " waiting for what is not known yet";
  if (sum.unknown_loops > 0)
    text += (text.empty() ? "" : ", ") + counted(sum.unknown_loops, "loop") +
            " whose iterations are not known yet";
  return text.empty() ? "" : "not counted: " + text + "\n";
}

std::string misfits_text(const std::vector<base::Error>& misfits, const report::Style& style) {
  std::string text;
  for (const base::Error& misfit : misfits) {
    text += style.red("can never fit") + ": " + report::one_line(misfit.message) + "\n  " +
            report::one_line(misfit.hint) + "\n";
  }
  return text;
}

std::string sum_text(const Sum& sum, const report::Style& style) {
  if (sum.to_run == 0) return not_counted_text(sum);
  std::string text = "expected: ";
  text += sum.unknown_time == sum.to_run
              ? "no time is known"
              : base::format_seconds(sum.seconds) + " of work, one stage after another";
  if (sum.unknown_time > 0 && sum.unknown_time < sum.to_run) {
    text += " (" + std::to_string(sum.unknown_time) + " stages not counted: nothing is known of them)";
  }
  if (sum.memory_bytes > 0)
    text += "; at most " + base::format_bytes(sum.memory_bytes) + " of memory for one";
  if (sum.disk_bytes > 0) {
    text += "; " + base::format_bytes(sum.disk_bytes) + " of disk, of " + base::format_bytes(sum.free_bytes) +
            " free";
  }
  text += "\n" + not_counted_text(sum);
  if (sum.free_bytes > 0 && sum.disk_bytes > sum.free_bytes) {
    text += style.red("the disk is too small for it") + ": free some, or put --store elsewhere\n";
  }
  return text;
}

std::string to_text(const engine::Plan& plan, const Foresight& foresight, bool explain,
                    const report::Style& style) {
  report::Table table(
      {{style.bold("STAGE")}, {style.bold("USES")}, {style.bold("ACTION")}, {style.bold("WHY")}});
  std::map<std::string, std::size_t> counts;
  for (const engine::Preview& preview : foresight.previews) {
    ++counts[preview.action];
    std::string why = report::one_line(preview.why);
    if (preview.action == "cached" && preview.seconds > 0)
      why += " in " + base::format_seconds(preview.seconds);
    table.add(
        {preview.id, preview.uses.empty() ? preview.kind : preview.uses, style.state(preview.action), why});
    const engine::Estimate& estimate = preview.estimate;
    for (const std::string& note : estimate.notes) table.add({"", "", "", "  " + report::one_line(note)});
    if (!estimate.problem.empty())
      table.add({"", "", "", style.red("would fail: " + report::one_line(estimate.problem))});
    if (!explain || preview.action != "run") continue;
    for (const std::string& change : preview.changed)
      table.add({"", "", "", "  " + report::one_line(change)});
    const std::string expected = estimate_text(preview);
    if (!expected.empty()) {
      table.add({"", "", "", "  expects " + expected + ", by " + preview.estimate_by});
    }
  }
  std::string text =
      "plan of " + style.bold(report::one_line(plan.workflow.name)) + "\n\n" + table.text() + "\n";
  std::string totals;
  for (const auto& [action, count] : counts) {
    totals += (totals.empty() ? "" : ", ") + std::to_string(count) + " " + action;
  }
  return text + totals + "\n" + sum_text(foresight.sum, style) + misfits_text(foresight.misfits, style);
}

Foresight foresee(Session& session, const engine::Plan& plan, const PlanOptions& options) {
  const engine::Limits limits = session.limits(options.limits);
  Foresight foresight;
  foresight.previews = preview_of(session, plan, options.explain, limits);
  foresight.sum = sum_of(session, foresight.previews);
  foresight.misfits = engine::misfits(plan.workflow, limits);
  for (const engine::Preview& preview : foresight.previews) {
    if (preview.misfit) foresight.misfits.push_back(*preview.misfit);
  }
  return foresight;
}

int exit_code_of(const Foresight& foresight, const PlanOptions& options) {
  const auto is_any = [&foresight](const auto& which) {
    return std::any_of(foresight.previews.begin(), foresight.previews.end(), which);
  };
  if (!foresight.misfits.empty()) return kCannotFit;
  if (is_any([](const engine::Preview& preview) { return !preview.estimate.problem.empty(); }))
    return kFailed;
  const bool work = is_any(
      [](const engine::Preview& preview) { return preview.action == "run" || preview.action == "unknown"; });
  return options.exit_code && work ? kWorkToDo : kOk;
}

int plan(Session& session, const PlanOptions& options) {
  const engine::Plan plan = plan_of(session, options.workflow);
  const Foresight foresight = foresee(session, plan, options);
  if (session.options().json) {
    session.output().json(to_json(plan, foresight, options.explain));
  } else {
    session.output().text(to_text(plan, foresight, options.explain, session.output().style()));
  }
  return exit_code_of(foresight, options);
}

}  // namespace

Verb plan_verb() {
  return {
      "plan", "Show what running a workflow would do",
      "Says for each stage of the workflow in FILE whether it would run, whether its result is known "
      "already, or what it waits for, and what the whole is expected to take: by what the stages "
      "themselves say, else by the last run. What a stage has to say of its work (which modules it "
      "quantizes, for instance) stands below it; one that refuses its parameters makes the exit code 1, one "
      "that can never fit into the limits makes it 5. Runs nothing.",
      "  presswork plan workflows/quantize-int4.yaml --explain",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<PlanOptions>();
        add_workflow(app, options->workflow);
        add_params(app, options->workflow);
        app.add_flag("--explain", options->explain,
                     "Say for what would run which part of its key the workflow's last run had otherwise, "
                     "and what it is expected to take");
        app.add_flag("--exit-code", options->exit_code, "Exit with 10 when there is work to do");
        add_limits(app, options->limits);
        return [options](Session& session) { return plan(session, *options); };
      }};
}

}  // namespace presswork::cli
