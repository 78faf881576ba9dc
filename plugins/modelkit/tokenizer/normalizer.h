// "normalizer" of tokenizer.json: rewrites a text before it is cut.
#pragma once

#include <memory>
#include <string>

namespace presswork::modelkit {

class JsonNode;

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // `text` is valid UTF-8 before and after.
  virtual void apply(std::string& text) const = 0;
};

// Throws Error "unsupported" for a type that is not known, "corrupt_file" for a malformed one. Null in, null
// out.
std::unique_ptr<Normalizer> make_normalizer(const JsonNode& node, int depth = 0);

}  // namespace presswork::modelkit
