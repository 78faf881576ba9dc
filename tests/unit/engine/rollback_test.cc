#include "orchestrator/engine/rollback.h"

#include "tests/unit/engine/harness.h"

namespace presswork::testing {
namespace {

using engine::TakeBack;
using ::testing::Pair;

class RollbackTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    plugins::StageDescription careful = fake_stage("test/careful");
    careful.rollback = true;
    catalogue = plugins::make_catalogue({fake_stage("test/work"), careful});
  }
  // load -> first -> second, load -> beside
  const std::string chain =
      "stages:\n"
      "  load: {uses: test/work, with: {text: l}}\n"
      "  first: {uses: test/careful, inputs: {in: load.out}, with: {text: f}}\n"
      "  second: {uses: test/careful, inputs: {in: first.out}, with: {text: s}}\n"
      "  beside: {uses: test/work, inputs: {in: load.out}, with: {text: b}}\n";

  engine::TakeBackPlan planned(const std::string& instance, TakeBack how = TakeBack::what_follows,
                               bool undo = true) {
    return engine::plan_take_back(*ledger, *catalogue, "r1", {instance}, how, undo);
  }
  void take_back(const engine::TakeBackPlan& plan) { engine::take_back(plan, "rolled back", surroundings()); }
  std::map<std::string, std::string> states() {
    std::map<std::string, std::string> states;
    for (const auto& row : ledger->instance_briefs("r1")) states[row.id] = row.state;
    return states;
  }
  std::vector<std::string> rollbacks() {
    std::vector<std::string> stages;
    for (const auto& request : executor->started) {
      if (request.verb == executor::Verb::rollback) stages.push_back(request.parameters.at("text"));
    }
    return stages;
  }
};

TEST_F(RollbackTest, SupersedesWhatFollowsAndAResumeRunsItAnewThoughItsResultIsKnown) {
  run(chain);
  take_back(planned("load"));
  EXPECT_THAT(states(), ElementsAre(Pair("load", "succeeded")));
  EXPECT_EQ(ledger->run("r1")->state, "interrupted");
  EXPECT_EQ(ledger->history("r1").size(), 3u);
  engine::undo_pending("r1", *catalogue, surroundings());

  const auto result = resume("r1");
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_THAT(recorder.lines, Not(Contains(HasSubstr(" load"))));
  for (const char* id : {"first", "second", "beside"}) {
    EXPECT_THAT(recorder.lines, Contains(std::string("stage_succeeded ") + id));
  }
  EXPECT_EQ(text("r1", "second"), "sfl");
  EXPECT_EQ(ledger->attempts("r1").back().number, 2) << "the log of the first attempt is not written over";
}

TEST_F(RollbackTest, OfOneRunLeavesTheCacheToOthers) {
  run("stages:\n  a: {uses: test/work, with: {text: x}}\n  b: {uses: test/work, inputs: {in: a.out}}\n");
  take_back(planned("a"));
  run("stages:\n  a: {uses: test/work, with: {text: x}}\n  b: {uses: test/work, inputs: {in: a.out}}\n");
  EXPECT_THAT(recorder.lines, Contains("stage_cached b"));
}

TEST_F(RollbackTest, ARetryTakesTheStageItself) {
  run(chain);
  EXPECT_THAT(planned("second", TakeBack::from_it).ids, ElementsAre("second"));
  EXPECT_THAT(planned("second").ids, ::testing::IsEmpty());
}

TEST_F(RollbackTest, CallsTheStagesOwnRollbacksNewestFirstWithWhatTheyWereGiven) {
  run(chain);
  const auto plan = planned("load");
  EXPECT_THAT(plan.undo, ElementsAre("first", "second"));
  take_back(plan);
  EXPECT_FALSE(ledger->checkpoint(ledger->history("r1")[0].instance->key))
      << "another run must not take from the cache what is being undone";
  const auto undone = engine::undo_pending("r1", *catalogue, surroundings());
  ASSERT_EQ(undone.size(), 2u);
  EXPECT_THAT(rollbacks(), ElementsAre("s", "f"));
  const auto& request = executor->started.back();
  EXPECT_EQ(request.stage, "test/careful");
  EXPECT_EQ(base::real_file_system().read(request.inputs.at("in").path), "l");
  EXPECT_FALSE(base::real_file_system().status(request.work_dir));
  EXPECT_TRUE(ledger->pending_undo("r1").empty());
}

