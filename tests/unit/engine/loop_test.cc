#include "unit/engine/harness.h"

namespace presswork::testing {
namespace {

// Adds 3 to `n` until it exceeds 8; what it makes grows by a letter each time.
const char* const tune = R"yaml(
params: {most: {type: integer, default: 5}, enough: {type: number, default: 8}}
stages:
  seed: {uses: test/work, with: {text: s}}
  tune:
    loop:
      max: "${{ params.most }}"
      state:
        n: {type: integer, initial: 1}
        model: {type: artifact, initial: seed.out}
      body:
        work: {uses: test/work, with: {text: "${{ \"w\" }}", value: "${{ state.n }}"}, inputs: {x: state.model}}
      decide:
        - {when: "work.metrics.value > params.enough", then: break}
        - {default: continue, set: {n: "${{ state.n + 3 }}", model: work.out}}
      on_exhausted: EXHAUSTED
      outputs: {model: work.out}
      metrics: {value: work.metrics.value}
  last: {uses: test/work, with: {text: "end", value: "${{ tune.metrics.value }}"}, inputs: {x: tune.model}}
)yaml";

std::string with_exhausted(const std::string& rule) {
  std::string yaml = tune;
  return yaml.replace(yaml.find("EXHAUSTED"), 9, rule);
}

std::vector<std::string> of_loop(const Recorder& recorder) {
  std::vector<std::string> lines;
  for (const engine::Event& event : recorder.events) {
    if (event.kind == "loop_iteration") lines.push_back(event.data.at("state").dump());
    if (event.kind == "loop_decided") lines.push_back(event.data.at("way").get<std::string>());
    if (event.kind == "loop_ended") lines.push_back("ended: " + event.data.at("outcome").get<std::string>());
  }
  return lines;
}

TEST_F(EngineTest, ALoopGoesOnWithTheStateThatItSetsUntilItBreaks) {
  const auto result = run(with_exhausted("fail"));
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_THAT(of_loop(recorder), ElementsAre(R"({"n":1})", "continue", R"({"n":4})", "continue", R"({"n":7})",
                                             "continue", R"({"n":10})", "break", "ended: break"));
  EXPECT_EQ(text(result.run, "tune[4]/work"), "wwwws");
  EXPECT_EQ(text(result.run, "last"), "endwwwws");
}

TEST_F(EngineTest, AnExhaustedLoopFails) {
  const auto result = run(with_exhausted("fail"), {{"most", 2}});
  EXPECT_EQ(result.state, "failed");
  EXPECT_THAT(recorder.lines, Contains(HasSubstr("stage_skipped last")));
  EXPECT_EQ(of_loop(recorder).back(), "ended: failed");
}

TEST_F(EngineTest, AnExhaustedLoopTakesItsLastIteration) {
  const auto result = run(with_exhausted("last"), {{"most", 2}});
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_EQ(text(result.run, "last"), "endwws");
}

TEST_F(EngineTest, AnExhaustedLoopTakesItsBestIterationAndTheFirstOfEquals) {
  const std::string nearest = "best\n      select: {minimize: \"abs(work.metrics.value - 5.5)\"}";
  const auto result = run(with_exhausted(nearest), {{"most", 3}, {"enough", 100}});
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_EQ(text(result.run, "last"), "endwws") << "4 and 7 are as near; 4 came first";
}

TEST_F(EngineTest, TheSecondRunOfALoopDoesNothing) {
  run(with_exhausted("fail"));
  const std::size_t before = executor->started.size();
  const auto result = run(with_exhausted("fail"));
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_EQ(executor->started.size(), before);
}

TEST_F(EngineTest, TheNumberOfAnIterationIsNoPartOfItsKey) {
  const std::string yaml = R"(
stages:
  tune:
    loop:
      max: 3
      state: {n: {type: integer, initial: 0}}
      body: {same: {uses: test/work, with: {text: same}}}
      decide: [{when: "state.n >= 2", then: break}, {default: continue, set: {n: "${{ state.n + 1 }}"}}]
)";
  run(yaml);
  EXPECT_EQ(executor->started.size(), 1u);
  EXPECT_THAT(recorder.lines, Contains("stage_cached tune[3]/same"));
}

