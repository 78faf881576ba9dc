#include "orchestrator/plugins/stage_description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/base/error.h"

namespace presswork::plugins {
namespace {

using base::Json;
using ::testing::AllOf;
using ::testing::HasSubstr;

Json valid() {
  return Json::parse(R"({
    "id": "quantize/rtn", "title": "Round to nearest", "description": "Quantizes each weight alone.",
    "parameters": {"type": "object", "additionalProperties": false, "required": ["path"],
      "properties": {"bits": {"enum": [4, 8], "default": 4, "description": "Bits of a weight."},
                     "path": {"type": "string", "description": "Where."}}},
    "inputs": {"model": {"type": "model", "description": "The model."},
               "text": {"type": "text", "required": false, "description": "A text."}},
    "additional_inputs": {"type": "any"},
    "outputs": {"model": {"type": "model", "description": "The smaller model."}},
    "metrics": {"ratio": {"type": "number", "unit": "x", "description": "How much smaller."}},
    "cacheable": false, "reads_run": true})");
}

std::string complaint(const Json& document) {
  try {
    parse_stage_description(document);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::ErrorCode::incompatible);
    return error.message;
  }
  return "no complaint";
}

TEST(StageDescriptionTest, everything_that_a_stage_says_is_read) {
  const StageDescription stage = parse_stage_description(valid());
  EXPECT_EQ(stage.id, "quantize/rtn");
  EXPECT_EQ(stage.title, "Round to nearest");
  EXPECT_EQ(stage.parameters.at("properties").at("bits").at("default"), 4);
  EXPECT_TRUE(stage.inputs.at("model").required);
  EXPECT_FALSE(stage.inputs.at("text").required);
  EXPECT_EQ(stage.additional_inputs, "any");
  EXPECT_EQ(stage.outputs.at("model").type, "model");
  EXPECT_EQ(stage.metrics.at("ratio").unit, "x");
  EXPECT_FALSE(stage.cacheable);
  EXPECT_TRUE(stage.reads_run);
  EXPECT_EQ(stage.document, valid());
}

TEST(StageDescriptionTest, a_stage_without_inputs_and_outputs_is_cacheable_and_does_not_read_the_run) {
  Json document = valid();
  for (const char* key : {"inputs", "additional_inputs", "outputs", "metrics", "cacheable", "reads_run"}) {
    document.erase(key);
  }
  const StageDescription stage = parse_stage_description(document);
  EXPECT_TRUE(stage.inputs.empty());
  EXPECT_FALSE(stage.additional_inputs);
  EXPECT_TRUE(stage.cacheable);
  EXPECT_FALSE(stage.reads_run);
}

TEST(StageDescriptionTest, a_missing_title_is_refused_by_name) {
  Json document = valid();
  document.erase("title");
  EXPECT_THAT(complaint(document), AllOf(HasSubstr("quantize/rtn"), HasSubstr("title")));
}

TEST(StageDescriptionTest, an_unknown_key_is_refused_by_name) {
  Json document = valid();
  document["ouputs"] = Json::object();
  EXPECT_THAT(complaint(document), HasSubstr("ouputs"));
}

TEST(StageDescriptionTest, an_id_without_a_prefix_is_refused) {
  Json document = valid();
  document["id"] = "rtn";
  EXPECT_THAT(complaint(document), HasSubstr("/id"));
}

TEST(StageDescriptionTest, a_parameter_without_description_is_refused) {
  Json document = valid();
  document["parameters"]["properties"]["bits"].erase("description");
  EXPECT_THAT(complaint(document), HasSubstr("/parameters/properties/bits"));
}

TEST(StageDescriptionTest, a_parameter_with_neither_default_nor_required_is_refused) {
  Json document = valid();
  document["parameters"]["properties"]["bits"].erase("default");
  EXPECT_THAT(complaint(document), AllOf(HasSubstr("/parameters/properties/bits"), HasSubstr("no default")));
}

TEST(StageDescriptionTest, a_default_that_breaks_its_own_schema_is_refused) {
  Json document = valid();
  document["parameters"]["properties"]["bits"]["default"] = 5;
  EXPECT_THAT(complaint(document), HasSubstr("/parameters/properties/bits/default"));
}

TEST(StageDescriptionTest, parameters_that_allow_unknown_names_are_refused) {
  Json document = valid();
  document["parameters"]["additionalProperties"] = true;
  EXPECT_THAT(complaint(document), HasSubstr("additionalProperties"));
}

TEST(StageDescriptionTest, the_output_metrics_is_reserved) {
  Json document = valid();
  document["outputs"]["metrics"] = {{"type", "json"}, {"description", "Mine."}};
  EXPECT_THAT(complaint(document), HasSubstr("/outputs/metrics"));
}

TEST(StageDescriptionTest, names_that_expressions_cannot_spell_are_refused) {
  Json document = valid();
  document["metrics"]["tokens/s"] = {{"type", "number"}, {"description", "Speed."}};
  EXPECT_NE(complaint(document), "no complaint");
}

TEST(StageDescriptionTest, what_is_no_object_is_refused) {
  EXPECT_NE(complaint(Json("text")), "no complaint");
}

}  // namespace
}  // namespace presswork::plugins
