#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/workflow/expression.h"

namespace presswork::workflow {
namespace {

using base::Json;

Template parse(const Json& value) {
  return Template::parse(value, [](const std::string& pointer) {
    return base::Where{"f.yaml" + pointer, 1, 1, {}};
  });
}

std::optional<Json> value_of(const Name& name) {
  const Json values = {{"params.n", 4}, {"params.s", "llama"}, {"params.l", {1, 2}}};
  return values.at(name.text());
}

TEST(TemplateTest, AnExpressionAloneKeepsItsType) {
  const Template with = parse({{"bits", "${{ params.n }}"}, {"list", {"${{params.l}}", "x"}}, {"plain", 3}});
  EXPECT_FALSE(with.is_literal());
  EXPECT_EQ(with.evaluate(value_of), Json({{"bits", 4}, {"list", {{1, 2}, "x"}}, {"plain", 3}}));
}

TEST(TemplateTest, AnExpressionInsideTextBecomesText) {
  EXPECT_EQ(parse("${{ params.s }}-${{ params.n * 2 }}.json").evaluate(value_of), "llama-8.json");
  EXPECT_THROW(parse("x${{ params.l }}").evaluate(value_of), base::Error);
}

TEST(TemplateTest, TextsInsideExpressionsMayHoldBraces) {
  EXPECT_EQ(parse("${{ params.s + '}}' }}").evaluate(value_of), "llama}}");
}

TEST(TemplateTest, ADollarMoreMakesItPlainText) {
  const Template with = parse("$${{ params.s }} ${{ params.s }}");
  EXPECT_EQ(with.holes().size(), 1u);
  EXPECT_EQ(with.evaluate(value_of), "${{ params.s }} llama");
  EXPECT_EQ(parse("$${{ x }}").evaluate(value_of), "${{ x }}");
}

TEST(TemplateTest, KnowsWhereEachExpressionStands) {
  const Template with = parse({{"a", {{"b/c", "${{ params.n }}"}}}});
  ASSERT_EQ(with.holes().size(), 1u);
  EXPECT_EQ(with.holes()[0].pointer, "/a/b~1c");
  EXPECT_TRUE(with.holes()[0].whole);
  EXPECT_EQ(with.holes()[0].expression.where().file, "f.yaml/a/b~1c");
}

TEST(TemplateTest, RefusesWhatIsNotClosedOrEmpty) {
  EXPECT_THROW(parse("${{ params.n"), base::Error);
  EXPECT_THROW(parse("${{ }}"), base::Error);
}

}  // namespace
}  // namespace presswork::workflow
