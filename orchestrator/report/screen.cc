#include "orchestrator/report/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "orchestrator/report/text.h"

namespace presswork::report {

std::string Screen::erase() const {
  if (shown_.empty()) return {};
  // A terminal that became narrower since has wrapped the lines.
  const auto columns = static_cast<std::size_t>(std::max(size_().columns, 1));
  std::size_t rows = 0;
  for (const std::string& line : shown_) {
    const std::size_t width = display_width(line);
    rows += width == 0 ? 1 : (width + columns - 1) / columns;
  }
  // To the first column of the block's first line, then clear to the end of the screen.
  return "\r\x1b[" + std::to_string(rows) + "A\x1b[J";
}

std::string Screen::draw() const {
  std::string out;
  for (const std::string& line : shown_) out += line + "\n";
  return out;
}

void Screen::print(std::string_view text) {
  std::string out = erase();
  out.append(text).append("\n");
  write_(out + draw());
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
  const std::string before = erase();
  shown_ = std::move(next);
  write_(before + draw());
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
