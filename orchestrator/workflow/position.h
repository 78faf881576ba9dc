// Places inside what the user wrote, and the collection of faults found there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/base/error.h"

namespace presswork::workflow {

// `where` is the start of the scalar that holds `text`; the result is the place of its byte `offset`, when
// that stands on the same line as it is written there, and else `where`.
base::Where shifted(const base::Where& where, std::string_view text, std::size_t offset);

// Several faults of one document, thrown together in the order of their positions.
class Faults {
 public:
  static constexpr std::size_t max_shown = 20;

  // `code` is that of faults which are added without one.
  explicit Faults(base::ErrorCode code = base::ErrorCode::invalid_workflow) : code_(code) {}

  void add(base::Error error);
  void add(const base::Where& where, std::string message, std::string hint = {});
  bool empty() const { return errors_.empty(); }
  bool has(const base::Where& where) const;  // whether something is wrong at this very place
  void throw_if_any();

 private:
  base::ErrorCode code_;
  std::vector<base::Error> errors_;
};

// "did you mean "x"?", or "one of a, b, c" when nothing is near (a few only), or "".
std::string suggest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace presswork::workflow
