// The syntax tree of an expression; private to the files expression*.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/json.h"
#include "orchestrator/workflow/expression.h"

namespace presswork::workflow {

struct Expression::Node {
  enum class Kind { literal, name, list, negate, invert, binary, conditional, index, call };

  Kind kind = Kind::literal;
  std::size_t offset = 0;  // in the text; of a binary operator, the operator
  base::Json value;        // literal
  Name name;               // name
  std::string word;        // binary: the operator; call: the function
  std::vector<std::shared_ptr<const Node>> children;
};

namespace detail {

using NodePtr = std::shared_ptr<const Expression::Node>;

// A fault at a byte of the expression's text; Expression turns it into an Error with its place.
struct ExpressionFault {
  std::size_t offset;
  std::string message;
  std::string hint;
};

[[noreturn]] inline void fault(const Expression::Node& node, std::string message, std::string hint = {}) {
  throw ExpressionFault{node.offset, std::move(message), std::move(hint)};
}

NodePtr parse_expression(std::string_view text);                                  // throws ExpressionFault
Type check_node(const Expression::Node& node, const TypeOf& type_of);             // throws ExpressionFault
base::Json evaluate_node(const Expression::Node& node, const ValueOf& value_of);  // throws ExpressionFault

struct Function {
  std::string_view name;
  std::size_t least, most;  // arguments
  std::string_view usage;
};
const Function* find_function(std::string_view name);
std::vector<std::string> function_names();

}  // namespace detail

}  // namespace presswork::workflow
