// What becomes of failures, and who may run at once.
#include "unit/engine/harness.h"

namespace presswork::testing {
namespace {

TEST_F(EngineTest, AFailureThatMayBeCountsAsSkipped) {
  const auto result = run(R"yaml(
stages:
  a: {uses: test/work, with: {text: a, fails: failed, times: 9}, on_failure: continue}
  b: {uses: test/work, with: {text: b}}
  c: {uses: test/work, with: {text: c}, inputs: {x: "first(a.out, b.out)"}}
)yaml");
  EXPECT_EQ(result.state, "succeeded") << message(result);
  EXPECT_EQ(text(result.run, "c"), "cb");
}

TEST_F(EngineTest, AFailedStageThatAsksForItIsRolledBackAndThenTheRunFails) {
  const auto result = run(R"yaml(
stages:
  a: {uses: test/undoable, with: {text: a, fails: failed, times: 9}, on_failure: rollback}
)yaml");
  EXPECT_EQ(result.state, "failed");
  ASSERT_EQ(executor->started.size(), 2u);
  EXPECT_EQ(executor->started[1].verb, executor::Verb::rollback);
  EXPECT_THAT(recorder.lines,
              ElementsAre("run_started", "stage_started a", "stage_rolling_back a", "stage_rolled_back a",
                          "stage_failed a failed", "run_ended failed"));
}

TEST_F(EngineTest, AFailedStageThatHasNoRollbackIsNotSaidToBeRolledBack) {
  const auto result = run(R"yaml(
stages:
  a: {uses: test/work, with: {text: a, fails: failed, times: 9}, on_failure: rollback}
)yaml");
  EXPECT_EQ(result.state, "failed");
  EXPECT_EQ(executor->started.size(), 1u);
  EXPECT_THAT(recorder.lines, ElementsAre("run_started", "stage_started a", "stage_log a",
                                          "stage_failed a failed", "run_ended failed"));
}

TEST_F(EngineTest, TokensLimitWhoRunsAtOnce) {
  options.limits.cores = 4;
  options.limits.tokens = {{"licence", 2}};
  run(R"yaml(
stages:
  q: {uses: test/work, matrix: {n: [1, 2, 3, 4]}, with: {value: "${{ matrix.n }}"},
      resources: {tokens: {licence: 1}}}
)yaml");
  EXPECT_EQ(executor->most_at_once, 2u);
}

TEST_F(EngineTest, GpusLimitWhoRunsAtOnce) {
  options.limits.cores = 4;
  options.limits.gpus = 3;
  run(R"yaml(
stages:
  q: {uses: test/work, matrix: {n: [1, 2, 3, 4]}, with: {value: "${{ matrix.n }}"}, resources: {gpus: 2}}
)yaml");
  EXPECT_EQ(executor->most_at_once, 1u);
}

TEST_F(EngineTest, WhatCanNeverFitIsRefusedBeforeTheRunAlsoInALoop) {
  const std::string yaml = R"yaml(
stages:
  tune:
    loop:
      max: 2
      body: {q: {uses: test/work, resources: {tokens: {licence: 3}}}}
      decide: [{default: break}]
)yaml";
  options.limits.tokens = {{"licence", 2}};
  try {
    run(yaml);
    FAIL() << "it was accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::ErrorCode::cannot_fit);
    EXPECT_THAT(error.message, HasSubstr("licence"));
  }
  EXPECT_TRUE(ledger->runs().empty());
}

const char* const chain = R"yaml(
stages:
  a: {uses: test/work, with: {text: a}}
  b: {uses: test/work, with: {text: b}, inputs: {x: a.out}}
  c: {uses: test/work, with: {text: c}, inputs: {x: b.out}}
  d: {uses: test/work, with: {text: d}}
)yaml";

TEST_F(EngineTest, UntilRunsOnlyTheStageAndWhatItNeeds) {
  options.until = {"b"};
  const auto result = run(chain);
  EXPECT_EQ(result.state, "partial");
  EXPECT_EQ(executor->started.size(), 2u);
  options.until.clear();
  EXPECT_EQ(resume(result.run).state, "succeeded");
  EXPECT_EQ(executor->started.size(), 4u);
}

TEST_F(EngineTest, ForceRunsAStageWhoseResultIsKnownAndNothingElseWhenItComesToTheSame) {
  run(chain);
  executor->started.clear();
  options.force = {"b"};
  run(chain);
  ASSERT_EQ(executor->started.size(), 1u);
  EXPECT_EQ(executor->started[0].parameters.at("text"), "b");
}

TEST_F(EngineTest, ForceAndUntilNameStagesThatThereAre) {
  options.force = {"bb"};
  EXPECT_THROW(run(chain), base::Error);
  options.force.clear();
  options.until = {"zz"};
  EXPECT_THROW(run(chain), base::Error);
}

TEST_F(EngineTest, AnOverrideTakesThePlaceOfAParameterAndIsKeptForTheResume) {
  const auto overridden = [&](const workflow::Overrides& overrides) {
    return engine::make_plan("presswork: 1\nname: test\n" + std::string(chain), folder / "test.yaml",
                             Json::object(), folder, *catalogue, overrides);
  };
  const engine::Plan made = overridden({{"b.with.text", "4"}});
  const auto result = engine::start_run(made, surroundings(), options);
  EXPECT_EQ(text(result.run, "c"), "c4a");
  const engine::Plan restored = engine::restore_plan(ledger->run(result.run)->plan, *catalogue);
  EXPECT_EQ(restored.overrides, made.overrides);
  EXPECT_THROW(overridden({{"bb.with.text", "4"}}), base::Error);
  EXPECT_THROW(overridden({{"b.text", "4"}}), base::Error);
  EXPECT_THROW(overridden({{"b.with.txt", "4"}}), base::Error);
}

}  // namespace
}  // namespace presswork::testing
