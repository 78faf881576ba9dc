// Version 2 of the ledger: needs and kinds, iterations, what was superseded, and reads of whole runs.
#include <sqlite3.h>

#include "orchestrator/store/ledger.h"
#include "orchestrator/store/ledger_schema.h"
#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using base::ErrorCode;
using base::Json;
using testing::error_of;
using testing::TempDir;

class LedgerHistory : public ::testing::Test {
 protected:
  std::string new_run() {
    return ledger_->create_run({"", "flow", "failed", {{"n", 1}}, "2026-01-01T00:00:00.000Z", "", ""});
  }
  InstanceRow instance(const std::string& id, std::vector<std::string> needs = {}) {
    InstanceRow row;
    row.run = run_;
    row.id = id;
    row.uses = "test/noop";
    row.state = "succeeded";
    row.key = "key of " + id;
    row.inputs = {{"model", {{"instance", "load"}}}};
    row.with = {{"bits", 4}};
    row.started = "s";
    row.ended = "e";
    row.attempts = 2;
    row.needs = std::move(needs);
    return row;
  }
  AttemptRow attempt(const std::string& instance, int number, const std::string& unique) {
    return {run_,     instance, number,    unique,  7,      "s",   "e",
            "failed", "code",   "message", "where", "hint", "/log"};
  }
  CheckpointRow checkpoint(const std::string& key) {
    return {key, "test/noop", {{"o", {"t", "d"}}}, {{"m", 1}}, 1, 2, 3, run_, "i", "now"};
  }
  void supersede(const std::vector<std::string>& ids, const std::set<std::string>& undo = {}) {
    ledger_->supersede(run_, ids, undo, "2026-02-02T00:00:00.000Z", "rolled back to load");
  }

  TempDir dir_;
  fs::path file_ = dir_.path() / "ledger.db";
  std::unique_ptr<Ledger> ledger_ = Ledger::open(file_);
  std::string run_ = new_run();
};

TEST_F(LedgerHistory, KeepsWhatAnInstanceNeededAndItsKind) {
  InstanceRow loop = instance("tune", {"load", "tune[1]/quantize"});
  loop.uses = "";
  loop.kind = "loop";
  ledger_->put(loop);
  InstanceRow gate = instance("gate");
  gate.uses = "";
  ledger_->put(gate);
  ledger_->put(instance("quantize"));
  const auto rows = ledger_->instances(run_);
  EXPECT_EQ(rows.at(0).needs, loop.needs);
  EXPECT_EQ(rows.at(0).kind, "loop");
  EXPECT_EQ(rows.at(1).kind, "decision");
  EXPECT_EQ(rows.at(2).kind, "stage");
  EXPECT_TRUE(rows.at(2).needs.empty());
}

TEST_F(LedgerHistory, KeepsTheIterationsOfLoopsByNumber) {
  ledger_->put(IterationRow{run_, "tune", 10, {{"bits", 2}}, "", "t10"});
  ledger_->put(IterationRow{run_, "tune", 2, {{"bits", 3}}, "", "t2"});
  ledger_->put(IterationRow{run_, "outer[1]/inner", 1, Json::object(), "fail", "t"});
  ledger_->put(IterationRow{run_, "tune", 2, {{"bits", 3}}, "continue", "t2"});
  const auto rows = ledger_->iterations(run_);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].loop, "outer[1]/inner");
  EXPECT_EQ(rows[1].number, 2);
  EXPECT_EQ(rows[1].outcome, "continue");
  EXPECT_EQ(rows[2].number, 10);
  EXPECT_EQ(rows[2].state, Json({{"bits", 2}}));
  EXPECT_EQ(rows[2].made, "t10");
}

