#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "orchestrator/base/file_system.h"
#include "orchestrator/cli/conduct.h"
#include "orchestrator/cli/params.h"
#include "orchestrator/cli/question.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/cli/workflow_file.h"

namespace presswork::cli {

namespace {

struct RunOptions {
  WorkflowOptions workflow;
  LimitOptions limits;
  bool no_cache = false;
  bool rehash = false;
  std::vector<std::string> force, until;
  std::string metrics_file;
};

// Whether the last run that asked this can be repeated, as far as can be told without the workspace's lock.
bool has_been_asked(Session& session, const std::string& question) {
  return !question.empty() && session.has_workspace() && session.ledger().run_memo(question).has_value();
}

int run(Session& session, const RunOptions& options) {
  engine::RunOptions how;
  how.limits = session.limits(options.limits);
  how.use_cache = !options.no_cache;
  how.rehash = options.rehash;
  how.force = options.force;
  how.until = options.until;
  const Asked asked = asked_of(options.workflow);
  const bool is_plain = how.use_cache && !how.rehash && how.force.empty() && how.until.empty();
  const std::string question = is_plain ? question_of(session, asked, how.limits) : "";
  std::optional<engine::Plan> plan;
  const auto make_plan = [&] {
    plan = plan_of(session, asked);
    // What is wrong with a plugin is to be said each time.
    if (session.discovery().problems.empty()) how.question = question;
  };
  if (!has_been_asked(session, question)) make_plan();
  return conduct(
      session,
      [&](const engine::Surroundings& surroundings) {
        if (!plan) {
          if (auto repeated = engine::repeat_run(question, surroundings)) return Went{*std::move(repeated)};
          make_plan();
        }
        return Went{engine::start_run(*plan, surroundings, how), &*plan};
      },
      options.metrics_file);
}

}  // namespace

Verb run_verb() {
  return {
      "run", "Run a workflow",
      "Runs the workflow in FILE from start to end. Stages whose results are in the workspace already "
      "are not run "
      "again. Ends with a table of the stages, what changed for the model, and where the results lie.",
      "  presswork run workflows/quantize-int4.yaml -p model=models/llama",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<RunOptions>();
        add_workflow(app, options->workflow);
        add_params(app, options->workflow);
        app.add_flag("--no-cache", options->no_cache, "Run every stage, also those whose results are known");
        app.add_option("--force", options->force,
                       "Run this stage, or all stages of this loop, also if their results are known (may be "
                       "repeated)")
            ->type_name("STAGE")
            ->expected(1)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        app.add_option("--until", options->until,
                       "Run only this stage and what it needs; a loop is run as a whole (may be repeated)")
            ->type_name("STAGE")
            ->expected(1)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        app.add_flag("--rehash", options->rehash,
                     "Read inputs outside the store again, even if they look unchanged");
        add_metrics_file(app, options->metrics_file);
        add_limits(app, options->limits);
        return [options](Session& session) { return run(session, *options); };
      }};
}

}  // namespace presswork::cli
