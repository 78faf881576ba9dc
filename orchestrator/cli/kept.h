// The checkpoints of a run, also those that a rollback superseded.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "orchestrator/cli/session.h"

namespace presswork::cli {

struct Kept {
  std::string instance, state;
  int generation = 1;       // counts from 1 for each instance
  bool superseded = false;  // an older generation; the last one is what the run has now
  store::CheckpointRow checkpoint;
  // Of a loop or selection: outputs that are the metrics of other instances, by name.
  std::map<std::string, std::string> metrics_of = {};
};

// The run's own in the order of its instances, then the superseded ones, oldest first.
std::vector<Kept> kept_checkpoints(store::Ledger& ledger, const std::string& run);

// Likewise, and then what loops and selections offer, as if it were a checkpoint.
std::vector<Kept> kept_results(store::Ledger& ledger, const std::string& run);

// Finished stages of the run whose result was discarded since, because it was damaged.
std::vector<std::string> lost_results(store::Ledger& ledger, const std::string& run);

}  // namespace presswork::cli
