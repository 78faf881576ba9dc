// The types of the names in expressions.
#include "orchestrator/workflow/names.h"

#include "orchestrator/plugins/catalogue.h"
#include "orchestrator/workflow/param_value.h"

namespace presswork::workflow {

using base::Error;
using base::ErrorCode;

namespace {

[[noreturn]] void unknown(std::string message, std::string hint) {
  throw Error(ErrorCode::invalid_workflow, std::move(message), std::move(hint));
}

Type metric_type(std::string_view name) {
  if (name == "number") return Type::number;
  if (name == "integer") return Type::integer;
  if (name == "string") return Type::string;
  if (name == "boolean") return Type::boolean;
  if (name == "object") return Type::object;
  return name == "array" ? Type::list : Type::any;
}

Type type_of_value(const base::Json& value) {
  if (value.is_boolean()) return Type::boolean;
  if (value.is_number_integer()) return Type::integer;
  if (value.is_number()) return Type::number;
  if (value.is_string()) return Type::string;
  if (value.is_array()) return Type::list;
  return value.is_object() ? Type::object : Type::null;
}

class TypeFinder {
 public:
  TypeFinder(const View& view, const plugins::Catalogue* catalogue, const Node* reader)
      : view_(view), catalogue_(catalogue), reader_(reader) {}

  Type operator()(const Name& name) const {
    const std::string& first = name.parts[0];
    if (first == "params") return of_param(name);
    if (first == "state") return of_state(view_.loop, name, 1);
    if (first == "loop") return of_iteration(name);
    if (first == "matrix") return of_cell(reader_, name, 1);
    const View::Found found = view_.find(first);
    if (!found) {
      if (view_.workflow->param(first) != nullptr) {
        unknown("unknown name \"" + name.text() + "\"", "a parameter is written params." + first);
      }
      if (view_.loop != nullptr && view_.loop->variable(first) != nullptr) {
        unknown("unknown name \"" + name.text() + "\"", "the loop's state is written state." + first);
      }
      std::vector<std::string> candidates = view_.ids();
      candidates.emplace_back("params");
      unknown("unknown name \"" + name.text() + "\"", suggest(first, candidates));
    }
    if (found.node->decision() != nullptr) return of_decision(name);
    if (found.node->loop() != nullptr) return of_loop(found, name);
    if (found.node->select() != nullptr) return of_select(found, name);
    const Type one = of_metric(*found.node->stage(), name);
    return view_.sees_many(reader_, *found.node) ? Type::list : one;
  }

 private:
  Type of_param(const Name& name) const {
    std::vector<std::string> names;
    for (const Param& param : view_.workflow->params) names.push_back(param.name);
    const std::string wanted = name.parts.size() > 1 ? name.parts[1] : "";
    const Param* param = view_.workflow->param(wanted);
    if (wanted.empty()) unknown("\"params\" alone is no value", "write params.NAME");
    if (param == nullptr) {
      unknown("there is no parameter \"" + wanted + "\"",
              names.empty() ? "declare it under \"params:\"" : suggest(wanted, names));
    }
    if (name.parts.size() > 2)
      unknown("\"" + name.text() + "\": a parameter has no parts", "write params." + wanted);
    return expression_type(param->type);
  }

  static Type of_state(const Loop* loop, const Name& name, std::size_t at) {
    if (loop == nullptr) unknown("\"" + name.text() + "\" stands outside of a loop", "only a loop has state");
    std::vector<std::string> names;
    for (const StateVariable& variable : loop->state) names.push_back(variable.name);
    if (name.parts.size() <= at) unknown("\"" + name.text() + "\" alone is no value", "write state.NAME");
    const StateVariable* variable = loop->variable(name.parts[at]);
    if (variable == nullptr) {
      unknown("the loop has no state \"" + name.parts[at] + "\"",
              names.empty() ? "declare it under \"state:\"" : suggest(name.parts[at], names));
    }
    if (!variable->type) {
      unknown("\"" + name.text() + "\" is an artifact, and no value", "read it as an input of a stage");
    }
    if (name.parts.size() > at + 1) unknown("\"" + name.text() + "\": a state variable has no parts", "");
    return expression_type(*variable->type);
  }

  Type of_iteration(const Name& name) const {
    if (view_.loop == nullptr) unknown("\"" + name.text() + "\" stands outside of a loop", "");
    if (name.parts.size() != 2 || name.parts[1] != "iteration") {
      unknown("\"" + name.text() + "\" is no value", "a loop offers loop.iteration, from 1");
    }
    return Type::integer;
  }

