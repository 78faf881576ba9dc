#include "orchestrator/report/stage_line.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "orchestrator/base/units.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

using std::chrono::milliseconds;

namespace {

std::string percent(const Estimate& estimate) {
  char text[16];
  std::snprintf(text, sizeof text, "%3.0f %%", estimate.fraction() * 100);
  return text;
}

// Eighths of a column where the font has them.
std::string bar(double fraction, std::size_t width, const Style& style) {
  const auto eighths = static_cast<std::size_t>(fraction * static_cast<double>(width * 8) + 1e-9);
  if (!style.unicode) {
    const std::size_t full = eighths / 8;
    return "[" + std::string(full, '#') + std::string(width - full, '.') + "]";
  }
  static constexpr const char* parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  std::string full, rest;
  for (std::size_t i = 0; i < eighths / 8; ++i) full += "█";
  full += parts[eighths % 8];
  for (std::size_t i = display_width(full); i < width; ++i) rest += "░";
  return style.cyan(full) + style.dim(rest);
}

// "1,240/2,000 tokens"
std::string count(const Estimate& estimate) {
  std::string out = format_number(estimate.done());
  if (estimate.known()) out += "/" + format_number(estimate.total());
  if (!estimate.what().empty()) out += " " + one_line(estimate.what());
  return out;
}

// What takes long is easier to grasp by the piece: "12.5 s each" for 0.08/s.
std::string speed(double rate) {
  if (rate >= 0.2) return format_number(rate) + "/s";
  return base::format_duration(milliseconds(static_cast<long long>(1000 / rate))) + " each";
}

std::string elapsed(Board::Time since, Board::Time now) {
  return base::format_duration(std::chrono::duration_cast<milliseconds>(now - since));
}

struct Part {
  std::string text;
  int use;  // the smallest goes first
};

// The parts in order of appearance; those of least use are left out until the rest fits.
std::string joined(std::vector<Part> parts, std::size_t width, const std::string& between) {
  for (;;) {
    std::string text;
    for (const Part& part : parts) text += (text.empty() ? "" : between) + part.text;
    if (display_width(text) <= width || parts.size() <= 1) return truncate(text, width);
    parts.erase(std::min_element(parts.begin(), parts.end(),
                                 [](const Part& a, const Part& b) { return a.use < b.use; }));
  }
}

}  // namespace

std::string shorten(const std::string& id, std::size_t width) {
  const std::string text = one_line(id);
  const std::size_t whole = display_width(text);
  if (whole <= width) return text;
  if (width < 8) return truncate(text, width);
  const std::string head = truncate(text, width / 2);  // ends with "…"
  // The end: characters are dropped from the front until the rest fits beside the head.
  const std::size_t room = width - display_width(head);
  std::size_t at = 0;
  while (at < text.size() && display_width(std::string_view(text).substr(at)) > room) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  }
  return head + text.substr(at);
}

std::string StageLine::of(const RunningStage& stage, Board::Time now) const {
  const Estimate& estimate = stage.estimate;
  std::vector<Part> parts;
  parts.push_back({mark + " " + pad_right(shorten(stage.instance, name), name), 10});
  if (stage.publishing) {
    parts.push_back({"storing results", 5});
  } else if (estimate.known()) {
    const std::size_t columns = std::clamp<std::size_t>(width / 5, 8, 30);
    parts.push_back({bar(estimate.fraction(), columns, style), 4});
    parts.push_back({percent(estimate), 9});
  }
  if (!stage.publishing && (estimate.known() || estimate.done() > 0)) {
    parts.push_back({count(estimate), 3});
    if (const auto rate = estimate.rate()) parts.push_back({speed(*rate), 2});
    if (const auto left = estimate.left(now)) parts.push_back({base::format_duration(*left) + " left", 6});
  }
  if (stage.attempt > 1) parts.push_back({style.yellow("attempt " + std::to_string(stage.attempt)), 8});
  parts.push_back({style.dim(elapsed(stage.since, now)), 7});
  if (one_line(stage.uses) != one_line(stage.instance)) parts.push_back({style.dim(one_line(stage.uses)), 1});
  return joined(std::move(parts), width, "  ");
}

std::string StageLine::of(const std::string& instance, const WaitingStage& stage, Board::Time now) const {
  std::vector<Part> parts;
  parts.push_back({style.dim(style.glyph("·", "-")) + " " + pad_right(shorten(instance, name), name), 10});
  if (stage.until) {
    const auto wait = std::max(milliseconds(0), std::chrono::ceil<milliseconds>(*stage.until - now));
    parts.push_back({style.yellow("waits " + base::format_duration(wait)), 9});
    parts.push_back({style.yellow("for attempt " + std::to_string(stage.attempt)), 8});
  } else {
    parts.push_back({style.dim("waits for " + (stage.what.empty() ? "room" : one_line(stage.what))), 9});
  }
  return joined(std::move(parts), width, "  ");
}

std::string StageLine::of(const std::string& instance, const OpenLoop& loop) const {
  std::vector<Part> parts;
  parts.push_back({style.cyan(style.glyph("↻", "@")) + " " + pad_right(shorten(instance, name), name), 10});
  parts.push_back({iteration_text(loop.iteration, loop.max), 9});
  return joined(std::move(parts), width, "  ");
}

std::string iteration_text(int iteration, int max) {
  std::string text = "iteration " + format_integer(iteration);
  return max > 0 ? text + " of at most " + format_integer(max) : text;
}

std::string total_line(const Board& board, const Style& style, std::size_t width, Board::Time now) {
  if (!board.begun() || board.counts().total < 2) return {};
  const std::vector<std::string> words = count_words(board);
  std::vector<Part> parts;
  int use = 20;
  for (const std::string& word : words) {
    const bool failed = word.ends_with(" failed");
    parts.push_back({failed ? style.red(word) : use == 20 ? style.bold(word) : word, use});
    --use;
  }
  if (const auto left = board.left(now)) parts.push_back({style.bold(about(*left) + " left"), 17});
  parts.push_back({style.dim(elapsed(*board.begun(), now)), 0});
  return joined(std::move(parts), width, ", ");
}

std::string progress_text(const Estimate& estimate) {
  if (!estimate.known() && estimate.done() == 0) return {};
  std::string text = estimate.known() ? percent(estimate) + " " : "";
  text.erase(0, text.find_first_not_of(' '));
  return text + "(" + count(estimate) + ")";
}

}  // namespace presswork::report
