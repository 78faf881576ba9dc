#include <algorithm>
#include <cmath>

#include "orchestrator/workflow/expression_number.h"
#include "orchestrator/workflow/expression_tree.h"
#include "orchestrator/workflow/scalar.h"

namespace presswork::workflow::detail {

namespace {

using base::Json;
using Node = Expression::Node;
using Kind = Node::Kind;

std::string type_name(const Json& value) {
  if (value.is_boolean()) return "a boolean";
  if (value.is_number_integer()) return "an integer";
  if (value.is_number()) return "a number";
  if (value.is_string()) return "a text";
  if (value.is_array()) return "a list";
  return value.is_object() ? "an object" : "null";
}

[[noreturn]] void wrong_operands(const Node& node, const Json& left, const Json& right) {
  fault(node, "\"" + node.word + "\" cannot take " + type_name(left) + " and " + type_name(right));
}

[[noreturn]] void wrong_argument(const Node& node, const Json& got) {
  fault(node, node.word + "() cannot take " + type_name(got),
        "it is written " + std::string(find_function(node.word)->usage));
}

bool truth(const Node& node, const Json& value) {
  if (!value.is_boolean()) fault(node, "expected a boolean, got " + type_name(value));
  return value.get<bool>();
}

Json value_of_name(const Node& node, const ValueOf& value_of) {
  std::optional<Json> value = value_of(node.name);
  if (!value) {
    fault(node, "\"" + node.name.text() + "\" has no value",
          "its stage was skipped or has not reported it; first(…) and has(…) take missing values");
  }
  if (value->is_number_float() && !std::isfinite(value->get<double>())) {
    fault(node, "\"" + node.name.text() + "\" is not a finite number");
  }
  return std::move(*value);
}

bool equal(const Json& left, const Json& right) {
  if (left.is_number() && right.is_number()) return compare_numbers(left, right) == 0;
  return left == right;
}

bool is_in(const Node& node, const Json& item, const Json& all) {
  if (all.is_array())
    return std::any_of(all.begin(), all.end(), [&](const Json& x) { return equal(item, x); });
  if (all.is_object() && item.is_string()) return all.contains(item.get_ref<const std::string&>());
  wrong_operands(node, item, all);
}

bool compare(const Node& node, const Json& left, const Json& right) {
  int order = 0;
  if (left.is_number() && right.is_number()) {
    order = compare_numbers(left, right);
  } else if (left.is_string() && right.is_string()) {
    order = left.get_ref<const std::string&>().compare(right.get_ref<const std::string&>());
  } else {
    wrong_operands(node, left, right);
  }
  if (node.word == "<") return order < 0;
  if (node.word == "<=") return order <= 0;
  return node.word == ">" ? order > 0 : order >= 0;
}

Json evaluate_binary(const Node& node, const ValueOf& value_of) {
  const std::string& symbol = node.word;
  const Json left = evaluate_node(*node.children[0], value_of);
  if (symbol == "&&" || symbol == "||") {
    if (truth(*node.children[0], left) == (symbol == "||")) return left;
    return truth(*node.children[1], evaluate_node(*node.children[1], value_of));
  }
  Json right = evaluate_node(*node.children[1], value_of);
  if (symbol == "==") return equal(left, right);
  if (symbol == "!=") return !equal(left, right);
  if (symbol == "in") return is_in(node, left, right);
  if (symbol[0] == '<' || symbol[0] == '>') return compare(node, left, right);
  if (left.is_number() && right.is_number()) return arithmetic(node, symbol, left, right);
  if (symbol == "+" && left.is_string() && right.is_string()) {
    return left.get_ref<const std::string&>() + right.get_ref<const std::string&>();
  }
  if (symbol == "+" && left.is_array() && right.is_array()) {
    Json joined = left;
    joined.insert(joined.end(), right.begin(), right.end());
    return joined;
  }
  wrong_operands(node, left, right);
}

Json min_or_max(const Node& node, std::vector<Json> values) {
  if (values.size() == 1 && values[0].is_array()) {
    const Json list = std::move(values[0]);
    values.assign(list.begin(), list.end());
    if (values.empty()) fault(node, node.word + "() of an empty list");
  }
  const Json* best = nullptr;
  for (const Json& value : values) {
    if (!value.is_number()) wrong_argument(node, value);
    const int order = best == nullptr ? 0 : compare_numbers(value, *best);
    if (best == nullptr || (node.word == "min" ? order < 0 : order > 0)) best = &value;
  }
  return *best;
}

std::int64_t size_of(const Node& node, const Json& value) {
  if (value.is_array() || value.is_object()) return static_cast<std::int64_t>(value.size());
  if (!value.is_string()) wrong_argument(node, value);
  const std::string& text = value.get_ref<const std::string&>();
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

bool search(const Node& node, const Json& where, const Json& what) {
  if (node.word == "contains" && where.is_array()) return is_in(node, what, where);
  if (!where.is_string()) wrong_argument(node, where);
  if (!what.is_string()) wrong_argument(node, what);
  const std::string& text = where.get_ref<const std::string&>();
  const std::string& part = what.get_ref<const std::string&>();
  if (node.word == "contains") return text.find(part) != std::string::npos;
  return node.word == "startsWith" ? text.starts_with(part) : text.ends_with(part);
}

Json convert(const Node& node, const Json& value) {
  if (value.is_null() || value.is_structured()) wrong_argument(node, value);
  if (node.word == "string") return value.is_string() ? value : Json(value.dump());
  Json number = value;
  if (value.is_boolean()) number = value.get<bool>() ? 1 : 0;
  if (value.is_string()) {
    number = core_scalar(value.get_ref<const std::string&>()).value;
    if (!number.is_number())
      fault(node,
            "the text " + value.dump(-1, ' ', false, Json::error_handler_t::replace) + " is not a number");
  }
  return node.word == "int" ? to_integer(node, "int", number) : finite(node, number.get<double>());
}

Json evaluate_index(const Node& node, const ValueOf& value_of) {
  const Json all = evaluate_node(*node.children[0], value_of);
  const Json position = evaluate_node(*node.children[1], value_of);
  if (all.is_object() && position.is_string()) {
    const auto found = all.find(position.get_ref<const std::string&>());
    if (found == all.end()) fault(node, "the object has no member " + position.dump());
    return *found;
  }
  if (!all.is_array() || !position.is_number_integer()) wrong_operands(node, all, position);
  const bool inside = (position.is_number_unsigned() || position.get<std::int64_t>() >= 0) &&
                      position.get<std::uint64_t>() < all.size();
  if (!inside) {
    fault(node, "the list has " + std::to_string(all.size()) + " items, and no item " + position.dump(),
          "the first one is [0]");
  }
  return all[position.get<std::size_t>()];
}

Json evaluate_first(const Node& node, const ValueOf& value_of) {
  for (const NodePtr& child : node.children) {
    if (child->kind != Kind::name || value_of(child->name)) return evaluate_node(*child, value_of);
  }
  fault(node, "none of the names in first() has a value");
}

Json evaluate_call(const Node& node, const ValueOf& value_of) {
  const std::string& name = node.word;
  if (name == "has") return value_of(node.children[0]->name).has_value();
  if (name == "first") return evaluate_first(node, value_of);
  std::vector<Json> values;
  for (const NodePtr& child : node.children) values.push_back(evaluate_node(*child, value_of));
  if (name == "min" || name == "max") return min_or_max(node, std::move(values));
  if (name == "size") return size_of(node, values[0]);
  if (values.size() == 2) return search(node, values[0], values[1]);
  if (name == "int" || name == "double" || name == "string") return convert(node, values[0]);
  if (!values[0].is_number()) wrong_argument(node, values[0]);
  if (name != "abs") return to_integer(node, name, values[0]);
  return compare_numbers(values[0], 0) < 0 ? arithmetic(node, "-", 0, values[0]) : values[0];
}

}  // namespace

Json evaluate_node(const Node& node, const ValueOf& value_of) {
  switch (node.kind) {
    case Kind::literal:
      return node.value;
    case Kind::name:
      return value_of_name(node, value_of);
    case Kind::list: {
      Json list = Json::array();
      for (const NodePtr& child : node.children) list.push_back(evaluate_node(*child, value_of));
      return list;
    }
    case Kind::negate: {
      const Json value = evaluate_node(*node.children[0], value_of);
      if (!value.is_number()) fault(node, "\"-\" takes a number, not " + type_name(value));
      return arithmetic(node, "-", 0, value);
    }
    case Kind::invert:
      return !truth(*node.children[0], evaluate_node(*node.children[0], value_of));
    case Kind::binary:
      return evaluate_binary(node, value_of);
    case Kind::conditional: {
      const bool yes = truth(*node.children[0], evaluate_node(*node.children[0], value_of));
      return evaluate_node(*node.children[yes ? 1 : 2], value_of);
    }
    case Kind::index:
      return evaluate_index(node, value_of);
    case Kind::call:
      return evaluate_call(node, value_of);
  }
  return nullptr;
}

}  // namespace presswork::workflow::detail
