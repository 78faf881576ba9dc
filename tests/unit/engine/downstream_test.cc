// Rows in, the ids that go out.
#include "orchestrator/engine/downstream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace presswork::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DownstreamTest : public ::testing::Test {
 protected:
  void stage(const std::string& id, std::vector<std::string> needs = {}) {
    store::InstanceRow row;
    row.id = id;
    row.needs = std::move(needs);
    history.instances.push_back(row);
  }
  void iteration(const std::string& loop, int number, const std::string& outcome) {
    history.iterations.push_back({"r1", loop, number, {{"bits", number}}, outcome, ""});
    history.decisions.push_back({"r1", loop + "[" + std::to_string(number) + "]", outcome, {}, ""});
  }
  // load -> a -> b, load -> c; join needs b and c; alone needs nothing.
  void diamond() {
    stage("load");
    stage("a", {"load"});
    stage("c", {"load"});
    stage("b", {"a"});
    stage("join", {"b", "c"});
    stage("alone");
  }
  // A loop of three iterations between load and report; each iteration: quantize -> measure.
  void loop() {
    stage("load");
    stage("tune", {"load"});
    for (int i = 1; i <= 3; ++i) {
      const std::string in = "tune[" + std::to_string(i) + "]/";
      stage(in + "quantize", {"load"});
      stage(in + "measure", {in + "quantize"});
      stage(in + "beside", {"load"});
      iteration("tune", i, i == 3 ? "break" : "continue");
    }
    stage("report", {"tune"});
    stage("other", {"load"});
  }
  std::vector<std::string> after(const std::string& id) { return downstream(history, id, false).ids; }
  std::vector<std::string> from(const std::string& id) { return downstream(history, id, true).ids; }
  std::vector<int> begun_again(const std::string& id) {
    std::vector<int> numbers;
    for (const auto& row : downstream(history, id, false).begun_again) {
      EXPECT_EQ(row.outcome, "");
      numbers.push_back(row.number);
    }
    return numbers;
  }

  History history;
};

TEST_F(DownstreamTest, IsAllThatNeedsItDirectlyOrNotInTheOrderOfTheLedger) {
  diamond();
  EXPECT_THAT(after("a"), ElementsAre("b", "join"));
  EXPECT_THAT(after("load"), ElementsAre("a", "c", "b", "join"));
  EXPECT_THAT(after("join"), IsEmpty());
  EXPECT_THAT(after("alone"), IsEmpty());
}

TEST_F(DownstreamTest, WithItselfIsForARetry) {
  diamond();
  EXPECT_THAT(from("c"), ElementsAre("c", "join"));
  EXPECT_THAT(from("alone"), ElementsAre("alone"));
}

TEST_F(DownstreamTest, OfAStageInALoopIsTheRestOfItsIterationTheLaterOnesTheLoopAndWhatNeedsIt) {
  loop();
  EXPECT_THAT(after("tune[2]/quantize"),
              ElementsAre("tune", "tune[2]/measure", "tune[2]", "tune[3]/quantize", "tune[3]/measure",
                          "tune[3]/beside", "tune[3]", "report"));
  EXPECT_THAT(begun_again("tune[2]/quantize"), ElementsAre(2));
}

TEST_F(DownstreamTest, OfTheLastStageOfTheLastIterationIsItsDecisionAndTheLoop) {
  loop();
  EXPECT_THAT(after("tune[3]/measure"), ElementsAre("tune", "tune[3]", "report"));
}

TEST_F(DownstreamTest, OfAnIterationIsWhatCameAfterIt) {
  loop();
  EXPECT_THAT(after("tune[2]"), ElementsAre("tune", "tune[3]/quantize", "tune[3]/measure", "tune[3]/beside",
                                            "tune[3]", "report"));
  EXPECT_THAT(begun_again("tune[2]"), IsEmpty());
}

TEST_F(DownstreamTest, OfALoopIsWhatNeedsItAndNothingOfItsBody) {
  loop();
  EXPECT_THAT(after("tune"), ElementsAre("report"));
}

TEST_F(DownstreamTest, OfAStageBeforeALoopIsTheWholeLoop) {
  loop();
  const auto all = downstream(history, "load", false);
  EXPECT_EQ(all.ids.size(), history.ids().size() - 1);
  EXPECT_THAT(all.begun_again, IsEmpty());
}

