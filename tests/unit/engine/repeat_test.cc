// A run that has nothing to do, answered by the memory of the last one that asked the same: it must leave
// what a whole one would have left, and must not be where a whole one would do something.
#include <fstream>
#include <map>

#include "unit/engine/harness.h"
#include "unit/store/support.h"

namespace presswork::testing {
namespace {

const char* const flow = R"(
params: {scale: {type: integer, default: 3}}
stages:
  last: {uses: test/many, inputs: {x: grid.out}}
  grid: {uses: test/work, matrix: {n: [1, 2]}, with: {text: "n${{ matrix.n }}", value: "${{ params.scale * matrix.n }}"}, inputs: {a: first.out}}
  first: {uses: test/work, with: {text: A, value: 1, path: data.txt}}
  named: {uses: test/work, with: {text: "f${{ first.metrics.value }}"}, inputs: {m: first.metrics}}
checklist:
  - {title: small, check: "first.metrics.value < 2", required: true}
  - {title: large, check: "first.metrics.value > 2"}
)";

class RepeatTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    options.question = "asked";
    data("data");
  }
  // Old enough for what stat says of it to be trusted.
  void data(const std::string& text) {
    std::ofstream(folder / "data.txt") << text;
    fs::last_write_time(folder / "data.txt", fs::file_time_type::clock::now() - std::chrono::hours(age_--));
  }
  std::optional<engine::RunResult> repeat(const std::string& question = "asked") {
    recorder = {};
    return engine::repeat_run(question, surroundings());
  }
  // All that the ledger has of a run, but its id and times.
  Json rows(const std::string& run) {
    Json all = Json::object();
    for (const store::InstanceRow& row : ledger->instances(run)) {
      all[row.id] = {row.uses, row.state,    row.cause, row.key,   row.inputs,
                     row.with, row.attempts, row.kind,  row.needs, row.key_rest};
    }
    const auto row = ledger->run(run);
    return {row->workflow, row->state, row->message, row->plan, all, ledger->attempts(run).size()};
  }
  // What was told of each instance.
  std::map<std::string, Json> told() {
    std::map<std::string, Json> all;
    for (const engine::Event& event : recorder.events) {
      Json data = event.data;
      data.erase("run");
      all[event.kind + " " + event.instance] = data;
    }
    return all;
  }

  int age_ = 100;
};

TEST_F(RepeatTest, LeavesWhatAWholeRunLeaves) {
  const auto first = run(flow);
  ASSERT_EQ(first.state, "succeeded") << message(first);
  open();
  const auto repeated = repeat();
  ASSERT_TRUE(repeated);
  const auto said = told();
  const auto lines = recorder.lines;
  options.question = "";
  const auto whole = run(flow);

  EXPECT_EQ(repeated->run, "r2");
  EXPECT_EQ(repeated->state, whole.state);
  ASSERT_EQ(repeated->checklist.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(repeated->checklist[i].title, whole.checklist[i].title);
    EXPECT_EQ(repeated->checklist[i].expression, whole.checklist[i].expression);
    EXPECT_EQ(repeated->checklist[i].required, whole.checklist[i].required);
    EXPECT_EQ(repeated->checklist[i].state, whole.checklist[i].state);
    EXPECT_EQ(repeated->checklist[i].why, whole.checklist[i].why);
  }
  EXPECT_EQ(rows("r2"), rows(whole.run));
  EXPECT_EQ(said, told());
  EXPECT_EQ(lines.front(), "run_started");
  EXPECT_EQ(lines.back(), "run_ended succeeded");
  EXPECT_EQ(executor->started.size(), 0u);
}

TEST_F(RepeatTest, StandsInTheOrderOfThePlan) {
  run(flow);
  const auto repeated = repeat();
  std::vector<std::string> ids, planned;
  for (const auto& [instance, checkpoint] : repeated->instances) ids.push_back(instance.id);
  const engine::Plan made = plan(flow);
  for (const engine::Step& step : made.graph.steps()) planned.push_back(step.id);
  EXPECT_EQ(ids, planned);
}

TEST_F(RepeatTest, CanBeRepeatedRolledBackAndLostLikeAnyRun) {
  run(flow);
  ASSERT_TRUE(repeat());
  ledger->forget_run("r1");
  ASSERT_TRUE(repeat());
  EXPECT_EQ(rows("r2"), rows("r3"));
  ledger->supersede("r3", {"last"}, {}, "t", "rolled back");
  EXPECT_FALSE(repeat());
  EXPECT_EQ(resume("r3").state, "succeeded");
}

