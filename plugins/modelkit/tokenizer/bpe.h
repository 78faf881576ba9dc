// Byte-pair encoding ("model" of tokenizer.json): a piece of text becomes characters, then neighbouring
// symbols are merged, lowest rank first, until no merge applies (Sennrich et al. 2016, arXiv:1508.07909).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugins/modelkit/tokenizer/merge_table.h"
#include "plugins/modelkit/tokenizer/vocabulary.h"

namespace presswork::modelkit {

class JsonNode;

class Bpe {
 public:
  // Throws "unsupported" (another model than BPE, dropout), "corrupt_file" (a merge of unknown tokens, ...).
  explicit Bpe(const JsonNode& node);
  Bpe(Bpe&&) = default;

  const Vocabulary& vocabulary() const { return vocabulary_; }

  // What encoding works with: pieces seen before, and the symbols of the piece at hand. One a thread.
  class Scratch;

  // Appends the ids of `piece` (valid UTF-8, normalized and pre-tokenized) to `ids`. A character that the
  // vocabulary lacks becomes its byte tokens, the unknown token, or nothing, as the model says. O(n log n).
  void encode(std::string_view piece, Scratch& scratch, std::vector<std::int32_t>& ids) const;

 private:
  friend class MergeWork;
  struct Flags {
    bool byte_fallback, fuse_unknown, ignore_merges;
  };

  void read_merges(const JsonNode& node);
  void index_characters();
  std::int32_t character_id(std::string_view character) const;  // -1: none
  void encode_word(std::string_view word, Scratch& scratch, std::vector<std::int32_t>& ids) const;
  void start_symbols(std::string_view word, std::vector<std::int32_t>& symbols) const;
  bool append_bytes(std::string_view character, std::vector<std::int32_t>& symbols) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  Flags flags_;
  std::string prefix_, suffix_;  // continuing_subword_prefix, end_of_word_suffix
  std::int32_t unknown_ = -1;
  std::array<std::int32_t, 256> byte_ids_{};  // of "<0x00>"...; -1: none
  std::vector<std::int32_t> character_ids_;   // of the code points below U+10000; -1: none
  bool cuts_at_mark_ = false;                 // no token has U+2581 after another character
};

class Bpe::Scratch {
 private:
  friend class Bpe;
  friend class MergeWork;

  struct Symbol {
    std::int32_t id;  // -1: merged into the one before
    std::int32_t previous, next;
  };
  struct Candidate {
    std::uint64_t order;  // rank, then place: the smallest is merged first
    std::int32_t id;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct Known {
    std::uint32_t begin, count;  // in ids_of_known
  };

  std::vector<std::int32_t> start;
  std::vector<Symbol> symbols;
  std::vector<Candidate> queue;
  std::unordered_map<std::string, Known, Hash, std::equal_to<>> known;
  std::vector<std::int32_t> ids_of_known;
};

}  // namespace presswork::modelkit
