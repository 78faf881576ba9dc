#include "orchestrator/store/retention.h"

#include <algorithm>
#include <map>

#include "orchestrator/base/error.h"
#include "orchestrator/store/digest.h"

namespace presswork::store {

namespace {

bool may_go(const RunRow& run, const Retention& retention) {
  if (run.state == "succeeded") return true;
  return run.state == "failed" ? retention.failed : retention.interrupted;
}

void add_digest(std::set<std::string>& digests, const std::string& digest) {
  if (is_digest(digest)) digests.insert(digest);
}

void add_inputs(std::set<std::string>& digests, const base::Json& inputs) {
  if (!inputs.is_object()) return;
  for (const auto& [name, input] : inputs.items()) {
    if (!input.is_object() || !input.contains("digest") || !input["digest"].is_string()) continue;
    add_digest(digests, input["digest"].get<std::string>());
  }
}

}  // namespace

Forgettable forgettable(Ledger& ledger, const Retention& retention) {
  Forgettable result;
  const std::vector<RunRow> runs = ledger.runs();  // newest first
  std::set<std::string> forgotten;
  if (retention.keep_last || !retention.before.empty()) {
    std::map<std::string, std::size_t> seen;  // of each workflow
    for (const RunRow& run : runs) {
      const std::size_t newer = seen[run.workflow]++;
      if (!may_go(run, retention)) continue;
      if (retention.keep_last && newer < *retention.keep_last) continue;
      if (!retention.before.empty() && run.started >= retention.before) continue;
      forgotten.insert(run.id);
    }
  }
  // What some other run has. The latest checkpoint of a key stays for all that came to it, in whatever run.
  std::set<std::string> keys;
  std::set<CheckpointId> had;
  for (const RunRow& run : runs) {
    if (forgotten.contains(run.id)) {
      result.runs.insert(result.runs.begin(), run.id);
      continue;
    }
    for (const InstanceBrief& instance : ledger.instance_briefs(run.id)) {
      keys.insert(instance.key);
      if (instance.checkpoint != 0) had.emplace(instance.key, instance.checkpoint);
    }
    for (const SupersededRow& row : ledger.history(run.id)) {
      if (row.instance) keys.insert(row.instance->key);
    }
  }
  for (const CheckpointRow& checkpoint : ledger.checkpoints()) {
    const bool stays = checkpoint.latest ? keys.contains(checkpoint.key) : had.contains(id_of(checkpoint));
    if (!stays) result.checkpoints.push_back(id_of(checkpoint));
  }
  return result;
}

void forget(Ledger& ledger, const Forgettable& what) {
  if (what.runs.empty() && what.checkpoints.empty()) return;
  ledger.begin();
  try {
    for (const std::string& run : what.runs) ledger.forget_run(run);
    for (const CheckpointId& checkpoint : what.checkpoints) ledger.forget_checkpoint(checkpoint);
    ledger.commit();
  } catch (const base::Error&) {
    ledger.roll_back();
    throw;
  }
}

std::set<std::string> needed_artifacts(Ledger& ledger, const Forgettable& without) {
  const std::set<std::string> runs(without.runs.begin(), without.runs.end());
  const std::set<CheckpointId> gone(without.checkpoints.begin(), without.checkpoints.end());
  std::set<std::string> needed;
  for (const CheckpointRow& checkpoint : ledger.checkpoints()) {
    if (gone.contains(id_of(checkpoint))) continue;
    for (const auto& [name, output] : checkpoint.outputs) add_digest(needed, output.digest);
  }
  for (const RunRow& run : ledger.runs()) {
    if (runs.contains(run.id)) continue;
    for (const SupersededRow& row : ledger.history(run.id)) {
      if (row.undo == "pending" && row.instance) add_inputs(needed, row.instance->inputs);
      if (!row.checkpoint) continue;
      for (const auto& [name, output] : row.checkpoint->outputs) add_digest(needed, output.digest);
    }
    if (run.state == "succeeded") continue;
    for (const InstanceRow& instance : ledger.instances(run.id)) {
      if (!has_result(instance.state)) add_inputs(needed, instance.inputs);
    }
  }
  return needed;
}

Garbage free_space(Ledger& ledger, ArtifactStore& artifacts, const Forgettable& what,
                   const std::set<std::string>& others, bool dry_run) {
  std::set<std::string> needed = needed_artifacts(ledger, what);
  needed.insert(others.begin(), others.end());
  const Garbage planned = artifacts.collect(needed, true);
  if (dry_run) return planned;
  // On a full disk this may make the room that the ledger needs to forget.
  std::set<std::string> all = needed_artifacts(ledger);
  all.insert(others.begin(), others.end());
  Garbage garbage = artifacts.collect(all, false);
  forget(ledger, what);
  garbage += artifacts.collect(needed, false);
  return garbage;
}

std::set<std::string> unfinished_keys(Ledger& ledger) {
  std::set<std::string> keys;
  for (const RunRow& run : ledger.runs()) {
    if (run.state == "succeeded") continue;
    for (const InstanceBrief& instance : ledger.instance_briefs(run.id)) {
      if (!has_result(instance.state) && !instance.key.empty()) keys.insert(instance.key);
    }
    for (const SupersededRow& row : ledger.pending_undo(run.id)) {
      if (row.instance) keys.insert(row.instance->key);
    }
  }
  return keys;
}

}  // namespace presswork::store