TEST_F(EngineTest, ALoopThatChoosesFailSaysItsMessage) {
  const auto result = run(R"(
stages:
  tune:
    loop:
      max: 3
      body: {w: {uses: test/work, with: {value: 2}}}
      decide: [{when: "w.metrics.value < 3", then: fail, message: too small}, {default: break}]
)");
  EXPECT_EQ(result.state, "failed");
  EXPECT_THAT(message(result), HasSubstr("too small"));
}

TEST_F(EngineTest, AFailureInTheBodyFailsTheLoop) {
  const auto result = run(R"(
stages:
  tune:
    loop:
      max: 3
      body:
        w: {uses: test/work, with: {fails: failed, times: 9}}
        x: {uses: test/work, inputs: {x: w.out}}
      decide: [{default: break}]
  after: {uses: test/work, after: [tune]}
)");
  EXPECT_EQ(result.state, "failed");
  EXPECT_THAT(recorder.lines, Contains("stage_skipped tune[1]/x: needs tune[1]/w, which failed"));
  EXPECT_THAT(recorder.lines, Contains(HasSubstr("stage_skipped after: needs tune")));
}

TEST_F(EngineTest, LoopsNest) {
  const auto result = run(R"yaml(
stages:
  outer:
    loop:
      max: 5
      state: {a: {type: integer, initial: 1}}
      body:
        start: {uses: test/work, with: {text: "${{ \"o\" }}", value: "${{ state.a }}"}}
        inner:
          loop:
            max: 5
            state: {b: {type: number, initial: "${{ start.metrics.value * 10 }}"}}
            body: {w: {uses: test/work, with: {text: i, value: "${{ state.b }}"}, inputs: {x: start.out}}}
            decide: [{when: "state.b >= 10 * start.metrics.value + 1", then: break},
                     {default: continue, set: {b: "${{ state.b + 1 }}"}}]
            metrics: {value: w.metrics.value}
      decide: [{when: "state.a == 2", then: break}, {default: continue, set: {a: "${{ state.a + 1 }}"}}]
      metrics: {value: inner.metrics.value}
  last: {uses: test/work, with: {value: "${{ outer.metrics.value }}"}}
)yaml");
  EXPECT_EQ(result.state, "succeeded") << message(result);
  EXPECT_THAT(recorder.lines, Contains("stage_succeeded outer[2]/inner[2]/w"));
  const auto last = executor->started.back();
  EXPECT_EQ(last.parameters.at("value"), 21);
}

TEST_F(EngineTest, AResumedLoopGoesOnInTheIterationThatItWasIn) {
  struct Death {};
  executor->on_outcome = [](const executor::StageRequest& request) {
    if (request.parameters.value("value", 0.0) == 7) throw Death();
  };
  EXPECT_THROW(run(with_exhausted("fail")), Death);
  open();
  const auto result = resume(ledger->runs()[0].id);
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_EQ(text(result.run, "last"), "endwwwws");
  std::vector<double> done;
  for (const auto& request : executor->started) done.push_back(request.parameters.value("value", -1.0));
  EXPECT_THAT(done, ElementsAre(7, 10, 10)) << "tune[3], tune[4] and last";
}

TEST_F(EngineTest, ALoopsStateIsRecordedForEachIteration) {
  const auto result = run(with_exhausted("fail"));
  const auto iterations = ledger->iterations(result.run);
  ASSERT_EQ(iterations.size(), 4u);
  EXPECT_EQ(iterations[2].number, 3);
  EXPECT_EQ(iterations[2].state.at("values").at("n"), 7);
}

}  // namespace
}  // namespace presswork::testing
