// What `rollback` and `retry` share: naming the stage, saying what goes, taking it back.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/cli/session.h"
#include "orchestrator/engine/rollback.h"

namespace presswork::cli {

struct TakeBackRequest {
  std::string run;       // as the ledger has it
  std::string spelling;  // of the stage, as the user wrote it
  engine::TakeBack how = engine::TakeBack::what_follows;
  bool undo = true;
};

// Throws Error{not_found, invalid_input}: there is no such stage, or it is not finished and so no place to go
// back to. A stage that has been taken back already gives a plan in which nothing goes.
engine::TakeBackPlan plan_take_back(Session& session, const TakeBackRequest& request);

// What it is taken back to, in words: "tune[2]/quantize", "sweep (4 cells)".
std::string named(const engine::TakeBackPlan& plan);

// Prints it as the result of a dry run.
void print_plan(Session& session, const TakeBackRequest& request, const engine::TakeBackPlan& plan);

// The caller holds the lock and has cleaned up. Also finishes what an earlier one left undone.
struct TakenBack {
  engine::TakeBackPlan plan;
  std::vector<engine::Undo> undone;
};
TakenBack take_back(Session& session, const TakeBackRequest& request,
                    const engine::Surroundings& surroundings);

}  // namespace presswork::cli
