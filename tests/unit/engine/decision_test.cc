#include "unit/engine/harness.h"

namespace presswork::testing {
namespace {

const char* const tree = R"yaml(
params: {limit: {type: number, default: 5}}
stages:
  a: {uses: test/work, with: {value: 7}}
  big:
    decide:
      - {when: "a.metrics.value > params.limit", then: "yes"}
      - {default: "no"}
  shrink: {uses: test/work, after: [big.yes], with: {text: small}, inputs: {x: a.out}}
  keep: {uses: test/work, after: [big.no], with: {text: same}, inputs: {x: a.out}}
  last: {uses: test/work, with: {text: end}, inputs: {x: "first(shrink.out, keep.out)"}}
)yaml";

TEST_F(EngineTest, ADecisionReleasesItsBranchAndSkipsTheOther) {
  const auto result = run(tree);
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_THAT(recorder.lines, Contains("decision_made big yes"));
  EXPECT_THAT(recorder.lines, Contains("stage_skipped keep: decision big chose yes, not no"));
  EXPECT_EQ(text(result.run, "last"), "endsmall");
}

TEST_F(EngineTest, AParameterTurnsTheDecision) {
  const auto result = run(tree, {{"limit", 10}});
  EXPECT_THAT(recorder.lines, Contains("decision_made big no"));
  EXPECT_EQ(text(result.run, "last"), "endsame");
}

TEST_F(EngineTest, RecordsWhatADecisionWasMadeOf) {
  const auto result = run(tree);
  const auto decisions = ledger->decisions(result.run);
  ASSERT_EQ(decisions.size(), 1u);
  EXPECT_EQ(decisions[0].branch, "yes");
  EXPECT_EQ(decisions[0].inputs, (Json{{"a.metrics.value", 7}, {"params.limit", 5}}));
}

TEST_F(EngineTest, AResumedRunReplaysItsDecisions) {
  struct Death {};
  executor->on_outcome = [](const executor::StageRequest& request) {
    if (request.parameters.at("text") == "small") throw Death();
  };
  EXPECT_THROW(run(tree), Death);
  open();
  const auto made = ledger->decisions(ledger->runs()[0].id);
  const auto result = resume(ledger->runs()[0].id);
  EXPECT_THAT(recorder.lines, Not(Contains(HasSubstr("decision_made"))));
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(ledger->decisions(result.run)[0].made, made[0].made);
  EXPECT_EQ(text(result.run, "last"), "endsmall");
}

TEST_F(EngineTest, ASkippedBranchSkipsWhatFollowsIt) {
  run(R"(
stages:
  d: {decide: [{when: "1 > 2", then: right}, {default: left}]}
  e: {after: [d.right], decide: [{default: up}]}
  x: {uses: test/work, after: [e.up]}
)");
  EXPECT_THAT(recorder.lines, Contains("stage_skipped e: decision d chose left, not right"));
  EXPECT_THAT(recorder.lines, Contains("stage_skipped x: needs e, which was skipped"));
}

// Both branches come together again: one of them was taken, and that is enough.
const char* const joined = R"(
stages:
  d: {decide: [{when: "1 > 2", then: right}, {default: left}]}
  l: {uses: test/work, after: [d.left], with: {text: l, fails: "%"}}
  r: {uses: test/work, after: [d.right], with: {text: r}}
  j: {uses: test/work, after: [l, r], join: JOIN, with: {text: j}}
)";

std::string with(std::string rule, std::string fails) {
  std::string yaml = joined;
  yaml.replace(yaml.find("JOIN"), 4, rule);
  yaml.replace(yaml.find('%'), 1, fails);
  return yaml;
}

struct JoinCase {
  std::string rule, fails;
  bool runs;
};

class JoinTest : public EngineTest, public ::testing::WithParamInterface<JoinCase> {};

TEST_P(JoinTest, JudgesASuccessOrFailureBesideASkippedNeed) {
  run(with(GetParam().rule, GetParam().fails));
  if (GetParam().runs) {
    EXPECT_THAT(recorder.lines, Contains("stage_succeeded j"));
  } else {
    EXPECT_THAT(recorder.lines, Contains(HasSubstr("stage_skipped j")));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Rules, JoinTest,
    ::testing::Values(JoinCase{"default", "", true}, JoinCase{"default", "failed", false},
                      JoinCase{"all_success", "", false}, JoinCase{"any_success", "", true},
                      JoinCase{"any_success", "failed", false}, JoinCase{"all_done", "", true},
                      JoinCase{"all_done", "failed", true}, JoinCase{"on_failure", "", false},
                      JoinCase{"on_failure", "failed", true}),
    [](const auto& tested) {
      return tested.param.rule + (tested.param.fails.empty() ? "_success" : "_failure");
    });

TEST_F(EngineTest, ThePreviewSaysWhatIsCachedAndWhatCannotBeKnown) {
  const engine::Plan before = plan(tree);
  const auto fresh = engine::preview(before, *ledger, *artifacts);
  ASSERT_EQ(fresh.size(), 5u);
  EXPECT_EQ(fresh[0].action, "run");
  EXPECT_EQ(fresh[1].action, "unknown");
  EXPECT_EQ(fresh[1].why, "waits for a");
  run(tree);
  std::map<std::string, engine::Preview> after;
  for (engine::Preview& item : engine::preview(before, *ledger, *artifacts)) after[item.id] = std::move(item);
  EXPECT_EQ(after["big"].why, "chooses yes");
  EXPECT_EQ(after["shrink"].action, "cached");
  EXPECT_EQ(after["keep"].action, "skip");
}

}  // namespace
}  // namespace presswork::testing
