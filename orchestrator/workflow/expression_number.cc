#include "orchestrator/workflow/expression_number.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

namespace presswork::workflow::detail {

namespace {

// As a signed integer, when it is an integer that fits.
std::optional<std::int64_t> signed_value(const base::Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return {};
    return static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  return {};
}

base::Json integer_arithmetic(const Expression::Node& node, char symbol, std::int64_t left,
                              std::int64_t right) {
  std::int64_t result = 0;
  bool overflow = false;
  switch (symbol) {
    case '+':
      overflow = __builtin_add_overflow(left, right, &result);
      break;
    case '-':
      overflow = __builtin_sub_overflow(left, right, &result);
      break;
    case '*':
      overflow = __builtin_mul_overflow(left, right, &result);
      break;
    default:
      if (right == 0) fault(node, "remainder of a division by zero");
      result = right == -1 ? 0 : left % right;
  }
  if (overflow)
    fault(node, "the result does not fit in a 64-bit integer", "double(x) calculates in floating point");
  return result;
}

}  // namespace

base::Json finite(const Expression::Node& node, double value) {
  if (!std::isfinite(value))
    fault(node, std::isnan(value) ? "the value is not a number (NaN)" : "the value is infinite");
  return value;
}

base::Json arithmetic(const Expression::Node& node, const std::string& symbol, const base::Json& left,
                      const base::Json& right) {
  const auto a = signed_value(left), b = signed_value(right);
  if (symbol == "%" && (!a || !b)) fault(node, "\"%\" takes two integers");
  if (a && b && symbol != "/") return integer_arithmetic(node, symbol[0], *a, *b);
  const double x = left.get<double>(), y = right.get<double>();
  switch (symbol[0]) {
    case '+':
      return finite(node, x + y);
    case '-':
      return finite(node, x - y);
    case '*':
      return finite(node, x * y);
    default:
      break;
  }
  if (y == 0) fault(node, "division by zero");
  return finite(node, x / y);
}

int compare_numbers(const base::Json& left, const base::Json& right) {
  const auto sign = [](auto a, auto b) { return a < b ? -1 : (b < a ? 1 : 0); };
  const auto a = signed_value(left), b = signed_value(right);
  if (a && b) return sign(*a, *b);
  static_assert(std::numeric_limits<long double>::digits >= 64, "holds 64-bit integers exactly");
  const auto wide = [](const base::Json& value) {
    if (value.is_number_unsigned()) return static_cast<long double>(value.get<std::uint64_t>());
    if (value.is_number_integer()) return static_cast<long double>(value.get<std::int64_t>());
    return static_cast<long double>(value.get<double>());
  };
  return sign(wide(left), wide(right));
}

base::Json to_integer(const Expression::Node& node, const std::string& how, const base::Json& value) {
  if (const auto whole = signed_value(value)) return *whole;
  double number = value.get<double>();
  if (how == "floor") number = std::floor(number);
  if (how == "ceil") number = std::ceil(number);
  if (how == "round") number = std::round(number);
  if (how == "int") number = std::trunc(number);
  if (!(number >= -0x1p63 && number < 0x1p63)) fault(node, "the result does not fit in a 64-bit integer");
  return static_cast<std::int64_t>(number);
}

}  // namespace presswork::workflow::detail
