#include "unit/engine/harness.h"

namespace presswork::testing {
namespace {

const char* const sweep = R"yaml(
stages:
  q:
    uses: test/work
    matrix: {bits: [2, 4, 8]}
    with: {text: "${{ string(matrix.bits) }}", value: "${{ matrix.bits * 10 }}"}
  e:
    uses: test/work
    matrix: {from: q}
    with: {text: "e", value: "${{ 100 / matrix.bits }}"}
    inputs: {x: q.out}
)yaml";

TEST_F(EngineTest, AMatrixMakesAnInstanceOfEachCellAndFollowersMeetInIt) {
  const auto result = run(sweep);
  EXPECT_EQ(result.state, "succeeded") << message(result);
  EXPECT_EQ(text(result.run, "q[bits=8]"), "8");
  EXPECT_EQ(text(result.run, "e[bits=4]"), "e4");
}

TEST_F(EngineTest, AMatrixCombinesItsAxesLessWhatItExcludesPlusWhatItIncludes) {
  run(R"yaml(
stages:
  q:
    uses: test/work
    matrix: {bits: [4, 8], group: [32, 128], exclude: [{bits: 8, group: 32}], include: [{bits: 2, group: 16}]}
    with: {value: "${{ matrix.bits * 1000 + matrix.group }}"}
)yaml");
  std::vector<double> values;
  for (const auto& request : executor->started) values.push_back(request.parameters.at("value"));
  EXPECT_THAT(values, ::testing::UnorderedElementsAre(4032, 4128, 8128, 2016));
}

TEST_F(EngineTest, OneStageTakesAllInstancesAsAListInTheOrderOfTheMatrix) {
  const auto result = run(std::string(sweep) + R"yaml(
  all: {uses: test/many, with: {text: "=", value: "${{ e.metrics.value[2] }}"}, inputs: {x: e.out}}
)yaml");
  EXPECT_EQ(result.state, "succeeded") << message(result);
  EXPECT_EQ(text(result.run, "all"), "=e2e4e8");
  EXPECT_EQ(executor->started.back().parameters.at("value"), 12.5);
}

TEST_F(EngineTest, ASelectionPicksTheBestCellThatKeepsTheConstraint) {
  const auto result = run(std::string(sweep) + R"yaml(
  best: {select: {from: e, where: "e.metrics.value < 40", minimize: "q.metrics.value", outputs: {model: q.out}}}
  use: {uses: test/work, with: {text: "u", value: "${{ best.matrix.bits }}"}, inputs: {x: best.model, y: best.out}}
)yaml");
  EXPECT_EQ(result.state, "succeeded") << message(result);
  EXPECT_EQ(text(result.run, "use"), "u4e4");
  EXPECT_EQ(executor->started.back().parameters.at("value"), 4);
}

TEST_F(EngineTest, ASelectionAmongEqualsTakesTheFirst) {
  run(std::string(sweep) + R"yaml(
  best: {select: {from: e, maximize: "1"}}
  use: {uses: test/work, with: {value: "${{ best.matrix.bits }}"}}
)yaml");
  EXPECT_EQ(executor->started.back().parameters.at("value"), 2);
}

TEST_F(EngineTest, ASelectionThatNothingSatisfiesFailsAndSaysWhatItSaw) {
  const auto result = run(std::string(sweep) + R"yaml(
  best: {select: {from: e, where: "e.metrics.value < 1", minimize: "e.metrics.value"}}
)yaml");
  EXPECT_EQ(result.state, "failed");
  EXPECT_THAT(message(result), HasSubstr("best"));
}

const char* const one_fails = R"yaml(
stages:
  q:
    uses: test/work
    matrix: {n: [1, 2, 3]}
    on_failure: POLICY
    with: {value: "${{ matrix.n }}", fails: "${{ matrix.n == 2 ? \"failed\" : \"\" }}", times: 9}
  best: {select: {from: q, maximize: "q.metrics.value"}}
  use: {uses: test/work, after: [best], with: {value: "${{ best.metrics.value }}"}}
)yaml";

std::string with_policy(const std::string& policy) {
  std::string yaml = one_fails;
  return yaml.replace(yaml.find("POLICY"), 6, policy);
}

TEST_F(EngineTest, ACellThatMayFailIsLeftOutOfTheSelection) {
  const auto result = run(with_policy("continue"));
  EXPECT_EQ(result.state, "succeeded") << message(result);
  EXPECT_EQ(executor->started.back().parameters.at("value"), 3);
}

TEST_F(EngineTest, ACellThatMustNotFailFailsTheRun) { EXPECT_EQ(run(with_policy("fail")).state, "failed"); }

TEST_F(EngineTest, ACellThatIsNewRunsAloneAgainstTheCache) {
  run(sweep);
  const std::size_t before = executor->started.size();
  std::string wider = sweep;
  wider.replace(wider.find("[2, 4, 8]"), 9, "[2, 3, 4, 8]");
  run(wider);
  EXPECT_EQ(executor->started.size(), before + 2);
}

TEST_F(EngineTest, AMatrixInALoopHasCellsInEachIteration) {
  const auto result = run(R"yaml(
stages:
  tune:
    loop:
      max: 3
      state: {n: {type: integer, initial: 1}}
      body:
        q: {uses: test/work, matrix: {b: [1, 2]}, with: {value: "${{ matrix.b * state.n }}"}}
        best: {select: {from: q, maximize: q.metrics.value}}
      decide: [{when: "best.metrics.value >= 4", then: break},
               {default: continue, set: {n: "${{ state.n + 1 }}"}}]
      metrics: {value: best.metrics.value}
)yaml");
  EXPECT_EQ(result.state, "succeeded") << message(result);
  EXPECT_THAT(recorder.lines, Contains("stage_succeeded tune[2]/q[b=2]"));
  EXPECT_THAT(recorder.lines, Not(Contains("stage_succeeded tune[3]/q[b=1]")));
}

}  // namespace
}  // namespace presswork::testing
