// Text from prompts, and whether it is sound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "plugins/modelkit/inference/inference_model.h"
#include "plugins/modelkit/inference/sampler.h"
#include "plugins/modelkit/tokenizer/tokenizer.h"

namespace presswork::modelkit {

struct GenerationOptions {
  std::size_t max_new_tokens = 20;
  SamplerOptions sampler = {};
  std::uint64_t seed = 0;
  std::function<void(std::size_t tokens)> progress = {};  // after each token; may throw to end the work
};

struct Generation {
  std::vector<std::int32_t> ids;  // new ones, without the end token
  std::string text;               // of the new ones
  bool ended = false;             // an end token came
  bool finite = true;             // false: a NaN or infinity ended it
  std::string problem;            // where the NaN appeared
  double repetition = 0.0;        // repeated_share() of ids
  bool empty() const;             // no token, or nothing but white space
};

// `prompt` is tokenized with the model's special tokens. Errors as those of Session, except that NaN ends the
// generation.
Generation generate(InferenceModel& model, const Tokenizer& tokenizer, const std::string& prompt,
                    const GenerationOptions& options);

// The share of 4-grams that came before in the same sequence, 1 - distinct / all (seq-rep-4 of Welleck et al.
// 2020, "Neural text generation with unlikelihood training"); 0 for fewer than four tokens.
double repeated_share(std::span<const std::int32_t> ids);

}  // namespace presswork::modelkit
