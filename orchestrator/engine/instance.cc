#include "orchestrator/engine/instance.h"

#include <algorithm>
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

State state_from(std::string_view text) {
  for (State state : {State::running, State::succeeded, State::cached, State::failed, State::timed_out,
                      State::cancelled, State::skipped}) {
    if (text == to_string(state)) return state;
  }
  return State::pending;
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

// One step's value; a stage's metric, a decision's branch, a loop's or selection's values.
std::optional<Json> value_of_step(const Standing& standing, std::size_t step,
                                  const std::vector<std::string>& parts) {
  const Instance& instance = standing.instances[step];
  if (!is_good(instance.state) || parts.size() < 2) return std::nullopt;
  const workflow::Node& node = *standing.graph[step].node;
  if (node.decision() != nullptr) {
    return parts[1] == "branch" ? std::optional<Json>(instance.branch) : std::nullopt;
  }
  if (node.stage() == nullptr) return member(instance.values, parts, 1);
  const store::CheckpointRow* checkpoint = standing.instances.checkpoint(step);
  if (parts[1] != "metrics" || checkpoint == nullptr) return std::nullopt;
  return member(checkpoint->metrics, parts, 2);
}

std::optional<BoundInput> output_of(const Standing& standing, std::size_t step, const std::string& output) {
  const Instance& instance = standing.instances[step];
  const Step& one = standing.graph[step];
  if (!is_good(instance.state)) return std::nullopt;
  if (output == "metrics") return BoundInput{one.id, output, "metrics", ""};
  if (one.stage == nullptr) {
    const auto found = instance.outputs.find(output);
    return found == instance.outputs.end() ? std::nullopt : std::optional(found->second);
  }
  const store::CheckpointRow* checkpoint = standing.instances.checkpoint(step);
  if (checkpoint == nullptr) return std::nullopt;
  const auto found = checkpoint->outputs.find(output);
  if (found == checkpoint->outputs.end()) return std::nullopt;
  return BoundInput{one.id, output, found->second.type, found->second.digest};
}

}  // namespace

const store::CheckpointRow* Instances::checkpoint(std::size_t step) const {
  Instance& instance = all_[step];
  if (!is_good(instance.state)) return nullptr;
  if (!instance.checkpoint && ledger_ != nullptr && !instance.key.empty()) {
    instance.checkpoint = ledger_->checkpoint(instance.key, instance.serial);
  }
  return instance.checkpoint ? &*instance.checkpoint : nullptr;
}

workflow::ValueOf values_of(const Standing& standing, const Place& place) {
  return [standing, place](const workflow::Name& name) -> std::optional<Json> {
    const auto& parts = name.parts;
    if (parts.size() < 2) return std::nullopt;
    const Graph& graph = standing.graph;
    if (parts[0] == "params") return member(standing.plan.params, parts, 1);
    if (parts[0] == "state") return member(graph.scope(place.scope).state, parts, 1);
    if (parts[0] == "loop") return Json(graph.scope(place.scope).iteration);
    if (parts[0] == "matrix") {
      return place.cell < 0 ? std::nullopt : member(graph.cell(place.lineage, place.cell), parts, 1);
    }
    const Group group = graph.seen(place, parts[0]);
    if (group.count == 0) return std::nullopt;
    if (!group.many) return value_of_step(standing, group.first, parts);
    Json list = Json::array();
    for (std::uint32_t i = 0; i < group.count; ++i) {
      if (auto value = value_of_step(standing, group.first + i, parts)) list.push_back(std::move(*value));
    }
    return list;
  };
}

std::vector<std::string> input_path_parameters(const plugins::StageDescription& stage, const Json& with) {
  std::vector<std::string> names;
  const auto properties = stage.parameters.find("properties");
  if (properties == stage.parameters.end()) return names;
  for (const auto& [name, schema] : properties->items()) {
    if (schema.is_object() && schema.value("format", "") == "input-path" && with.contains(name) &&
        with[name].is_string() && !with[name].get_ref<const std::string&>().empty()) {
      names.push_back(name);
    }
  }
  return names;
}

