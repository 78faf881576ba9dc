#include "orchestrator/engine/instance.h"

#include <filesystem>

#include "orchestrator/base/json_schema.h"

namespace presswork::engine {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;

std::string_view to_string(State state) {
  switch (state) {
    case State::pending:
      return "pending";
    case State::running:
      return "running";
    case State::succeeded:
      return "succeeded";
    case State::cached:
      return "cached";
    case State::failed:
      return "failed";
    case State::timed_out:
      return "timed_out";
    case State::cancelled:
      return "cancelled";
    case State::skipped:
      return "skipped";
  }
  return "pending";
}

bool has_ended(State state) { return state != State::pending && state != State::running; }
bool is_good(State state) { return state == State::succeeded || state == State::cached; }
bool is_failed(State state) {
  return state == State::failed || state == State::timed_out || state == State::cancelled;
}

namespace {

std::optional<Json> member(const Json& value, const std::vector<std::string>& parts, std::size_t from) {
  const Json* at = &value;
  for (std::size_t i = from; i < parts.size(); ++i) {
    if (!at->is_object()) return std::nullopt;
    const auto found = at->find(parts[i]);
    if (found == at->end()) return std::nullopt;
    at = &*found;
  }
  return *at;
}

std::size_t index_of(const Plan& plan, const std::string& id) {
  const workflow::Node* node = plan.workflow.find(id);
  if (node == nullptr) throw Error(ErrorCode::internal, "the plan has no node " + id);
  return static_cast<std::size_t>(node - plan.workflow.nodes.data());
}

}  // namespace

workflow::ValueOf values_of(const Plan& plan, const Instances& instances) {
  return [&plan, &instances](const workflow::Name& name) -> std::optional<Json> {
    const auto& parts = name.parts;
    if (parts.size() >= 2 && parts[0] == "params") return member(plan.params, parts, 1);
    const workflow::Node* node = plan.workflow.find(parts[0]);
    if (node == nullptr || parts.size() < 2) return std::nullopt;
    const Instance& instance = instances[static_cast<std::size_t>(node - plan.workflow.nodes.data())];
    if (!is_good(instance.state)) return std::nullopt;
    if (node->decision() != nullptr) {
      if (parts[1] == "branch") return Json(instance.branch);
      return std::nullopt;
    }
    if (parts[1] != "metrics" || !instance.checkpoint) return std::nullopt;
    return member(instance.checkpoint->metrics, parts, 2);
  };
}

std::vector<std::string> input_path_parameters(const plugins::StageDescription& stage, const Json& with) {
  std::vector<std::string> names;
  const auto properties = stage.parameters.find("properties");
  if (properties == stage.parameters.end()) return names;
  for (const auto& [name, schema] : properties->items()) {
    if (schema.is_object() && schema.value("format", "") == "input-path" && with.contains(name) &&
        with[name].is_string()) {
      names.push_back(name);
    }
  }
  return names;
}

Json bind_parameters(const Plan& plan, std::size_t node, const Instances& instances) {
  const workflow::Stage& stage = *plan.workflow.nodes[node].stage();
  const plugins::StageDescription& description = *plan.stages[node];
  Json with = stage.with.evaluate(values_of(plan, instances));
  if (with.is_null()) with = Json::object();
  with = base::fill_defaults(description.parameters, std::move(with));
  const auto errors = base::validate(description.parameters, with);
  if (!errors.empty()) {
    throw Error(
        ErrorCode::stage_failed,
        "the parameter " + errors.front().pointer + " of " + stage.uses + " " + errors.front().message,
        "see `presswork plugins " + stage.uses + "`", plan.workflow.nodes[node].where);
  }
  for (const std::string& name : input_path_parameters(description, with)) {
    const fs::path path = with[name].get<std::string>();
    if (path.is_relative()) {
      with[name] = fs::path(plan.workflow.file.parent_path() / path).lexically_normal().string();
    }
  }
  return with;
}

std::map<std::string, BoundInput> bind_inputs(const Plan& plan, std::size_t node,
                                              const Instances& instances) {
  std::map<std::string, BoundInput> bound;
  for (const auto& [name, input] : plan.workflow.nodes[node].stage()->inputs) {
    for (const workflow::OutputName& candidate : input.candidates) {
      const Instance& producer = instances[index_of(plan, candidate.node)];
      if (!is_good(producer.state) || !producer.checkpoint) continue;
      if (candidate.output == "metrics") {
        bound[name] = {candidate.node, candidate.output, "metrics", ""};
        break;
      }
      const auto output = producer.checkpoint->outputs.find(candidate.output);
      if (output == producer.checkpoint->outputs.end()) continue;
      bound[name] = {candidate.node, candidate.output, output->second.type, output->second.digest};
      break;
    }
  }
  return bound;
}

namespace {

enum class Edge { good, failed, skipped };

struct Judged {
  Edge edge;
  std::string cause;
};

Judged judge_node(const std::string& id, const Instance& instance) {
  if (is_good(instance.state)) return {Edge::good, ""};
  const std::string name(to_string(instance.state));
  if (instance.state == State::skipped) return {Edge::skipped, "needs " + id + ", which was skipped"};
  return {Edge::failed, "needs " + id + ", which " + (name == "failed" ? "failed" : "was " + name)};
}

Judged judge_after(const Plan& plan, const workflow::After& after, const Instances& instances) {
  const Instance& instance = instances[index_of(plan, after.node)];
  Judged judged = judge_node(after.node, instance);
  if (judged.edge == Edge::good && !after.branch.empty() && after.branch != instance.branch) {
    return {Edge::skipped, "decision " + after.node + " chose " + instance.branch + ", not " + after.branch};
  }
  return judged;
}

bool produces(const Plan& plan, const workflow::OutputName& name, const Instances& instances) {
  const Instance& instance = instances[index_of(plan, name.node)];
  if (!is_good(instance.state) || !instance.checkpoint) return false;
  return name.output == "metrics" || instance.checkpoint->outputs.contains(name.output);
}

}  // namespace

Judgement judge(const Plan& plan, std::size_t index, const Instances& instances) {
  using Verdict = Judgement::Verdict;
  const workflow::Node& node = plan.workflow.nodes[index];
  for (std::size_t need : plan.needs[index]) {
    if (!has_ended(instances[need].state)) return {Verdict::wait, plan.workflow.nodes[need].id};
  }

  std::vector<Judged> after, producers;
  for (const workflow::After& entry : node.after) after.push_back(judge_after(plan, entry, instances));
  for (std::size_t need : plan.needs[index]) {
    const std::string& id = plan.workflow.nodes[need].id;
    const bool only_after = std::any_of(node.after.begin(), node.after.end(),
                                        [&](const workflow::After& entry) { return entry.node == id; });
    if (!only_after) producers.push_back(judge_node(id, instances[need]));
  }
  std::vector<Judged> all = after;
  all.insert(all.end(), producers.begin(), producers.end());
  const auto first = [](const std::vector<Judged>& edges, Edge edge) -> const Judged* {
    for (const Judged& judged : edges) {
      if (judged.edge == edge) return &judged;
    }
    return nullptr;
  };

  switch (node.join) {
    case workflow::Join::standard:
      if (const Judged* failed = first(all, Edge::failed)) return {Verdict::skip, failed->cause};
      if (!after.empty() && first(after, Edge::good) == nullptr) return {Verdict::skip, after.front().cause};
      break;
    case workflow::Join::all_success:
      if (const Judged* failed = first(all, Edge::failed)) return {Verdict::skip, failed->cause};
      if (const Judged* skipped = first(all, Edge::skipped)) return {Verdict::skip, skipped->cause};
      break;
    case workflow::Join::any_success:
      if (!all.empty() && first(all, Edge::good) == nullptr) return {Verdict::skip, all.front().cause};
      break;
    case workflow::Join::all_done:
      break;
    case workflow::Join::on_failure:
      if (first(all, Edge::failed) == nullptr) return {Verdict::skip, "nothing that it waits for failed"};
      break;
  }

  if (const workflow::Stage* stage = node.stage()) {
    const plugins::StageDescription& description = *plan.stages[index];
    for (const auto& [name, input] : stage->inputs) {
      const bool exists = std::any_of(
          input.candidates.begin(), input.candidates.end(),
          [&](const workflow::OutputName& candidate) { return produces(plan, candidate, instances); });
      const auto described = description.inputs.find(name);
      const bool required = described != description.inputs.end() && described->second.required;
      if (!exists && (required || node.join == workflow::Join::standard)) {
        const workflow::OutputName& candidate = input.candidates.front();
        return {Verdict::skip, "input " + name + " needs " + candidate.node + "." + candidate.output +
                                   ", which does not exist in this run"};
      }
    }
  }
  return {Verdict::run, ""};
}

}  // namespace presswork::engine
