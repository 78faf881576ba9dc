#include "orchestrator/workflow/position.h"

#include <algorithm>
#include <tuple>

namespace presswork::workflow {

namespace {

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

int characters(std::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !continues_character(byte); }));
}

// The byte at which the character in `column` (from 1) starts.
std::size_t byte_of_column(std::string_view line, int column) {
  std::size_t at = 0;
  for (int seen = 1; seen < column && at < line.size(); ++seen) {
    ++at;
    while (at < line.size() && continues_character(line[at])) ++at;
  }
  return at;
}

bool same(const base::Error& a, const base::Error& b) {
  return a.message == b.message && a.where.line == b.where.line && a.where.column == b.where.column;
}

}  // namespace

base::Where shifted(const base::Where& where, std::string_view text, std::size_t offset) {
  const std::string_view first_line = text.substr(0, text.find('\n'));
  if (offset > first_line.size() || where.column <= 0) return where;
  const std::string_view excerpt = where.excerpt;
  const std::size_t start = byte_of_column(excerpt, where.column);
  for (const std::size_t quote : {0, 1}) {  // the scalar may start with a quotation mark
    if (start + quote > excerpt.size() || excerpt.substr(start + quote, first_line.size()) != first_line)
      continue;
    base::Where result = where;
    result.column += static_cast<int>(quote) + characters(first_line.substr(0, offset));
    return result;
  }
  return where;
}

void Faults::add(base::Error error) {
  std::vector<base::Error> others = std::move(error.others);
  error.others.clear();
  errors_.push_back(std::move(error));
  for (base::Error& other : others) errors_.push_back(std::move(other));
}

void Faults::add(const base::Where& where, std::string message, std::string hint) {
  errors_.emplace_back(code_, std::move(message), std::move(hint), where);
}

bool Faults::has(const base::Where& where) const {
  return std::any_of(errors_.begin(), errors_.end(), [&](const base::Error& error) {
    return error.where.line == where.line && error.where.column == where.column;
  });
}

void Faults::throw_if_any() {
  if (errors_.empty()) return;
  std::stable_sort(errors_.begin(), errors_.end(), [](const base::Error& a, const base::Error& b) {
    return std::tie(a.where.line, a.where.column, a.message) <
           std::tie(b.where.line, b.where.column, b.message);
  });
  // What two checks found is one fault.
  errors_.erase(std::unique(errors_.begin(), errors_.end(), same), errors_.end());
  if (errors_.size() > max_shown) {
    const std::size_t more = errors_.size() - max_shown;
    errors_.erase(errors_.begin() + max_shown, errors_.end());
    errors_.emplace_back(base::ErrorCode::invalid_workflow, "and " + std::to_string(more) + " more");
  }
  base::Error first = std::move(errors_.front());
  first.others.assign(std::make_move_iterator(errors_.begin() + 1), std::make_move_iterator(errors_.end()));
  errors_.clear();
  throw first;
}

std::string suggest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string near = base::nearest(word, candidates);
  if (!near.empty()) return "did you mean \"" + near + "\"?";
  if (candidates.empty() || candidates.size() > 16) return {};
  std::string text = candidates.size() == 1 ? "there is " : "there are ";
  for (std::size_t i = 0; i < candidates.size(); ++i) text += (i > 0 ? ", " : "") + candidates[i];
  return text;
}

}  // namespace presswork::workflow