TEST_F(LedgerHistory, MovesWhatIsSupersededOutOfTheRunAndKeepsAllOfIt) {
  const InstanceRow row = instance("tune[2]/quantize", {"load"});
  ledger_->put(row);
  ledger_->put(instance("load"));
  ledger_->put(attempt("tune[2]/quantize", 1, "a1"));
  ledger_->put(attempt("tune[2]/quantize", 2, "a2"));
  ledger_->put(DecisionRow{run_, "tune[2]", "continue", {{"x", 1}}, "made"});
  ledger_->put(IterationRow{run_, "tune", 2, {{"bits", 3}}, "continue", "t2"});
  ledger_->put(IterationRow{run_, "tune", 1, {{"bits", 4}}, "continue", "t1"});
  supersede({"tune[2]/quantize", "tune[2]", "never was"}, {"tune[2]/quantize"});

  ASSERT_EQ(ledger_->instances(run_).size(), 1u);
  EXPECT_EQ(ledger_->instances(run_)[0].id, "load");
  EXPECT_TRUE(ledger_->attempts(run_).empty());
  EXPECT_TRUE(ledger_->decisions(run_).empty());
  ASSERT_EQ(ledger_->iterations(run_).size(), 1u);
  EXPECT_EQ(ledger_->iterations(run_)[0].number, 1);

  ledger_.reset();
  ledger_ = Ledger::open(file_, Ledger::Mode::read_only);
  const auto history = ledger_->history(run_);
  ASSERT_EQ(history.size(), 2u);
  const InstanceRow& was = *history[0].instance;
  EXPECT_EQ(std::tie(was.run, was.id, was.uses, was.kind, was.state, was.key, was.inputs, was.with,
                     was.started, was.ended, was.attempts, was.needs),
            std::make_tuple(row.run, row.id, row.uses, std::string("stage"), row.state, row.key, row.inputs,
                            row.with, row.started, row.ended, row.attempts, row.needs));
  ASSERT_EQ(history[0].attempts.size(), 2u);
  const AttemptRow& a = history[0].attempts[1];
  EXPECT_EQ(std::tie(a.run, a.instance, a.number, a.id, a.pid, a.outcome, a.code, a.message, a.where, a.hint,
                     a.log),
            std::make_tuple(run_, std::string("tune[2]/quantize"), 2, std::string("a2"), std::int64_t{7},
                            std::string("failed"), std::string("code"), std::string("message"),
                            std::string("where"), std::string("hint"), std::string("/log")));
  EXPECT_EQ(history[0].reason, "rolled back to load");
  EXPECT_EQ(history[0].undo, "pending");
  EXPECT_EQ(history[1].id, "tune[2]");
  EXPECT_EQ(history[1].decision->branch, "continue");
  EXPECT_EQ(history[1].decision->inputs, Json({{"x", 1}}));
  EXPECT_EQ(history[1].iteration->state, Json({{"bits", 3}}));
  EXPECT_EQ(history[1].undo, "");
  EXPECT_EQ(ledger_->check(), "");
}

TEST_F(LedgerHistory, CountsTheGenerationsOfAnIdAndMarksTheLast) {
  for (int generation = 1; generation <= 3; ++generation) {
    InstanceRow row = instance("quantize");
    row.attempts = generation == 2 ? 9 : generation;
    ledger_->put(row);
    ledger_->supersede(run_, {"quantize"}, {}, "t" + std::to_string(generation), "");
  }
  const auto marks = ledger_->superseded(run_);
  ASSERT_EQ(marks.size(), 1u);
  EXPECT_EQ(marks.at("quantize").time, "t3");
  EXPECT_EQ(marks.at("quantize").generation, 3);
  EXPECT_EQ(marks.at("quantize").attempts, 9);  // no attempt's number is given twice
}

// The clock may jump back between a rollback and the work that is done again.
TEST_F(LedgerHistory, TellsCheckpointsFromBeforeASupersedingFromThoseAfterByNoClock) {
  ledger_->put(checkpoint("old"));
  ledger_->put(instance("quantize"));
  supersede({"quantize"});
  ledger_->forget_checkpoint(
      id_of(*ledger_->checkpoint("old")));  // the largest number goes; it is not given again
  ledger_->put(checkpoint("new"));
  const SupersededMark mark = ledger_->superseded(run_).at("quantize");
  EXPECT_TRUE(made_after(*ledger_->checkpoint("new"), mark));
  ledger_->put(instance("quantize"));
  supersede({"quantize"});
  EXPECT_FALSE(made_after(*ledger_->checkpoint("new"), ledger_->superseded(run_).at("quantize")));
  ledger_->put(checkpoint("new"));  // made again
  EXPECT_TRUE(made_after(*ledger_->checkpoint("new"), ledger_->superseded(run_).at("quantize")));
}

