#include <CLI/CLI.hpp>
#include <memory>

#include "orchestrator/cli/conduct.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/take_back.h"
#include "orchestrator/cli/verb.h"

namespace presswork::cli {

namespace {

struct RetryOptions {
  std::string run, from;
  LimitOptions limits;
  bool dry_run = false, no_undo = false, rehash = false;
};

int retry(Session& session, const RetryOptions& options) {
  const store::RunRow run = session.find_run(options.run);
  const TakeBackRequest request{run.id, options.from, engine::TakeBack::from_it, !options.no_undo};
  if (options.dry_run) {
    print_plan(session, request, plan_take_back(session, request));
    return kOk;
  }
  const engine::Plan plan = engine::restore_plan(run.plan, session.catalogue());
  engine::RunOptions how;
  how.limits = session.limits(options.limits);
  how.rehash = options.rehash;
  return conduct(session, [&](const engine::Surroundings& surroundings) {
    engine::clean_up(surroundings);
    take_back(session, request, surroundings);
    return Went{engine::resume_run(run.id, plan, surroundings, how), &plan};
  });
}

}  // namespace

Verb retry_verb() {
  return {
      "retry", "Do a stage of a run again, and all that follows",
      "Supersedes STAGE of RUN and everything that was built on it, as `presswork rollback` does, and goes "
      "on with the run at once: the stage is run anew even if its result is known. STAGE is spelled as for "
      "rollback.",
      "  presswork retry r3 --from quantize\n"
      "  presswork retry r3 --from 'tune[2]/quantize' --dry-run",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<RetryOptions>();
        app.add_option("RUN", options->run, "The run, like r3")->required()->type_name("");
        app.add_option("--from", options->from, "The first stage to do again")
            ->required()
            ->type_name("STAGE");
        app.add_flag("-n,--dry-run", options->dry_run, "Only say what would go");
        app.add_flag("--no-undo", options->no_undo, "Do not call the stages' own rollbacks");
        app.add_flag("--rehash", options->rehash,
                     "Read inputs outside the store again, even if they look unchanged");
        add_limits(app, options->limits);
        return [options](Session& session) { return retry(session, *options); };
      }};
}

}  // namespace presswork::cli