TEST_F(RollbackTest, IsCompletedByRepeatingItAfterACrashInTheMiddle) {
  run(chain);
  take_back(planned("load"));
  int calls = 0;
  executor->on_outcome = [&](const executor::StageRequest&) {
    if (++calls == 2) throw base::Error(base::ErrorCode::internal, "the orchestrator dies here");
  };
  EXPECT_THROW(engine::undo_pending("r1", *catalogue, surroundings()), base::Error);
  open();  // a new process
  EXPECT_EQ(ledger->pending_undo("r1").size(), 1u);
  engine::undo_pending("r1", *catalogue, surroundings());
  EXPECT_THAT(rollbacks(), ElementsAre("f")) << "the second was undone; the first, under way, is repeated";
  EXPECT_TRUE(engine::undo_pending("r1", *catalogue, surroundings()).empty());
}

TEST_F(RollbackTest, StopsAtARollbackThatFailsAndSaysHowToGoOn) {
  run("stages:\n  a: {uses: test/work}\n  b: {uses: test/careful, inputs: {in: a.out}, with: {text: b}}\n");
  take_back(planned("a"));
  executor->hold = true;
  executor->on_start = [&](const executor::StageRequest& request) { executor->kill(request.token); };
  try {
    engine::undo_pending("r1", *catalogue, surroundings());
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::ErrorCode::stage_failed);
    EXPECT_THAT(error.message, HasSubstr("the rollback of b (test/careful) failed"));
    EXPECT_THAT(error.hint, HasSubstr("--no-undo"));
  }
  EXPECT_EQ(ledger->pending_undo("r1").size(), 1u);
  EXPECT_EQ(engine::skip_pending_undo("r1", *ledger).size(), 1u);
  EXPECT_EQ(ledger->history("r1")[0].undo, "skipped");
}

TEST_F(RollbackTest, DoesNotUndoWhatWasTakenFromTheCache) {
  run(chain);
  run(chain);
  EXPECT_TRUE(
      engine::plan_take_back(*ledger, *catalogue, "r2", {"load"}, TakeBack::what_follows, true).undo.empty());
}

TEST_F(RollbackTest, RefusesToGuessWhetherAStageThatIsGoneHasEffects) {
  run(chain);
  catalogue = plugins::make_catalogue({fake_stage("test/work")});
  EXPECT_THROW(planned("load"), base::Error);
  EXPECT_EQ(planned("load", TakeBack::what_follows, false).ids.size(), 3u);
}

TEST_F(RollbackTest, ReachesADecisionWhichIsThenMadeAnew) {
  const std::string yaml =
      "stages:\n"
      "  a: {uses: test/work, with: {value: 3}}\n"
      "  gate: {decide: [{when: \"a.metrics.value > 2\", then: high}, {default: low}]}\n"
      "  up: {uses: test/work, after: [gate.high]}\n"
      "  down: {uses: test/work, after: [gate.low]}\n";
  run(yaml);
  EXPECT_THAT(planned("a").ids, ::testing::UnorderedElementsAre("gate", "up", "down"));
  take_back(planned("a"));
  EXPECT_TRUE(ledger->decisions("r1").empty());
  resume("r1");
  for (const auto& event : recorder.events) {
    if (event.kind == "decision_made") {
      EXPECT_EQ(event.data.at("replayed"), false);
    }
  }
  EXPECT_EQ(states()["down"], "skipped");
}

// Time stamps may lie: a clock that was set back between a rollback and the resume.
TEST_F(RollbackTest, IsNotConfusedByAClockThatJumpsBack) {
  run(chain);
  take_back(planned("load"));
  engine::undo_pending("r1", *catalogue, surroundings());
  clock.advance(-std::chrono::hours(48));
  EXPECT_EQ(resume("r1").state, "succeeded");
  recorder = {};
  ledger->set_run_state("r1", "interrupted", "", "");
  const std::size_t before = executor->started.size();
  EXPECT_EQ(resume("r1").state, "succeeded");
  EXPECT_EQ(executor->started.size(), before)
      << "what was done again since the rollback is not done a third time";
}

}  // namespace
}  // namespace presswork::testing
