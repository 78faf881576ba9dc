// check/before-compression and check/after-compression: the guide's checklists as stages.
#include <algorithm>

#include "plugins/checking/approval.h"
#include "plugins/checking/gates.h"
#include "plugins/modelkit/formats/json_text.h"
#include "plugins/modelkit/formats/safetensors_writer.h"
#include "presswork/stage.hpp"

namespace presswork {

using namespace checking;

namespace {

constexpr std::uint64_t kLargestFile = 64u << 20;

Json read(const Context& context, const char* input) {
  const auto path = context.optional_input(input);
  return path ? Json(modelkit::parse_json(modelkit::read_text_file(*path, kLargestFile), path->string()))
              : Json();
}

Json describe_check(const char* title, const char* text, const Json& inputs, const Json& gates) {
  Json description = Json::parse(R"json({
    "parameters": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "required": {"type": "array", "items": {"type": "string"}, "default": [], "description": "Gates that must pass, by name; the others only must not fail."}
      }
    },
    "outputs": {"checklist": {"type": "checklist", "description": "Every gate with its state and reason, as JSON."}},
    "metrics": {
      "ok": {"type": "boolean", "headline": true, "description": "No gate failed, and every required one passed."},
      "passed": {"type": "integer", "description": "Gates that passed."},
      "failed": {"type": "integer", "description": "Gates that failed."},
      "not_run": {"type": "integer", "description": "Gates that nothing was there for."},
      "states": {"type": "object", "description": "Gate to pass, fail or not_run."},
      "problems": {"type": "string", "description": "What failed, or is required and was not run, and why."}
    },
    "cacheable": true,
    "reads_run": false
  })json");
  description["title"] = title;
  description["description"] = text;
  description["inputs"] = inputs;
  description["parameters"]["properties"]["required"]["items"]["enum"] = gates;
  return description;
}

Json names_of(const std::vector<Gate>& gates) {
  Json names = Json::array();
  for (const Gate& gate : gates) names.push_back(gate.id);
  return names;
}

Json input(const char* type, const char* text) {
  return {{"type", type}, {"required", false}, {"description", text}};
}

void conclude(const Context& context, const std::vector<Gate>& gates) {
  const auto required = context.parameter<std::vector<std::string>>("required");
  Json list = Json::array(), states = Json::object();
  std::string problems;
  int counts[3] = {0, 0, 0};
  for (const Gate& gate : gates) {
    list.push_back(to_json(gate));
    states[gate.id] = name_of(gate.state);
    ++counts[static_cast<int>(gate.state)];
    const bool needed = std::find(required.begin(), required.end(), gate.id) != required.end();
    if (gate.state == State::pass || (gate.state == State::not_run && !needed)) continue;
    problems += (problems.empty() ? "" : "; ") + gate.title.text() + " (" + name_of(gate.state) +
                "): " + gate.why.text();
  }
  const auto path = context.work_dir() / "checklist.json";
  modelkit::write_file_atomically(path, Json({{"presswork_checklist", 1}, {"items", list}}).dump(2) + "\n");
  context.output("checklist", path);
  context.metric("ok", problems.empty());
  context.metric("passed", counts[0]);
  context.metric("failed", counts[1]);
  context.metric("not_run", counts[2]);
  context.metric("states", states);
  context.metric("problems", problems);
}

}  // namespace

class CheckBefore : public Stage {
 public:
  static constexpr const char* id = "check/before-compression";
  static Json describe() {
    return describe_check("Checklist before compression",
                          "The guide's checklist: the model is analysed, the strategy is fixed, the "
                          "environment is ready. Each gate is "
                          "judged on what is connected, and passes, fails or is not run, with the reason.",
                          {{"analysis", input("analysis", "Of analyze/model.")},
                           {"hardware", input("hardware", "Of analyze/hardware.")},
                           {"strategy", input("strategy", "Of strategy/plan.")},
                           {"text", input("text", "That perplexity is measured on.")},
                           {"calibration", input("text", "That methods are calibrated on.")},
                           {"original", input("model", "The model as it was loaded: the way back.")}},
                          names_of(before_compression({})));
  }
  void run(const Context& context) override {
    BeforeFacts facts;
    facts.analysis = read(context, "analysis");
    facts.hardware = read(context, "hardware");
    facts.strategy = read(context, "strategy");
    facts.text = context.optional_input("text").has_value();
    facts.calibration = context.optional_input("calibration").has_value();
    facts.original = context.optional_input("original").has_value();
    conclude(context, before_compression(facts));
  }
};

class CheckAfter : public Stage {
 public:
  static constexpr const char* id = "check/after-compression";
  static Json describe() {
    return describe_check(
        "Checklist after compression",
        "The guide's checklist: the compressed model works, performs and is accurate. Each gate is judged on "
        "what is "
        "connected, and passes, fails or is not run, with the reason.",
        {{"test", input("deployment-test", "Of deploy/test.")},
         {"benchmarks", input("metrics", "Metrics of evaluate/accuracy.")},
         {"scenarios", input("metrics", "Metrics of an evaluation on texts or prompts of your own.")},
         {"approval", input("approval", "Of check/approval: that users accept it.")}},
        names_of(after_compression({})));
  }
  void run(const Context& context) override {
    AfterFacts facts;
    facts.test = read(context, "test");
    facts.accuracy_on_tasks = context.optional_input("benchmarks").has_value();
    facts.own_scenarios = context.optional_input("scenarios").has_value();
    facts.approval = read(context, "approval");
    conclude(context, after_compression(facts));
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-checking", "0.1.0", presswork::CheckBefore, presswork::CheckAfter,
                 presswork::CheckApproval);
