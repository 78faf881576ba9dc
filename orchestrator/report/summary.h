// What a run came to, out of the ledger: stages, what changed for the model, checks, and where the results
// lie.
//
// Nothing here knows a plugin by name. What is worth a place in the summary is said by the stages themselves:
// a metric that its description marks with `"headline": true` is printed beside its stage, and one of that
// name that several stages measured (`bytes`, `perplexity`) is compared, the first measurement of the run
// with the last one.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/base/json.h"
#include "orchestrator/engine/run.h"
#include "orchestrator/plugins/catalogue.h"
#include "orchestrator/report/style.h"
#include "orchestrator/store/ledger.h"

namespace presswork::report {

struct OutputSummary {
  std::string type, digest;
  std::filesystem::path path;  // empty when it is not there (any more)
  std::uint64_t bytes = 0;
};

struct Metric {
  std::string name, unit;
  base::Json value;
};

struct NodeSummary {
  std::string id, uses, state, cause;
  std::string kind;               // stage, decision, loop, select
  std::optional<double> seconds;  // of the work itself; for a cached stage, when it was done
  int attempts = 0;
  std::string branch;  // of a decision; of a selection, the instance that it chose
  std::string result;  // of a loop or selection: "done with iteration 3", "the best of 12"
  base::Json metrics = base::Json::object();
  std::vector<Metric> headlines;
  std::map<std::string, OutputSummary> outputs;
};

// Why an instance failed, as its last attempt tells.
struct Failure {
  std::string id, state, code, message, where, hint, log;
  int attempts = 0;
};

// One quantity before and after.
struct Change {
  std::string name, unit;
  double before = 0, after = 0;
  std::string before_stage, after_stage;
};

struct Summary {
  store::RunRow run;
  double seconds = 0;  // from the run's start to its end, or to now
  std::vector<NodeSummary> nodes;
  std::vector<Failure> failures;  // in the order of the nodes
  std::vector<Change> changes;
  std::vector<engine::ChecklistResult> checklist;
  std::filesystem::path model;   // the last output of type `model`
  std::filesystem::path report;  // filled in by the caller
};

// The metrics of a stage that its description marks as headlines.
std::vector<Metric> headlines_of(const std::string& uses, const base::Json& metrics,
                                 const plugins::Catalogue& catalogue);
std::string headlines_text(const std::vector<Metric>& headlines);  // "perplexity 38.1, size 2.45 MiB"

// Throws Error{not_found} when there is no such run. Stages that the catalogue lacks have no headlines. With
// a plan the nodes stand in its order, and those that the run has not come to are pending; without one they
// stand in the order in which the run came to them. That order decides which measurement is the first and
// which the last. Only models are looked up in the store, unless `all_outputs`, which to_json() needs.
// `known`: what the ledger has of the run, where that has been read already.
Summary summarize(const std::string& run, store::Ledger& ledger, store::ArtifactStore& artifacts,
                  const plugins::Catalogue& catalogue, base::Clock& clock, const engine::Plan* plan = nullptr,
                  bool all_outputs = false, const store::InstancesWithCheckpoints& known = {});

// `all`: a line for each instance. Otherwise the cells of a matrix and the iterations of a loop share a line
// where there are many, and of other stages at most some forty are shown, those that failed in any case.
// `columns`: lines of the table of stages are cut to so many; 0: they are not.
std::string to_text(const Summary& summary, const Style& style, bool all = false, std::size_t columns = 0);
base::Json to_json(const Summary& summary);

bool is_bytes(const std::string& unit);  // "B" or "bytes"

// "3.41 MiB" for bytes, "3.56x", "12.5 %", "31.9 tokens/s"; text as it is, anything else as JSON.
std::string format_metric(const base::Json& value, const std::string& unit);

}  // namespace presswork::report
