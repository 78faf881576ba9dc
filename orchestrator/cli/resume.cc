#include <CLI/CLI.hpp>
#include <memory>

#include "orchestrator/base/error.h"
#include "orchestrator/cli/conduct.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/engine/rollback.h"

namespace presswork::cli {

namespace {

struct ResumeOptions {
  std::string run;
  LimitOptions limits;
  bool rehash = false, no_undo = false;
  std::string metrics_file;
};

// `running` too: the lock tells whether its process lives.
bool can_resume(const store::RunRow& run) { return run.state != "succeeded"; }

// The run to go on with; nothing when the latest runs have all succeeded.
std::optional<store::RunRow> choose(Session& session, const std::string& id) {
  if (!id.empty()) {
    const store::RunRow run = session.find_run(id);
    return can_resume(run) ? std::optional(run) : std::nullopt;
  }
  session.find_run("");  // throws when there is no workspace or no run
  for (const store::RunRow& run : session.ledger().runs()) {
    if (can_resume(run)) return session.find_run(run.id);
  }
  return std::nullopt;
}

int resume(Session& session, const ResumeOptions& options) {
  const auto run = choose(session, options.run);
  if (!run) {
    const std::string what = options.run.empty() ? "every run" : options.run;
    if (session.options().json) {
      session.output().json({{"run", options.run.empty() ? base::Json() : base::Json(options.run)},
                             {"state", "succeeded"},
                             {"message", what + " has succeeded: nothing to resume"}});
    } else {
      session.screen().print(what + " has succeeded: nothing to resume");
    }
    return kOk;
  }
  const engine::Plan plan = engine::restore_plan(run->plan, session.catalogue());
  engine::RunOptions how;
  how.limits = session.limits(options.limits);
  how.rehash = options.rehash;
  return conduct(
      session,
      [&](const engine::Surroundings& surroundings) {
        engine::clean_up(surroundings);
        // What a rollback that was interrupted still has to undo comes first.
        if (options.no_undo) {
          engine::skip_pending_undo(run->id, surroundings.ledger);
        } else {
          engine::undo_pending(run->id, session.catalogue(), surroundings);
        }
        return Went{engine::resume_run(run->id, plan, surroundings, how), &plan};
      },
      options.metrics_file);
}

}  // namespace

Verb resume_verb() {
  return {"resume", "Go on with a run that was interrupted or failed",
          "Goes on with RUN, or with the latest run that has not succeeded. Finished stages are kept, "
          "decisions that were made are kept, the rest is run. The workflow is the one of the run, even if "
          "its file has changed.",
          "  presswork resume r3", [](CLI::App& app) -> std::function<int(Session&)> {
            auto options = std::make_shared<ResumeOptions>();
            app.add_option("RUN", options->run, "The run, like r3")->type_name("");
            app.add_flag("--rehash", options->rehash,
                         "Read inputs outside the store again, even if they look unchanged");
            add_metrics_file(app, options->metrics_file);
            app.add_flag("--no-undo", options->no_undo,
                         "Do not call the stages' own rollbacks that an interrupted rollback left");
            add_limits(app, options->limits);
            return [options](Session& session) { return resume(session, *options); };
          }};
}

}  // namespace presswork::cli
