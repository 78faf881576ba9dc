#include "plugins/modelkit/tokenizer/split.h"

#include <algorithm>

#include "plugins/modelkit/tokenizer/json_node.h"

namespace presswork::modelkit {

SplitBehavior parse_behavior(const JsonNode& node) {
  const std::string& name = node.text();
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  throw Error("unsupported", "the split behavior \"" + name + "\" is not known", node.where(),
              "known: Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
}

void Parts::add_match(Range match) {
  if (done_ < match.begin) parts_.push_back({{done_, match.begin}, invert_});
  parts_.push_back({match, !invert_});
  done_ = match.end;
}

namespace {

// Joins a part to the neighbour before it in `parts` order where `joins` says so.
template <class Joins>
std::vector<Range> fold(const std::vector<Part>& parts, Joins joins) {
  std::vector<Range> ranges;
  bool previous = false;
  for (const Part& part : parts) {
    if (!ranges.empty() && joins(part.is_match, previous)) {
      ranges.back().begin = std::min(ranges.back().begin, part.range.begin);
      ranges.back().end = std::max(ranges.back().end, part.range.end);
    } else {
      ranges.push_back(part.range);
    }
    previous = part.is_match;
  }
  return ranges;
}

bool delimiter_joins(bool is_match, bool previous) { return is_match && !previous; }

}  // namespace

std::vector<Range> Parts::split(SplitBehavior behavior) {
  if (done_ < size_) parts_.push_back({{done_, size_}, invert_});
  done_ = size_;
  std::vector<Range> ranges;
  switch (behavior) {
    case SplitBehavior::removed:
      for (const Part& part : parts_) {
        if (!part.is_match) ranges.push_back(part.range);
      }
      break;
    case SplitBehavior::isolated:
      ranges = fold(parts_, [](bool, bool) { return false; });
      break;
    case SplitBehavior::contiguous:
      ranges = fold(parts_, [](bool is_match, bool previous) { return is_match == previous; });
      break;
    case SplitBehavior::merged_with_previous:
      ranges = fold(parts_, delimiter_joins);
      break;
    case SplitBehavior::merged_with_next:
      std::reverse(parts_.begin(), parts_.end());
      ranges = fold(parts_, delimiter_joins);
      std::reverse(ranges.begin(), ranges.end());
      break;
  }
  std::erase_if(ranges, [](Range range) { return range.begin == range.end; });
  return ranges;
}

}  // namespace presswork::modelkit