Json bind_parameters(const Standing& standing, std::size_t index) {
  const Step& step = standing.graph[index];
  const workflow::Stage& stage = *step.node->stage();
  const plugins::StageDescription& description = *step.stage;
  Json with = stage.with.evaluate(values_of(standing, standing.graph.place_of(index)));
  if (with.is_null()) with = Json::object();
  with = base::fill_defaults(description.parameters, std::move(with));
  const auto errors = base::validate(description.parameters, with);
  if (!errors.empty()) {
    throw Error(
        ErrorCode::stage_failed,
        "the parameter " + errors.front().pointer + " of " + stage.uses + " " + errors.front().message,
        "see `presswork plugins " + stage.uses + "`", step.node->where);
  }
  for (const std::string& name : input_path_parameters(description, with)) {
    const fs::path path = with[name].get<std::string>();
    if (path.is_relative()) {
      with[name] = fs::path(standing.plan.workflow.file.parent_path() / path).lexically_normal().string();
    }
  }
  return with;
}

std::vector<BoundInput> find_output(const Standing& standing, const Place& place,
                                    const workflow::OutputName& name) {
  if (name.node == "state") {
    const auto& artifacts = standing.graph.scope(place.scope).artifacts;
    const auto found = artifacts.find(name.output);
    return found == artifacts.end() ? std::vector<BoundInput>{} : std::vector{found->second};
  }
  std::vector<BoundInput> all;
  const Group group = standing.graph.seen(place, name.node);
  for (std::uint32_t i = 0; i < group.count; ++i) {
    if (auto one = output_of(standing, group.first + i, name.output)) all.push_back(std::move(*one));
  }
  return all;
}

std::map<std::string, BoundInput> bind_inputs(const Standing& standing, std::size_t step) {
  std::map<std::string, BoundInput> bound;
  const Place place = standing.graph.place_of(step);
  for (const auto& [name, input] : standing.graph[step].node->stage()->inputs) {
    for (const workflow::OutputName& candidate : input.candidates) {
      std::vector<BoundInput> found = find_output(standing, place, candidate);
      if (found.empty()) continue;
      if (standing.graph.seen(place, candidate.node).many) {
        for (std::size_t i = 0; i < found.size(); ++i) {
          bound[name + "[" + std::to_string(i) + "]"] = std::move(found[i]);
        }
      } else {
        bound[name] = std::move(found.front());
      }
      break;
    }
  }
  return bound;
}

std::optional<BoundInput> bind_input(const Standing& standing, const Place& place,
                                     const workflow::Input& input) {
  for (const workflow::OutputName& candidate : input.candidates) {
    std::vector<BoundInput> found = find_output(standing, place, candidate);
    if (!found.empty()) return std::move(found.front());
  }
  return std::nullopt;
}

std::map<std::string, BoundInput> bind_exports(const Standing& standing, const Place& place,
                                               const workflow::Exports& exports, Json& metrics) {
  std::map<std::string, BoundInput> outputs;
  for (const auto& [name, input] : exports.outputs) {
    auto bound = bind_input(standing, place, input);
    if (!bound) {
      throw Error(ErrorCode::stage_failed,
                  "the output " + name + " is " + input.candidates.front().text() +
                      ", which does not exist in this run",
                  "name one that always exists, or several with first(…)", input.where);
    }
    outputs.emplace(name, std::move(*bound));
  }
  for (const auto& [name, expression] : exports.metrics) {
    metrics[name] = expression.evaluate(values_of(standing, place));
  }
  return outputs;
}

bool is_tolerated(const Step& step, const Instance& instance) {
  return is_failed(instance.state) && step.node->may_fail();
}

