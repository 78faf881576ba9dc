#include "orchestrator/workflow/names.h"

#include <algorithm>
#include <optional>

#include "orchestrator/plugins/catalogue.h"
#include "orchestrator/workflow/param_value.h"

namespace presswork::workflow {

using base::Error;
using base::ErrorCode;

namespace {

[[noreturn]] void unknown(std::string message, std::string hint) {
  throw Error(ErrorCode::invalid_workflow, std::move(message), std::move(hint));
}

Type type_of_param(const Workflow& workflow, const Name& name) {
  std::vector<std::string> names;
  for (const Param& param : workflow.params) names.push_back(param.name);
  const std::string wanted = name.parts.size() > 1 ? name.parts[1] : "";
  const Param* param = workflow.param(wanted);
  if (wanted.empty()) unknown("\"params\" alone is no value", "write params.NAME");
  if (param == nullptr) {
    unknown("there is no parameter \"" + wanted + "\"",
            names.empty() ? "declare it under \"params:\"" : suggest(wanted, names));
  }
  if (name.parts.size() > 2)
    unknown("\"" + name.text() + "\": a parameter has no parts", "write params." + wanted);
  return expression_type(param->type);
}

Type metric_type(std::string_view name) {
  if (name == "number") return Type::number;
  if (name == "integer") return Type::integer;
  if (name == "string") return Type::string;
  if (name == "boolean") return Type::boolean;
  if (name == "object") return Type::object;
  return name == "array" ? Type::list : Type::any;
}

Type type_of_metric(const Stage& stage, const Name& name, const plugins::Catalogue* catalogue) {
  const std::string& id = name.parts[0];
  if (name.parts.size() < 3 || name.parts[1] != "metrics") {
    unknown("\"" + name.text() + "\" is no value",
            "of a stage, expressions read metrics: " + id + ".metrics.NAME");
  }
  const plugins::StageDescription* description = catalogue == nullptr ? nullptr : catalogue->find(stage.uses);
  if (description == nullptr) return Type::any;
  const auto metric = description->metrics.find(name.parts[2]);
  if (metric == description->metrics.end()) {
    std::vector<std::string> names;
    for (const auto& [known, described] : description->metrics) names.push_back(known);
    unknown(stage.uses + " has no metric \"" + name.parts[2] + "\"",
            names.empty() ? "it has none" : suggest(name.parts[2], names));
  }
  const Type type = metric_type(metric->second.type);
  if (name.parts.size() == 3 || type == Type::any) return type;
  if (type != Type::object) {
    unknown("\"" + name.text() + "\": " + name.parts[2] + " is " + std::string(to_string(type)) +
                " and has no parts",
            "");
  }
  return Type::any;
}

Type type_of(const Workflow& workflow, const plugins::Catalogue* catalogue, const Name& name) {
  const std::string& first = name.parts[0];
  if (first == "params") return type_of_param(workflow, name);
  const Node* node = workflow.find(first);
  if (node == nullptr) {
    if (workflow.param(first) != nullptr) {
      unknown("unknown name \"" + name.text() + "\"", "a parameter is written params." + first);
    }
    std::vector<std::string> candidates = node_ids(workflow);
    candidates.emplace_back("params");
    unknown("unknown name \"" + name.text() + "\"", suggest(first, candidates));
  }
  if (node->decision() == nullptr) return type_of_metric(*node->stage(), name, catalogue);
  if (name.parts.size() != 2 || name.parts[1] != "branch") {
    unknown("\"" + name.text() + "\" is no value", "of a decision, expressions read " + first + ".branch");
  }
  return Type::string;
}

class ExpressionCheck {
 public:
  ExpressionCheck(const Workflow& workflow, const plugins::Catalogue* catalogue, Faults& faults)
      : type_of_(type_of_names(workflow, catalogue)), faults_(faults) {}

