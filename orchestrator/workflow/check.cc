// The workflow against the stages that exist.
#include <algorithm>

#include "orchestrator/plugins/catalogue.h"
#include "orchestrator/workflow/check_parameters.h"
#include "orchestrator/workflow/names.h"
#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {

namespace {

bool accepts(std::string_view wanted, std::string_view offered) {
  if (wanted == offered || wanted == "any" || offered == "any") return true;
  return wanted == "json" && (offered == "metrics" || offered == "analysis");
}

class StageCheck {
 public:
  StageCheck(const View& view, const plugins::Catalogue& catalogue, Faults& faults)
      : view_(view), catalogue_(catalogue), faults_(faults) {}

  void check(const Node& node) {
    if (node.stage() != nullptr) {
      check_stage(node, *node.stage());
    } else if (const Select* select = node.select()) {
      for (const auto& [name, input] : select->exports.outputs) check_export(view_, &node, input);
    } else if (const Loop* loop = node.loop()) {
      for (const auto& [name, input] : loop->exports.outputs)
        check_export(view_.inside(*loop), nullptr, input);
      check_state(*loop);
    }
  }

 private:
  void check_stage(const Node& node, const Stage& stage) {
    if (stage.uses.empty()) return;  // reported where the node was read
    const plugins::StageDescription* description = catalogue_.find(stage.uses);
    if (description == nullptr) {
      const std::string hint = suggest(stage.uses, catalogue_.ids());
      faults_.add(stage.uses_where, "there is no stage \"" + stage.uses + "\"",
                  (hint.empty() ? "" : hint + " ") + std::string("\"presswork plugins\" lists them"));
      return;
    }
    check_parameters(view_, catalogue_, node, *description, faults_);
    for (const auto& [name, input] : stage.inputs) check_input(node, *description, name, input);
    for (const auto& [name, input] : description->inputs) {
      if (input.required && !stage.inputs.contains(name) && !misspelt(*description, stage, name)) {
        add_missing_input(node, stage, name, input.type);
      }
    }
  }

  void check_export(const View& view, const Node* reader, const Input& input) {
    for (const OutputName& candidate : input.candidates) {
      type_of_output(view, catalogue_, candidate, faults_);
      check_single(view, reader, candidate, "an output");
    }
  }

  // An artifact that a loop carries keeps its type.
  void check_state(const Loop& loop) {
    for (const StateVariable& variable : loop.state) {
      if (variable.type || variable.initial_artifact.candidates.empty()) continue;
      check_export(view_, nullptr, variable.initial_artifact);
      Faults reported;
      const auto type =
          type_of_output(view_, catalogue_, variable.initial_artifact.candidates.front(), reported);
      for (const LoopCase& one : loop.decide) {
        const auto set = one.set_artifacts.find(variable.name);
        if (set == one.set_artifacts.end()) continue;
        const View inside = view_.inside(loop);
        for (const OutputName& candidate : set->second.candidates) {
          check_single(inside, nullptr, candidate, "the state \"" + variable.name + "\"");
          const auto next = type_of_output(inside, catalogue_, candidate, faults_);
          if (!type || !next || *type == *next) continue;
          faults_.add(candidate.where, candidate.text() + " is of type " + *next + ", but the state \"" +
                                           variable.name + "\" is " + *type);
        }
      }
    }
  }

  // Reading all instances of a stage where only one has room.
  void check_single(const View& view, const Node* reader, const OutputName& candidate,
                    const std::string& what) {
    const View::Found found = view.find(candidate.node);
    if (!found || !view.sees_many(reader, *found.node)) return;
    faults_.add(
        candidate.where, "\"" + candidate.node + "\" has many instances, and " + what + " is one of them",
        "pick one with \"select: {from: " + candidate.node + ", …}\"" +
            (reader != nullptr ? ", or give \"" + reader->id + "\" matrix: {from: " + candidate.node + "}"
                               : ""));
  }

  // An unknown input that was probably meant to be `name` is reported already.
  static bool misspelt(const plugins::StageDescription& description, const Stage& stage,
                       const std::string& name) {
    return std::any_of(stage.inputs.begin(), stage.inputs.end(), [&](const auto& given) {
      return !description.inputs.contains(given.first) && base::nearest(given.first, {name}) == name;
    });
  }

  void check_input(const Node& node, const plugins::StageDescription& stage, const std::string& name,
                   const Input& input) {
    std::string wanted;
    bool many = false;
    const auto described = stage.inputs.find(name);
    if (described != stage.inputs.end()) {
      wanted = described->second.type;
      many = described->second.many;
    } else if (stage.additional_inputs) {
      wanted = *stage.additional_inputs;
      many = true;
    } else {
      std::vector<std::string> names;
      for (const auto& [known, one] : stage.inputs) names.push_back(known);
      faults_.add(input.name_where, stage.id + " has no input \"" + name + "\"",
                  names.empty() ? "it has none" : suggest(name, names));
      return;
    }
    for (const OutputName& candidate : input.candidates) {
      check_output(stage, name, wanted, candidate);
      if (!many) check_single(view_, &node, candidate, "the input \"" + name + "\" of " + stage.id);
    }
  }

  void check_output(const plugins::StageDescription& reader, const std::string& input,
                    const std::string& wanted, const OutputName& candidate) {
    const auto offered = type_of_output(view_, catalogue_, candidate, faults_);
    if (!offered || accepts(wanted, *offered)) return;
    std::vector<std::string> fitting;
    const View::Found found = view_.find(candidate.node);
    const Stage* stage = found ? found.node->stage() : nullptr;
    const plugins::StageDescription* source = stage == nullptr ? nullptr : catalogue_.find(stage->uses);
    if (source != nullptr) {
      for (const auto& [name, output] : source->outputs) {
        if (accepts(wanted, output.type)) fitting.push_back(candidate.node + "." + name);
      }
    }
    faults_.add(candidate.where,
                candidate.text() + " is of type " + *offered + ", but the input \"" + input + "\" of " +
                    reader.id + " takes " + wanted,
                fitting.empty() ? offer(wanted, nullptr) : "did you mean \"" + fitting.front() + "\"?");
  }

  void add_missing_input(const Node& node, const Stage& stage, const std::string& name,
                         const std::string& type) {
    std::string hint = offer(type, &node);
    faults_.add(stage.uses_where, stage.uses + " needs the input \"" + name + "\" (" + type + ")",
                std::move(hint));
  }

  // The outputs of that type among the nodes beside this one.
  std::string offer(const std::string& type, const Node* reader) const {
    std::string names;
    for (const Node& node : view_.scope->nodes) {
      const plugins::StageDescription* stage = node.stage() ? catalogue_.find(node.stage()->uses) : nullptr;
      if (stage == nullptr || &node == reader) continue;
      for (const auto& [name, output] : stage->outputs) {
        if (output.type == type && names.size() < 80)
          names += (names.empty() ? "" : ", ") + node.id + "." + name;
      }
    }
    return names.empty() ? "" : "of type " + type + " there is: " + names;
  }

  const View view_;
  const plugins::Catalogue& catalogue_;
  Faults& faults_;
};

}  // namespace

void check(const Workflow& workflow, const plugins::Catalogue& catalogue, Faults& faults) {
  walk(View::of(workflow), [&](const View& view) {
    StageCheck check(view, catalogue, faults);
    for (const Node& node : view.scope->nodes) check.check(node);
  });
  check_expressions(workflow, &catalogue, faults);
}

void check(const Workflow& workflow, const plugins::Catalogue& catalogue) {
  Faults faults;
  check(workflow, catalogue, faults);
  faults.throw_if_any();
}

}  // namespace presswork::workflow
