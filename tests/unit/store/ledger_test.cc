#include "orchestrator/store/ledger.h"

#include <sqlite3.h>
#include <sys/wait.h>

#include <thread>

#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using base::ErrorCode;
using base::Json;
using testing::error_of;
using testing::TempDir;
using testing::write_file;

class LedgerTest : public ::testing::Test {
 protected:
  static RunRow a_run() {
    return {"", "flow", "running", {{"steps", {1, 2}}}, "2026-01-01T00:00:00.000Z", "", ""};
  }
  static InstanceRow an_instance(const std::string& run, const std::string& id) {
    InstanceRow row;
    row.run = run;
    row.id = id;
    row.uses = "quantize/rtn";
    row.state = "running";
    row.key = "k";
    row.inputs = {{"model", {{"instance", "load"}, {"digest", "d"}}}};
    row.with = {{"bits", 4}, {"scale", 0.1}};
    row.started = "s";
    row.attempts = 1;
    return row;
  }
  static AttemptRow an_attempt(const std::string& run, const std::string& instance, int number) {
    AttemptRow row;
    row.run = run;
    row.instance = instance;
    row.number = number;
    row.id = run + "/" + instance + "/" + std::to_string(number);
    row.pid = 4'000'000'000;
    row.started = "s";
    row.log = "/log";
    return row;
  }
  void sql(const std::string& text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  TempDir dir_;
  fs::path file_ = dir_.path() / "ledger.db";
  std::unique_ptr<Ledger> ledger_ = Ledger::open(file_);
};

TEST_F(LedgerTest, NumbersRunsAndGivesThemBackNewestFirst) {
  EXPECT_EQ(ledger_->create_run(a_run()), "r1");
  EXPECT_EQ(ledger_->create_run(a_run()), "r2");
  ledger_->set_run_state("r1", "failed", "later", "stage x failed");
  const auto runs = ledger_->runs();
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].id, "r2");
  EXPECT_EQ(runs[1].state, "failed");
  EXPECT_EQ(runs[1].ended, "later");
  EXPECT_EQ(runs[1].message, "stage x failed");
  EXPECT_EQ(ledger_->run("r2")->plan, a_run().plan);
}

TEST_F(LedgerTest, KnowsOnlyItsOwnIdsOfRuns) {
  ledger_->create_run(a_run());
  for (const char* id : {"", "r", "r0", "r01", "r2", "1", "r1 ", "R1", "r99999999999999999999", "r-1"}) {
    EXPECT_FALSE(ledger_->run(id)) << id;
  }
  EXPECT_EQ(error_of([&] { ledger_->instances("x"); }).code, ErrorCode::not_found);
}

TEST_F(LedgerTest, KeepsEveryFieldOfEveryRow) {
  const std::string run = ledger_->create_run(a_run());
  InstanceRow instance = an_instance(run, "tune[2]/quantize");
  instance.cause = "c";
  instance.ended = "e";
  ledger_->put(instance);
  AttemptRow attempt = an_attempt(run, "tune[2]/quantize", 1);
  attempt.ended = "e";
  attempt.outcome = "failed";
  attempt.code = "code";
  attempt.message = "m \"quoted\" \n ü";
  attempt.where = "/with/bits";
  attempt.hint = "h";
  ledger_->put(attempt);
  CheckpointRow checkpoint{"key",
                           "quantize/rtn",
                           {{"model", {"model", "d1"}}, {"report", {"report", "d2"}}},
                           {{"ratio", 3.9}},
                           1.5,
                           2.25,
                           std::uint64_t{1} << 40,
                           run,
                           "tune[2]/quantize",
                           "now"};
  ledger_->put(checkpoint);
  ledger_->put(DecisionRow{run, "gate", "yes", {{"x", 1.5}}, "now"});
  ledger_.reset();
  ledger_ = Ledger::open(file_);

  const InstanceRow i = ledger_->instances(run).at(0);
  EXPECT_EQ(std::tie(i.run, i.id, i.uses, i.state, i.cause, i.key, i.inputs, i.with, i.started, i.ended,
                     i.attempts),
            std::tie(instance.run, instance.id, instance.uses, instance.state, instance.cause, instance.key,
                     instance.inputs, instance.with, instance.started, instance.ended, instance.attempts));
  const AttemptRow a = ledger_->attempts(run).at(0);
  EXPECT_EQ(std::tie(a.run, a.instance, a.number, a.id, a.pid, a.started, a.ended, a.outcome, a.code,
                     a.message, a.where, a.hint, a.log),
            std::tie(attempt.run, attempt.instance, attempt.number, attempt.id, attempt.pid, attempt.started,
                     attempt.ended, attempt.outcome, attempt.code, attempt.message, attempt.where,
                     attempt.hint, attempt.log));
  const CheckpointRow c = *ledger_->checkpoint("key");
  EXPECT_EQ(c.outputs.at("report").digest, "d2");
  EXPECT_EQ(c.outputs.at("model").type, "model");
  EXPECT_EQ(c.metrics, checkpoint.metrics);
  EXPECT_EQ(
      std::tie(c.key, c.uses, c.seconds, c.cpu_seconds, c.peak_memory_bytes, c.run, c.instance, c.created),
      std::tie(checkpoint.key, checkpoint.uses, checkpoint.seconds, checkpoint.cpu_seconds,
               checkpoint.peak_memory_bytes, checkpoint.run, checkpoint.instance, checkpoint.created));
  const DecisionRow d = ledger_->decisions(run).at(0);
  EXPECT_EQ(d.branch, "yes");
  EXPECT_EQ(d.inputs, Json({{"x", 1.5}}));
  EXPECT_EQ(ledger_->checkpoints().size(), 1u);
  EXPECT_EQ(ledger_->check(), "");
}

