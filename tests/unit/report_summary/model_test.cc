// The report's data, against figures worked out by hand.
#include "plugins/report/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "orchestrator/base/json_schema.h"
#include "plugins/report/wording.h"
#include "unit/report_summary/sample_run.h"

namespace presswork::summary {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

Json model() { return model_of(sample_run(), Phrases("en")); }

std::vector<std::string> schema_errors(const Json& value) {
  const Json schema = Json::parse(std::ifstream(PRESSWORK_SOURCE_DIR "/schemas/report.schema.json"));
  std::vector<std::string> errors;
  for (const auto& error : base::validate(schema, value))
    errors.push_back(error.pointer + ": " + error.message);
  return errors;
}

TEST(ReportModel, KeepsToItsSchema) {
  EXPECT_THAT(schema_errors(model()), ElementsAre());
  EXPECT_THAT(schema_errors(model_of(sample_facts(), Phrases("zh-TW"))), ElementsAre());
  EXPECT_THAT(schema_errors(model_of(Json::object(), Phrases("en"))), ElementsAre());
  Json broken = model();
  broken["tree"][0]["node"] = "Z";
  EXPECT_FALSE(schema_errors(broken).empty());
}

TEST(ReportModel, SetsPredictionsBesideMeasurements) {
  const Json effects = model()["effects"];
  EXPECT_EQ(effects[0]["metric"], "Size of the weights");
  EXPECT_EQ(effects[0]["before"], 4000);
  EXPECT_EQ(effects[0]["predicted"], 1000);
  EXPECT_EQ(effects[0]["after"], 1250);
  EXPECT_NEAR(effects[0]["prediction_error_percent"], -20, 1e-9);
  EXPECT_EQ(effects[1]["before"], 4.0);
  EXPECT_TRUE(effects[1]["after"].is_null()) << "no deployment test ran";
  EXPECT_NEAR(effects[2]["predicted"], 31.5, 1e-9);  // 30 and five percent
  EXPECT_NEAR(effects[3]["after"], 4.0, 1e-9);
  EXPECT_NEAR(effects[3]["prediction_error_percent"], 1.0, 1e-9) << "points: a loss of nothing is no divisor";
  EXPECT_EQ(prediction_error_text(effects[0], Phrases("en")), "-20.0 %");
  EXPECT_EQ(prediction_error_text(effects[3], Phrases("en")), "+1.00 points");
  EXPECT_EQ(prediction_error_text(effects[3], Phrases("zh-TW")), "+1.00 個百分點");
}

TEST(ReportModel, AMapOfLayersShowsTwoDigitsOfItsLargestValue) {
  const auto digits = [](const Json& values) {
    return digits_of({{"rows", {{{"layer", 0}, {"values", values}}}}}, 4);
  };
  EXPECT_EQ(digits({0.0113, 0.5}), 4);
  EXPECT_EQ(digits({0.00003, nullptr}), 6);
  EXPECT_EQ(digits({0, 0}), 4);
  EXPECT_EQ(digits({1e-300}), 12);
}

TEST(ReportModel, FollowsTheSizeFromStepToStep) {
  const Json sizes = model()["sizes"];
  ASSERT_EQ(sizes.size(), 2u);
  EXPECT_EQ(sizes[1]["bytes"], 1250);
  EXPECT_EQ(sizes[1]["change"], -2750);
}

TEST(ReportModel, WalksTheTreeAndGoesBackToQuantizing) {
  EXPECT_THAT(walks(model()["tree"], Phrases("en")),
              ElementsAre("A → B yes → C → G → I → J no → L", "C → I → J yes → K"));
  EXPECT_TRUE(model_of(sample_facts(), Phrases("en"))["tree"].is_null()) << "another workflow";
}

TEST(ReportModel, TellsWhatWasPlannedAndWhyInItsLanguage) {
  const Json english = model()["strategies"];
  ASSERT_EQ(english.size(), 1u);
  EXPECT_EQ(english[0], (Json{{"stage", "strategy"},
                              {"recommended", "small"},
                              {"why", "of 2 candidates within the limits it has the best objective"}}));
  EXPECT_EQ(model_of(sample_run(), Phrases("zh-TW"))["strategies"][0]["why"],
            "在滿足約束的 2 個候選方案中目標函數最佳");
}

TEST(ReportModel, TellsErrorsByLayerOfTheStepThatMadeThem) {
  const Json errors = model()["layer_errors"];
  EXPECT_EQ(errors["of"], "quantize");
  EXPECT_EQ(errors["columns"], Json({"up_proj"}));
  EXPECT_EQ(errors["rows"][1], (Json{{"layer", 1}, {"values", {0.4}}}));
  Json facts = sample_run();
  facts["instances"][7]["metrics"].erase("layer_errors");
  EXPECT_EQ(model_of(facts, Phrases("en"))["layer_errors"]["of"], "int4") << "the analysis has some";
}

TEST(ReportModel, SetsWhatRoundingToNearestGivesBesideTheErrors) {
  const Json found = model();
  EXPECT_EQ(found["layer_errors"]["rows"][0], (Json{{"layer", 0}, {"values", {0.2}}, {"before", {0.1}}}));
  EXPECT_EQ(found["output_errors"], Json::parse(R"({
    "of": "quantize", "columns": ["up_proj"], "rows": [{"layer": 0, "values": [0.03], "before": [0.0625]}]})"));
  EXPECT_TRUE(model_of(sample_facts(), Phrases("en"))["output_errors"].is_null()) << "no step told any";
}

TEST(ReportModel, CountsWhatTheStepsWereCalibratedOnAmongTheRisks) {
  const auto found = [](const Json& facts, const char* language) {
    return model_of(facts, Phrases(language))["risks"]["found"].get<std::vector<std::string>>();
  };
  EXPECT_THAT(found(sample_run(), "en"),
              IsSupersetOf({HasSubstr("quantize was calibrated on the text that is bundled with Presswork"),
                            HasSubstr("quantize: the calibration text repeats itself"),
                            HasSubstr("quantize: of few tokens")}));
  EXPECT_THAT(found(sample_run(), "zh-TW"),
              IsSupersetOf({HasSubstr("quantize 以 Presswork 內建的文本進行校準"),
                            HasSubstr("quantize：校準文本內容重複"), HasSubstr("只有 1024 個 token")}));
  EXPECT_THAT(found(sample_facts(), "en"), Not(Contains(HasSubstr("calibrat"))));
}

TEST(ReportModel, GathersTheDiagnosticsOfEachLayersLinears) {
  const Json found = model()["diagnostics"];
  EXPECT_EQ(found["of"], "quantize");
  EXPECT_EQ(found["rows"], Json::parse(R"([
    {"layer": 0, "layer_output_errors": 0.05, "outlier_inputs": 5.0, "largest_inputs": 9.0, "dead_scales": null,
     "clipped_weights": null},
    {"layer": 1, "layer_output_errors": 0.0625, "outlier_inputs": null, "largest_inputs": null,
     "dead_scales": null, "clipped_weights": 0.015}])"));
  EXPECT_EQ(found["phases"]["passes"], 2.5);
  EXPECT_TRUE(model_of(sample_facts(), Phrases("en"))["diagnostics"].is_null()) << "no step told any";
}

TEST(ReportModel, LaysTheHistogramsOfAKindOverEachOther) {
  const Json histogram = model()["histograms"][0];
  EXPECT_EQ(histogram["layers"], 2);
  EXPECT_EQ(histogram["minimum"], -1.0);
  // 64 bins over -1 to 1. Layer 0 has its bins' middles at -0.5 and 0.5, layer 1 at 0.25 and 0.75.
  std::vector<double> expected(64, 0);
  expected[16] = 1, expected[48] = 3, expected[40] = 5, expected[56] = 7;
  EXPECT_EQ(histogram["counts"].get<std::vector<double>>(), expected);
}

TEST(ReportModel, CountsTimeFromTheFirstStage) {
  const Json timeline = model()["timeline"];
  ASSERT_EQ(timeline.size(), 2u);
  EXPECT_EQ(timeline[0]["start"], 0.0);
  EXPECT_NEAR(timeline[1]["start"], 2.5, 1e-6);
  EXPECT_NEAR(timeline[1]["end"], 4.75, 1e-6);
  EXPECT_EQ(timeline[1]["cached"], true);
}

TEST(ReportModel, PrintsEveryItemOfEachChecklist) {
  const Json lists = model()["checklists"];
  ASSERT_EQ(lists.size(), 2u);
  EXPECT_EQ(lists[1]["name"], "Checklist after compression");
  EXPECT_EQ(lists[1]["items"][0]["state"], "fail");
  EXPECT_EQ(lists[1]["items"][0]["required"], true);
  EXPECT_EQ(lists[1]["items"][1]["state"], "not_run") << "a word that nobody knows is no pass";
  EXPECT_EQ(lists[1]["items"][1]["required"], false);
}

TEST(ReportModel, TakesTheRisksOfTheStrategyThatWasCarriedOut) {
  const Json risks = model()["risks"]["assessed"];
  ASSERT_EQ(risks.size(), 1u);
  EXPECT_EQ(risks[0]["likelihood"], "high");
  Json facts = sample_run();
  facts["instances"][7]["uses"] =
      "optimize/graph";  // nothing was quantized: the strategy was not carried out
  EXPECT_TRUE(model_of(facts, Phrases("en"))["risks"]["assessed"].empty());
}

TEST(ReportModel, GivesTheCommandThatRepeatsTheRun) {
  EXPECT_EQ(model()["provenance"]["commands"][0], "presswork run 'my flows/tree.yaml' -p bits=4");
  Json facts = sample_run();
  facts["parameters"] = {{"text", "it's $HOME"}};
  EXPECT_THAT(model_of(facts, Phrases("en"))["provenance"]["commands"][0].get<std::string>(),
              HasSubstr("-p 'text=it'\\''s $HOME'"));
}

TEST(ReportModel, ABrokenDocumentCountsAsAbsent) {
  Json facts = sample_run();
  for (const Json& path : facts["evidence"]["files"])
    std::ofstream(path.get<std::string>()) << "{\"presswork";
  const Json found = model_of(facts, Phrases("en"));
  EXPECT_TRUE(found["sensitivity"].is_null());
  EXPECT_TRUE(found["hardware"].is_null());
  EXPECT_EQ(found["checklists"].size(), 1u);
}

TEST(ReportModel, DocumentsOfAnotherShapeAreNoTrouble) {
  for (const Json& odd : {Json(3), Json("x"), Json::array({1}), Json::object({{"a", 1}})}) {
    Json facts = sample_facts();
    leave(facts, "odd1", "strategy/plan", "strategy",
          {{"presswork_strategy", 1},
           {"candidates", odd},
           {"recommended", odd},
           {"why", odd},
           {"why_parts", {{"say", odd}, {"with", odd}}}});
    leave(facts, "odd2", "analyze/model", "analysis",
          {{"presswork_analysis", 1},
           {"weights", {{"modules", odd}}},
           {"sensitivity", {{"model", odd}}},
           {"inference_memory", odd},
           {"recommendations", {{{"advice_parts", odd}}, odd}}});
    leave(facts, "odd3", "check/x", "checklist", {{"presswork_checklist", 1}, {"items", odd}});
    for (const char* language : {"en", "zh-TW"})
      EXPECT_THAT(schema_errors(model_of(facts, Phrases(language))), ElementsAre()) << odd;
  }
}

}  // namespace
}  // namespace presswork::summary
