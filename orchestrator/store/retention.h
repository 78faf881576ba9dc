// Which runs may be forgotten, and what the others need.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/store/ledger.h"

namespace presswork::store {

// Of the runs that have ended: those that every rule given allows. Without a rule, none.
struct Retention {
  std::optional<std::size_t> keep_last;  // so many runs of each workflow stay, whatever their state
  std::string before;                    // only runs that were started before this time (UTC); "" = any
  bool failed = false;                   // failed runs, too, although they could be resumed
};

struct Forgettable {
  std::vector<std::string> runs;  // oldest first
  std::vector<std::string> keys;  // of checkpoints that no other run has
};

// Runs that are running or interrupted are never forgotten. The caller holds the workspace lock.
Forgettable forgettable(Ledger& ledger, const Retention& retention);

// In one transaction. Checkpoints go with the last run that has them.
void forget(Ledger& ledger, const Forgettable& what);

// The artifacts that the ledger names, but for `without`: outputs of checkpoints, also of superseded ones,
// and inputs of what has not succeeded yet.
std::set<std::string> needed_artifacts(Ledger& ledger, const Forgettable& without = {});

// The keys of what may go on: their scratch folders are still of use.
std::set<std::string> unfinished_keys(Ledger& ledger);

}  // namespace presswork::store