TEST_F(LedgerTest, ReplacesAnInstanceInItsPlace) {
  const std::string run = ledger_->create_run(a_run());
  for (const char* id : {"b", "a", "c"}) ledger_->put(an_instance(run, id));
  InstanceRow done = an_instance(run, "b");
  done.state = "succeeded";
  ledger_->put(done);
  const auto rows = ledger_->instances(run);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].id, "b");
  EXPECT_EQ(rows[0].state, "succeeded");
  EXPECT_EQ(rows[1].id, "a");
}

TEST_F(LedgerTest, ListsAttemptsThatHaveNoOutcomeOfAllRuns) {
  for (int i = 0; i < 2; ++i) {
    const std::string run = ledger_->create_run(a_run());
    ledger_->put(an_instance(run, "a"));
    AttemptRow first = an_attempt(run, "a", 1);
    ledger_->put(first);
    ledger_->put(an_attempt(run, "a", 2));
    first.outcome = "crashed";
    ledger_->put(first);
  }
  const auto open = ledger_->open_attempts();
  ASSERT_EQ(open.size(), 2u);
  EXPECT_EQ(open[0].number, 2);
  EXPECT_EQ(open[1].run, "r2");
}

TEST_F(LedgerTest, ForgetsACheckpoint) {
  ledger_->put(CheckpointRow{"key", "u", {}, Json::object(), 0, 0, 0, "r1", "i", "now"});
  ledger_->forget_checkpoint(id_of(*ledger_->checkpoint("key")));
  EXPECT_FALSE(ledger_->checkpoint("key"));
}

TEST_F(LedgerTest, RecordsATransactionWholeOrNotAtAll) {
  ledger_->begin();
  const std::string run = ledger_->create_run(a_run());
  ledger_->put(an_attempt(run, "a", 1));  // its instance follows: only the whole must agree
  ledger_->put(an_instance(run, "a"));
  ledger_->roll_back();
  EXPECT_TRUE(ledger_->runs().empty());
  ledger_->begin();
  ledger_->create_run(a_run());
  ledger_->commit();
  EXPECT_EQ(ledger_->runs().size(), 1u);
  ledger_->roll_back();  // nothing is open: nothing happens
}

TEST_F(LedgerTest, RefusesAnAttemptOfNoInstance) {
  const std::string run = ledger_->create_run(a_run());
  EXPECT_EQ(error_of([&] { ledger_->put(an_attempt(run, "ghost", 1)); }).code, ErrorCode::internal);
  EXPECT_EQ(error_of([&] { ledger_->put(an_instance("r77", "a")); }).code, ErrorCode::internal);
}

TEST_F(LedgerTest, ShowsAReaderTheLastCommitWhileAnotherIsUnderWay) {
  auto reader = Ledger::open(file_, Ledger::Mode::read_only);
  ledger_->begin();
  const std::string run = ledger_->create_run(a_run());
  EXPECT_TRUE(reader->runs().empty());
  ledger_->commit();
  EXPECT_EQ(reader->runs().size(), 1u);
}

TEST_F(LedgerTest, ServesReadersWhileAWriterWrites) {
  std::thread writer([&] {
    for (int i = 0; i < 200; ++i) {
      ledger_->begin();
      const std::string run = ledger_->create_run(a_run());
      ledger_->put(an_instance(run, "a"));
      ledger_->commit();
    }
  });
  auto reader = Ledger::open(file_, Ledger::Mode::read_only);
  for (std::size_t seen = 0; seen < 200;) {
    const auto runs = reader->runs();
    ASSERT_GE(runs.size(), seen);
    seen = runs.size();
    if (seen > 0) {
      EXPECT_EQ(reader->instances(runs.front().id).size(), 1u);
    }
  }
  writer.join();
}

