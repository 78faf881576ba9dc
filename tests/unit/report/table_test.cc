#include "orchestrator/report/table.h"

#include <gtest/gtest.h>

namespace presswork::report {
namespace {

TEST(Table, AlignsColumnsByTheirWidestCell) {
  Table table({{"STAGE"}, {"TIME", Table::Align::right}, {"RESULT"}});
  table.add({"load", "0.5 s", "ok"});
  table.add({"模型", "12.5 s"});
  EXPECT_EQ(table.text(),
            "STAGE    TIME  RESULT\n"
            "load    0.5 s  ok\n"
            "模型   12.5 s\n");
}

TEST(Table, LeavesOutEmptyColumnsAndEmptyTitles) {
  Table table({{""}, {""}, {""}});
  table.add({"a", "", "c"});
  table.add({"bb", "", "d"});
  EXPECT_EQ(table.text(2), "  a   c\n  bb  d\n");
}

TEST(Table, IgnoresColoursWhenItAligns) {
  Table table({{"A"}, {"B"}});
  table.add({"\x1b[31mred\x1b[0m", "x"});
  table.add({"plain", "y"});
  EXPECT_EQ(table.text(), "A      B\n\x1b[31mred\x1b[0m    x\nplain  y\n");
}

}  // namespace
}  // namespace presswork::report
