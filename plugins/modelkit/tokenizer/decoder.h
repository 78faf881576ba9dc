// "decoder" of tokenizer.json: turns tokens back into text.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace presswork::modelkit {

class JsonNode;

class Decoder {
 public:
  virtual ~Decoder() = default;
  // The text is all tokens one after another when the last decoder is done.
  virtual void apply(std::vector<std::string>& tokens) const = 0;
};

// Throws Error "unsupported" for a type that is not known, "corrupt_file" for a malformed one. Null in, null
// out.
std::unique_ptr<Decoder> make_decoder(const JsonNode& node, int depth = 0);

}  // namespace presswork::modelkit
