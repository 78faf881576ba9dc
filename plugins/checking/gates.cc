#include "plugins/checking/gates.h"

#include <tuple>
#include <utility>

namespace presswork::checking {

using modelkit::Message;

namespace {

const char* const kAnalysis = "model analysis";
const char* const kStrategy = "strategy";
const char* const kEnvironment = "environment";

// Passes when the analysis has `key`; else `how` says which parameter or input of analyze/model brings it.
Gate of_analysis(const char* id, Message title, const Json& analysis, const char* key, Message how) {
  if (analysis.is_null())
    return {id, kAnalysis, std::move(title), State::not_run, Message("no analysis is connected")};
  if (!analysis.contains(key)) return {id, kAnalysis, std::move(title), State::not_run, std::move(how)};
  return {id, kAnalysis, std::move(title), State::pass,
          Message("the analysis has {0}", {Message::verbatim(key)})};
}

Gate distributions(const Json& analysis) {
  const Message title("Weights and activations are known by their distribution");
  const auto missing = [&](Message why) {
    return Gate{"distribution", kAnalysis, title, State::not_run, std::move(why)};
  };
  if (analysis.is_null()) return missing(Message("no analysis is connected"));
  const bool weights = analysis.contains("weights"), activations = analysis.contains("activations");
  if (weights && activations)
    return {"distribution", kAnalysis, title, State::pass, Message("the analysis has both")};
  if (weights) return missing(Message("set activations of analyze/model to true"));
  if (activations) return missing(Message("set weights of analyze/model to true"));
  return missing(Message("set weights and activations of analyze/model to true"));
}

// Of a strategy, or not run where none is connected.
template <typename Judge>
Gate of_strategy(const char* id, Message title, const Json& strategy, const Judge& judge) {
  Gate gate{id, kStrategy, std::move(title), State::not_run, Message("no strategy is connected")};
  if (!strategy.is_null()) std::tie(gate.state, gate.why) = judge(strategy);
  return gate;
}

using Judgement = std::pair<State, Message>;

Judgement limits(const Json& strategy) {
  std::string given;
  for (const auto& [name, value] : strategy.at("limits").items()) {
    if (value.is_number()) given += (given.empty() ? "" : ", ") + name;
  }
  if (given.empty()) return {State::fail, Message("the strategy was planned without any limit")};
  return {State::pass, Message::verbatim(given)};
}

Judgement methods(const Json& strategy) {
  const std::string chosen = strategy.at("recommended");
  if (chosen.empty()) return {State::fail, Message("nothing is recommended")};
  return {State::pass, Message("{0}: {1}", {Message::verbatim(chosen), Message::from(strategy, "why")})};
}

Judgement risks(const Json& strategy) {
  for (const Json& candidate : strategy.at("candidates")) {
    if (candidate.at("id") != strategy.at("recommended")) continue;
    const auto count = static_cast<double>(candidate.at("risks").size());
    return {State::pass,
            Message("{0} of the recommended candidate, each with its mitigation", {Message::number(count)})};
  }
  return {State::fail, Message("the recommended candidate has no assessment")};
}

Gate there(const char* id, const char* group, Message title, bool is_there, Message yes, Message no) {
  return {id, group, std::move(title), is_there ? State::pass : State::not_run,
          is_there ? std::move(yes) : std::move(no)};
}

State state_of(const Json& item) {
  const std::string state = item.at("state");
  return state == "pass" ? State::pass : state == "fail" ? State::fail : State::not_run;
}

// The item of a deployment test as a gate.
Gate of_test(const Json& test, const char* id, const char* group, Message title) {
  Gate gate{id, group, std::move(title), State::not_run, Message("no deployment test is connected")};
  if (test.is_null()) return gate;
  gate.why = Message("the deployment test did not come to it");
  for (const Json& item : test.at("items")) {
    if (item.at("id") != id) continue;
    gate.state = state_of(item);
    gate.why = Message::from(item, "why");
  }
  return gate;
}

Gate acceptance(const Json& approval, const char* group) {
  Gate gate{"acceptance", group, Message("Users accept it"), State::not_run,
            Message("a person has to say so: connect the output approval of check/approval")};
  if (approval.is_null()) return gate;
  const Json& item = approval.at("items").at(0);
  if (item.at("state") == "pass") gate.state = State::pass;
  gate.why = Message::from(item, "why");
  return gate;
}

}  // namespace

const char* name_of(State state) {
  return state == State::pass ? "pass" : state == State::fail ? "fail" : "not_run";
}

std::vector<Gate> before_compression(const BeforeFacts& f) {
  const bool evaluated = f.analysis.is_object() && f.analysis.contains("evaluation");
  return {
      of_analysis("parameters", Message("Parameters are counted by module and layer"), f.analysis,
                  "parameters_by_module", Message("analyze again with this version")),
      distributions(f.analysis),
      of_analysis("baseline", Message("The baseline is measured"), f.analysis, "evaluation",
                  Message("connect a text to analyze/model")),
      there("hardware", kAnalysis, Message("The hardware's needs are assessed"), !f.hardware.is_null(),
            Message("the target and its score are known"),
            Message("connect the output hardware of analyze/hardware")),
      of_strategy("limits", Message("The limits are explicit"), f.strategy, limits),
      of_strategy("methods", Message("The methods are chosen"), f.strategy, methods),
      of_strategy("risks", Message("The risks are assessed"), f.strategy, risks),
      there("rollback", kStrategy, Message("A way back is ready"), f.original,
            Message("the original model is an artifact of this run, and no step changes it"),
            Message("connect the original model to the input original")),
      {"configuration", kEnvironment, Message("The environment is configured"), State::pass,
       Message("this stage runs in it: its plugins are loaded and its workspace is writable")},
      there("test_data", kEnvironment, Message("Test data are there"), f.text, Message("a text is connected"),
            Message("connect the text to the input text")),
      there("calibration_data", kEnvironment, Message("Calibration data are there"), f.calibration,
            Message("a text is connected"),
            Message("without one methods that need it take the bundled text")),
      there("evaluation_tools", kEnvironment, Message("The evaluation works"), evaluated,
            Message("it measured the baseline"), Message("it has measured nothing yet")),
      {"monitoring", kEnvironment, Message("Monitoring is set up"), State::not_run,
       Message("nothing here can tell; presswork run --metrics-file FILE writes metrics for Prometheus")}};
}

std::vector<Gate> after_compression(const AfterFacts& f) {
  const char* accuracy = "accuracy";
  return {of_test(f.test, "basic_inference", "functional", Message("Basic inference works")),
          of_test(f.test, "loads", "functional", Message("The interface works: it loads again from disk")),
          of_test(f.test, "edge_cases", "functional", Message("Edge cases are handled")),
          of_test(f.test, "error_handling", "functional", Message("Errors are handled")),
          of_test(f.test, "decode_speed", "performance", Message("It is fast enough")),
          of_test(f.test, "speedup", "performance",
                  Message("Its throughput is that much better than the baseline's")),
          of_test(f.test, "memory", "performance", Message("Memory is within its limit")),
          of_test(f.test, "stability", "performance", Message("It is stable over a long run")),
          there("benchmarks", accuracy, Message("Standard benchmarks were run"), f.accuracy_on_tasks,
                Message("evaluate/accuracy was run"),
                Message("connect the metrics of evaluate/accuracy to the input benchmarks")),
          there("scenarios", accuracy, Message("Your own scenarios were run"), f.own_scenarios,
                Message("an evaluation of them is connected"),
                Message("connect the metrics of an evaluation on your own texts to the input scenarios")),
          of_test(f.test, "accuracy", accuracy, Message("It compares well with the baseline")),
          acceptance(f.approval, accuracy)};
}

Json to_json(const Gate& gate) {
  Json json = {{"id", gate.id}, {"group", gate.group}, {"state", name_of(gate.state)}};
  put(json, "title", gate.title);
  put(json, "why", gate.why);
  return json;
}

}  // namespace presswork::checking
