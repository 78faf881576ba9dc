#include <CLI/CLI.hpp>
#include <memory>

#include "orchestrator/cli/conduct.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/take_back.h"
#include "orchestrator/cli/verb.h"

namespace presswork::cli {

namespace {

struct RollbackOptions {
  std::string run, to;
  bool dry_run = false, no_undo = false;
};

void print_result(Session& session, const TakenBack& taken) {
  std::vector<std::string> undone;
  for (const engine::Undo& undo : taken.undone) undone.push_back(undo.instance);
  const std::string resume = "presswork resume " + taken.plan.run + session.same_arguments();
  if (session.options().json) {
    session.output().json({{"run", taken.plan.run},
                           {"stages", taken.plan.targets},
                           {"dry_run", false},
                           {"superseded", taken.plan.ids},
                           {"undone", undone}});
    return;
  }
  Output& output = session.output();
  if (taken.plan.ids.empty() && undone.empty()) {
    output.line("nothing of " + taken.plan.run + " follows " + named(taken.plan) + ": nothing changed");
    return;
  }
  if (!taken.plan.ids.empty()) {
    output.line(taken.plan.run + " is back at " + named(taken.plan) + "; superseded:");
    for (const std::string& id : taken.plan.ids) output.line("  " + id);
  }
  for (const std::string& id : undone) output.line("undone by its stage: " + id);
  output.line("go on with: " + resume);
}

int rollback(Session& session, const RollbackOptions& options) {
  const store::RunRow run = session.find_run(options.run);
  const TakeBackRequest request{run.id, options.to, engine::TakeBack::what_follows, !options.no_undo};
  if (options.dry_run) {
    print_plan(session, request, plan_take_back(session, request));
    return kOk;
  }
  TakenBack taken;
  with_workspace(session, [&](const engine::Surroundings& surroundings) {
    engine::clean_up(surroundings);
    taken = take_back(session, request, surroundings);
  });
  print_result(session, taken);
  return kOk;
}

}  // namespace

Verb rollback_verb() {
  return {
      "rollback", "Take a run back to one of its stages",
      "Takes RUN back to the time when STAGE had just ended: everything that was built on it is superseded, "
      "and `presswork resume` does it again from there. STAGE is an id as `presswork checkpoints` shows it, "
      "like tune[2]/quantize, or quantize@2: the instance of that name in iteration 2 of its loop; the name "
      "of a matrix stands for all of its cells. Stages that declare a rollback of their own have it called, "
      "the newest first. Nothing is deleted: what was superseded is still listed by `presswork status "
      "--all` and can be exported. A rollback that was interrupted is completed by repeating the command.",
      "  presswork rollback r3 --to quantize\n"
      "  presswork rollback r3 --to quantize@2 --dry-run",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<RollbackOptions>();
        app.add_option("RUN", options->run, "The run, like r3")->required()->type_name("");
        app.add_option("--to", options->to, "The stage that stays as the last one")
            ->required()
            ->type_name("STAGE");
        app.add_flag("-n,--dry-run", options->dry_run, "Only say what would go");
        app.add_flag("--no-undo", options->no_undo, "Do not call the stages' own rollbacks");
        return [options](Session& session) { return rollback(session, *options); };
      }};
}

}  // namespace presswork::cli
