#include "orchestrator/engine/loop_state.h"

#include "orchestrator/engine/binding.h"
#include "orchestrator/workflow/param_value.h"

namespace presswork::engine {

using base::Error;
using base::ErrorCode;
using base::Json;

namespace {

Json typed(const workflow::StateVariable& variable, Json value, const base::Where& where) {
  workflow::Param param;
  param.name = variable.name;
  param.type = *variable.type;
  const std::string fault = workflow::value_fault(param, value);
  if (!fault.empty()) {
    throw Error(ErrorCode::stage_failed, "the state \"" + variable.name + "\" " + fault, "", where);
  }
  return value;
}

BoundInput artifact(const Standing& standing, const Place& place, const workflow::StateVariable& variable,
                    const workflow::Input& input) {
  if (auto bound = bind_input(standing, place, input)) return std::move(*bound);
  throw Error(ErrorCode::stage_failed,
              "the state \"" + variable.name + "\" is to be " + input.candidates.front().text() +
                  ", which does not exist in this run",
              "name one that always exists, or several with first(…)", input.where);
}

}  // namespace

Json to_json(const LoopState& state) {
  return {{"values", state.values}, {"artifacts", to_json(state.artifacts)}};
}

LoopState loop_state_from(const Json& json) {
  try {
    return {json.at("values"), bound_inputs_from(json.at("artifacts"))};
  } catch (const Json::exception&) {
    throw Error(ErrorCode::corrupt, "the ledger's record of an iteration cannot be read",
                "start a new run; what is finished is taken from the cache");
  }
}

LoopState initial_state(const Standing& standing, std::size_t loop) {
  const Place place = standing.graph.place_of(loop);
  LoopState state;
  for (const workflow::StateVariable& variable : standing.graph[loop].node->loop()->state) {
    if (variable.type) {
      state.values[variable.name] =
          typed(variable, variable.initial.evaluate(values_of(standing, place)), variable.where);
    } else {
      state.artifacts[variable.name] = artifact(standing, place, variable, variable.initial_artifact);
    }
  }
  return state;
}

LoopState next_state(const Standing& standing, std::uint32_t scope, const workflow::LoopCase* chosen) {
  const StepScope& iteration = standing.graph.scope(scope);
  const workflow::Loop& loop = *standing.graph[iteration.loop].node->loop();
  const Place place = standing.graph.place_in(scope);
  LoopState state{iteration.state, iteration.artifacts};
  if (chosen == nullptr) return state;
  for (const auto& [name, value] : chosen->set) {
    state.values[name] =
        typed(*loop.variable(name), value.evaluate(values_of(standing, place)), chosen->where);
  }
  for (const auto& [name, input] : chosen->set_artifacts) {
    state.artifacts[name] = artifact(standing, place, *loop.variable(name), input);
  }
  return state;
}

LoopDecided decide(const workflow::Loop& loop, const workflow::ValueOf& value_of) {
  LoopDecided decided;
  const workflow::ValueOf noting = recording(value_of, decided.inputs);
  for (std::size_t i = 0; i < loop.decide.size(); ++i) {
    const workflow::LoopCase& one = loop.decide[i];
    if (one.when && one.when->evaluate(noting) != Json(true)) continue;
    decided.way = one.action == workflow::LoopCase::Action::leave   ? "break"
                  : one.action == workflow::LoopCase::Action::again ? "continue"
                                                                    : "fail";
    decided.chosen = &one;
    decided.inputs["case"] = i;
    return decided;
  }
  throw Error(ErrorCode::stage_failed, "no case of the loop's \"decide\" holds, and it has no default",
              "add a last entry {default: break}, continue or fail");
}

const workflow::LoopCase* find_case(const workflow::Loop& loop, const store::DecisionRow& recorded) {
  if (!recorded.inputs.is_object()) return nullptr;
  const auto number = recorded.inputs.find("case");
  if (number == recorded.inputs.end() || !number->is_number_unsigned()) return nullptr;
  const auto at = number->get<std::size_t>();
  return at < loop.decide.size() ? &loop.decide[at] : nullptr;
}

}  // namespace presswork::engine
