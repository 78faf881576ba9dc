// Arithmetic on JSON numbers that never overflows, rounds or divides by zero in silence.
#pragma once

#include <string>

#include "orchestrator/base/json.h"
#include "orchestrator/workflow/expression_tree.h"

namespace presswork::workflow::detail {

// `symbol` is + - * / %. Both values must be numbers. Throws ExpressionFault.
base::Json arithmetic(const Expression::Node& node, const std::string& symbol, const base::Json& left,
                      const base::Json& right);

// -1, 0 or 1, exact between integers and floating-point numbers; both values must be finite numbers.
int compare_numbers(const base::Json& left, const base::Json& right);

// floor, ceil, round (half away from zero) and int (towards zero).
base::Json to_integer(const Expression::Node& node, const std::string& how, const base::Json& value);

base::Json finite(const Expression::Node& node, double value);

}  // namespace presswork::workflow::detail
