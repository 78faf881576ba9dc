#include "orchestrator/report/summary.h"

#include <algorithm>

#include "orchestrator/base/error.h"
#include "orchestrator/report/moment.h"
#include "orchestrator/report/summary_loops.h"
#include "orchestrator/report/summary_tables.h"

namespace presswork::report {

namespace {

using base::Json;

using Nodes = std::vector<const NodeSummary*>;

double elapsed(const store::RunRow& run, base::Clock& clock) {
  return seconds_between(run.started, run.ended.empty() ? base::to_utc_string(clock.now()) : run.ended)
      .value_or(0);
}

void look_up(OutputSummary& output, store::ArtifactStore& artifacts) {
  try {
    output.bytes = artifacts.manifest(output.digest).bytes();
    output.path = artifacts.locate(output.digest);
  } catch (const base::Error&) {
    // Damaged or gone: the summary says so by its absence, `doctor` and a resume deal with it.
    output.path.clear();
  }
}

void look_up_outputs(std::vector<NodeSummary>& nodes, store::ArtifactStore& artifacts, bool all) {
  for (NodeSummary& node : nodes) {
    for (auto& [name, output] : node.outputs) {
      if (all || output.type == "model") look_up(output, artifacts);
    }
  }
}

void add_checkpoint(NodeSummary& node, const store::CheckpointRow& checkpoint,
                    const plugins::Catalogue& catalogue) {
  node.seconds = checkpoint.seconds;
  node.metrics = checkpoint.metrics.is_object() ? checkpoint.metrics : Json::object();
  for (const auto& [name, row] : checkpoint.outputs) node.outputs[name] = {row.type, row.digest, {}, 0};
  node.headlines = headlines_of(node.uses, node.metrics, catalogue);
}

// What of a stage can be compared: its headlines, or all its numbers where no stage of the run has any.
std::vector<Metric> comparable(const NodeSummary& node, bool headlines_only) {
  if (headlines_only) return node.headlines;
  std::vector<Metric> metrics;
  for (const auto& [name, value] : node.metrics.items()) {
    if (value.is_number()) metrics.push_back({name, "", value});
  }
  return metrics;
}

// The first and the last of each headline that two stages measured, in the order of their first measurement.
std::vector<Change> changes_of(const Nodes& nodes) {
  const bool any =
      std::any_of(nodes.begin(), nodes.end(), [](const auto* node) { return !node->headlines.empty(); });
  std::vector<Change> changes;
  for (const NodeSummary* node : nodes) {
    for (const Metric& metric : comparable(*node, any)) {
      if (!metric.value.is_number()) continue;
      const double value = metric.value.get<double>();
      const auto it = std::find_if(changes.begin(), changes.end(), [&](const Change& change) {
        return change.name == metric.name && change.unit == metric.unit;
      });
      if (it == changes.end()) {
        changes.push_back({metric.name, metric.unit, value, value, node->id, node->id});
      } else {
        it->after = value;
        it->after_stage = node->id;
      }
    }
  }
  std::erase_if(changes, [any](const Change& change) {
    return change.before_stage == change.after_stage || (!any && change.before == change.after);
  });
  return changes;
}

// Sizes on disk of the run's first and last model.
std::optional<Change> size_change(const Nodes& nodes) {
  std::optional<Change> change;
  std::string first, last;
  for (const NodeSummary* node : nodes) {
    for (const auto& [name, output] : node->outputs) {
      if (output.type != "model" || output.bytes == 0) continue;
      const auto bytes = static_cast<double>(output.bytes);
      if (!change) {
        change = Change{"model_folder", "bytes", bytes, bytes, node->id, node->id};
        first = output.digest;
      }
      change->after = bytes;
      change->after_stage = node->id;
      last = output.digest;
    }
  }
  if (!change || first == last) return std::nullopt;
  return change;
}

// A loop that failed because of an instance in it says nothing new.
bool repeats(const NodeSummary& loop, const std::vector<NodeSummary>& nodes) {
  if (loop.kind != "loop") return false;
  return std::any_of(nodes.begin(), nodes.end(), [&](const NodeSummary& node) {
    return is_bad(node.state) && node.id.starts_with(loop.id + "[") &&
           loop.cause.find(node.id + " failed") != std::string::npos;
  });
}

std::vector<Failure> failures_of(const std::vector<NodeSummary>& nodes, const std::string& run,
                                 store::Ledger& ledger) {
  std::vector<Failure> failures;
  std::map<std::string, std::size_t> index;
  for (const NodeSummary& node : nodes) {
    if (!is_bad(node.state) || repeats(node, nodes)) continue;
    index[node.id] = failures.size();
    failures.push_back({node.id, node.state, "", node.cause, "", "", "", node.attempts});
  }
  if (failures.empty()) return failures;
  for (const store::AttemptRow& attempt : ledger.attempts(run)) {  // each instance's last one stays
    const auto it = index.find(attempt.instance);
    if (it == index.end() || attempt.outcome == "succeeded" || attempt.outcome.empty()) continue;
    Failure& failure = failures[it->second];
    failure.state = attempt.outcome == "interrupted" ? failure.state : attempt.outcome;
    failure.code = attempt.code;
    if (!attempt.message.empty()) failure.message = attempt.message;
    failure.where = attempt.where;
    failure.hint = attempt.hint;
    failure.log = attempt.log;
  }
  return failures;
}

}  // namespace

std::vector<Metric> headlines_of(const std::string& uses, const Json& metrics,
                                 const plugins::Catalogue& catalogue) {
  std::vector<Metric> headlines;
  if (metrics.empty()) return headlines;
  const plugins::StageDescription* stage = catalogue.find(uses);
  if (stage == nullptr || !stage->document.is_object()) return headlines;
  for (const auto& [name, metric] : stage->metrics) {
    const auto it = metrics.find(name);
    if (it == metrics.end()) continue;
    const Json::json_pointer headline = Json::json_pointer() / "metrics" / name / "headline";
    if (stage->document.value(headline, false)) headlines.push_back({name, metric.unit, *it});
  }
  return headlines;
}

Summary summarize(const std::string& run, store::Ledger& ledger, store::ArtifactStore& artifacts,
                  const plugins::Catalogue& catalogue, base::Clock& clock, const engine::Plan* plan,
                  bool all_outputs, const store::InstancesWithCheckpoints& known) {
  const auto row = ledger.run(run);
  if (!row)
    throw base::Error(base::ErrorCode::not_found, "there is no run " + run,
                      "list the runs with `presswork runs`");
  Summary summary;
  summary.run = *row;
  summary.seconds = elapsed(*row, clock);
  const auto read =
      known.empty() ? ledger.instances_with_checkpoints(run) : store::InstancesWithCheckpoints();
  for (const auto& [instance, checkpoint] : known.empty() ? read : known) {
    NodeSummary node;
    node.id = instance.id;
    node.uses = instance.uses;
    node.state = instance.state;
    node.cause = instance.cause;
    node.attempts = instance.attempts;
    node.kind = instance.kind;
    if (checkpoint) add_checkpoint(node, *checkpoint, catalogue);
    if (!checkpoint && store::has_result(node.state) && !node.uses.empty()) {
      node.cause = "its result was damaged and has been discarded";
    }
    summary.nodes.push_back(std::move(node));
  }
  if (plan != nullptr) summary.nodes = in_order_of(*plan, std::move(summary.nodes));
  add_choices(summary.nodes, run, ledger);
  look_up_outputs(summary.nodes, artifacts, all_outputs);
  summary.failures = failures_of(summary.nodes, run, ledger);
  const Nodes single = single_nodes(summary.nodes);
  summary.changes = changes_of(single);
  const bool sized = std::any_of(summary.changes.begin(), summary.changes.end(),
                                 [](const Change& change) { return is_bytes(change.unit); });
  if (const auto size = size_change(single); size && !sized) {
    summary.changes.insert(summary.changes.begin(), *size);
  }
  for (const NodeSummary* node : single) {
    for (const auto& [name, output] : node->outputs) {
      if (output.type == "model" && !output.path.empty()) summary.model = output.path;
    }
  }
  return summary;
}

}  // namespace presswork::report
