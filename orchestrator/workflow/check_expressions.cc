#include "orchestrator/workflow/names.h"
#include "orchestrator/workflow/param_value.h"

namespace presswork::workflow {

using base::Error;

namespace {

bool fits(Type type, Type wanted) {
  return type == wanted || type == Type::any || wanted == Type::any ||
         (wanted == Type::number && type == Type::integer);
}

class ExpressionCheck {
 public:
  ExpressionCheck(TypeOf type_of, Faults& faults) : type_of_(std::move(type_of)), faults_(faults) {}

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

  void max(const Template& max) {
    for (const Template::Hole& one : max.holes()) {
      hole(one);
      const auto type = check(one.expression, true);
      if (type && !(one.whole && fits(*type, Type::number))) {
        faults_.add(one.expression.where(), "\"max\" takes an integer; this is " +
                                                std::string(to_string(one.whole ? *type : Type::string)));
      }
    }
  }

  void choice(const Choice& choice) {
    if (choice.where) boolean(*choice.where, "\"where\"");
    if (!choice.objective) return;
    const auto type = check(*choice.objective);
    if (type && !fits(*type, Type::number)) {
      faults_.add(choice.objective->where(), std::string(choice.maximize ? "\"maximize\"" : "\"minimize\"") +
                                                 " takes a number; this is " + std::string(to_string(*type)));
    }
  }

  void metrics(const Exports& exports) {
    for (const auto& [name, expression] : exports.metrics) check(expression);
  }

  // A value that is to become that of a state variable.
  void state(const StateVariable& variable, const Template& value, const base::Where& where) {
    for (const Template::Hole& one : value.holes()) hole(one);
    Param param;
    param.name = variable.name;
    param.type = *variable.type;
    if (value.is_literal()) {
      const std::string fault = value_fault(param, value.source());
      if (!fault.empty()) faults_.add(where, "the state \"" + variable.name + "\" " + fault);
      return;
    }
    if (!value.holes().front().whole || !value.source().is_string()) return;
    const auto type = check(value.holes().front().expression, true);
    const Type wanted = expression_type(*variable.type);
    if (type && !fits(*type, wanted)) {
      faults_.add(value.holes().front().expression.where(),
                  "the state \"" + variable.name + "\" is " + std::string(to_string(wanted)) +
                      ", but this is " + std::string(to_string(*type)),
                  wanted == Type::integer && *type == Type::number
                      ? "int(x) and round(x) make an integer of a number"
                      : "");
    }
  }

 private:
  std::optional<Type> check(const Expression& expression, bool silent = false) {
    try {
      const Type type = expression.check(type_of_);
      if (expression.names().empty()) expression.evaluate({});  // what is constant can fail now as well
      return type;
    } catch (const Error& error) {
      if (!silent) faults_.add(error.where, error.message, error.hint);
      return {};
    }
  }

  TypeOf type_of_;
  Faults& faults_;
};

bool reads_only_params(const Template& value) {
  for (const Template::Hole& hole : value.holes()) {
    for (const Name& name : hole.expression.names()) {
      if (name.parts[0] != "params") return false;
    }
  }
  return true;
}

void check_static(const Template& value, const base::Where& where, std::string_view what, Faults& faults) {
  if (reads_only_params(value)) return;
  faults.add(where, std::string(what) + " must be known before the run", "only params.NAME can be read here");
}

void check_loop(const View& view, const Node& node, const plugins::Catalogue* catalogue, Faults& faults) {
  const Loop& loop = *node.loop();
  ExpressionCheck outside(type_of_names(view, catalogue, nullptr), faults);
  const View body = view.inside(loop);
  ExpressionCheck inside(type_of_names(body, catalogue, nullptr), faults);
  outside.max(loop.max);
  check_static(loop.max, loop.max_where, "\"max\"", faults);
  for (const StateVariable& variable : loop.state) {
    if (variable.type) outside.state(variable, variable.initial, variable.where);
  }
  for (const LoopCase& one : loop.decide) {
    if (one.when) inside.boolean(*one.when, "\"when\"");
    for (const auto& [name, value] : one.set) inside.state(*loop.variable(name), value, one.where);
  }
  inside.choice(loop.best);
  inside.metrics(loop.exports);
}

}  // namespace

void check_expressions(const Workflow& workflow, const plugins::Catalogue* catalogue, Faults& faults) {
  walk(View::of(workflow), [&](const View& view) {
    for (const Node& node : view.scope->nodes) {
      ExpressionCheck check(type_of_names(view, catalogue, &node), faults);
      if (const Stage* stage = node.stage()) {
        for (const Template::Hole& hole : stage->with.holes()) check.hole(hole);
        if (!stage->matrix) continue;
        for (const Matrix::Axis& axis : stage->matrix->axes) {
          for (const Template::Hole& hole : axis.values.holes()) check.hole(hole);
          check_static(axis.values, axis.where, "a matrix", faults);
        }
      } else if (const Decision* decision = node.decision()) {
        for (const Case& one : decision->cases) {
          if (one.when) check.boolean(*one.when, "\"when\"");
        }
      } else if (const Select* select = node.select()) {
        check.choice(select->choice);
        check.metrics(select->exports);
      } else {
        check_loop(view, node, catalogue, faults);
      }
    }
  });
  ExpressionCheck check(type_of_names(View::of(workflow), catalogue, nullptr), faults);
  for (const ChecklistItem& item : workflow.checklist) check.boolean(item.expression, "\"check\"");
}

}  // namespace presswork::workflow
