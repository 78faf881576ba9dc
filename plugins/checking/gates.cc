#include "plugins/checking/gates.h"

namespace presswork::checking {
namespace {

const char* const kAnalysis = "model analysis";
const char* const kStrategy = "strategy";
const char* const kEnvironment = "environment";

Gate gate(const char* id, const char* group, const char* title, State state, std::string why) {
  return {id, group, title, state, std::move(why)};
}

// Passes when the analysis has `key`; else says which parameter or input of analyze/model brings it.
Gate of_analysis(const char* id, const char* title, const Json& analysis, const char* key, const char* how) {
  if (analysis.is_null()) return gate(id, kAnalysis, title, State::not_run, "no analysis is connected");
  if (analysis.contains(key))
    return gate(id, kAnalysis, title, State::pass, std::string("the analysis has ") + key);
  return gate(id, kAnalysis, title, State::not_run, how);
}

Gate distributions(const Json& analysis) {
  const char* title = "Weights and activations are known by their distribution";
  if (analysis.is_null())
    return gate("distribution", kAnalysis, title, State::not_run, "no analysis is connected");
  const bool weights = analysis.contains("weights"), activations = analysis.contains("activations");
  if (weights && activations)
    return gate("distribution", kAnalysis, title, State::pass, "the analysis has both");
  return gate("distribution", kAnalysis, title, State::not_run,
              std::string("set ") + (weights ? "" : "weights") + (weights || activations ? "" : " and ") +
                  (activations ? "" : "activations") + " of analyze/model to true");
}

Gate limits(const Json& strategy) {
  const char* title = "The limits are explicit";
  if (strategy.is_null()) return gate("limits", kStrategy, title, State::not_run, "no strategy is connected");
  std::string given;
  for (const auto& [name, value] : strategy.at("limits").items()) {
    if (value.is_number()) given += (given.empty() ? "" : ", ") + name;
  }
  return given.empty()
             ? gate("limits", kStrategy, title, State::fail, "the strategy was planned without any limit")
             : gate("limits", kStrategy, title, State::pass, given);
}

Gate methods(const Json& strategy) {
  const char* title = "The methods are chosen";
  if (strategy.is_null())
    return gate("methods", kStrategy, title, State::not_run, "no strategy is connected");
  const std::string chosen = strategy.at("recommended");
  return gate(
      "methods", kStrategy, title, chosen.empty() ? State::fail : State::pass,
      chosen.empty() ? "nothing is recommended" : chosen + ": " + strategy.at("why").get<std::string>());
}

Gate risks(const Json& strategy) {
  const char* title = "The risks are assessed";
  if (strategy.is_null()) return gate("risks", kStrategy, title, State::not_run, "no strategy is connected");
  for (const Json& candidate : strategy.at("candidates")) {
    if (candidate.at("id") != strategy.at("recommended")) continue;
    return gate("risks", kStrategy, title, State::pass,
                std::to_string(candidate.at("risks").size()) +
                    " of the recommended candidate, each with its mitigation");
  }
  return gate("risks", kStrategy, title, State::fail, "the recommended candidate has no assessment");
}

Gate there(const char* id, const char* group, const char* title, bool is_there, const char* yes,
           const char* no) {
  return gate(id, group, title, is_there ? State::pass : State::not_run, is_there ? yes : no);
}

// The item of a deployment test as a gate.
Gate of_test(const Json& test, const char* id, const char* group, const char* title) {
  if (test.is_null()) return gate(id, group, title, State::not_run, "no deployment test is connected");
  for (const Json& item : test.at("items")) {
    if (item.at("id") != id) continue;
    const std::string state = item.at("state");
    return gate(id, group, title,
                state == "pass"   ? State::pass
                : state == "fail" ? State::fail
                                  : State::not_run,
                item.at("why"));
  }
  return gate(id, group, title, State::not_run, "the deployment test did not come to it");
}

Gate acceptance(const Json& approval, const char* group) {
  const char* title = "Users accept it";
  if (approval.is_null())
    return gate("acceptance", group, title, State::not_run,
                "a person has to say so: connect the output approval of check/approval");
  const Json& item = approval.at("items").at(0);
  return gate("acceptance", group, title, item.at("state") == "pass" ? State::pass : State::not_run,
              item.at("why"));
}

}  // namespace

const char* name_of(State state) {
  return state == State::pass ? "pass" : state == State::fail ? "fail" : "not_run";
}

std::vector<Gate> before_compression(const BeforeFacts& f) {
  return {of_analysis("parameters", "Parameters are counted by module and layer", f.analysis,
                      "parameters_by_module", "analyze again with this version"),
          distributions(f.analysis),
          of_analysis("baseline", "The baseline is measured", f.analysis, "evaluation",
                      "connect a text to analyze/model"),
          there("hardware", kAnalysis, "The hardware's needs are assessed", !f.hardware.is_null(),
                "the target and its score are known", "connect the output hardware of analyze/hardware"),
          limits(f.strategy),
          methods(f.strategy),
          risks(f.strategy),
          there("rollback", kStrategy, "A way back is ready", f.original,
                "the original model is an artifact of this run, and no step changes it",
                "connect the original model to the input original"),
          gate("configuration", kEnvironment, "The environment is configured", State::pass,
               "this stage runs in it: its plugins are loaded and its workspace is writable"),
          there("test_data", kEnvironment, "Test data are there", f.text, "a text is connected",
                "connect the text to the input text"),
          there("calibration_data", kEnvironment, "Calibration data are there", f.calibration,
                "a text is connected", "without one methods that need it take the bundled text"),
          there("evaluation_tools", kEnvironment, "The evaluation works",
                f.analysis.is_object() && f.analysis.contains("evaluation"), "it measured the baseline",
                "it has measured nothing yet"),
          gate("monitoring", kEnvironment, "Monitoring is set up", State::not_run,
               "nothing here can tell; presswork run --metrics-file FILE writes metrics for Prometheus")};
}

std::vector<Gate> after_compression(const AfterFacts& f) {
  const char* accuracy = "accuracy";
  return {
      of_test(f.test, "basic_inference", "functional", "Basic inference works"),
      of_test(f.test, "loads", "functional", "The interface works: it loads again from disk"),
      of_test(f.test, "edge_cases", "functional", "Edge cases are handled"),
      of_test(f.test, "error_handling", "functional", "Errors are handled"),
      of_test(f.test, "decode_speed", "performance", "It is fast enough"),
      of_test(f.test, "speedup", "performance", "Its throughput is that much better than the baseline's"),
      of_test(f.test, "memory", "performance", "Memory is within its limit"),
      of_test(f.test, "stability", "performance", "It is stable over a long run"),
      there("benchmarks", accuracy, "Standard benchmarks were run", f.accuracy_on_tasks,
            "evaluate/accuracy was run", "connect the metrics of evaluate/accuracy to the input benchmarks"),
      there("scenarios", accuracy, "Your own scenarios were run", f.own_scenarios,
            "an evaluation of them is connected",
            "connect the metrics of an evaluation on your own texts to the input scenarios"),
      of_test(f.test, "accuracy", accuracy, "It compares well with the baseline"),
      acceptance(f.approval, accuracy)};
}

Json to_json(const Gate& gate) {
  return {{"id", gate.id},
          {"group", gate.group},
          {"title", gate.title},
          {"state", name_of(gate.state)},
          {"why", gate.why}};
}

}  // namespace presswork::checking
