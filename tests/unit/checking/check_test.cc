#include "plugins/checking/check.cc"  // the stage classes

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "presswork/testing.hpp"
#include "support/child.h"

namespace presswork {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

fs::path file(const std::string& name, const Json& content) {
  const fs::path path = presswork::testing::process_folder() / name;
  std::ofstream(path) << content.dump();
  return path;
}

const Json kAnalysis = {{"parameters_by_module", Json::object()},
                        {"weights", Json::object()},
                        {"activations", Json::object()},
                        {"evaluation", Json::object()}};
const Json kStrategy = {{"limits", {{"memory_gb", 4}, {"gpu", ""}, {"size_gb", nullptr}}},
                        {"recommended", "a"},
                        {"why", "best"},
                        {"candidates", {{{"id", "a"}, {"risks", {{{"risk", "r"}}}}}}}};

TEST(CheckBefore, JudgesEveryItemOfTheGuidesList) {
  testing::StageRunner<CheckBefore> runner;
  runner.input("analysis", file("a.json", kAnalysis)).input("hardware", file("h.json", {{"target", "x"}}));
  runner.input("strategy", file("s.json", kStrategy)).input("text", file("t.txt", "text"));
  runner.input("original", presswork::testing::process_folder());
  runner.parameter("required", {"parameters", "distribution", "baseline", "hardware", "limits", "methods",
                                "risks", "rollback", "configuration", "test_data", "evaluation_tools"});
  const auto result = runner.run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("ok"), true) << result.metrics.at("problems");
  EXPECT_EQ(result.metrics.at("passed"), 11);
  EXPECT_EQ(result.metrics.at("states").at("calibration_data"), "not_run");
  EXPECT_EQ(result.metrics.at("states").at("monitoring"), "not_run");
}

TEST(CheckBefore, RunsNothingThatNothingIsThereForAndNamesWhatIsRequired) {
  testing::StageRunner<CheckBefore> runner;
  const auto result = runner.parameter("required", {"baseline"}).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("passed"), 1) << "the configuration";
  EXPECT_EQ(result.metrics.at("ok"), false);
  EXPECT_THAT(result.metrics.at("problems").get<std::string>(),
              HasSubstr("The baseline is measured (not_run)"));
}

TEST(CheckBefore, FailsAStrategyWithoutLimits) {
  Json strategy = kStrategy;
  strategy["limits"] = {{"gpu", "H100"}, {"memory_gb", nullptr}};
  testing::StageRunner<CheckBefore> runner;
  const auto result = runner.input("strategy", file("s2.json", strategy)).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("states").at("limits"), "fail");
  EXPECT_EQ(result.metrics.at("ok"), false) << "what fails is no matter of being required";
}

TEST(CheckAfter, TakesItsItemsFromTheDeploymentTest) {
  const Json test = {{"items",
                      {{{"id", "basic_inference"}, {"state", "pass"}, {"why", "20 tokens"}},
                       {{"id", "accuracy"}, {"state", "fail"}, {"why", "9 % more"}},
                       {{"id", "memory"}, {"state", "not_run"}, {"why", "no limit"}}}}};
  testing::StageRunner<CheckAfter> runner;
  const auto result = runner.input("test", file("d.json", test)).parameter("required", {"memory"}).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const Json& states = result.metrics.at("states");
  EXPECT_EQ(states.size(), 12u);
  EXPECT_EQ(states.at("basic_inference"), "pass");
  EXPECT_EQ(states.at("accuracy"), "fail");
  EXPECT_EQ(states.at("acceptance"), "not_run") << "only a person can accept";
  EXPECT_THAT(result.metrics.at("problems").get<std::string>(), HasSubstr("9 % more"));
  EXPECT_THAT(result.metrics.at("problems").get<std::string>(), HasSubstr("no limit"));
}

TEST(CheckAfter, CountsEvaluationsThatAreConnected) {
  testing::StageRunner<CheckAfter> runner;
  const auto result = runner.input("benchmarks", file("b.json", {{"accuracy", 1}})).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("states").at("benchmarks"), "pass");
  EXPECT_EQ(result.metrics.at("states").at("scenarios"), "not_run");
}

}  // namespace
}  // namespace presswork