TEST_F(DownstreamTest, OfALoopWithItselfIsItsBodyToo) {
  loop();
  const auto ids = from("tune");
  EXPECT_EQ(ids.size(), 1u + 3 * 4 + 1);
  EXPECT_THAT(ids, ::testing::Not(::testing::Contains("load")));
  EXPECT_THAT(ids, ::testing::Not(::testing::Contains("other")));
}

TEST_F(DownstreamTest, KeepsABodyThatNeedsItsLoopsRow) {
  stage("tune");
  stage("tune[1]/quantize", {"tune"});
  stage("tune[1]/measure", {"tune[1]/quantize"});
  iteration("tune", 1, "break");
  EXPECT_THAT(after("tune[1]/quantize"), ElementsAre("tune", "tune[1]/measure", "tune[1]"));
}

TEST_F(DownstreamTest, InANestedLoopReachesTheOuterOnes) {
  for (int o = 1; o <= 2; ++o) {
    const std::string outer = "outer[" + std::to_string(o) + "]/";
    for (int i = 1; i <= 2; ++i) {
      stage(outer + "inner[" + std::to_string(i) + "]/x");
      iteration(outer + "inner", i, "continue");
    }
    stage(outer + "inner");
    stage(outer + "y", {outer + "inner"});
    iteration("outer", o, "continue");
  }
  stage("outer");
  EXPECT_THAT(
      after("outer[1]/inner[1]/x"),
      ElementsAre("outer[1]/inner[1]", "outer[1]/inner[2]/x", "outer[1]/inner[2]", "outer[1]/inner",
                  "outer[1]/y", "outer[1]", "outer[2]/inner[1]/x", "outer[2]/inner[1]", "outer[2]/inner[2]/x",
                  "outer[2]/inner[2]", "outer[2]/inner", "outer[2]/y", "outer[2]", "outer"));
  EXPECT_THAT(begun_again("outer[1]/inner[1]/x"), ElementsAre(1, 1));
}

// The loop had not ended: it has no row, and what is around it is told all the same.
TEST_F(DownstreamTest, InALoopThatHasNoRowYetReachesTheOuterOne) {
  stage("outer[1]/inner[1]/x");
  iteration("outer[1]/inner", 1, "");
  iteration("outer", 1, "");
  EXPECT_THAT(after("outer[1]/inner[1]/x"), ElementsAre("outer[1]/inner[1]", "outer[1]"));
}

TEST_F(DownstreamTest, DoesNotTakeACellForAnIteration) {
  stage("sweep");
  stage("sweep[bits=4]", {"load"});
  stage("sweep[bits=8]", {"load"});
  EXPECT_THAT(from("sweep"), ElementsAre("sweep"));
  EXPECT_THAT(from("sweep[bits=4]"), ElementsAre("sweep[bits=4]"));
}

TEST_F(DownstreamTest, DoesNotTakeANumberedCellForAnIterationEither) {
  stage("sweep[1]", {"load"});
  stage("sweep[2]", {"load"});
  EXPECT_THAT(from("sweep[1]"), ElementsAre("sweep[1]"));
}

// After a first rollback the loop has no row, and still its first iteration stands on what it needed.
TEST_F(DownstreamTest, OfWhatALoopNeededThatWasTakenBackIsWhatIsLeftOfIt) {
  stage("load");
  stage("tune[1]/quantize", {"tune"});
  iteration("tune", 1, "");
  store::InstanceRow tune;
  tune.id = "tune";
  tune.needs = {"load"};
  history.former_loops = {tune};
  EXPECT_THAT(after("load"), ElementsAre("tune[1]/quantize", "tune[1]"));
}

TEST_F(DownstreamTest, OfAHundredThousandInstancesIsFoundWithoutLookingAtAllPairs) {
  stage("load");
  for (int i = 1; i <= 1000; ++i) {
    for (int k = 0; k < 100; ++k) {
      stage("tune[" + std::to_string(i) + "]/x[k=" + std::to_string(k) + "]", {"load"});
    }
  }
  const Downstream of_load = downstream(history, "load", false);
  EXPECT_EQ(of_load.ids.size(), 100'000u);
  EXPECT_LT(of_load.steps, 500'000u);
  const Downstream of_first = downstream(history, "tune[1]/x[k=0]", false);
  EXPECT_EQ(of_first.ids.size(), 99'900u);
  EXPECT_LT(of_first.steps, 500'000u);
}

}  // namespace
}  // namespace presswork::engine