TEST_F(LedgerTest, MayBeUsedFromSeveralThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        base::FileStatus status;
        status.size = static_cast<std::uint64_t>(i);
        ledger_->remember("/f" + std::to_string(t), status, std::string(64, 'a'));
        ledger_->find("/f0", status);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ledger_->check(), "");
}

TEST_F(LedgerTest, RemembersADigestByEverythingThatStatSays) {
  base::FileStatus status;
  status.size = 10;
  status.inode = ~std::uint64_t{0};
  status.device = 7;
  status.mtime_ns = -5;
  const std::string digest(64, 'b');
  ledger_->remember("/a", status, digest);
  EXPECT_EQ(ledger_->find("/a", status), digest);
  EXPECT_FALSE(ledger_->find("/b", status));
  for (const int field : {0, 1, 2, 3}) {
    base::FileStatus other = status;
    if (field == 0) other.size = 11;
    if (field == 1) other.inode = 1;
    if (field == 2) other.device = 8;
    if (field == 3) other.mtime_ns = -4;
    EXPECT_FALSE(ledger_->find("/a", other)) << field;
  }
  auto reader = Ledger::open(file_, Ledger::Mode::read_only);
  EXPECT_EQ(reader->find("/a", status), digest);
  reader->remember("/c", status, digest);
  EXPECT_FALSE(reader->find("/c", status));
}

TEST_F(LedgerTest, RemembersADigestOnceTheOpenTransactionHasEnded) {
  const base::FileStatus status;
  const std::string digest(64, 'b');
  ledger_->begin();
  ledger_->remember("/a", status, digest);
  EXPECT_EQ(ledger_->find("/a", status), digest);
  ledger_->roll_back();
  ledger_->begin();
  ledger_->commit();
  EXPECT_EQ(Ledger::open(file_, Ledger::Mode::read_only)->find("/a", status), digest);
}

// A full disk makes SQLite end the whole transaction that the statement was part of; so does this trigger.
TEST_F(LedgerTest, AMemoThatCannotBeWrittenHarmsNoTransaction) {
  sql("CREATE TRIGGER full BEFORE INSERT ON external_files BEGIN "
      "SELECT RAISE(ROLLBACK, 'database or disk is full'); END");
  ledger_->begin();
  const std::string run = ledger_->create_run(a_run());
  ledger_->remember("/a", {}, std::string(64, 'b'));
  ledger_->commit();
  EXPECT_TRUE(ledger_->run(run));
  ledger_->remember("/b", {}, std::string(64, 'b'));
  EXPECT_FALSE(ledger_->find("/b", {}));
  ledger_->set_run_state(run, "succeeded", "", "");
  EXPECT_EQ(ledger_->run(run)->state, "succeeded");
}

TEST_F(LedgerTest, DoesNotLetAReaderWrite) {
  auto reader = Ledger::open(file_, Ledger::Mode::read_only);
  EXPECT_EQ(error_of([&] { reader->create_run(a_run()); }).code, ErrorCode::permission);
}

TEST_F(LedgerTest, SaysThatNothingRanYet) {
  const auto error = error_of([&] { Ledger::open(dir_.path() / "none.db", Ledger::Mode::read_only); });
  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_FALSE(error.hint.empty());
}

TEST_F(LedgerTest, RefusesALedgerOfANewerVersionAndAnotherProgramsDatabase) {
  ledger_.reset();
  sql("PRAGMA user_version = 99");
  const auto newer = error_of([&] { Ledger::open(file_); });
  EXPECT_EQ(newer.code, ErrorCode::incompatible);
  EXPECT_NE(newer.message.find("version 99"), std::string::npos);
  EXPECT_EQ(error_of([&] { Ledger::open(file_, Ledger::Mode::read_only); }).code, ErrorCode::incompatible);
  sql("PRAGMA application_id = 1");
  EXPECT_NE(error_of([&] { Ledger::open(file_); }).message.find("not a Presswork ledger"), std::string::npos);
}

TEST_F(LedgerTest, WritesAheadAndInFull) {
  ledger_->create_run(a_run());
  EXPECT_TRUE(fs::exists(file_.native() + "-wal"));
}

// Root may write anywhere, so the test becomes somebody else for a moment.
TEST_F(LedgerTest, CanBeReadWhereNothingMayBeWritten) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root to become another user";
  ledger_->create_run(a_run());
  ledger_.reset();
  fs::permissions(dir_.path(), fs::perms(0755));
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(9);
    try {
      if (Ledger::open(file_, Ledger::Mode::read_only)->runs().size() != 1) ::_exit(8);
    } catch (const base::Error&) {
      ::_exit(7);
    }
    try {
      Ledger::open(file_);
      ::_exit(6);
    } catch (const base::Error& error) {
      ::_exit(error.code == ErrorCode::permission ? 0 : 5);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
}

}  // namespace
}  // namespace presswork::store
