#include "orchestrator/engine/instance_name.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "orchestrator/base/error.h"

namespace presswork::engine {

using base::Error;
using base::ErrorCode;

namespace {

constexpr std::size_t most_candidates = 8;  // in a message

// A number from 1 of at most nine digits; 0 for anything else.
int number_in(std::string_view digits) {
  int number = 0;
  if (digits.empty() || digits.size() > 9 || digits.front() < '1' || digits.front() > '9') return 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return failed == std::errc() && end == digits.data() + digits.size() ? number : 0;
}

// Where the leaf begins. The values of a cell may hold any character, so that only what stands before the
// leaf is taken apart: names with iterations, each followed by '/'.
std::size_t leaf_begin(std::string_view id) {
  std::size_t begin = 0;
  for (;;) {
    const std::size_t open = id.find('[', begin);
    const std::size_t close = open == std::string_view::npos ? open : id.find(']', open);
    if (close == std::string_view::npos || close + 1 >= id.size() || id[close + 1] != '/') return begin;
    if (number_in(id.substr(open + 1, close - open - 1)) == 0) return begin;
    begin = close + 2;
  }
}

bool is_end_of(std::string_view name, std::string_view id) {
  if (name == id) return true;
  return id.size() > name.size() && id.ends_with(name) && id[id.size() - name.size() - 1] == '/' &&
         id.size() - name.size() <= leaf_begin(id);
}

std::string listed(const std::vector<std::string>& ids) {
  std::string text;
  for (std::size_t i = 0; i < std::min(ids.size(), most_candidates); ++i)
    text += (i == 0 ? "" : ", ") + ids[i];
  if (ids.size() > most_candidates) text += " and " + std::to_string(ids.size() - most_candidates) + " more";
  return text;
}

struct Spelling {
  std::string_view name;
  int iteration = 0;  // 0: none was given
};

Spelling parse(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return {text};
  const int iteration = number_in(text.substr(at + 1));
  return iteration == 0 ? Spelling{text} : Spelling{text.substr(0, at), iteration};
}

bool means(const Spelling& spelling, std::string_view id) {
  if (!is_end_of(spelling.name, id) && !is_end_of(spelling.name, without_cell(id))) return false;
  if (spelling.iteration == 0) return true;
  const auto loop = enclosing_loop(id);
  return loop && loop->iteration == spelling.iteration;
}

// "tune[2]" as a whole; a cell may be called "sweep[2]", too, but there is no loop of that name.
bool is_iteration(const std::string& id, const std::set<std::string_view>& ids) {
  const auto iteration = as_iteration(id);
  if (!iteration) return false;
  const auto inside = ids.lower_bound(id + "/");
  return ids.contains(iteration->loop) || (inside != ids.end() && inside->starts_with(id + "/"));
}

// Iterations are meant by their full id only.
std::vector<std::string> all_meant(const Spelling& spelling, const std::vector<std::string>& ids) {
  const std::set<std::string_view> known(ids.begin(), ids.end());
  std::vector<std::string> meant;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(meant),
               [&](const std::string& id) { return means(spelling, id) && !is_iteration(id, known); });
  return meant;
}

}  // namespace

std::optional<Enclosing> enclosing_loop(std::string_view id) {
  const std::size_t begin = leaf_begin(id);
  return begin == 0 ? std::nullopt : as_iteration(id.substr(0, begin - 1));
}

std::optional<Enclosing> as_iteration(std::string_view id) {
  const std::size_t open = id.find('[', leaf_begin(id));
  if (open == std::string_view::npos || id.back() != ']') return {};
  const int number = number_in(id.substr(open + 1, id.size() - open - 2));
  if (number == 0) return {};
  return Enclosing{std::string(id.substr(0, open)), number};
}

std::string iteration_id(std::string_view loop, int iteration) {
  return std::string(loop) + "[" + std::to_string(iteration) + "]";
}

std::string_view without_cell(std::string_view id) { return id.substr(0, id.find('[', leaf_begin(id))); }

std::string_view leaf(std::string_view id) { return id.substr(leaf_begin(id)); }

bool is_meant(const std::string& text, std::string_view id) {
  const Spelling spelling = parse(text);
  while (!means(spelling, id)) {
    const std::size_t begin = leaf_begin(id);
    if (begin == 0) return false;
    id = id.substr(0, begin - 1);
  }
  return true;
}

std::set<int> iterations_in(std::string_view spelling) {
  std::set<int> numbers;
  for (std::size_t at = spelling.find_first_of("[@"); at != std::string_view::npos;) {
    const std::size_t end = spelling.find_first_not_of("0123456789", ++at);
    if (const int number = number_in(spelling.substr(at, end - at)); number > 0) numbers.insert(number);
    at = spelling.find_first_of("[@", at);
  }
  return numbers;
}

std::string find_instance(const std::string& text, const std::vector<std::string>& ids,
                          const std::string& run) {
  if (std::find(ids.begin(), ids.end(), text) != ids.end()) return text;
  const Spelling spelling = parse(text);
  const std::vector<std::string> meant = all_meant(spelling, ids);
  const std::vector<std::string> of_that_name = all_meant({spelling.name}, ids);
  if (meant.size() == 1) return meant.front();
  if (meant.size() > 1) {
    throw Error(ErrorCode::not_found,
                text + " could be any of " + std::to_string(meant.size()) + " instances of " + run + ": " +
                    listed(meant),
                "name one of them in full");
  }
  if (!of_that_name.empty()) {
    throw Error(ErrorCode::not_found, run + " has no instance " + text,
                "of that name it has " + listed(of_that_name));
  }
  const std::string near = base::nearest(text, ids);
  throw Error(ErrorCode::not_found, run + " has no instance " + text,
              near.empty() ? "it has " + (ids.empty() ? std::string("none") : listed(ids))
                           : "did you mean " + near + "?");
}

std::vector<std::string> find_instances(const std::string& text, const std::vector<std::string>& ids,
                                        const std::string& run) {
  if (std::find(ids.begin(), ids.end(), text) != ids.end()) return {text};
  std::vector<std::string> meant = all_meant(parse(text), ids);
  const bool cells = std::all_of(meant.begin(), meant.end(), [&](const std::string& id) {
    return id != without_cell(id) && without_cell(id) == without_cell(meant.front());
  });
  if (cells && !meant.empty()) return meant;
  return {find_instance(text, ids, run)};
}

}  // namespace presswork::engine