TEST_F(LedgerHistory, SupersedesAllOrNothing) {
  ledger_->put(instance("a"));
  ledger_->put(instance("b"));
  ledger_->begin();
  supersede({"a", "b"});
  ledger_->roll_back();
  EXPECT_EQ(ledger_->instances(run_).size(), 2u);
  EXPECT_TRUE(ledger_->history(run_).empty());

  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file_.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, "UPDATE instances SET inputs = '{' WHERE id = 'b'", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  EXPECT_EQ(error_of([&] { supersede({"a", "b"}); }).code, ErrorCode::corrupt);
  EXPECT_EQ(ledger_->instance_briefs(run_).size(), 2u);
  EXPECT_TRUE(ledger_->history(run_).empty());
}

TEST_F(LedgerHistory, RemembersWhichUndoIsStillToBeDone) {
  for (const char* id : {"a", "b", "c"}) ledger_->put(instance(id));
  supersede({"a", "b", "c"}, {"a", "c"});
  ledger_->set_undo(run_, "c", 1, "done");
  const auto pending = ledger_->pending_undo(run_);
  ASSERT_EQ(pending.size(), 1u);
  EXPECT_EQ(pending[0].id, "a");
  EXPECT_EQ(ledger_->history(run_)[2].undo, "done");
}

TEST_F(LedgerHistory, ForgetsARunAndNothingElse) {
  ledger_->put(instance("a"));
  ledger_->put(attempt("a", 1, "a1"));
  ledger_->put(DecisionRow{run_, "gate", "yes", Json::object(), "made"});
  ledger_->put(IterationRow{run_, "tune", 1, Json::object(), "", "t"});
  ledger_->put(checkpoint("key"));
  ledger_->put(instance("b"));
  supersede({"b"});
  const std::string first = run_;
  run_ = new_run();
  ledger_->put(instance("a"));
  ledger_->forget_run(first);
  EXPECT_FALSE(ledger_->run(first));
  EXPECT_TRUE(ledger_->instances(first).empty());
  EXPECT_TRUE(ledger_->history(first).empty());
  EXPECT_EQ(ledger_->instances(run_).size(), 1u);
  EXPECT_TRUE(ledger_->checkpoint("key"));
  EXPECT_EQ(ledger_->check(), "");
  EXPECT_EQ(new_run(), "r3");
}

TEST_F(LedgerHistory, ReadsInstancesWithTheCheckpointsThatTheyStandFor) {
  ledger_->put(checkpoint("key of a"));
  ledger_->put(checkpoint("key of c"));
  ledger_->put(instance("b"));
  ledger_->put(instance("a"));
  InstanceRow failed = instance("c");
  failed.state = "failed";
  failed.cause = "why";
  ledger_->put(failed);
  const auto rows = ledger_->instances_with_checkpoints(run_);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].first.id, "b");
  EXPECT_FALSE(rows[0].second);
  ASSERT_TRUE(rows[1].second);
  EXPECT_EQ(rows[1].second->metrics, Json({{"m", 1}}));
  EXPECT_EQ(rows[1].second->outputs.at("o").digest, "d");
  EXPECT_FALSE(rows[2].second) << "a checkpoint that another run made is not what this one came to";
  const InstanceBrief& brief = rows[2].first;
  EXPECT_EQ(
      std::tie(brief.uses, brief.kind, brief.state, brief.cause, brief.key, brief.started, brief.ended,
               brief.attempts),
      std::make_tuple(std::string("test/noop"), std::string("stage"), std::string("failed"),
                      std::string("why"), std::string("key of c"), std::string("s"), std::string("e"), 2));
  EXPECT_EQ(ledger_->instance_briefs(run_).at(1).id, "a");
}

