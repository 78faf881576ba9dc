// "pre_tokenizer" of tokenizer.json: cuts a normalized text into the pieces that the model sees one by one.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/modelkit/tokenizer/regex.h"

namespace presswork::modelkit {

class JsonNode;

// A text and the pieces of it that are left, in order. Pieces are never empty.
struct Pieces {
  std::string text;
  std::vector<Range> ranges;
  bool at_start = false;  // the first piece starts where the user's text starts

  std::string_view piece(std::size_t i) const {
    return std::string_view(text).substr(ranges[i].begin, ranges[i].end - ranges[i].begin);
  }
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces& pieces) const = 0;
};

// Throws Error "unsupported" for a type that is not known, "corrupt_file" for a malformed one. Null in, null
// out.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const JsonNode& node, int depth = 0);

}  // namespace presswork::modelkit
