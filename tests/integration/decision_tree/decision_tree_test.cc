// workflows/decision-tree.yaml on the tiny model really goes through each way of the guide's tree.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "orchestrator/base/json.h"
#include "support/child.h"

namespace presswork::testing {
namespace {

using base::Json;
using ::testing::ElementsAre;
namespace fs = std::filesystem;

const std::string kPresswork = PRESSWORK_BINARY_DIR "/bin/presswork";
const std::string kTree = PRESSWORK_SOURCE_DIR "/workflows/decision-tree.yaml";

// The tree's nodes inside the loop, in its order; decisions with the branch that they took.
const std::vector<std::string> kNodes = {"B_memory_over_limit",
                                         "C_method",
                                         "E_performance_ok",
                                         "D_performance_satisfied",
                                         "F_engine",
                                         "G_prune",
                                         "H_engine",
                                         "I_deployment_test",
                                         "J_passed",
                                         "L_adjust"};

// One workspace for the ways that one process walks: what they have in common is done once.
class DecisionTree : public ::testing::Test {
 protected:
  void run(const std::map<std::string, std::string>& params) {
    std::vector<std::string> words = {kPresswork, "run", kTree, "--workspace", workspace.string(), "-q"};
    for (const auto& [name, value] : params) words.insert(words.end(), {"-p", name + "=" + value});
    run_to_end(words);
    const fs::path out = workspace / "status.json";
    run_to_end({"/bin/sh", "-c", "exec \"$0\" status --json -q --workspace \"$1\" >\"$2\"", kPresswork,
                workspace.string(), out.string()});
    status = Json::parse(std::ifstream(out));
  }

  // "B yes C E yes F I J yes" of one attempt, whatever the method that C took.
  std::string way(int attempt) const {
    std::string text;
    for (const std::string& node : kNodes) {
      const Json stage = find("attempt[" + std::to_string(attempt) + "]/" + node);
      if (stage.is_null() || (stage["state"] != "succeeded" && stage["state"] != "cached")) continue;
      text += (text.empty() ? "" : " ") + node.substr(0, 1);
      if (stage.contains("branch") && node != "C_method") text += " " + stage["branch"].get<std::string>();
    }
    return text;
  }

  Json find(const std::string& id) const {
    for (const Json& stage : status["stages"]) {
      if (stage["id"] == id) return stage;
    }
    return nullptr;
  }
  bool bundled() const {
    return find("K_production")["state"] == "succeeded" || find("K_production")["state"] == "cached";
  }

  const fs::path workspace = process_folder() / "decision-tree";
  Json status;
};
TEST_F(DecisionTree, OverTheLimitAndGoodAfterQuantizing) {
  run({{"memory_gb", "0.0055"}, {"tokens_per_s", "0.01"}, {"min_tokens_per_s", "0.01"}});
  EXPECT_EQ(way(1), "B yes C E yes F I J yes");
  EXPECT_EQ(way(2), "");
  EXPECT_EQ(status["state"], "succeeded") << status.dump(2);
  EXPECT_TRUE(bundled());
}

TEST_F(DecisionTree, OverTheLimitAndNotGoodEnoughAfterQuantizing) {
  run({{"memory_gb", "0.0055"},
       {"tokens_per_s", "1e9"},
       {"min_tokens_per_s", "0.01"},
       {"max_loss_percent", "100"}});
  EXPECT_EQ(way(1), "B yes C E no G I J yes");
  EXPECT_EQ(status["state"], "succeeded");
  EXPECT_TRUE(bundled());
}

TEST_F(DecisionTree, WithinTheLimitAndFastEnough) {
  run({{"memory_gb", "1"}, {"tokens_per_s", "0.01"}, {"min_tokens_per_s", "0.01"}});
  EXPECT_EQ(way(1), "B no D yes F I J yes");
  EXPECT_EQ(status["state"], "succeeded");
  EXPECT_TRUE(bundled());
}

TEST_F(DecisionTree, WithinTheLimitAndTooSlow) {
  run({{"memory_gb", "1"}, {"tokens_per_s", "1e9"}, {"min_tokens_per_s", "0.01"}});
  EXPECT_EQ(way(1), "B no D no H I J yes");
  EXPECT_EQ(status["state"], "succeeded");
  EXPECT_TRUE(bundled());
}

TEST_F(DecisionTree, GoesBackToQuantizingWithAnotherStrategyEachTimeUntilItsAttemptsAreUsedUp) {
  run({{"memory_gb", "0.0055"}, {"tokens_per_s", "0.01"}, {"min_tokens_per_s", "1e9"}, {"attempts", "3"}});
  for (int attempt = 1; attempt <= 3; ++attempt)
    EXPECT_EQ(way(attempt), "B yes C E yes F I J no L") << attempt;
  EXPECT_EQ(way(4), "");
  std::set<std::string> strategies = {find("strategy")["metrics"]["recommended"].get<std::string>()};
  for (int attempt = 1; attempt <= 3; ++attempt) {
    const Json metrics = find("attempt[" + std::to_string(attempt) + "]/L_adjust")["metrics"];
    EXPECT_TRUE(strategies.insert(metrics["recommended"].get<std::string>()).second)
        << metrics["recommended"];
  }
  EXPECT_EQ(find("attempt")["metrics"]["outcome"], "exhausted");
  EXPECT_EQ(status["state"], "failed");
  EXPECT_FALSE(bundled());
}

TEST_F(DecisionTree, AModelThatFitsAndFailsItsTestIsQuantizedNext) {
  run({{"memory_gb", "1"}, {"tokens_per_s", "0.01"}, {"min_tokens_per_s", "1e9"}, {"attempts", "2"}});
  EXPECT_EQ(way(1), "B no D yes F I J no L");
  EXPECT_EQ(way(2), "B yes C E yes F I J no L");
  EXPECT_EQ(find("attempt[1]/L_adjust")["metrics"]["recommended"], find("strategy")["metrics"]["recommended"])
      << "the plan's strategy was not tried yet";
  EXPECT_FALSE(bundled());
}

TEST_F(DecisionTree, ThePatternNeedsNoQuantizationBefore) {
  run({{"methods", "[\"n_m\"]"}, {"memory_gb", "0.0055"}, {"min_tokens_per_s", "0.01"}, {"attempts", "1"}});
  EXPECT_EQ(way(1), "B yes C E no G I J no L") << "zeros take as much memory as before";
  EXPECT_EQ(find("attempt[1]/C_pattern")["state"], "succeeded");
}

// Each method that C can take, followed by G, which has to prune what it wrote.
class Method : public DecisionTree, public ::testing::WithParamInterface<const char*> {};

TEST_P(Method, IsCarriedOutAndPruned) {
  const std::string method = GetParam();
  run({{"methods", "[\"" + method + "\"]"},
       {"memory_gb", "0.0055"},
       {"tokens_per_s", "1e9"},
       {"min_tokens_per_s", "0.01"},
       {"max_loss_percent", "1000"}});
  EXPECT_EQ(way(1), "B yes C E no G I J yes");
  EXPECT_EQ(find("attempt[1]/C_" + method)["state"], "succeeded") << status.dump(2);
  EXPECT_TRUE(bundled());
}

INSTANTIATE_TEST_SUITE_P(C, Method, ::testing::Values("rtn", "gptq", "awq", "mixed", "w8a8"),
                         [](const auto& method) { return std::string(method.param); });

}  // namespace
}  // namespace presswork::testing
