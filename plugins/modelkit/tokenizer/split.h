// Cutting a text at matches: "behavior" of the pre-tokenizers.
#pragma once

#include <string_view>
#include <vector>

#include "plugins/modelkit/tokenizer/regex.h"

namespace presswork::modelkit {

class JsonNode;

// What becomes of the matches (delimiters).
enum class SplitBehavior {
  removed,               // dropped
  isolated,              // each a piece of its own
  merged_with_previous,  // the end of the piece before
  merged_with_next,      // the start of the piece after
  contiguous             // neighbouring matches together are one piece
};

SplitBehavior parse_behavior(const JsonNode& node);

struct Part {
  Range range;
  bool is_match = false;
};

// A whole text as parts: matches, and what lies between them (never empty). `invert` swaps the two.
class Parts {
 public:
  explicit Parts(std::string_view text, bool invert = false) : size_(text.size()), invert_(invert) {}
  void add_match(Range match);
  std::vector<Range> split(SplitBehavior behavior);  // once, when all matches are in

 private:
  std::vector<Part> parts_;
  std::size_t size_;
  std::size_t done_ = 0;
  bool invert_;
};

}  // namespace presswork::modelkit