  Type of_cell(const Node* node, const Name& name, std::size_t at) const {
    const Node* lineage = node == nullptr ? nullptr : view_.lineage(*node);
    if (lineage == nullptr) {
      unknown("\"" + name.text() + "\" stands outside of a matrix", "give the stage a \"matrix:\"");
    }
    const Matrix& matrix = *lineage->matrix();
    if (name.parts.size() != at + 1) unknown("\"" + name.text() + "\" is no value", "write matrix.NAME");
    const std::string& wanted = name.parts[at];
    std::vector<std::string> names;
    std::optional<Type> type;
    const auto join = [&](Type next) {
      if (!type || *type == next) {
        type = next;
      } else {
        const bool numbers = (*type == Type::integer || *type == Type::number) &&
                             (next == Type::integer || next == Type::number);
        type = numbers ? Type::number : Type::any;
      }
    };
    for (const Matrix::Axis& axis : matrix.axes) {
      names.push_back(axis.name);
      if (axis.name != wanted) continue;
      if (!axis.values.is_literal() || !axis.values.source().is_array()) {
        join(Type::any);
      } else {
        for (const base::Json& value : axis.values.source()) join(type_of_value(value));
      }
    }
    for (const Matrix::Entry& entry : matrix.include) {
      const auto value = entry.cell.find(wanted);
      if (value != entry.cell.end()) join(type_of_value(*value));
    }
    if (!type) unknown("the matrix has no value \"" + wanted + "\"", suggest(wanted, names));
    return *type;
  }

  static Type of_decision(const Name& name) {
    if (name.parts.size() == 2 && name.parts[1] == "branch") return Type::string;
    unknown("\"" + name.text() + "\" is no value",
            "of a decision, expressions read " + name.parts[0] + ".branch");
  }

  // A metric that an export adds; nothing when there is none of that name.
  std::optional<Type> of_export(const Exports& exports, const View& inside, const Node* reader,
                                const Name& name) const {
    const auto found = exports.metrics.find(name.parts[2]);
    if (found == exports.metrics.end()) return std::nullopt;
    try {
      const Type type = found->second.check(type_of_names(inside, catalogue_, reader));
      return name.parts.size() == 3 ? type : Type::any;
    } catch (const Error&) {
      return Type::any;  // reported where it stands
    }
  }

  Type of_loop(const View::Found& found, const Name& name) const {
    const Loop& loop = *found.node->loop();
    const std::string& id = name.parts[0];
    if (name.parts.size() >= 3 && name.parts[1] == "state") return of_state(&loop, name, 2);
    if (name.parts.size() < 3 || name.parts[1] != "metrics") {
      unknown("\"" + name.text() + "\" is no value",
              "of a loop, expressions read " + id + ".metrics.NAME and " + id + ".state.NAME");
    }
    if (name.parts.size() == 3 && name.parts[2] == "iterations") return Type::integer;
    if (name.parts.size() == 3 && name.parts[2] == "iteration") return Type::integer;
    if (name.parts.size() == 3 && name.parts[2] == "outcome") return Type::string;
    if (const auto type = of_export(loop.exports, found.view->inside(loop), nullptr, name)) return *type;
    std::vector<std::string> names = {"iterations", "iteration", "outcome"};
    for (const auto& [known, expression] : loop.exports.metrics) names.push_back(known);
    unknown("the loop " + id + " has no metric \"" + name.parts[2] + "\"",
            suggest(name.parts[2], names) + " (\"metrics:\" of the loop adds some)");
  }

  Type of_select(const View::Found& found, const Name& name) const {
    const Select& select = *found.node->select();
    const std::string& id = name.parts[0];
    if (name.parts.size() >= 3 && name.parts[1] == "matrix") {
      return TypeFinder(*found.view, catalogue_, found.node).of_cell(found.node, name, 2);
    }
    if (name.parts.size() < 3 || name.parts[1] != "metrics") {
      unknown("\"" + name.text() + "\" is no value",
              "of a selection, expressions read " + id + ".metrics.NAME and " + id + ".matrix.NAME");
    }
    if (const auto type = of_export(select.exports, *found.view, found.node, name)) return *type;
    const View::Found from = found.view->find(select.from);
    if (!from || from.node->stage() == nullptr) return Type::any;  // reported where it stands
    return of_metric(*from.node->stage(), name);
  }

  Type of_metric(const Stage& stage, const Name& name) const {
    const std::string& id = name.parts[0];
    if (name.parts.size() < 3 || name.parts[1] != "metrics") {
      unknown("\"" + name.text() + "\" is no value",
              "of a stage, expressions read metrics: " + id + ".metrics.NAME");
    }
    const plugins::StageDescription* description =
        catalogue_ == nullptr ? nullptr : catalogue_->find(stage.uses);
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

  const View view_;
  const plugins::Catalogue* catalogue_;
  const Node* reader_;
};

}  // namespace

TypeOf type_of_names(const View& view, const plugins::Catalogue* catalogue, const Node* reader) {
  return TypeFinder(view, catalogue, reader);
}

}  // namespace presswork::workflow
