#include <gtest/gtest.h>

#include "orchestrator/workflow/param_value.h"

namespace presswork::workflow {
namespace {

using base::Json;

TEST(ReadValue, KeepsTextForParametersOfTypeString) {
  EXPECT_EQ(read_value(Json({{"type", "string"}}), "4"), "4");
  EXPECT_EQ(read_value(Json({{"type", "string"}}), "true"), "true");
  EXPECT_EQ(read_value(Json({{"type", "string"}}), "\"quoted\""), "\"quoted\"");
}

TEST(ReadValue, ReadsJsonForAllOtherTypes) {
  EXPECT_EQ(read_value(Json({{"type", "integer"}}), "4"), 4);
  EXPECT_EQ(read_value(Json({{"type", "number"}}), "0.5"), 0.5);
  EXPECT_EQ(read_value(Json({{"type", "boolean"}}), "false"), false);
  EXPECT_EQ(read_value(Json({{"type", "array"}}), "[\"a\", 1]"), Json::parse("[\"a\", 1]"));
  EXPECT_EQ(read_value(Json({{"type", "object"}}), "{\"a\": 1}"), Json::parse("{\"a\": 1}"));
}

TEST(ReadValue, PrefersWhatASchemaOfSeveralTypesAllows) {
  const Json schema = {{"type", {"string", "integer"}}};
  EXPECT_EQ(read_value(schema, "4"), 4);
  EXPECT_EQ(read_value(schema, "four"), "four");
  EXPECT_EQ(read_value(schema, "0.5"), "0.5") << "no integer, so it is text";
}

TEST(ReadValue, UnderstandsAnEnumWithoutAType) {
  EXPECT_EQ(read_value(Json({{"enum", {"fp16", "int8"}}}), "fp16"), "fp16");
  EXPECT_EQ(read_value(Json({{"enum", {4, 8}}}), "8"), 8);
}

TEST(ReadValue, LeavesAMistakeToTheStagesOwnCheck) {
  EXPECT_EQ(read_value(Json({{"type", "integer"}}), "four"), "four");
}

}  // namespace
}  // namespace presswork::workflow
