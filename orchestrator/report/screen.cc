#include "orchestrator/report/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

// Rows that a line takes: a terminal that became narrower since has wrapped it.
std::size_t rows_of(const std::string& line, int columns) {
  const auto room = static_cast<std::size_t>(std::max(columns, 1));
  const std::size_t width = display_width(line);
  return width == 0 ? 1 : (width + room - 1) / room;
}

constexpr const char* kEraseLine = "\x1b[K";
constexpr const char* kEraseBelow = "\x1b[J";

}  // namespace

// To the first column of the block's first line.
std::string Screen::home() const {
  if (shown_.empty()) return {};
  const int columns = size_().columns;
  std::size_t rows = 0;
  for (const std::string& line : shown_) rows += rows_of(line, columns);
  return "\r\x1b[" + std::to_string(rows) + "A";
}

// The block over the one that is shown; the cursor stands at the start of that.
std::string Screen::draw(const std::vector<std::string>& next) const {
  std::string out;
  for (const std::string& line : next) {
    out += line;
    out += shown_.empty() ? "\n" : std::string(kEraseLine) + "\n";
  }
  return shown_.empty() ? out : out + kEraseBelow;
}

void Screen::print(std::string_view text) {
  std::string out = home();
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.append(text.substr(at, end - at)).append(shown_.empty() ? "\n" : std::string(kEraseLine) + "\n");
    at = end + 1;
  }
  write_(out + draw(shown_));
}

void Screen::set_live(const std::vector<std::string>& lines) {
  if (!live_) return;
  const ScreenSize size = size_();
  // One column and one line stay free, so that the terminal neither wraps nor scrolls by itself.
  const auto width = static_cast<std::size_t>(std::max(size.columns - 1, 1));
  const auto height = static_cast<std::size_t>(std::max(size.lines - 1, 1));
  std::vector<std::string> next;
  for (const std::string& line : lines) {
    if (next.size() + 1 == height && lines.size() > height) {
      next.push_back(truncate("  and " + std::to_string(lines.size() - next.size()) + " more", width));
      break;
    }
    next.push_back(truncate(line, width));
  }
  if (next == shown_) return;
  write_(home() + draw(next));
  shown_ = std::move(next);
}

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

}  // namespace

TerminalFacts terminal_facts(int descriptor) {
  TerminalFacts facts;
  facts.terminal = isatty(descriptor) == 1;
  if (!facts.terminal) return facts;
  const std::string term = variable("TERM");
  const bool dumb = term.empty() || term == "dumb";
  facts.live = !dumb;
  facts.style.colour = !dumb && variable("NO_COLOR").empty();
  facts.style.unicode = !dumb && term != "linux" && term.rfind("vt", 0) != 0;
  return facts;
}

ScreenSize terminal_size(int descriptor) {
  winsize window{};
  if (ioctl(descriptor, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
  return {window.ws_col, window.ws_row};
}

}  // namespace presswork::report
