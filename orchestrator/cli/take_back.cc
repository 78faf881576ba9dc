#include "orchestrator/cli/take_back.h"

#include <algorithm>

#include "orchestrator/base/error.h"
#include "orchestrator/engine/downstream.h"
#include "orchestrator/engine/instance_name.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;

void refuse_unfinished(const engine::History& history, const std::string& run, const std::string& id) {
  const std::vector<std::string> present = history.ids();
  if (std::find(present.begin(), present.end(), id) == present.end()) {
    throw Error(ErrorCode::invalid_input, id + " of " + run + " has been taken back itself",
                "go on with `presswork resume " + run + "`, or name a stage before it");
  }
  for (const store::InstanceRow& row : history.instances) {
    if (row.id != id || store::has_result(row.state)) continue;
    throw Error(ErrorCode::invalid_input,
                id + " of " + run + " is " + row.state + ": there is no result to go back to",
                "name a stage before it, which `presswork checkpoints " + run +
                    "` lists; `presswork retry` does this one again");
  }
}

}  // namespace

std::string named(const engine::TakeBackPlan& plan) {
  const std::size_t count = plan.targets.size();
  if (count == 1) return plan.targets.front();
  return std::string(engine::without_cell(plan.targets.front())) + " (" + std::to_string(count) + " cells)";
}

engine::TakeBackPlan plan_take_back(Session& session, const TakeBackRequest& request) {
  const engine::History history = engine::read_history(session.ledger(), request.run);
  const std::vector<std::string> present = history.ids();
  std::vector<std::string> all = present;
  for (const auto& [id, mark] : session.ledger().superseded(request.run)) {
    if (std::find(present.begin(), present.end(), id) == present.end()) all.push_back(id);
  }
  const std::vector<std::string> targets = engine::find_instances(request.spelling, all, request.run);
  if (request.how == engine::TakeBack::what_follows) {
    for (const std::string& id : targets) refuse_unfinished(history, request.run, id);
  }
  return engine::plan_take_back(session.ledger(), session.catalogue(), request.run, targets, request.how,
                                request.undo);
}

void print_plan(Session& session, const TakeBackRequest& request, const engine::TakeBackPlan& plan) {
  if (session.options().json) {
    session.output().json({{"run", plan.run},
                           {"stages", plan.targets},
                           {"dry_run", true},
                           {"superseded", plan.ids},
                           {"undone", plan.undo}});
    return;
  }
  if (plan.ids.empty()) {
    const std::string why = request.how == engine::TakeBack::from_it
                                ? named(plan) + " of " + plan.run + " has been taken back already"
                                : "nothing of " + plan.run + " follows " + named(plan);
    session.output().line("nothing would be superseded: " + why);
    return;
  }
  session.output().line("would be superseded of " + plan.run + ":");
  for (const std::string& id : plan.ids) {
    const bool undo = std::find(plan.undo.begin(), plan.undo.end(), id) != plan.undo.end();
    session.output().line("  " + id + (undo ? "  (its stage's own rollback would be called)" : ""));
  }
}

TakenBack take_back(Session& session, const TakeBackRequest& request,
                    const engine::Surroundings& surroundings) {
  TakenBack taken{plan_take_back(session, request), {}};
  const std::string reason =
      (request.how == engine::TakeBack::what_follows ? "rolled back to " : "retried from ") +
      named(taken.plan);
  if (!taken.plan.ids.empty()) engine::take_back(taken.plan, reason, surroundings);
  if (request.undo) {
    taken.undone = engine::undo_pending(request.run, session.catalogue(), surroundings);
  } else {
    engine::skip_pending_undo(request.run, session.ledger());
  }
  return taken;
}

}  // namespace presswork::cli
