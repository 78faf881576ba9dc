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
  EXPECT_EQ(ledger->run(result.run)->state, "partial");
  EXPECT_EQ(recorder.lines.back(), "run_ended partial");
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

const char* const nested = R"yaml(
stages:
  base: {uses: test/work, with: {text: b}}
  sweep: {uses: test/work, matrix: {n: [1, 2]}, with: {text: s, value: "${{ matrix.n }}"}}
  best: {select: {from: sweep}}
  outer:
    loop:
      max: 2
      state: {i: {type: integer, initial: 1}}
      body:
        pre: {uses: test/work, with: {text: p, value: "${{ state.i }}"}, inputs: {x: base.out}}
        inner:
          loop:
            max: 2
            state: {j: {type: integer, initial: 1}}
            body: {w: {uses: test/work, with: {text: w, value: "${{ 10 * pre.metrics.value + state.j }}"}}}
            decide: [{when: "state.j >= 2", then: break}, {default: continue, set: {j: 2}}]
      decide: [{when: "state.i >= 2", then: break}, {default: continue, set: {i: 2}}]
)yaml";

TEST_F(EngineTest, ForceTakesStagesAndLoopsByEachOfTheirSpellings) {
  run(nested);
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"w", {"outer[1]/inner[1]/w", "outer[1]/inner[2]/w", "outer[2]/inner[1]/w", "outer[2]/inner[2]/w"}},
      {"w@2", {"outer[1]/inner[2]/w", "outer[2]/inner[2]/w"}},
      {"outer[2]/inner", {"outer[2]/inner[1]/w", "outer[2]/inner[2]/w"}},
      {"inner[1]/w", {"outer[1]/inner[1]/w", "outer[2]/inner[1]/w"}},
      {"outer[2]/inner[1]/w", {"outer[2]/inner[1]/w"}},
      {"outer[1]", {"outer[1]/pre", "outer[1]/inner[1]/w", "outer[1]/inner[2]/w"}},
      {"pre", {"outer[1]/pre", "outer[2]/pre"}},
      {"sweep", {"sweep[n=1]", "sweep[n=2]"}},
      {"sweep[n=2]", {"sweep[n=2]"}},
  };
  for (const auto& [name, forced] : cases) {
    options.force = {name};
    EXPECT_EQ(run(nested).state, "succeeded");
    std::vector<std::string> ran;
    for (const engine::Event& event : recorder.events) {
      if (event.kind == "stage_started") ran.push_back(event.instance);
    }
    EXPECT_THAT(ran, ::testing::UnorderedElementsAreArray(forced)) << name;
  }
}

TEST_F(EngineTest, UntilTakesALoopAsAWhole) {
  options.until = {"outer"};
  const auto result = run(nested);
  EXPECT_EQ(result.state, "partial");
  EXPECT_EQ(ledger->run(result.run)->state, "partial");
  EXPECT_THAT(recorder.lines, Contains("loop_ended outer"));
  EXPECT_THAT(recorder.lines, Not(Contains(HasSubstr("sweep"))));
}

TEST_F(EngineTest, ForceAndUntilNameWhatThereIs) {
  const auto refused = [this](const std::string& force, const std::string& until) {
    options.force = force.empty() ? std::vector<std::string>{} : std::vector{force};
    options.until = until.empty() ? std::vector<std::string>{} : std::vector{until};
    try {
      run(nested);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code, base::ErrorCode::invalid_input);
      return error.message + "; " + error.hint;
    }
    return force + until + " was accepted";
  };
  const std::string list = "there are base, sweep, best, outer, pre, inner, w";
  EXPECT_EQ(refused("bsae", ""), "--force: the workflow has no stage bsae; did you mean \"base\"?");
  EXPECT_EQ(refused("base/zzzzzz", ""), "--force: the workflow has no stage base/zzzzzz; " + list);
  EXPECT_EQ(refused("sweep[n=2]/zz", ""),
            "--force: the workflow has no stage sweep[n=2]/zz; did you mean \"sweep[n=2]\"?");
  EXPECT_EQ(refused("sweep[n=3]", ""),
            "--force: the workflow has no stage sweep[n=3]; did you mean \"sweep[n=1]\"?");
  EXPECT_EQ(refused("outer/inner/w", ""),
            "--force: the workflow has no stage outer/inner/w; did you mean \"w\"?");
  EXPECT_EQ(refused("outer[9]/inner[1]/w", ""),
            "--force: the workflow has no stage outer[9]/inner[1]/w; did you mean \"outer[1]/inner[1]/w\"?");
  EXPECT_EQ(refused("w@3", ""), "--force: the workflow has no stage w@3; did you mean \"w\"?");
  EXPECT_EQ(refused("best", ""), "--force: best is no stage but a select; that is made anew in each run");
  const std::string whole = "; --until outer runs all of it, and what it needs";
  EXPECT_EQ(refused("", "w"), "--until: w is in the loop outer, which runs as a whole" + whole);
  EXPECT_EQ(refused("", "outer[1]/pre"),
            "--until: outer[1]/pre is in the loop outer, which runs as a whole" + whole);
  EXPECT_EQ(refused("", "outer/pre"),
            "--until: the workflow has no stage outer/pre; there are base, sweep, best, outer");
  EXPECT_TRUE(ledger->runs().empty());
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
}

TEST_F(EngineTest, WhatIsWrongWithAnOverrideIsNotTheWorkflowsFault) {
  const auto error_of = [&](const std::string& path, const std::string& value) {
    try {
      engine::make_plan("presswork: 1\nname: test\n" + std::string(chain), folder / "test.yaml",
                        Json::object(), folder, *catalogue, {{path, value}});
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code, base::ErrorCode::usage);
      return base::render(error);
    }
    return path + " was accepted";
  };
  EXPECT_EQ(
      error_of("b.with.value", "x"),
      "error: --set b.with.value=x: the parameter \"value\" of test/work must be a number, not the text "
      "\"x\"\n");
  EXPECT_EQ(
      error_of("b.with.txt", "4"),
      "error: --set b.with.txt=4: test/work has no parameter \"txt\"\n  hint: did you mean \"text\"?\n");
  EXPECT_EQ(error_of("b.with.value", "${{ params.no }}"),
            "error: --set b.with.value=${{ params.no }}: there is no parameter \"no\"\n"
            "  hint: declare it under \"params:\"\n");
  EXPECT_EQ(error_of("b.with.value", "${{ 1 + }}"),
            "error: --set b.with.value=${{ 1 + }}: expected a value, got the end of the expression\n");
}

TEST_F(EngineTest, TellsWhetherAStageOrTheWorkflowItselfFailed) {
  EXPECT_TRUE(run("stages: {a: {uses: test/work, with: {fails: failed, times: 9}}}").stage_failed);
  const auto result = run(R"(
stages:
  a: {uses: test/work}
  which: {decide: [{when: "1 > 2", then: never}]}
)");
  EXPECT_EQ(result.state, "failed");
  EXPECT_FALSE(result.stage_failed);
}

}  // namespace
}  // namespace presswork::testing
