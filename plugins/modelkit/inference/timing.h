// How long a model takes for a prompt and what follows it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plugins/modelkit/inference/inference_model.h"

namespace presswork::modelkit {

std::vector<std::int32_t> random_tokens(std::size_t count, std::int64_t vocabulary, std::uint64_t seed);

// Of the last token's logits, without a look at whether they are finite.
std::int32_t most_likely(std::span<const float> logits);

// Seconds.
struct Times {
  double prefill = 0.0, decode = 0.0;
};

// Clears the session, which must have room for all: the prompt at once, then `new_tokens` greedily one by
// one.
Times time_once(Session& session, std::span<const std::int32_t> prompt, std::size_t new_tokens);

}  // namespace presswork::modelkit
