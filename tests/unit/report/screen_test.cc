#include "orchestrator/report/screen.h"

#include <gtest/gtest.h>

namespace presswork::report {
namespace {

struct Recorder {
  std::string text;
  ScreenSize size{20, 5};
  Screen screen(bool live) {
    return Screen([this](std::string_view piece) { text += piece; }, [this] { return size; }, live, {});
  }
};

TEST(Screen, DrawsTheBlockOverItselfAndErasesOnlyWhatIsLeft) {
  Recorder recorder;
  Screen screen = recorder.screen(true);
  screen.set_live({"one", "two"});
  screen.set_live({"three"});
  EXPECT_EQ(recorder.text, "one\ntwo\n\r\x1b[2Athree\x1b[K\n\x1b[J");
}

TEST(Screen, PutsLinesThatStayAboveTheBlock) {
  Recorder recorder;
  Screen screen = recorder.screen(true);
  screen.set_live({"running"});
  screen.print("done");
  EXPECT_EQ(recorder.text, "running\n\r\x1b[1Adone\x1b[K\nrunning\x1b[K\n\x1b[J");
}

TEST(Screen, WritesNothingWhenTheBlockIsTheSame) {
  Recorder recorder;
  Screen screen = recorder.screen(true);
  screen.set_live({"same"});
  recorder.text.clear();
  screen.set_live({"same"});
  EXPECT_EQ(recorder.text, "");
}

TEST(Screen, CutsTheBlockToTheTerminalSoThatItNeverWraps) {
  Recorder recorder;
  recorder.size = {6, 3};
  Screen screen = recorder.screen(true);
  screen.set_live({"a long line", "b", "c", "d"});
  EXPECT_EQ(recorder.text, "a lo…\n  an…\n");
}

TEST(Screen, ErasesLinesThatANarrowerTerminalHasWrapped) {
  Recorder recorder;
  Screen screen = recorder.screen(true);
  screen.set_live({"twelve chars", "short"});
  recorder.size.columns = 8;
  recorder.text.clear();
  screen.clear_live();
  EXPECT_EQ(recorder.text, "\r\x1b[3A\x1b[J");
}

TEST(Screen, DrawsEachFrameInOneWriteSoThatNothingFlickers) {
  int writes = 0;
  Screen screen([&](std::string_view) { ++writes; }, [] { return ScreenSize{20, 9}; }, true, {});
  screen.set_live({"one", "two", "three"});
  screen.set_live({"one", "zwei"});
  EXPECT_EQ(writes, 2);
}

TEST(Screen, HasNoBlockWhereTheCursorCannotMove) {
  Recorder recorder;
  Screen screen = recorder.screen(false);
  screen.set_live({"running"});
  screen.print("done");
  EXPECT_EQ(recorder.text, "done\n");
}

TEST(Screen, SeesThatAFileIsNoTerminal) {
  const TerminalFacts facts = terminal_facts(-1);
  EXPECT_FALSE(facts.terminal);
  EXPECT_FALSE(facts.live);
  EXPECT_FALSE(facts.style.colour);
  EXPECT_EQ(terminal_size(-1).columns, 80);
}

}  // namespace
}  // namespace presswork::report
