#include "orchestrator/workflow/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace presswork::workflow {
namespace {

using base::Json;

const Json values = {{"params.i", 7},
                     {"params.n", 16},
                     {"params.s", "llama"},
                     {"params.b", true},
                     {"params.l", {4, 8}},
                     {"a.metrics.x", 2.5},
                     {"a.metrics.o", {{"k", 1}}},
                     {"a.metrics.huge", std::uint64_t{18446744073709551615u}},
                     {"a.metrics.nan", std::numeric_limits<double>::quiet_NaN()},
                     {"d.branch", "yes"}};

Type type_of(const Name& name) {
  const std::string text = name.text();
  if (text == "skipped.metrics.x") return Type::number;
  if (!values.contains(text)) throw base::Error(base::ErrorCode::invalid_workflow, "unknown " + text);
  if (text == "params.n") return Type::number;
  const Json& value = values[text];
  if (value.is_boolean()) return Type::boolean;
  if (value.is_number_integer()) return Type::integer;
  if (value.is_number()) return Type::number;
  if (value.is_string()) return Type::string;
  return value.is_array() ? Type::list : Type::object;
}

std::optional<Json> value_of(const Name& name) {
  if (!values.contains(name.text())) return {};
  return values[name.text()];
}

const base::Where somewhere{"f.yaml", 1, 1, {}};

Json evaluate(const std::string& text) {
  const Expression expression = Expression::parse(text, somewhere);
  expression.check(type_of);
  return expression.evaluate(value_of);
}

// "column message" of what parse, check or evaluate refuse.
std::string fault(const std::string& text) {
  try {
    const Expression expression = Expression::parse(text, {"f.yaml", 1, 1, text});
    expression.check(type_of);
    expression.evaluate(value_of);
  } catch (const base::Error& error) {
    return std::to_string(error.where.column) + " " + error.message;
  }
  return "none";
}

TEST(ExpressionTest, FollowsTheUsualPrecedence) {
  EXPECT_EQ(evaluate("1 + 2 * 3"), 7);
  EXPECT_EQ(evaluate("(1 + 2) * 3"), 9);
  EXPECT_EQ(evaluate("10 - 4 - 3"), 3);
  EXPECT_EQ(evaluate("-2 * -3"), 6);
  EXPECT_EQ(evaluate("7 % 4 + 1"), 4);
  EXPECT_EQ(evaluate("1 + 1 == 2 && 3 < 4 || false"), true);
  EXPECT_EQ(evaluate("!true || true"), true);
  EXPECT_EQ(evaluate("true ? 1 : false ? 2 : 3"), 1);
  EXPECT_EQ(evaluate("1 < 2 == true"), true);
}

TEST(ExpressionTest, DividesExactly) {
  EXPECT_EQ(evaluate("7 / 2"), 3.5);
  EXPECT_EQ(evaluate("params.n / 5"), 3.2);
  EXPECT_EQ(evaluate("int(7 / 2)"), 3);
  EXPECT_TRUE(evaluate("int(7 / 2)").is_number_integer());
}

TEST(ExpressionTest, KeepsIntegersWhole) {
  EXPECT_TRUE(evaluate("params.i * 2").is_number_integer());
  EXPECT_EQ(evaluate("9007199254740993 + 0"), 9007199254740993);
  EXPECT_EQ(evaluate("9007199254740993 == 9007199254740992.0"), false);
  EXPECT_EQ(evaluate("a.metrics.huge > 9223372036854775807"), true);
}

TEST(ExpressionTest, ComparesValuesOfOneKind) {
  EXPECT_EQ(evaluate("params.s == \"llama\" && params.s < 'm'"), true);
  EXPECT_EQ(evaluate("4 in params.l && !(5 in params.l)"), true);
  EXPECT_EQ(evaluate("4.0 in params.l"), true);
  EXPECT_EQ(evaluate("'k' in a.metrics.o"), true);
  EXPECT_EQ(evaluate("params.l == [4, 8]"), true);
  EXPECT_EQ(evaluate("d.branch == null"), false);
  EXPECT_EQ(evaluate("1 == 1.0"), true);
}

TEST(ExpressionTest, KnowsItsFunctions) {
  EXPECT_EQ(evaluate("min(3, 1.5, 2)"), 1.5);
  EXPECT_EQ(evaluate("max(params.l)"), 8);
  EXPECT_EQ(evaluate("abs(-3) + abs(2.5)"), 5.5);
  EXPECT_EQ(evaluate("[floor(-1.5), ceil(-1.5), round(2.5), round(-2.5), int(-1.5)]"),
            Json({-2, -1, 3, -3, -1}));
  EXPECT_EQ(evaluate("size('模型') + size(params.l) + size(a.metrics.o)"), 5);
  EXPECT_EQ(evaluate("contains(params.s, 'lam') && params.l.contains(8)"), true);
  EXPECT_EQ(evaluate("params.s.startsWith('ll') && endsWith(params.s, 'a')"), true);
  EXPECT_EQ(evaluate("int('12') + double('0.5') + int(true)"), 13.5);
  EXPECT_EQ(evaluate("string(4) + '-' + string(2.5) + string(false)"), "4-2.5false");
}

TEST(ExpressionTest, FirstAndHasTakeMissingValues) {
  EXPECT_EQ(evaluate("first(skipped.metrics.x, a.metrics.x)"), 2.5);
  EXPECT_EQ(evaluate("first(skipped.metrics.x, 9)"), 9);
  EXPECT_EQ(evaluate("has(skipped.metrics.x)"), false);
  EXPECT_EQ(evaluate("!has(skipped.metrics.x) || skipped.metrics.x < 2"), true);
  EXPECT_EQ(fault("skipped.metrics.x < 2"), "1 \"skipped.metrics.x\" has no value");
  EXPECT_EQ(fault("1 + first(skipped.metrics.x)"), "5 none of the names in first() has a value");
}

TEST(ExpressionTest, MarksTheNamesThatMayBeMissing) {
  const Expression expression = Expression::parse(
      "first(a.metrics.x, b.metrics.x) < c.metrics.y && has(d.metrics.z) && d.metrics.z > 1", somewhere);
  std::string marks;
  for (const Name& name : expression.names()) marks += name.parts[0] + (name.guarded ? "+ " : "- ");
  EXPECT_EQ(marks, "a+ b+ c- d+ d+ ");
}

TEST(ExpressionTest, EvaluatesNoMoreThanItNeeds) {
  EXPECT_EQ(evaluate("false && 1 / 0 > 1"), false);
  EXPECT_EQ(evaluate("true || 1 / 0 > 1"), true);
  EXPECT_EQ(evaluate("true ? 1 : 1 % 0"), 1);
}

TEST(ExpressionTest, RefusesWhatItCannotParse) {
  EXPECT_EQ(fault(""), "1 expected a value, got the end of the expression");
  EXPECT_EQ(fault("1 +"), "4 expected a value, got the end of the expression");
  EXPECT_EQ(fault("1 2"), "3 expected an operator, got 2");
  EXPECT_EQ(fault("(1"), "3 expected \")\", got the end of the expression");
  EXPECT_EQ(fault("params.i = 7"), "10 unexpected \"=\"");
  EXPECT_EQ(fault("params.b and true"), "10 expected an operator, got \"and\"");
  EXPECT_EQ(fault("'abc"), "1 the quotation mark that opens here is never closed");
  EXPECT_EQ(fault("1 < 2 < 3"), "7 comparisons cannot be chained");
  EXPECT_EQ(fault("8GiB > 1"), "1 a number runs into a word");
  EXPECT_EQ(fault("99999999999999999999"), "1 the integer does not fit in 64 bits");
  EXPECT_EQ(fault("mni(1, 2)"), "1 unknown function \"mni\"");
  EXPECT_EQ(fault("abs(1, 2)"), "1 abs() got 2 arguments");
  EXPECT_EQ(fault("has(1)"), "1 has() asks for a name");
  EXPECT_EQ(fault("1 ? 2"), "6 expected \":\", got the end of the expression");
  EXPECT_EQ(fault("'\\x'"), "2 unknown escape \\x");
}

TEST(ExpressionTest, RefusesOperandsOfTheWrongTypeBeforeTheRun) {
  EXPECT_EQ(fault("params.s + 1"), "10 \"+\" takes two numbers, texts or lists, not a text and an integer");
  EXPECT_EQ(fault("params.s == 1"), "10 a text never equals an integer");
  EXPECT_EQ(fault("params.b && 1"), "10 \"&&\" takes two booleans, not a boolean and an integer");
  EXPECT_EQ(fault("!params.i"), "1 \"!\" takes a boolean, not an integer");
  EXPECT_EQ(fault("-params.s"), "1 \"-\" takes a number, not a text");
  EXPECT_EQ(fault("params.n % 2"), "10 \"%\" takes two integers, not a number and an integer");
  EXPECT_EQ(fault("'l' in params.s"), "5 \"in\" looks into a list, not into a text");
  EXPECT_EQ(fault("true ? 1 : 'x'"), "6 \"?:\" chooses between an integer and a text");
  EXPECT_EQ(fault("abs(params.s)"), "1 abs() takes a number, not a text");
  EXPECT_EQ(fault("1 + nothing.x"), "5 unknown nothing.x");
}

TEST(ExpressionTest, RefusesToCalculateNonsense) {
  EXPECT_EQ(fault("1 / 0"), "3 division by zero");
  EXPECT_EQ(fault("1 % (params.i - 7)"), "3 remainder of a division by zero");
  EXPECT_EQ(fault("9223372036854775807 + 1"), "21 the result does not fit in a 64-bit integer");
  EXPECT_EQ(fault("1e308 * 10"), "7 the value is infinite");
  EXPECT_EQ(fault("floor(1e300)"), "1 the result does not fit in a 64-bit integer");
  EXPECT_EQ(fault("a.metrics.nan < 1"), "1 \"a.metrics.nan\" is not a finite number");
  EXPECT_EQ(fault("int('x')"), "1 the text \"x\" is not a number");
  EXPECT_EQ(fault("-9223372036854775807 % -1"), "none");
}

TEST(ExpressionTest, BoundsDepthAndLength) {
  EXPECT_THAT(fault(std::string(500, '(') + "1" + std::string(500, ')')),
              ::testing::HasSubstr("nested too deeply"));
  EXPECT_THAT(fault(std::string(500, '!') + "true"), ::testing::HasSubstr("nested too deeply"));
  EXPECT_THAT(fault(std::string(5000, ' ') + "1"), ::testing::HasSubstr("longer than 4096 characters"));
  std::string sum = "1";
  for (int i = 0; i < 1000; ++i) sum += " + 1";
  EXPECT_EQ(evaluate(sum), 1001);
}

TEST(ExpressionTest, DecidesTypesAtRunTimeWhereTheyAreNotKnownBefore) {
  const auto any = [](const Name&) { return Type::any; };
  const Expression expression = Expression::parse("x.metrics.y + 1 > 2", somewhere);
  EXPECT_EQ(expression.check(any), Type::boolean);
  EXPECT_EQ(expression.evaluate([](const Name&) { return Json(2); }), true);
  EXPECT_THROW(expression.evaluate([](const Name&) { return Json("two"); }), base::Error);
}

}  // namespace
}  // namespace presswork::workflow
