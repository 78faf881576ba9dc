#include "orchestrator/cli/kept.h"

#include "orchestrator/engine/binding.h"
#include "orchestrator/report/event_fields.h"

namespace presswork::cli {

namespace {

using Marks = std::map<std::string, store::SupersededMark>;

int generation_now(const Marks& marks, const std::string& instance) {
  const auto past = marks.find(instance);
  return past == marks.end() ? 1 : past->second.generation + 1;
}

// A loop and a selection have no work of their own: what they offer, others made.
bool only_offers(const std::string& kind) { return kind == "loop" || kind == "select"; }

Kept offered_by(const store::InstanceRow& row, int generation, bool superseded) {
  Kept kept{row.id, superseded ? "superseded" : row.state, generation, superseded, {}};
  kept.checkpoint.metrics = report::value_of(row.with, "metrics");
  for (const auto& [name, output] : engine::bound_inputs_from(row.inputs)) {
    if (!output.digest.empty()) {
      kept.checkpoint.outputs[name] = {output.type, output.digest};
    } else if (!superseded) {  // of the other's generations it would have to be guessed which was meant
      kept.metrics_of[name] = output.instance;
    }
  }
  return kept;
}

}  // namespace

std::vector<Kept> kept_checkpoints(store::Ledger& ledger, const std::string& run) {
  std::vector<Kept> kept;
  const Marks marks = ledger.superseded(run);
  for (auto& [instance, checkpoint] : ledger.instances_with_checkpoints(run)) {
    if (!checkpoint || instance.uses.empty()) continue;
    kept.push_back(
        {instance.id, instance.state, generation_now(marks, instance.id), false, std::move(*checkpoint)});
  }
  for (store::SupersededRow& row : ledger.history(run)) {
    if (!row.instance || !row.checkpoint || row.instance->uses.empty()) continue;
    kept.push_back({row.id, "superseded", row.generation, true, std::move(*row.checkpoint)});
  }
  return kept;
}

std::vector<Kept> kept_results(store::Ledger& ledger, const std::string& run) {
  std::vector<Kept> kept = kept_checkpoints(ledger, run);
  const Marks marks = ledger.superseded(run);
  for (const store::InstanceBrief& brief : ledger.instance_briefs(run)) {
    if (!only_offers(brief.kind) || !store::has_result(brief.state)) continue;
    if (const auto row = ledger.instance(run, brief.id))
      kept.push_back(offered_by(*row, generation_now(marks, row->id), false));
  }
  for (const store::SupersededRow& row : ledger.history(run)) {
    if (!row.instance || !only_offers(row.instance->kind) || !store::has_result(row.instance->state))
      continue;
    kept.push_back(offered_by(*row.instance, row.generation, true));
  }
  return kept;
}

std::vector<std::string> lost_results(store::Ledger& ledger, const std::string& run) {
  std::vector<std::string> lost;
  for (const auto& [instance, checkpoint] : ledger.instances_with_checkpoints(run)) {
    if (store::has_result(instance.state) && !checkpoint && !instance.uses.empty())
      lost.push_back(instance.id);
  }
  return lost;
}

}  // namespace presswork::cli
