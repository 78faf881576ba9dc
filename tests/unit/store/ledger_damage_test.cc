// A ledger that was cut off or written over: an Error or sound rows, never a crash.
#include <random>

#include "orchestrator/store/ledger.h"
#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using testing::error_of;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

class LedgerDamage : public ::testing::Test {
 protected:
  LedgerDamage() {
    auto ledger = Ledger::open(file_);
    ledger->begin();
    for (int r = 0; r < 3; ++r) {
      const std::string run = ledger->create_run({"", "flow", "running", {{"n", r}}, "s", "", ""});
      for (int i = 0; i < 100; ++i) {
        InstanceRow row;
        row.run = run;
        row.id = "stage" + std::to_string(i);
        row.state = "succeeded";
        row.inputs = Json::object();
        row.with = {{"text", std::string(50, 'x')}};
        ledger->put(row);
        ledger->put(
            CheckpointRow{run + row.id, "u", {{"o", {"t", "d"}}}, Json::object(), 0, 0, 0, run, row.id, "c"});
        if (i % 4 == 0) ledger->put(IterationRow{run, "tune", i, {{"bits", i}}, "continue", "m"});
        if (i % 4 == 1) ledger->supersede(run, {row.id}, {row.id}, "t", "rolled back");
      }
    }
    ledger->commit();
    ledger.reset();
    whole_ = read_file(file_);
  }

  // Opens and reads everything; nothing when all went well.
  std::optional<Error> read_all() {
    try {
      auto ledger = Ledger::open(file_);
      for (const RunRow& run : ledger->runs()) {
        ledger->instances(run.id);
        ledger->attempts(run.id);
        ledger->decisions(run.id);
        ledger->instances_with_checkpoints(run.id);
        ledger->iterations(run.id);
        ledger->superseded(run.id);
        ledger->history(run.id);
      }
      ledger->checkpoints();
      ledger->open_attempts();
      const std::string problems = ledger->check();
      if (!problems.empty()) return Error(ErrorCode::corrupt, problems);
    } catch (const Error& error) {
      return error;
    }
    return {};
  }
  void put_back(const std::string& text) {
    for (const char* suffix : {"-wal", "-shm"}) fs::remove(file_.native() + suffix);
    write_file(file_, text);
  }

  TempDir dir_;
  fs::path file_ = dir_.path() / "ledger.db";
  std::string whole_;
};

TEST_F(LedgerDamage, IsNoneWhenItIsWhole) { EXPECT_FALSE(read_all()); }

TEST_F(LedgerDamage, AStumpIsSaidToBeCutOffAndNotTakenForAnotherDatabase) {
  for (const std::size_t length : {0, 1, 50, 99, 100, 511}) {
    put_back(whole_.substr(0, length));
    const auto error = read_all();
    ASSERT_TRUE(error) << length;
    EXPECT_NE(error->message.find("was cut off at byte " + std::to_string(length)), std::string::npos)
        << error->message;
  }
}

TEST_F(LedgerDamage, IsReportedWhereverTheFileIsCutOff) {
  std::vector<std::size_t> lengths = {0, 1, 15, 16, 17, 99, 100, 101, 512, 4095, 4096, 4097};
  for (std::size_t at = 8192; at < whole_.size(); at += 4096)
    lengths.insert(lengths.end(), {at - 1, at, at + 1});
  lengths.push_back(whole_.size() - 1);
  for (const std::size_t length : lengths) {
    put_back(whole_.substr(0, length));
    const auto error = read_all();
    ASSERT_TRUE(error) << length;
    EXPECT_EQ(error->code, ErrorCode::corrupt) << length << ": " << error->message;
  }
}

TEST_F(LedgerDamage, SaysThatTheArtifactsAreIntactAndWhatToDo) {
  put_back(std::string(10'000, '#'));
  const auto error = error_of([&] { Ledger::open(file_); });
  EXPECT_EQ(error.code, ErrorCode::corrupt);
  EXPECT_NE(error.message.find(file_.native()), std::string::npos) << error.message;
  EXPECT_NE(error.hint.find("the store are intact"), std::string::npos) << error.hint;
}

TEST_F(LedgerDamage, NeverCrashesOnRandomBytes) {
  std::mt19937 random(20260101);
  for (int i = 0; i < 150; ++i) {
    std::string text = whole_;
    const int count = i % 2 == 0 ? 1 : 400;
    for (int k = 0; k < count; ++k) text[random() % text.size()] = static_cast<char>(random());
    put_back(text);
    const auto error = read_all();  // one byte may fall where nothing is
    if (error) {
      EXPECT_FALSE(error->message.empty());
    }
  }
}

// What the last commits wrote is lost with the end of the log, never half of one.
TEST_F(LedgerDamage, OfTheLogLosesWholeTransactionsOnly) {
  auto ledger = Ledger::open(file_);
  for (int i = 0; i < 10; ++i) {
    ledger->begin();
    const std::string run = ledger->create_run({"", "late", "running", Json::object(), "s", "", ""});
    InstanceRow row;
    row.run = run;
    row.id = "only";
    row.inputs = row.with = Json::object();
    ledger->put(row);
    ledger->commit();
  }
  const std::string log = read_file(file_.native() + "-wal");
  const std::string base_text = read_file(file_);
  ledger.reset();
  for (std::size_t length = 0; length <= log.size(); length += 997) {
    put_back(base_text);
    write_file(file_.native() + "-wal", log.substr(0, length));
    auto again = Ledger::open(file_);
    const auto runs = again->runs();
    ASSERT_GE(runs.size(), 3u);
    for (const RunRow& run : runs) EXPECT_FALSE(again->instances(run.id).empty());
    EXPECT_EQ(again->check(), "");
  }
}

// Pages that neither the file nor the log has are missed when the ledger is opened, not where a query comes
// upon the hole.
TEST_F(LedgerDamage, IsReportedWhereTheFileIsCutOffBehindItsLog) {
  auto ledger = Ledger::open(file_);
  ledger->create_run({"", "late", "running", Json::object(), "s", "", ""});
  const std::string log = read_file(file_.native() + "-wal");
  ASSERT_FALSE(log.empty());
  ledger.reset();
  int refused = 0;
  for (std::size_t length = 4096; length < whole_.size(); length += 4096) {
    put_back(whole_.substr(0, length));
    write_file(file_.native() + "-wal", log);
    try {
      EXPECT_EQ(Ledger::open(file_)->check(), "") << length;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, ErrorCode::corrupt) << length << ": " << error.message;
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST_F(LedgerDamage, IncludesAFolderInItsPlace) {
  fs::remove(file_);
  fs::create_directory(file_);
  EXPECT_EQ(error_of([&] { Ledger::open(file_); }).code, ErrorCode::invalid_input);
}

}  // namespace
}  // namespace presswork::store
