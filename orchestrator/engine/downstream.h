// What of a run is built on an instance, and so goes when it goes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "orchestrator/store/ledger.h"

namespace presswork::engine {

// A run's instances, decisions and iterations by their ids, oldest first: instances as the ledger has them,
// each iteration "tune[2]" right after the last instance of its body.
struct History {
  std::vector<store::InstanceRow> instances;
  std::vector<store::DecisionRow> decisions;
  std::vector<store::IterationRow> iterations;
  // Loops that were taken back while earlier iterations of them stayed: what they needed, those still stand
  // on.
  std::vector<store::InstanceRow> former_loops;

  std::vector<std::string> ids() const;  // all of them, each once
};
History read_history(store::Ledger& ledger, const std::string& run);

struct Downstream {
  std::vector<std::string> ids;                  // in the order of History::ids()
  std::vector<store::IterationRow> begun_again;  // iterations that keep their state and lose their outcome
  std::size_t steps = 0;  // along needs, and between what stands in each other: what finding it took
};

// Everything that needs `id`, directly or not. An instance in a loop's body is needed by the decision of its
// iteration, by the later iterations and by the loop itself; a loop that goes for another reason takes its
// iterations with it. `with_itself`: `id` goes too.
Downstream downstream(const History& history, const std::string& id, bool with_itself);

}  // namespace presswork::engine
