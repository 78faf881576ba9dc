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
  bool interrupted = false;              // likewise those that were stopped
};

struct Forgettable {
  std::vector<std::string> runs;          // oldest first
  std::vector<CheckpointId> checkpoints;  // that no other run has
};

// The caller holds the workspace lock, so that a run that the ledger has as running is interrupted.
Forgettable forgettable(Ledger& ledger, const Retention& retention);

// In one transaction. Checkpoints go with the last run that has them.
void forget(Ledger& ledger, const Forgettable& what);

// The artifacts that the ledger names, but for `without`: outputs of checkpoints, also of superseded ones,
// and inputs of what has not succeeded yet.
std::set<std::string> needed_artifacts(Ledger& ledger, const Forgettable& without = {});

// Forgets it, and removes from the store what nobody needs then: neither the ledger nor, by `others`, the
// other workspaces. In this order: what cuts it off leaves no checkpoint without its artifacts. Throws before
// anything is forgotten when the store is damaged. The caller holds the store for itself (StoreLock).
Garbage free_space(Ledger& ledger, ArtifactStore& artifacts, const Forgettable& what,
                   const std::set<std::string>& others, bool dry_run);

// The keys of what may go on: their scratch folders are still of use.
std::set<std::string> unfinished_keys(Ledger& ledger);

}  // namespace presswork::store
