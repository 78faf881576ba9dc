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
  for (const store::InstanceRow& row : history.instances) {
    if (row.id != id || row.state == "succeeded" || row.state == "cached") continue;
    throw Error(ErrorCode::invalid_input,
                id + " of " + run + " is " + row.state + ": there is no result to go back to",
                "name a stage before it, which `presswork checkpoints " + run +
                    "` lists; `presswork retry` does this one again");
  }
}

}  // namespace

engine::TakeBackPlan plan_take_back(Session& session, const TakeBackRequest& request) {
  const engine::History history = engine::read_history(session.ledger(), request.run);
  const std::vector<std::string> present = history.ids();
  std::vector<std::string> all = present;
  for (const auto& [id, mark] : session.ledger().superseded(request.run)) {
    if (std::find(present.begin(), present.end(), id) == present.end()) all.push_back(id);
  }
  const std::string id = engine::find_instance(request.spelling, all, request.run);
  if (std::find(present.begin(), present.end(), id) == present.end()) {
    if (request.how == engine::TakeBack::what_follows) {
      throw Error(ErrorCode::invalid_input, id + " of " + request.run + " has been taken back itself",
                  "go on with `presswork resume " + request.run + "`, or name a stage before it");
    }
    return {request.run, id, {}, {}, {}};
  }
  if (request.how == engine::TakeBack::what_follows) refuse_unfinished(history, request.run, id);
  return engine::plan_take_back(session.ledger(), session.catalogue(), request.run, id, request.how,
                                request.undo);
}

void print_plan(Session& session, const engine::TakeBackPlan& plan) {
  if (session.options().json) {
    session.output().json({{"run", plan.run},
                           {"stage", plan.instance},
                           {"dry_run", true},
                           {"superseded", plan.ids},
                           {"undone", plan.undo}});
    return;
  }
  if (plan.ids.empty()) {
    session.output().line("nothing would be superseded: nothing of " + plan.run + " follows " +
                          plan.instance);
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
      taken.plan.instance;
  if (!taken.plan.ids.empty()) engine::take_back(taken.plan, reason, surroundings);
  if (request.undo) {
    taken.undone = engine::undo_pending(request.run, session.catalogue(), surroundings);
  } else {
    engine::skip_pending_undo(request.run, session.ledger());
  }
  return taken;
}

}  // namespace presswork::cli
