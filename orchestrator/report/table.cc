#include "orchestrator/report/table.h"

#include <algorithm>

#include "orchestrator/report/text.h"

namespace presswork::report {

void Table::add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::text(std::size_t indent) const {
  std::vector<std::size_t> widths(columns_.size(), 0);
  std::vector<bool> used(columns_.size(), false);
  bool titled = false;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    for (const auto& row : rows_) {
      widths[c] = std::max(widths[c], display_width(row[c]));
      used[c] = used[c] || !row[c].empty();
    }
    widths[c] = std::max(widths[c], display_width(columns_[c].title));
    titled = titled || !columns_[c].title.empty();
  }
  std::string out;
  const auto line = [&](const auto& cell) {
    std::string text(indent, ' ');
    bool first = true;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (!used[c] && !rows_.empty()) continue;
      if (!first) text += "  ";
      first = false;
      text +=
          columns_[c].align == Align::right ? pad_left(cell(c), widths[c]) : pad_right(cell(c), widths[c]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  if (titled) line([&](std::size_t c) { return columns_[c].title; });
  for (const auto& row : rows_) line([&](std::size_t c) { return row[c]; });
  return out;
}

}  // namespace presswork::report
