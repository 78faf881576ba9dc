// What stages expect of themselves: who is asked, when, and what becomes of the answer.
#include "unit/engine/harness.h"

namespace presswork::testing {
namespace {

class Estimates : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    options.limits.memory = 1000;
  }
  // What was started, in order: "plan test/weighed", "run test/work".
  std::vector<std::string> started() const {
    std::vector<std::string> lines;
    for (const executor::StageRequest& request : executor->started) {
      const bool asks = request.verb == executor::Verb::plan;
      lines.push_back((asks ? "plan " : "run ") + request.parameters.value("text", ""));
    }
    return lines;
  }
};

TEST_F(Estimates, AStageThatExpectsMoreThanThereIsIsRefusedBeforeAnythingRuns) {
  const auto result = run(R"yaml(
stages:
  small: {uses: test/work, with: {text: small}}
  fits: {uses: test/weighed, with: {text: fits, expects: 1000}}
  huge: {uses: test/weighed, with: {text: huge, expects: 1001}}
  after: {uses: test/work, inputs: {x: huge.out}, with: {text: after}}
)yaml");
  EXPECT_EQ(result.state, "failed");
  EXPECT_TRUE(result.cannot_fit);
  EXPECT_THAT(started(), ElementsAre("plan fits", "plan huge"));
  EXPECT_THAT(recorder.lines, ElementsAre("run_started", "stage_failed huge failed", "run_ended failed"));
  EXPECT_THAT(message(result), HasSubstr("huge: cannot_fit: it expects to need 1001 B of memory"));
}

TEST_F(Estimates, WhatWasRefusedGoesOnWithALargerLimit) {
  const std::string run_id = run(R"yaml(
stages:
  huge: {uses: test/weighed, with: {text: huge, expects: 1001}}
  after: {uses: test/work, inputs: {x: huge.out}, with: {text: after}}
)yaml")
                                 .run;
  options.limits.memory = 2000;
  EXPECT_EQ(resume(run_id).state, "succeeded");
  EXPECT_EQ(text(run_id, "after"), "afterhuge");
}

TEST_F(Estimates, WhatTheCacheLeadsToIsAskedBeforeTheRunToo) {
  const std::string huge = R"yaml(
stages:
  base: {uses: test/work, with: {text: base}}
  huge: {uses: test/weighed, inputs: {x: base.out}, with: {text: huge, expects: 1001}}
)yaml";
  EXPECT_TRUE(run(huge).cannot_fit) << "known only once base has run";
  EXPECT_THAT(started(), ElementsAre("run base", "plan huge"));
  executor->started.clear();
  EXPECT_TRUE(run(huge + "  other: {uses: test/work, with: {text: other}}\n").cannot_fit);
  EXPECT_THAT(started(), ElementsAre("plan huge"));
}

TEST_F(Estimates, TheFirstIterationOfALoopIsAskedBeforeTheRun) {
  const auto result = run(R"yaml(
stages:
  other: {uses: test/work, with: {text: other}}
  tune:
    loop:
      max: 2
      body: {q: {uses: test/weighed, with: {text: q, expects: 1001}}}
      decide: [{default: break}]
)yaml");
  EXPECT_TRUE(result.cannot_fit);
  EXPECT_THAT(started(), ElementsAre("plan q"));
}

TEST_F(Estimates, EachIsAskedOnceAndWhatDoesTheSameWorkNotAtAll) {
  const auto result = run(R"yaml(
stages:
  a: {uses: test/weighed, with: {text: a, expects: 10}}
  b: {uses: test/weighed, matrix: {n: [1, 2, 3]}, with: {text: b, expects: 10}}
  c: {uses: test/weighed, with: {text: c}, resources: {memory: 10}}
)yaml");
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_THAT(started(), ElementsAre("plan a", "plan b", "run a", "run b", "run c"));
}

TEST_F(Estimates, NobodyWaitsWhereNoStageIsAsked) {
  run("stages: {a: {uses: test/work, with: {text: a}}}\n");
  EXPECT_THAT(started(), ElementsAre("run a"));
}

TEST_F(Estimates, AStageWhoseFailureIsTolerableIsLeftOut) {
  const auto result = run(R"yaml(
stages:
  huge: {uses: test/weighed, with: {text: huge, expects: 1001}, on_failure: continue}
  small: {uses: test/work, with: {text: small}}
)yaml");
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_THAT(started(), ElementsAre("plan huge", "run small"));
}

TEST_F(Estimates, AStopWhileStagesAreAskedLeavesARunToGoOnWith) {
  executor->on_start = [this](const executor::StageRequest&) { stop = 1; };
  const auto result = run("stages: {a: {uses: test/weighed, with: {text: a, expects: 10}}}\n");
  EXPECT_EQ(result.state, "interrupted");
  open();
  EXPECT_EQ(resume(result.run).state, "succeeded");
}

TEST_F(Estimates, APlanSaysWhatCanNeverFit) {
  const engine::Plan made = plan(R"yaml(
stages:
  fits: {uses: test/weighed, with: {text: fits, expects: 1000}}
  huge: {uses: test/weighed, with: {text: huge, expects: 1001}}
  said: {uses: test/weighed, with: {text: said, expects: 1001}, resources: {memory: 10}}
  may: {uses: test/weighed, with: {text: may, expects: 1001}, on_failure: continue}
  tune:
    loop:
      max: 3
      body: {q: {uses: test/weighed, with: {text: q}}}
      decide: [{default: break}]
)yaml");
  engine::PreviewOptions asking{false,
                                [](const engine::Step&, const Json& with, const auto&) {
                                  return engine::estimate_from({{"memory_bytes", with.value("expects", 0)}});
                                },
                                options.limits};
  std::map<std::string, engine::Preview> previews;
  for (engine::Preview& item : engine::preview(made, *ledger, *artifacts, asking)) previews[item.id] = item;
  EXPECT_FALSE(previews.at("fits").misfit);
  ASSERT_TRUE(previews.at("huge").misfit);
  EXPECT_THAT(previews.at("huge").misfit->message, HasSubstr("stage huge expects to need 1001 B"));
  EXPECT_FALSE(previews.at("said").misfit) << "what the workflow says goes before what the stage expects";
  EXPECT_FALSE(previews.at("may").misfit) << "the run goes on without it";
  EXPECT_TRUE(previews.at("tune").is_open);
}

}  // namespace
}  // namespace presswork::testing