TEST_F(LedgerHistory, KeepsWhatARunCameToWhenItsKeyIsMadeAnew) {
  CheckpointRow first = checkpoint("key");
  first.metrics = {{"m", 1}};
  InstanceRow row = instance("quantize");
  row.key = "key";
  row.checkpoint = ledger_->put(first);
  ledger_->put(row);
  CheckpointRow second = first;
  second.metrics = {{"m", 2}};
  const std::int64_t later = ledger_->put(second);
  EXPECT_GT(later, row.checkpoint);
  EXPECT_EQ(ledger_->checkpoint("key")->metrics, second.metrics) << "the cache gives the latest";
  EXPECT_EQ(ledger_->checkpoint("key", row.checkpoint)->metrics, first.metrics);
  const auto came_to = ledger_->instances_with_checkpoints(run_).at(0).second;
  ASSERT_TRUE(came_to);
  EXPECT_EQ(came_to->metrics, first.metrics);
  EXPECT_FALSE(came_to->latest);
  EXPECT_EQ(ledger_->checkpoints().size(), 2u);
  supersede({"quantize"});
  EXPECT_EQ(ledger_->history(run_).at(0).checkpoint->metrics, first.metrics);
  ledger_->forget_checkpoint({"key", row.checkpoint});
  EXPECT_EQ(ledger_->checkpoint("key", row.checkpoint)->metrics, second.metrics);
}

TEST_F(LedgerHistory, KeepsWhatARunCameToWhenTheCacheGivesItNoMore) {
  InstanceRow row = instance("quantize");
  row.key = "key";
  row.checkpoint = ledger_->put(checkpoint("key"));
  ledger_->put(row);
  ledger_->retire_checkpoint("key");
  EXPECT_FALSE(ledger_->checkpoint("key"));
  EXPECT_TRUE(ledger_->checkpoint("key", row.checkpoint));
  EXPECT_TRUE(ledger_->instances_with_checkpoints(run_).at(0).second);
  EXPECT_GT(ledger_->put(checkpoint("other")), row.checkpoint) << "no serial is given twice";
}

class OldLedger : public ::testing::Test {
 protected:
  OldLedger() {
    sqlite3* db = nullptr;
    sqlite3_open(file_.c_str(), &db);
    const std::string rows =
        "INSERT INTO runs VALUES (1, 'w', 'failed', '{}', 's', 'e', ''), (2, 'w', 'failed', '{}', 's', 'e', "
        "'');"
        "INSERT INTO instances VALUES (1, 1, 'load', 'model/load', 'succeeded', '', 'k', '{}', '{}', 's', "
        "'e', 1),"
        "(2, 2, 'other', 'model/load', 'succeeded', '', 'k', '{}', '{}', 's', 'e', 1),"
        "(3, 1, 'gate', '', 'succeeded', '', '', '{}', '{}', 's', 'e', 0),"
        "(4, 1, 'quantize', 'q/r', 'succeeded', '', 'k', '{}', '{}', 's', 'e', 1);"
        "INSERT INTO checkpoints VALUES ('k', 'u', '{}', '{}', 0, 0, 0, 'r1', 'load', 'c');";
    const std::string text = std::string(ledger_migrations[0]) + rows +
                             "PRAGMA application_id = " + std::to_string(ledger_application_id) +
                             "; PRAGMA user_version = 1; PRAGMA journal_mode = WAL;";
    EXPECT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  TempDir dir_;
  fs::path file_ = dir_.path() / "ledger.db";
};

TEST_F(OldLedger, IsBroughtUpToDateWithKindsAndAChainOfNeeds) {
  auto ledger = Ledger::open(file_);
  const auto rows = ledger->instances("r1");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_TRUE(rows[0].needs.empty());
  EXPECT_EQ(rows[1].needs, std::vector<std::string>{"load"});
  EXPECT_EQ(rows[1].kind, "decision");
  EXPECT_EQ(rows[2].needs, std::vector<std::string>{"gate"});
  EXPECT_EQ(rows[2].kind, "stage");
  EXPECT_TRUE(ledger->instances("r2").at(0).needs.empty());
  EXPECT_EQ(ledger->checkpoint("k")->serial, 0);
  EXPECT_EQ(ledger->check(), "");
}

TEST_F(OldLedger, SaysWhatBringsItUpToDateWhenItMayOnlyBeRead) {
  const auto error = error_of([&] { Ledger::open(file_, Ledger::Mode::read_only); });
  EXPECT_EQ(error.code, ErrorCode::incompatible);
  EXPECT_NE(error.hint.find("doctor"), std::string::npos);
}

}  // namespace
}  // namespace presswork::store
