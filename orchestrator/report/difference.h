// What two runs have in common and what not, out of the ledger.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/base/json.h"
#include "orchestrator/report/style.h"
#include "orchestrator/store/ledger.h"

namespace presswork::report {

struct RunRecord {
  store::RunRow run;
  struct Entry {
    store::InstanceRow row;
    std::optional<store::CheckpointRow> checkpoint;
  };
  std::vector<Entry> entries;  // in the order of the run
  std::map<std::string, std::string> branches;
};

RunRecord read_record(const store::RunRow& run, store::Ledger& ledger);

// A value in both runs; null where it is missing.
struct ValueDifference {
  std::string name;
  base::Json a, b;
};

struct InstanceDifference {
  std::string id, uses_a, uses_b, state_a, state_b, branch_a, branch_b;
  bool in_a = true, in_b = true;
  // The parts of the keys that differ. A different key with neither means another plugin, seed, salt or
  // device: `other_key`.
  std::vector<ValueDifference> with, inputs;
  bool other_key = false;
  std::vector<ValueDifference> outputs, metrics;
};

struct Difference {
  store::RunRow a, b;
  bool same_workflow = true;  // the text of the workflow
  std::vector<ValueDifference> params;
  std::vector<InstanceDifference> instances;  // those that differ
  std::size_t same = 0;                       // how many do not

  bool any() const { return !same_workflow || !params.empty() || !instances.empty(); }
};

// `succeeded` and `cached` count as the same state, and times are never compared: the results are.
Difference compare(const RunRecord& a, const RunRecord& b);

std::string to_text(const Difference& difference, const Style& style);
base::Json to_json(const Difference& difference);

}  // namespace presswork::report
