// "added_tokens" of tokenizer.json: tokens that are found in the text before the model sees it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugins/modelkit/tokenizer/normalizer.h"
#include "plugins/modelkit/tokenizer/regex.h"
#include "plugins/modelkit/tokenizer/vocabulary.h"

namespace presswork::modelkit {

struct AddedToken {
  std::int32_t id = 0;
  std::string content;
  std::string shown;         // what it decodes to: the content, in its normalized form if that is looked for
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // and after it
  bool normalized = true;    // looked for in the normalized text, in its normalized form
  bool special = false;      // decode() can leave it out
};

// A part of a text: an added token, or (id -1) text between them.
struct Segment {
  Range range;
  std::int32_t id = -1;
};

class AddedTokens {
 public:
  // `node`: the array, or null. A token gets the id that the vocabulary has for it, or else the next one
  // after all, in the order of the file: as Hugging Face tokenizers does, whatever "id" says. `normalizer`
  // may be null.
  AddedTokens(const JsonNode& node, const Vocabulary& vocabulary, const Normalizer* normalizer);

  // Cuts `text` at the tokens that are looked for in the text as given, or in the normalized text. At each
  // place the longest token wins. Segments are not empty and in order.
  std::vector<Segment> split(std::string_view text, bool normalized) const;

  const AddedToken* find(std::int32_t id) const;     // nullptr: none
  std::int32_t id(std::string_view content) const;   // -1: none
  std::int32_t ids_end() const { return ids_end_; }  // highest id + 1; 0 without tokens

 private:
  // Contents as a tree over bytes; node 0 is the root.
  struct Trie {
    std::unordered_map<std::uint64_t, std::uint32_t> children;  // (node << 8 | byte) -> node
    std::vector<std::int32_t> ids{-1};                          // of the content that ends at a node
    std::array<bool, 256> starts{};
    void add(std::string_view content, std::int32_t id);
    Segment longest_at(std::string_view text, std::size_t at) const;  // empty range: none
  };

  bool stands_alone(std::string_view text, Range range) const;

  std::map<std::int32_t, AddedToken> tokens_;
  std::map<std::string, std::int32_t, std::less<>> ids_;
  Trie as_given_, in_normalized_;
  Regex word_character_;
  std::int32_t ids_end_ = 0;
};

}  // namespace presswork::modelkit
