// Texts to token ids and back, as a model's tokenizer.json says (the format of Hugging Face tokenizers).
// Models of the BPE family: byte-level (GPT-2, Llama 3, Qwen) and SentencePiece-style (Llama 2, Mistral,
// Gemma, Phi-3).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace presswork::modelkit {

class Tokenizer {
 public:
  // Reads `folder`/tokenizer.json. Throws Error "invalid_input" (no such file, with what to do),
  // "corrupt_file" (not JSON, a field of the wrong kind, ids out of range), "unsupported" (a component that
  // is not known, by name and place). "truncation" and "padding" are not applied: texts are encoded whole.
  static Tokenizer open(const std::filesystem::path& folder);
  // From the text of a tokenizer.json; `where` names it in messages.
  static Tokenizer parse(std::string_view json, const std::string& where);

  ~Tokenizer();
  Tokenizer(Tokenizer&& other) noexcept;
  Tokenizer& operator=(Tokenizer&& other) noexcept;

  // Ids of the whole text, with `add_special` also the tokens that the post-processor puts around it (<s>).
  // Added tokens are found in the text in either case. The text must be valid UTF-8: throws "invalid_input"
  // with the byte offset of what is not. Thread-safe.
  std::vector<std::int32_t> encode(std::string_view text, bool add_special) const;

  // Text of `ids`. Ids that no token has are passed over; `skip_special` leaves special tokens out.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special) const;

  std::int32_t vocab_size() const;  // highest id + 1: a table of this many rows holds every token
  std::optional<std::string> token(std::int32_t id) const;
  std::optional<std::int32_t> id(std::string_view token) const;

 private:
  struct Parts;
  explicit Tokenizer(std::unique_ptr<const Parts> parts);
  std::unique_ptr<const Parts> parts_;
};

}  // namespace presswork::modelkit
