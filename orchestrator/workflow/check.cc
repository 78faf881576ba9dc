// The workflow against the stages that exist.
#include <algorithm>

#include "orchestrator/plugins/catalogue.h"
#include "orchestrator/workflow/check_parameters.h"
#include "orchestrator/workflow/names.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {

namespace {

// What every stage offers beside its own outputs: a JSON file of its metrics.
constexpr std::string_view metrics_output = "metrics";

bool accepts(std::string_view wanted, std::string_view offered) {
  if (wanted == offered || wanted == "any" || offered == "any") return true;
  return wanted == "json" && (offered == "metrics" || offered == "analysis");
}

std::vector<std::string> output_names(const plugins::StageDescription& stage) {
  std::vector<std::string> names;
  for (const auto& [name, output] : stage.outputs) names.push_back(name);
  names.emplace_back(metrics_output);
  return names;
}

class StageCheck {
 public:
  StageCheck(const Workflow& workflow, const plugins::Catalogue& catalogue, Faults& faults)
      : workflow_(workflow), catalogue_(catalogue), faults_(faults) {}

  void check(const Node& node, const Stage& stage) {
    const plugins::StageDescription* description = catalogue_.find(stage.uses);
    if (description == nullptr) {
      const std::string hint = suggest(stage.uses, catalogue_.ids());
      faults_.add(stage.uses_where, "there is no stage \"" + stage.uses + "\"",
                  (hint.empty() ? "" : hint + " ") + std::string("\"presswork plugins\" lists them"));
      return;
    }
    check_parameters(workflow_, catalogue_, stage, *description, faults_);
    for (const auto& [name, input] : stage.inputs) check_input(*description, name, input);
    for (const auto& [name, input] : description->inputs) {
      if (input.required && !stage.inputs.contains(name) && !misspelt(*description, stage, name)) {
        add_missing_input(node, stage, name, input.type);
      }
    }
  }

 private:
  // An unknown input that was probably meant to be `name` is reported already.
  static bool misspelt(const plugins::StageDescription& description, const Stage& stage,
                       const std::string& name) {
    return std::any_of(stage.inputs.begin(), stage.inputs.end(), [&](const auto& given) {
      return !description.inputs.contains(given.first) && base::nearest(given.first, {name}) == name;
    });
  }

  void check_input(const plugins::StageDescription& stage, const std::string& name, const Input& input) {
    std::string wanted;
    const auto described = stage.inputs.find(name);
    if (described != stage.inputs.end()) {
      wanted = described->second.type;
    } else if (stage.additional_inputs) {
      wanted = *stage.additional_inputs;
    } else {
      std::vector<std::string> names;
      for (const auto& [known, one] : stage.inputs) names.push_back(known);
      faults_.add(input.name_where, stage.id + " has no input \"" + name + "\"",
                  names.empty() ? "it has none" : suggest(name, names));
      return;
    }
    for (const OutputName& candidate : input.candidates) check_output(stage, name, wanted, candidate);
  }

  void check_output(const plugins::StageDescription& reader, const std::string& input,
                    const std::string& wanted, const OutputName& candidate) {
    const std::string& uses = workflow_.find(candidate.node)->stage()->uses;
    const plugins::StageDescription* source = catalogue_.find(uses);
    if (source == nullptr) return;  // reported where it stands
    std::string offered(metrics_output);
    if (candidate.output != metrics_output) {
      const auto output = source->outputs.find(candidate.output);
      if (output == source->outputs.end()) {
        faults_.add(candidate.where,
                    "\"" + candidate.node + "\" (" + uses + ") has no output \"" + candidate.output + "\"",
                    suggest(candidate.output, output_names(*source)));
        return;
      }
      offered = output->second.type;
    }
    if (accepts(wanted, offered)) return;
    std::vector<std::string> fitting;
    for (const auto& [name, output] : source->outputs) {
      if (accepts(wanted, output.type)) fitting.push_back(candidate.node + "." + name);
    }
    faults_.add(candidate.where,
                candidate.text() + " is of type " + offered + ", but the input \"" + input + "\" of " +
                    reader.id + " takes " + wanted,
                fitting.empty() ? offer(wanted, nullptr) : "did you mean \"" + fitting.front() + "\"?");
  }

  void add_missing_input(const Node& node, const Stage& stage, const std::string& name,
                         const std::string& type) {
    std::string hint = offer(type, &node);
    faults_.add(stage.uses_where, stage.uses + " needs the input \"" + name + "\" (" + type + ")",
                std::move(hint));
  }

  // The outputs of that type in this workflow.
  std::string offer(const std::string& type, const Node* reader) const {
    std::string names;
    for (const Node& node : workflow_.nodes) {
      const plugins::StageDescription* stage = node.stage() ? catalogue_.find(node.stage()->uses) : nullptr;
      if (stage == nullptr || &node == reader) continue;
      for (const auto& [name, output] : stage->outputs) {
        if (output.type == type && names.size() < 80)
          names += (names.empty() ? "" : ", ") + node.id + "." + name;
      }
    }
    return names.empty() ? "" : "of type " + type + " there is: " + names;
  }

  const Workflow& workflow_;
  const plugins::Catalogue& catalogue_;
  Faults& faults_;
};

}  // namespace

void check(const Workflow& workflow, const plugins::Catalogue& catalogue) {
  Faults faults;
  StageCheck check_stage(workflow, catalogue, faults);
  for (const Node& node : workflow.nodes) {
    if (const Stage* stage = node.stage()) check_stage.check(node, *stage);
  }
  check_expressions(workflow, &catalogue, faults);
  faults.throw_if_any();
}

}  // namespace presswork::workflow