namespace {

enum class Edge { good, failed, skipped };

struct Judged {
  Edge edge;
  std::string cause;
  bool failed = false;  // whatever its workflow makes of that
};

Judged judge_step(const Standing& standing, std::size_t step) {
  const Instance& instance = standing.instances[step];
  if (is_good(instance.state)) return {Edge::good, ""};
  const std::string& id = standing.graph[step].id;
  if (instance.state == State::skipped) return {Edge::skipped, "needs " + id + ", which was skipped"};
  const std::string name(to_string(instance.state));
  return {is_tolerated(standing.graph[step], instance) ? Edge::skipped : Edge::failed,
          "needs " + id + ", which " + (name == "failed" ? "failed" : "was " + name), true};
}

void judge_after(const Standing& standing, const Place& place, const workflow::After& after,
                 std::vector<Judged>& judged) {
  const Group group = standing.graph.seen(place, after.node);
  for (std::uint32_t i = 0; i < group.count; ++i) {
    const Instance& instance = standing.instances[group.first + i];
    judged.push_back(judge_step(standing, group.first + i));
    if (judged.back().edge == Edge::good && !after.branch.empty() && after.branch != instance.branch) {
      judged.back() = {Edge::skipped,
                       "decision " + after.node + " chose " + instance.branch + ", not " + after.branch};
    }
  }
}

// The steps that are needed by more than an entry of `after:`.
std::vector<Judged> judge_producers(const Standing& standing, std::size_t index) {
  const Step& step = standing.graph[index];
  const Place place = standing.graph.place_of(index);
  std::vector<Group> ordered;
  for (const workflow::After& after : step.node->after) {
    ordered.push_back(standing.graph.seen(place, after.node));
  }
  std::vector<Judged> judged;
  for (const std::uint32_t need : step.needs) {
    const bool only_after = std::any_of(ordered.begin(), ordered.end(), [need](const Group& group) {
      return need >= group.first && need < group.first + group.count;
    });
    if (!only_after) judged.push_back(judge_step(standing, need));
  }
  if (step.node->select() != nullptr) {
    const auto is_chosen_from = [](const Judged& one) { return one.edge == Edge::good; };
    if (std::any_of(judged.begin(), judged.end(), is_chosen_from)) {
      std::erase_if(judged, [&](const Judged& one) { return !is_chosen_from(one); });
    }
  }
  return judged;
}

// Why a stage lacks an input that it must have; "" when it lacks none.
std::string missing_input(const Standing& standing, std::size_t index) {
  const Step& step = standing.graph[index];
  const Place place = standing.graph.place_of(index);
  const auto lacks = [&](const std::string& name, const workflow::Input& input) -> std::string {
    for (const workflow::OutputName& candidate : input.candidates) {
      if (!find_output(standing, place, candidate).empty()) return "";
    }
    return "input " + name + " needs " + input.candidates.front().text() +
           ", which does not exist in this run";
  };
  if (const workflow::Loop* loop = step.node->loop()) {
    for (const workflow::StateVariable& variable : loop->state) {
      if (variable.type) continue;
      const std::string cause = lacks("state." + variable.name, variable.initial_artifact);
      if (!cause.empty()) return cause;
    }
    return "";
  }
  if (step.stage == nullptr) return "";
  for (const auto& [name, input] : step.node->stage()->inputs) {
    const auto described = step.stage->inputs.find(name);
    const bool required = described != step.stage->inputs.end() && described->second.required;
    if (!required && step.node->join != workflow::Join::standard) continue;
    const std::string cause = lacks(name, input);
    if (!cause.empty()) return cause;
  }
  return "";
}

}  // namespace

Judgement judge(const Standing& standing, std::size_t index) {
  using Verdict = Judgement::Verdict;
  const Step& step = standing.graph[index];
  for (const std::uint32_t need : step.needs) {
    if (!has_ended(standing.instances[need].state)) return {Verdict::wait, standing.graph[need].id};
  }
  std::vector<Judged> after;
  const Place place = standing.graph.place_of(index);
  for (const workflow::After& entry : step.node->after) judge_after(standing, place, entry, after);
  std::vector<Judged> all = after;
  const std::vector<Judged> producers = judge_producers(standing, index);
  all.insert(all.end(), producers.begin(), producers.end());
  const auto first = [](const std::vector<Judged>& edges, Edge edge) -> const Judged* {
    for (const Judged& judged : edges) {
      if (judged.edge == edge) return &judged;
    }
    return nullptr;
  };

  switch (step.node->join) {
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
      if (std::none_of(all.begin(), all.end(), [](const Judged& judged) { return judged.failed; })) {
        return {Verdict::skip, "nothing that it waits for failed"};
      }
      break;
  }
  if (step.node->select() != nullptr && first(producers, Edge::good) == nullptr) {
    return {Verdict::skip, producers.empty() ? "there is nothing to select from" : producers.front().cause};
  }
  const std::string missing = missing_input(standing, index);
  if (!missing.empty()) return {Verdict::skip, missing};
  return {Verdict::run, ""};
}

}  // namespace presswork::engine
