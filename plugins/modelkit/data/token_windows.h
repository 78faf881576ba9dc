// Texts as windows of token ids: what calibration and evaluation run a model on. One window is one sequence.
//
// The reference protocol of calibration, "the first 128 windows of 512", is {.length = 512, .samples = 128};
// perplexity over a whole text is {.length = 512}.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "plugins/modelkit/tokenizer/tokenizer.h"

namespace presswork::modelkit {

// Where windows may lie. Packed: the documents become one text, an empty line between them, tokenized whole
// and cut at 0, n, 2n, ...; a window may hold the end of one document and the start of the next. Separate:
// each document is tokenized and cut by itself, so that no window crosses a border. Incomplete tails are
// dropped in both, no special tokens are added.
enum class Documents { Packed, Separate };

// Which windows are taken when there are more than asked for: the first ones, or distinct ones drawn by the
// seed, in the order of the text.
enum class Draw { First, Random };

struct Sampling {
  std::size_t length = 512;  // tokens in a window
  std::size_t samples = 0;   // windows at most; 0: all
  Documents documents = Documents::Packed;
  Draw draw = Draw::First;
  std::uint64_t seed = 0;  // of Draw::Random
};

class TokenWindows {
 public:
  // Windows [0, n), [n, 2n), ... of `length` tokens, at most `most` of them (0: all). Throws Error
  // "invalid_input" when there are fewer ids than one window, "invalid_parameter" for a length of 0.
  TokenWindows(std::vector<std::int32_t> ids, std::size_t length, std::size_t most = 0);

  std::size_t count() const { return count_; }
  std::size_t length() const { return length_; }
  std::span<const std::int32_t> operator[](std::size_t window) const {
    return std::span(ids_).subspan(window * length_, length_);
  }

  // The ids of all windows, one after another.
  std::span<const std::int32_t> ids() const { return std::span(ids_).first(count_ * length_); }

  // "sha256:" and the SHA-256 of ids() as little-endian 32-bit integers: equal digests, equal data. In Python
  // hashlib.sha256(numpy.asarray(ids, "<i4").tobytes()).
  std::string digest() const;

 private:
  std::vector<std::int32_t> ids_;
  std::size_t length_, count_;
};

// Throws as TokenWindows; the message says what there was (tokens, documents long enough).
TokenWindows sample_windows(const Tokenizer& tokenizer, std::vector<std::string> documents,
                            const Sampling& sampling);

// The same from a file, and errors as read_documents().
TokenWindows read_windows(const Tokenizer& tokenizer, const std::filesystem::path& text,
                          const Sampling& sampling);

}  // namespace presswork::modelkit
