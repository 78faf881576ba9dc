// When what a run records is on the disk, and what waits for that.
#include <algorithm>

#include "support/disk_sync.h"
#include "unit/engine/harness.h"

namespace presswork::testing {
namespace {

class DurabilityTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    options.limits.cores = 1;
    executor->on_start = [this](const executor::StageRequest& request) {
      told[request.parameters.value("text", "")] = recorder.lines;
    };
  }
  void TearDown() override {
    disk_fails = false;
    EngineTest::TearDown();
  }

  std::map<std::string, std::vector<std::string>> told;  // when a stage was started, by its text
};

TEST_F(DurabilityTest, WhatNeedsNothingOfATurnStartsWhileTheDiskWrites) {
  run(R"(
stages:
  a: {uses: test/work, with: {text: A}}
  b: {uses: test/work, with: {text: B}}
)");
  EXPECT_THAT(told.at("B"), Not(Contains("stage_succeeded a")));
  EXPECT_THAT(recorder.lines, ElementsAre("run_started", "stage_started a", "stage_succeeded a",
                                          "stage_started b", "stage_succeeded b", "run_ended succeeded"));
}

TEST_F(DurabilityTest, WhatNeedsAResultStartsOnceTheResultIsOnTheDisk) {
  run(R"(
stages:
  a: {uses: test/work, with: {text: A, value: 1}}
  by_edge: {uses: test/work, with: {text: B}, inputs: {x: a.out}}
  choice: {decide: [{when: "a.metrics.value > 0", then: up}, {default: down}]}
  by_decision: {uses: test/work, with: {text: C}, after: [choice.up]}
  by_name: {uses: test/work, with: {text: "D${{ a.metrics.value }}"}}
)");
  for (const char* text : {"B", "C", "D1"}) EXPECT_THAT(told.at(text), Contains("stage_succeeded a")) << text;
}

TEST_F(DurabilityTest, AnIterationStartsOnceItsStateIsOnTheDisk) {
  run(R"yaml(
stages:
  turns:
    loop:
      max: 2
      state: {n: {type: integer, initial: 1}}
      body:
        work: {uses: test/work, with: {text: "${{ string(state.n) }}", value: "${{ state.n }}"}}
      decide:
        - {when: "work.metrics.value > 1", then: break}
        - {default: continue, set: {n: "${{ state.n + 1 }}"}}
)yaml");
  EXPECT_THAT(told.at("2"), Contains("stage_succeeded turns[1]/work"));
}

TEST_F(DurabilityTest, TurnsThatNobodyWaitsForShareASync) {
  std::string yaml = "stages:\n";
  for (int i = 0; i < 20; ++i)
    yaml += "  s" + std::to_string(i) +
            ": {uses: test/work, on_failure: continue, with: {fails: failed, value: " + std::to_string(i) +
            "}}\n";
  const engine::Plan made = plan(yaml);
  const int before = disk_syncs;
  EXPECT_EQ(engine::start_run(made, surroundings(), options).state, "succeeded");
  EXPECT_LT(disk_syncs - before, 10) << "of twenty stages that end at the same moment";
}

TEST_F(DurabilityTest, AResultIsToldSoonThoughNothingElseHappens) {
  executor->on_outcome = [this](const executor::StageRequest&) { executor->hold = true; };
  int turns = 0;  // of at least a millisecond each, since a was recorded
  recorder.tick = [&] {
    if (executor->hold && ledger->instance("r1", "a")->state == "succeeded") ++turns;
    const bool told_of_a =
        std::find(recorder.lines.begin(), recorder.lines.end(), "stage_succeeded a") != recorder.lines.end();
    if (told_of_a || turns > 100) executor->hold = false;
  };
  const engine::Plan made = plan(R"(
stages:
  a: {uses: test/work, with: {text: A}}
  b: {uses: test/work, with: {text: B}}
)");
  EXPECT_EQ(engine::start_run(made, surroundings(), options).state, "succeeded");
  EXPECT_LE(turns, 100) << "a was not told of before b ended";
}

TEST_F(DurabilityTest, ARepeatedRunThatTheDiskRefusedHasNotBeen) {
  options.question = "asked";
  run("stages: {a: {uses: test/work}}\n");
  recorder = {};
  disk_fails = true;
  EXPECT_THROW(engine::repeat_run("asked", surroundings()), base::Error);
  EXPECT_TRUE(recorder.lines.empty());
  disk_fails = false;
  open();
  EXPECT_EQ(ledger->runs().size(), 1u);
  EXPECT_EQ(engine::repeat_run("asked", surroundings())->run, "r2");
}

TEST_F(DurabilityTest, NobodyIsToldOfAResultThatTheDiskRefused) {
  const char* const yaml = R"(
stages:
  a: {uses: test/work, with: {text: A}}
  b: {uses: test/work, with: {text: B}}
)";
  executor->on_outcome = [](const executor::StageRequest&) { disk_fails = true; };
  try {
    run(yaml);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::ErrorCode::io);
  }
  EXPECT_THAT(recorder.lines, Not(Contains("stage_succeeded a")));
  EXPECT_EQ(executor->running(), 0u) << "b, which had been started, is not left behind";
  EXPECT_TRUE(fs::is_empty(workspace.attempts())) << "nor what it has written so far";
  disk_fails = false;
  open();
  EXPECT_EQ(resume("r1").state, "succeeded");
  EXPECT_EQ(text("r1", "b"), "B");
}

}  // namespace
}  // namespace presswork::testing