// Runs that repeat each other share their instances as long as none of them changes.
TEST_F(RepeatTest, RunsThatShareTheirInstancesDoNotSeeEachOthersChanges) {
  const auto all_as_they_were = [this](const std::map<std::string, Json>& then) {
    for (const auto& [id, row] : then) {
      if (!ledger->run(id)) continue;
      EXPECT_EQ(rows(id), row) << id;
    }
    EXPECT_EQ(ledger->check(), "");
  };
  const auto four = [&] {
    run(flow);
    std::map<std::string, Json> then;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(repeat());
    for (const store::RunRow& run : ledger->runs()) then[run.id] = rows(run.id);
    return then;
  };
  auto then = four();
  then.erase("r1");  // the owner
  ledger->supersede("r1", {"last", "first"}, {}, "t", "rolled back");
  all_as_they_were(then);
  EXPECT_EQ(ledger->history("r1").size(), 2u);
  then.erase("r3");  // one in the middle
  ledger->supersede("r3", {"last"}, {}, "t", "rolled back");
  EXPECT_FALSE(ledger->instance("r3", "last"));
  EXPECT_EQ(ledger->history("r3").front().instance->state, "cached");
  all_as_they_were(then);
  ledger->forget_run("r2");
  all_as_they_were(then);
  EXPECT_EQ(resume("r3").state, "succeeded");
  EXPECT_EQ(resume("r1").state, "succeeded");
  all_as_they_were(then);
  ledger->set_run_state("r4", "running", "", "");
  ledger->set_run_state("r4", "succeeded", "t", "");
  ledger->forget_run("r1");
  ledger->forget_run("r3");
  all_as_they_were(then);
}

TEST_F(RepeatTest, NothingIsRepeatedThatNobodyAskedOrOnceAStopWasRequested) {
  EXPECT_FALSE(repeat());
  run(flow);
  EXPECT_FALSE(repeat("other"));
  stop = 1;
  EXPECT_FALSE(repeat());
  EXPECT_EQ(ledger->runs().size(), 1u) << "and nothing is recorded";
  EXPECT_TRUE(recorder.lines.empty());
}

TEST_F(RepeatTest, AChangedInputFileIsLeftToAWholeRun) {
  run(flow);
  data("atad");
  EXPECT_FALSE(repeat());
  fs::remove(folder / "data.txt");
  EXPECT_FALSE(repeat());
  data("data");  // as it was, but that has to be read
  EXPECT_FALSE(repeat());
  EXPECT_TRUE(executor->started.empty() || executor->started.size() == 5);
  open();
  run(flow);
  EXPECT_TRUE(executor->started.empty());
  EXPECT_TRUE(repeat());
}

TEST_F(RepeatTest, ADamagedOrLostResultIsLeftToAWholeRun) {
  run(flow);
  const std::string key = ledger->instance("r1", "first")->key;
  const auto checkpoint = ledger->checkpoint(key);
  const fs::path object = artifacts->locate(checkpoint->outputs.at("out").digest);
  fs::permissions(object, fs::perms::owner_all);
  std::ofstream(object, std::ios::app) << "more";
  open();
  EXPECT_FALSE(repeat());
  EXPECT_EQ(ledger->runs().size(), 1u);

  EXPECT_EQ(run(flow).state, "succeeded");
  EXPECT_THAT(recorder.lines, Contains("stage_succeeded first"));
  EXPECT_FALSE(repeat()) << "the run that found the damage is no pattern";
  run(flow);
  ASSERT_TRUE(repeat());
  ledger->forget_checkpoint(store::id_of(*ledger->checkpoint(key)));
  EXPECT_FALSE(repeat());
}

TEST_F(RepeatTest, AResultThatWasMadeAnewIsLeftToAWholeRun) {
  run(flow);
  options.question = "";
  options.force = {"first"};
  run(flow);
  EXPECT_FALSE(repeat());
}

TEST_F(RepeatTest, OnlyRunsThatFollowFromTheirQuestionAreRemembered) {
  const std::map<std::string, std::string> others = {
      {"a decision",
       "stages:\n  a: {uses: test/work, with: {value: 1}}\n"
       "  c: {decide: [{when: \"a.metrics.value > 0\", then: up}, {default: down}]}\n"},
      {"runs each time", "stages: {a: {uses: test/restless}}\n"},
      {"reads the run", "stages: {a: {uses: test/reader}}\n"},
      {"a failure",
       "stages: {a: {uses: test/work, on_failure: continue, with: {fails: failed, times: 9}}}\n"},
  };
  for (const auto& [what, yaml] : others) {
    run(yaml);
    EXPECT_FALSE(ledger->run_memo("asked")) << what;
  }
  options.until = {"first"};
  run(flow);
  EXPECT_FALSE(ledger->run_memo("asked")) << "a part";
  options.until = {};
  resume(ledger->runs().front().id);
  EXPECT_FALSE(ledger->run_memo("asked")) << "a resumed run";
}

}  // namespace
}  // namespace presswork::testing
