#include "plugins/checking/approval.h"

#include <gtest/gtest.h>

#include <fstream>

#include "presswork/testing.hpp"
#include "support/child.h"

namespace presswork {
namespace {

// The test's runner gives inputs the digest "".
class Approval : public ::testing::Test {
 protected:
  auto run(const Json& facts) const {
    testing::StageRunner<CheckApproval> runner;
    runner.input("model", model).parameter("item", "acceptance").run_facts(facts);
    return runner.run();
  }
  static Json approval(const char* item, const Json& digests) {
    return {{"approvals",
             {{{"item", item}, {"by", "Ann"}, {"note", "fine"}, {"made", "today"}, {"digests", digests}}}}};
  }
  std::filesystem::path model = testing::process_folder() / "model.txt";
  void SetUp() override { std::ofstream(model) << "weights"; }
};

TEST_F(Approval, IsOpenUntilSomebodySigns) {
  const auto result = run(Json::object());
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("approved"), false);
  EXPECT_EQ(result.metrics.at("ok"), false);
}

TEST_F(Approval, HoldsForExactlyWhatWasSigned) {
  EXPECT_EQ(run(approval("acceptance", {"another model"})).metrics.at("approved"), false);
  EXPECT_EQ(run(approval("other", {""})).metrics.at("approved"), false);
  EXPECT_EQ(run(approval("acceptance", {"", "more"})).metrics.at("approved"), false);
  const auto result = run(approval("acceptance", {""}));
  EXPECT_EQ(result.metrics.at("approved"), true);
  EXPECT_EQ(result.metrics.at("by"), "Ann");
}

}  // namespace
}  // namespace presswork
