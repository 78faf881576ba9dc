#include "orchestrator/store/approvals.h"

#include "orchestrator/store/ledger.h"
#include "tests/unit/store/support.h"

namespace presswork::store {
namespace {

TEST(ApprovalsTest, AreKeptInTheLedgerInTheOrderInWhichTheyWereGiven) {
  testing::TempDir folder;
  const auto file = folder.path() / "ledger.db";
  const auto ledger = Ledger::open(file);
  ledger->begin();  // a run goes on
  EXPECT_TRUE(Approvals(file).all().empty());
  ledger->commit();
  Approvals(file).put({"r1", "acceptance", "Ann", "it's \"fine\"", {"d1", "d2"}, "2026-01-01T00:00:00.000Z"});
  Approvals(file).put({"r2", "acceptance", "Bob", "", {"d3"}, "2026-01-02T00:00:00.000Z"});
  const auto rows = Approvals(file).all();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].person, "Ann");
  EXPECT_EQ(rows[0].note, "it's \"fine\"");
  EXPECT_EQ(rows[0].digests, (std::vector<std::string>{"d1", "d2"}));
  EXPECT_EQ(rows[1].run, "r2");
}

}  // namespace
}  // namespace presswork::store
