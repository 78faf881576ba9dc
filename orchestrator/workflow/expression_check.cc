// Static types of expressions, so that faults are found before the run.
#include <optional>

#include "orchestrator/workflow/expression_tree.h"

namespace presswork::workflow::detail {

namespace {

using Node = Expression::Node;
using Kind = Node::Kind;

bool numeric(Type type) { return type == Type::integer || type == Type::number || type == Type::any; }
bool is_or_any(Type type, Type wanted) { return type == wanted || type == Type::any; }

std::string name_of(Type type) { return std::string(to_string(type)); }

// The type of a value that is one of two; nothing when they have nothing in common.
std::optional<Type> unify(Type a, Type b) {
  if (a == b) return a;
  if (a == Type::any || b == Type::any || a == Type::null || b == Type::null) return Type::any;
  if (numeric(a) && numeric(b)) return Type::number;
  return {};
}

Type type_of_literal(const base::Json& value) {
  if (value.is_boolean()) return Type::boolean;
  if (value.is_number_integer()) return Type::integer;
  if (value.is_number()) return Type::number;
  return value.is_string() ? Type::string : Type::null;
}

[[noreturn]] void wrong_operands(const Node& node, Type left, Type right, std::string_view wanted) {
  fault(node, "\"" + node.word + "\" takes " + std::string(wanted) + ", not " + name_of(left) + " and " +
                  name_of(right));
}

Type check_arithmetic(const Node& node, Type left, Type right) {
  if (node.word == "+") {
    for (const Type type : {Type::string, Type::list}) {
      if ((left == type && is_or_any(right, type)) || (right == type && is_or_any(left, type))) return type;
    }
  }
  if (!numeric(left) || !numeric(right)) {
    wrong_operands(node, left, right, node.word == "+" ? "two numbers, texts or lists" : "two numbers");
  }
  if (node.word == "/") return Type::number;
  if (node.word == "%") {
    if (left == Type::number || right == Type::number) wrong_operands(node, left, right, "two integers");
    return Type::integer;
  }
  if (left == Type::any && right == Type::any) return Type::any;  // two texts may be added
  return left == Type::integer && right == Type::integer ? Type::integer : Type::number;
}

Type check_in(const Node& node, Type left, Type right) {
  if (is_or_any(right, Type::list)) return Type::boolean;
  if (right == Type::object && is_or_any(left, Type::string)) return Type::boolean;
  fault(node, "\"in\" looks into a list, not into " + name_of(right),
        right == Type::string ? "contains(text, part) looks into a text" : "");
}

Type check_binary(const Node& node, Type left, Type right) {
  const std::string& symbol = node.word;
  if (symbol == "&&" || symbol == "||") {
    if (!is_or_any(left, Type::boolean) || !is_or_any(right, Type::boolean)) {
      wrong_operands(node, left, right, "two booleans");
    }
    return Type::boolean;
  }
  if (symbol == "in") return check_in(node, left, right);
  if (symbol == "==" || symbol == "!=") {
    if (!unify(left, right)) {
      fault(node, name_of(left) + " never equals " + name_of(right), "compare values of the same type");
    }
    return Type::boolean;
  }
  if (symbol[0] == '<' || symbol[0] == '>') {
    const bool texts = is_or_any(left, Type::string) && is_or_any(right, Type::string);
    if (!texts && !(numeric(left) && numeric(right)))
      wrong_operands(node, left, right, "two numbers or two texts");
    return Type::boolean;
  }
  return check_arithmetic(node, left, right);
}

[[noreturn]] void wrong_argument(const Node& node, std::string_view wanted, Type got) {
  fault(node, node.word + "() takes " + std::string(wanted) + ", not " + name_of(got),
        "it is written " + std::string(find_function(node.word)->usage));
}

Type check_first(const Node& node, const std::vector<Type>& types) {
  Type type = types[0];
  for (const Type next : types) {
    const std::optional<Type> both = unify(type, next);
    if (!both) fault(node, "first() chooses between " + name_of(type) + " and " + name_of(next));
    type = *both;
  }
  return type;
}

Type check_min_max(const Node& node, const std::vector<Type>& types) {
  if (types.size() == 1 && is_or_any(types[0], Type::list)) return Type::number;
  Type result = Type::integer;
  for (const Type type : types) {
    if (!numeric(type)) wrong_argument(node, "numbers", type);
    if (type != Type::integer) result = Type::number;
  }
  return result;
}

Type check_call(const Node& node, const std::vector<Type>& types) {
  const std::string& name = node.word;
  const Type got = types[0];
  if (name == "has") return Type::boolean;
  if (name == "first") return check_first(node, types);
  if (name == "min" || name == "max") return check_min_max(node, types);
  if (name == "abs" || name == "floor" || name == "ceil" || name == "round") {
    if (!numeric(got)) wrong_argument(node, "a number", got);
    if (name != "abs") return Type::integer;
    return got == Type::integer ? Type::integer : Type::number;
  }
  if (name == "size") {
    if (got != Type::any && got != Type::string && got != Type::list && got != Type::object) {
      wrong_argument(node, "a text, a list or an object", got);
    }
    return Type::integer;
  }
  if (name == "contains" && got == Type::list) return Type::boolean;
  if (name == "contains" || name == "startsWith" || name == "endsWith") {
    if (!is_or_any(got, Type::string))
      wrong_argument(node, name == "contains" ? "a text or a list" : "texts", got);
    const bool may_be_list = name == "contains" && got == Type::any;
    if (!may_be_list && !is_or_any(types[1], Type::string)) wrong_argument(node, "texts", types[1]);
    return Type::boolean;
  }
  if (got == Type::list || got == Type::object || got == Type::null) {  // int, double, string
    wrong_argument(node, "a number, a text or a boolean", got);
  }
  if (name == "string") return Type::string;
  return name == "int" ? Type::integer : Type::number;
}

}  // namespace

Type check_node(const Node& node, const TypeOf& type_of) {
  std::vector<Type> types;
  for (const NodePtr& child : node.children) types.push_back(check_node(*child, type_of));
  switch (node.kind) {
    case Kind::literal:
      return type_of_literal(node.value);
    case Kind::name:
      return type_of(node.name);
    case Kind::list:
      return Type::list;
    case Kind::negate:
      if (!numeric(types[0])) fault(node, "\"-\" takes a number, not " + name_of(types[0]));
      return types[0];
    case Kind::invert:
      if (!is_or_any(types[0], Type::boolean)) fault(node, "\"!\" takes a boolean, not " + name_of(types[0]));
      return Type::boolean;
    case Kind::binary:
      return check_binary(node, types[0], types[1]);
    case Kind::conditional: {
      if (!is_or_any(types[0], Type::boolean)) {
        fault(node, "\"?\" needs a boolean before it, not " + name_of(types[0]));
      }
      const std::optional<Type> both = unify(types[1], types[2]);
      if (!both) fault(node, "\"?:\" chooses between " + name_of(types[1]) + " and " + name_of(types[2]));
      return *both;
    }
    case Kind::index:
      if ((is_or_any(types[0], Type::list) && is_or_any(types[1], Type::integer)) ||
          (types[0] == Type::object && is_or_any(types[1], Type::string)) ||
          (types[0] == Type::any && types[1] == Type::string)) {
        return Type::any;
      }
      fault(node, name_of(types[0]) + "[" + name_of(types[1]) + "] has no meaning",
            "list[0] is an item of a list, object[\"key\"] a member of an object");
    case Kind::call:
      return check_call(node, types);
  }
  return Type::any;
}

}  // namespace presswork::workflow::detail
