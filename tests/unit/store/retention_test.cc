// Runs in, what may be forgotten out.
#include "orchestrator/store/retention.h"

#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using base::Json;
using testing::TempDir;
using Ids = std::vector<std::string>;

class RetentionTest : public ::testing::Test {
 protected:
  // A run with one stage; its result is the artifact of 64 times the character `key`.
  std::string run(const std::string& workflow, const std::string& state, const std::string& started, char key,
                  const std::string& instance_state = "succeeded") {
    const std::string id = ledger_->create_run({"", workflow, state, Json::object(), started, "", ""});
    InstanceRow row;
    row.run = id;
    row.id = "stage";
    row.uses = "test/work";
    row.state = instance_state;
    row.key = std::string(1, key);
    row.inputs = {{"in", {{"digest", std::string(64, '0')}}}};
    row.with = Json::object();
    ledger_->put(row);
    if (!ledger_->checkpoint(row.key) && instance_state == "succeeded") {
      ledger_->put(CheckpointRow{row.key,
                                 "test/work",
                                 {{"out", {"text", std::string(64, key)}}},
                                 Json::object(),
                                 0,
                                 0,
                                 0,
                                 id,
                                 "stage",
                                 started});
    }
    return id;
  }
  static Ids keys(const Forgettable& what) {
    Ids keys;
    for (const CheckpointId& checkpoint : what.checkpoints) keys.push_back(checkpoint.first);
    return keys;
  }
  Forgettable with(std::optional<std::size_t> keep_last, const std::string& before = "", bool failed = false,
                   bool interrupted = false) {
    return forgettable(*ledger_, {keep_last, before, failed, interrupted});
  }

  TempDir dir_;
  std::unique_ptr<Ledger> ledger_ = Ledger::open(dir_.path() / "ledger.db");
};

TEST_F(RetentionTest, KeepsTheLastRunsOfEachWorkflow) {
  run("a", "succeeded", "2026-01-01", 'a');
  run("b", "succeeded", "2026-01-02", 'b');
  run("a", "succeeded", "2026-01-03", 'c');
  run("a", "succeeded", "2026-01-04", 'd');
  EXPECT_EQ(with(1).runs, (Ids{"r1", "r3"}));
  EXPECT_EQ(keys(with(1)), (Ids{"a", "c"}));
  EXPECT_EQ(with(2).runs, (Ids{"r1"}));
  EXPECT_EQ(with(0).runs, (Ids{"r1", "r2", "r3", "r4"}));
  EXPECT_EQ(with({}).runs, Ids{}) << "without a rule no run is forgotten";
}

TEST_F(RetentionTest, ForgetsByTimeAndByBothRulesTogether) {
  run("a", "succeeded", "2026-01-01T10:00:00.000Z", 'a');
  run("a", "succeeded", "2026-02-01T10:00:00.000Z", 'b');
  run("a", "succeeded", "2026-03-01T10:00:00.000Z", 'c');
  EXPECT_EQ(with({}, "2026-02-01").runs, (Ids{"r1"}));
  EXPECT_EQ(with({}, "2026-02-02").runs, (Ids{"r1", "r2"}));
  EXPECT_EQ(with(2, "2026-02-02").runs, (Ids{"r1"}));
}

TEST_F(RetentionTest, KeepsWhatCanGoOnUnlessToldOtherwise) {
  run("a", "running", "1", 'a');
  run("a", "interrupted", "2", 'b');
  run("a", "failed", "3", 'c');
  run("a", "succeeded", "4", 'd');
  EXPECT_EQ(with(0).runs, (Ids{"r4"}));
  EXPECT_EQ(with(0, "", true).runs, (Ids{"r3", "r4"}));
  EXPECT_EQ(with(0, "", false, true).runs, (Ids{"r1", "r2", "r4"}));
}

TEST_F(RetentionTest, KeepsACheckpointAsLongAsAnyRunHasIt) {
  run("a", "succeeded", "1", 'a');
  run("a", "succeeded", "2", 'a', "cached");
  const Forgettable what = with(1);
  EXPECT_EQ(what.runs, (Ids{"r1"}));
  EXPECT_EQ(keys(what), Ids{});
  forget(*ledger_, what);
  EXPECT_TRUE(ledger_->checkpoint("a"));
  EXPECT_EQ(needed_artifacts(*ledger_), (std::set<std::string>{std::string(64, 'a')}));
}

TEST_F(RetentionTest, KeepsAnEarlierCheckpointAsLongAsARunCameToIt) {
  const auto made = [this](const std::string& started, char output) {
    const std::string id = run("a", "succeeded", started, 'k', "running");
    InstanceRow row = ledger_->instances(id).at(0);
    row.state = "succeeded";
    row.checkpoint = ledger_->put(CheckpointRow{"k",
                                                "test/work",
                                                {{"out", {"text", std::string(64, output)}}},
                                                Json::object(),
                                                0,
                                                0,
                                                0,
                                                id,
                                                "stage",
                                                started});
    ledger_->put(row);
  };
  made("1", 'a');
  made("2", 'b');
  const std::set<std::string> both = {std::string(64, 'a'), std::string(64, 'b')};
  EXPECT_EQ(needed_artifacts(*ledger_), both);
  EXPECT_EQ(with({}).checkpoints, std::vector<CheckpointId>{});
  const Forgettable what = with(1);
  ASSERT_EQ(what.checkpoints.size(), 1u);
  EXPECT_EQ(needed_artifacts(*ledger_, what), std::set<std::string>{std::string(64, 'b')});
  forget(*ledger_, what);
  EXPECT_EQ(ledger_->checkpoints().size(), 1u);
  EXPECT_EQ(needed_artifacts(*ledger_), std::set<std::string>{std::string(64, 'b')});
}

TEST_F(RetentionTest, NeedsWhatSupersededGenerationsCameTo) {
  const std::string id = run("a", "interrupted", "1", 'a');
  ledger_->supersede(id, {"stage"}, {}, "t", "rolled back");
  EXPECT_EQ(keys(with({})), Ids{});
  ledger_->forget_checkpoint(id_of(*ledger_->checkpoint("a")));
  EXPECT_EQ(needed_artifacts(*ledger_), (std::set<std::string>{std::string(64, 'a')}));
}

TEST_F(RetentionTest, NeedsTheInputsOfWhatIsNotDone) {
  run("a", "interrupted", "1", 'a', "pending");
  EXPECT_EQ(needed_artifacts(*ledger_), (std::set<std::string>{std::string(64, '0')}));
  EXPECT_EQ(unfinished_keys(*ledger_), (std::set<std::string>{"a"}));
}

TEST_F(RetentionTest, TellsWhatWillBeNeededBeforeAnythingIsForgotten) {
  run("a", "succeeded", "1", 'a');
  run("a", "succeeded", "2", 'b');
  const Forgettable what = with(1);
  const auto before = needed_artifacts(*ledger_, what);
  forget(*ledger_, what);
  EXPECT_EQ(needed_artifacts(*ledger_), before);
  EXPECT_EQ(ledger_->check(), "");
}

}  // namespace
}  // namespace presswork::store
