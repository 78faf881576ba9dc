#include "orchestrator/workflow/expression.h"

#include <algorithm>

#include "orchestrator/workflow/expression_tree.h"
#include "orchestrator/workflow/position.h"

namespace presswork::workflow {

std::string_view to_string(Type type) {
  switch (type) {
    case Type::any:
      return "any value";
    case Type::boolean:
      return "a boolean";
    case Type::integer:
      return "an integer";
    case Type::number:
      return "a number";
    case Type::string:
      return "a text";
    case Type::list:
      return "a list";
    case Type::object:
      return "an object";
    case Type::null:
      return "null";
  }
  return "any value";
}

std::string Name::text() const {
  std::string joined;
  for (const std::string& part : parts) joined += (joined.empty() ? "" : ".") + part;
  return joined;
}

namespace {

base::Error located(base::ErrorCode code, const detail::ExpressionFault& fault, std::string_view text,
                    const base::Where& where) {
  return base::Error(code, fault.message, fault.hint, shifted(where, text, fault.offset));
}

void gather_names(const Expression::Node& node, bool guarded, std::vector<Name>& names) {
  if (node.kind == Expression::Node::Kind::name) {
    names.push_back(node.name);
    names.back().guarded = guarded;
  }
  const bool guards =
      node.kind == Expression::Node::Kind::call && (node.word == "has" || node.word == "first");
  for (const auto& child : node.children) gather_names(*child, guarded || guards, names);
}

}  // namespace

Expression Expression::parse(std::string_view text, const base::Where& where) {
  Expression expression;
  expression.text_ = text;
  expression.where_ = where;
  try {
    expression.root_ = detail::parse_expression(text);
  } catch (const detail::ExpressionFault& fault) {
    throw located(base::ErrorCode::invalid_workflow, fault, text, where);
  }
  std::vector<Name> names;
  gather_names(*expression.root_, false, names);
  for (Name& name : names) {  // "!has(x) || x < 2": asked for once, known everywhere
    name.guarded = std::any_of(names.begin(), names.end(),
                               [&](const Name& other) { return other.guarded && other.parts == name.parts; });
  }
  expression.names_ = std::make_shared<const std::vector<Name>>(std::move(names));
  return expression;
}

Type Expression::check(const TypeOf& type_of) const {
  const TypeOf placed = [&](const Name& name) {
    try {
      return type_of(name);
    } catch (base::Error& error) {
      if (error.where.file.empty()) error.where = where(name);
      throw;
    }
  };
  try {
    return detail::check_node(*root_, placed);
  } catch (const detail::ExpressionFault& fault) {
    throw located(base::ErrorCode::invalid_workflow, fault, text_, where_);
  }
}

base::Json Expression::evaluate(const ValueOf& value_of) const {
  try {
    return detail::evaluate_node(*root_, value_of);
  } catch (const detail::ExpressionFault& fault) {
    throw located(base::ErrorCode::stage_failed, fault, text_, where_);
  }
}

const std::vector<Name>& Expression::names() const { return *names_; }
const std::string& Expression::text() const { return text_; }
const base::Where& Expression::where() const { return where_; }

base::Where Expression::where(const Name& name) const {
  return shifted(where_, text_, static_cast<std::size_t>(std::max(name.column - 1, 0)));
}

}  // namespace presswork::workflow