  void boolean(const Expression& expression, std::string_view what) {
    const auto type = check(expression);
    if (!type || *type == Type::boolean || *type == Type::any) return;
    const bool number = *type == Type::integer || *type == Type::number;
    faults_.add(expression.where(),
                std::string(what) + " must be true or false; this is " + std::string(to_string(*type)),
                number || *type == Type::string
                    ? "compare it with something: " + expression.text() + (number ? " > 0" : " == 'abc'")
                    : "");
  }

  void hole(const Template::Hole& hole) {
    const auto type = check(hole.expression);
    if (type && !hole.whole && (*type == Type::list || *type == Type::object || *type == Type::null)) {
      faults_.add(hole.expression.where(), std::string(to_string(*type)) + " cannot be put into a text",
                  "let ${{ … }} stand alone");
    }
  }

 private:
  std::optional<Type> check(const Expression& expression) {
    try {
      return expression.check(type_of_);
    } catch (const Error& error) {
      faults_.add(error);
      return {};
    }
  }

  TypeOf type_of_;
  Faults& faults_;
};

void add_unknown_node(const Workflow& workflow, const std::string& id, const base::Where& where,
                      Faults& faults) {
  faults.add(where, "there is no node \"" + id + "\"", suggest(id, node_ids(workflow)));
}

void check_candidate(const Workflow& workflow, const OutputName& candidate, Faults& faults) {
  const Node* node = workflow.find(candidate.node);
  if (node == nullptr) {
    add_unknown_node(workflow, candidate.node, candidate.where, faults);
  } else if (node->decision() != nullptr) {
    faults.add(candidate.where, "\"" + candidate.node + "\" is a decision and has no outputs",
               "to run after it, name it in \"after:\"");
  }
}

void check_after(const Workflow& workflow, const After& after, Faults& faults) {
  const Node* node = workflow.find(after.node);
  if (node == nullptr) {
    add_unknown_node(workflow, after.node, after.where, faults);
  } else if (!after.branch.empty() && node->decision() == nullptr) {
    faults.add(after.where, "\"" + after.node + "\" is a stage and has no branches",
               "write \"" + after.node + "\"");
  } else if (!after.branch.empty()) {
    const std::vector<std::string> branches = node->decision()->branches();
    if (std::find(branches.begin(), branches.end(), after.branch) == branches.end()) {
      faults.add(after.where, "the decision \"" + after.node + "\" has no branch \"" + after.branch + "\"",
                 suggest(after.branch, branches));
    }
  }
}

}  // namespace

std::vector<std::string> node_ids(const Workflow& workflow) {
  std::vector<std::string> ids;
  for (const Node& node : workflow.nodes) ids.push_back(node.id);
  return ids;
}

TypeOf type_of_names(const Workflow& workflow, const plugins::Catalogue* catalogue) {
  return [&workflow, catalogue](const Name& name) { return type_of(workflow, catalogue, name); };
}

void check_expressions(const Workflow& workflow, const plugins::Catalogue* catalogue, Faults& faults) {
  ExpressionCheck check(workflow, catalogue, faults);
  for (const Node& node : workflow.nodes) {
    if (const Stage* stage = node.stage()) {
      for (const Template::Hole& hole : stage->with.holes()) check.hole(hole);
    } else {
      for (const Case& one : node.decision()->cases) {
        if (one.when) check.boolean(*one.when, "\"when\"");
      }
    }
  }
  for (const ChecklistItem& item : workflow.checklist) check.boolean(item.expression, "\"check\"");
}

void check_edges(const Workflow& workflow, Faults& faults) {
  for (const Node& node : workflow.nodes) {
    for (const After& after : node.after) check_after(workflow, after, faults);
    if (node.stage() == nullptr) continue;
    for (const auto& [name, input] : node.stage()->inputs) {
      for (const OutputName& candidate : input.candidates) check_candidate(workflow, candidate, faults);
    }
  }
}

}  // namespace presswork::workflow
