#include "orchestrator/cli/kept.h"

namespace presswork::cli {

std::vector<Kept> kept_checkpoints(store::Ledger& ledger, const std::string& run) {
  std::vector<Kept> kept;
  const auto marks = ledger.superseded(run);
  for (auto& [instance, checkpoint] : ledger.instances_with_checkpoints(run)) {
    if (!checkpoint || instance.uses.empty()) continue;
    const auto past = marks.find(instance.id);
    const int generation = past == marks.end() ? 1 : past->second.generation + 1;
    kept.push_back({instance.id, instance.state, generation, false, std::move(*checkpoint)});
  }
  for (store::SupersededRow& row : ledger.history(run)) {
    if (!row.instance || !row.checkpoint || row.instance->uses.empty()) continue;
    kept.push_back({row.id, "superseded", row.generation, true, std::move(*row.checkpoint)});
  }
  return kept;
}

std::vector<std::string> lost_results(store::Ledger& ledger, const std::string& run) {
  std::vector<std::string> lost;
  for (const auto& [instance, checkpoint] : ledger.instances_with_checkpoints(run)) {
    const bool finished = instance.state == "succeeded" || instance.state == "cached";
    if (finished && !checkpoint && !instance.uses.empty()) lost.push_back(instance.id);
  }
  return lost;
}

}  // namespace presswork::cli
