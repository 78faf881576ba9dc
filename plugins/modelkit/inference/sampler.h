// Which token comes next.
#pragma once

#include <cstdint>
#include <span>

#include "plugins/modelkit/data/random.h"

namespace presswork::modelkit {

struct SamplerOptions {
  double temperature = 0.0;  // 0: always the most likely token
  std::int64_t top_k = 0;    // only the k most likely; 0: all
  double top_p = 1.0;        // only the fewest most likely whose probabilities reach p
};

// Draws from softmax(logits / temperature), cut to top_k, then to top_p, in the order of transformers'
// generate(). The same options, logits and state of `random` give the same token on every machine. Throws
// "not_finite" when a logit is NaN or infinite.
std::int32_t next_token(std::span<const float> logits, const SamplerOptions& options, Random& random);

}  // namespace presswork::modelkit
