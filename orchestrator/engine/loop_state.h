// What a loop hands from one iteration to the next, and how it decides to go on.
#pragma once

#include <map>
#include <string>

#include "orchestrator/engine/instance.h"

namespace presswork::engine {

struct LoopState {
  base::Json values = base::Json::object();
  std::map<std::string, BoundInput> artifacts;
};

// As the ledger keeps it: {"values": {…}, "artifacts": {…}}. Reading throws Error{corrupt}.
base::Json to_json(const LoopState& state);
LoopState loop_state_from(const base::Json& json);

// Throw Error{stage_failed} for a value that has not the variable's type.
LoopState initial_state(const Standing& standing, std::size_t loop);
LoopState next_state(const Standing& standing, std::uint32_t scope, const workflow::LoopCase* chosen);

// Which way a loop goes after an iteration: break, continue or fail, and by which case.
struct LoopDecided {
  std::string way;
  const workflow::LoopCase* chosen = nullptr;
  base::Json inputs = base::Json::object();  // every value read, and "case": the number of the case
};
// Throws Error{stage_failed} when nothing matches.
LoopDecided decide(const workflow::Loop& loop, const workflow::ValueOf& value_of);

// The case that a recorded decision took; null when the workflow has no such case.
const workflow::LoopCase* find_case(const workflow::Loop& loop, const store::DecisionRow& recorded);

}  // namespace presswork::engine
