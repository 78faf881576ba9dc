// The terminal as two areas: lines that stay, and below them a block that is drawn over itself: each line is
// written over the old one before the rest of it is erased, in one write a frame, so that nothing flickers.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/report/style.h"

namespace presswork::report {

struct ScreenSize {
  int columns = 80;
  int lines = 24;
};

class Screen {
 public:
  using Write = std::function<void(std::string_view)>;

  // `live`: the cursor can be moved. Without it set_live() draws nothing.
  Screen(Write write, std::function<ScreenSize()> size, bool live, Style style)
      : write_(std::move(write)), size_(std::move(size)), live_(live), style_(style) {}

  void print(std::string_view text);                     // whole lines that stay; the newline is added
  void set_live(const std::vector<std::string>& lines);  // cut to the screen's size
  void clear_live() { set_live({}); }

  void forbid_colour() { style_.colour = false; }

  bool live() const { return live_; }
  const Style& style() const { return style_; }
  ScreenSize size() const { return size_(); }

 private:
  std::string home() const;
  std::string draw(const std::vector<std::string>& next) const;

  Write write_;
  std::function<ScreenSize()> size_;
  bool live_;
  Style style_;
  std::vector<std::string> shown_;
};

// What the terminal behind a descriptor can do. The environment's NO_COLOR and TERM are looked up here, and
// no variable is anywhere else in the orchestrator.
struct TerminalFacts {
  bool terminal = false;
  bool live = false;  // cursor movement
  Style style;
};
TerminalFacts terminal_facts(int descriptor);
ScreenSize terminal_size(int descriptor);  // 80 × 24 when it is not known

}  // namespace presswork::report
