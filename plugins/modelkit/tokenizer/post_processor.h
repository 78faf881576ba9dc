// "post_processor" of tokenizer.json: puts special tokens around the ids of one text.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace presswork::modelkit {

class JsonNode;

class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  virtual void apply(std::vector<std::int32_t>& ids) const = 0;
};

// Throws Error "unsupported" for a type that is not known, "corrupt_file" for a malformed one. Null in, null
// out.
std::unique_ptr<PostProcessor> make_post_processor(const JsonNode& node, int depth = 0);

}  // namespace presswork::modelkit
