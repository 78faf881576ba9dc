// Taking a run back: what is built on a stage is superseded, so that a resume does it again.
#pragma once

#include <string>
#include <vector>

#include "orchestrator/engine/run.h"
#include "orchestrator/plugins/catalogue.h"

namespace presswork::engine {

enum class TakeBack {
  what_follows,  // rollback --to: the stage stays
  from_it,       // retry --from: the stage goes, too
};

struct TakeBackPlan {
  std::string run;
  std::vector<std::string> targets;  // what it is taken back to, or from
  std::vector<std::string> ids;      // instances, decisions and iterations ("tune[2]") to go, oldest first
  std::vector<store::IterationRow> begun_again;  // see Downstream
  std::vector<std::string> undo;  // instances that ran and whose stage has a rollback of its own; of `ids`
};

// `targets` as the ledger has them (see find_instances()). Throws Error{not_found} when the stage of
// something that ran is not in the catalogue, so that nobody knows whether it has a rollback; `undo`: false
// ignores them all.
TakeBackPlan plan_take_back(store::Ledger& ledger, const plugins::Catalogue& catalogue,
                            const std::string& run, const std::vector<std::string>& targets, TakeBack how,
                            bool undo);

// Supersedes it all in one transaction, and notes which rollbacks of stages are to be called. The run is
// interrupted then, and can be resumed. The caller holds the workspace lock.
void take_back(const TakeBackPlan& plan, const std::string& reason, const Surroundings& around);

// An instance whose stage's own rollback was called, or is to be.
struct Undo {
  std::string instance;
  int generation = 1;
  std::string log;
};

// Calls the rollbacks that a take_back() noted and that are not done yet, each in a new child, the newest
// first, and notes each one that is done. Repeating it after a crash goes on where it stopped; the one that
// was under way is called again. Throws Error{stage_failed} for the first that fails: the rest waits.
std::vector<Undo> undo_pending(const std::string& run, const plugins::Catalogue& catalogue,
                               const Surroundings& around);

// Gives up those that are noted.
std::vector<Undo> skip_pending_undo(const std::string& run, store::Ledger& ledger);

}  // namespace presswork::engine
