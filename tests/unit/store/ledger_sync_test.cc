// When SQLite, or the ledger for it, has the disk write what was recorded.
#include "orchestrator/store/ledger.h"
#include "tests/support/disk_sync.h"
#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

using presswork::testing::disk_fails;
using presswork::testing::disk_syncs;
using testing::error_of;
using testing::TempDir;

class LedgerSyncTest : public ::testing::Test {
 protected:
  LedgerSyncTest() {
    record(Ledger::Durable::at_commit);
  }  // the log's beginning and its folder are synced once
  ~LedgerSyncTest() override { disk_fails = false; }

  int record(Ledger::Durable durable) {
    const int before = disk_syncs;
    ledger_->begin(durable);
    ledger_->create_run({"", "flow", "running", nullptr, "now", "", ""});
    ledger_->commit();
    return disk_syncs - before;
  }

  TempDir dir_;
  std::unique_ptr<Ledger> ledger_ = Ledger::open(dir_.path() / "ledger.db");
};

TEST_F(LedgerSyncTest, ACommitIsOnTheDisk) { EXPECT_EQ(record(Ledger::Durable::at_commit), 1); }

TEST_F(LedgerSyncTest, ADeferredCommitIsSeenByOthersAtOnceAndOnTheDiskAfterSync) {
  EXPECT_EQ(record(Ledger::Durable::at_sync), 0);
  EXPECT_EQ(Ledger::open(dir_.path() / "ledger.db", Ledger::Mode::read_only)->runs().size(), 2u);
  const int before = disk_syncs;
  ledger_->sync();
  EXPECT_EQ(disk_syncs - before, 1);
}

TEST_F(LedgerSyncTest, OnlyTheTransactionThatSaysSoIsDeferred) {
  record(Ledger::Durable::at_sync);
  EXPECT_EQ(record(Ledger::Durable::at_commit), 1);
  record(Ledger::Durable::at_sync);
  const int before = disk_syncs;
  ledger_->set_run_state("r1", "succeeded", "now", "");  // a transaction of its own
  EXPECT_EQ(disk_syncs - before, 1);
  ledger_->begin(Ledger::Durable::at_sync);
  ledger_->roll_back();
  EXPECT_EQ(record(Ledger::Durable::at_commit), 1);
}

TEST_F(LedgerSyncTest, ADiskThatFailsIsAnError) {
  record(Ledger::Durable::at_sync);
  disk_fails = true;
  EXPECT_EQ(error_of([&] { ledger_->sync(); }).code, base::ErrorCode::io);
}

}  // namespace
}  // namespace presswork::store
