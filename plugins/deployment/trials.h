// A model loaded from disk, put through what a service would put it through.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "plugins/deployment/item.h"
#include "plugins/modelkit/inference/inference_model.h"
#include "plugins/modelkit/tokenizer/tokenizer.h"

namespace presswork::deployment {

struct Speed {
  double prefill_tokens_per_s = 0, decode_tokens_per_s = 0;
  std::uint64_t weight_bytes = 0;  // as they are held
  std::uint64_t peak_bytes = 0;    // resident, of the process since loading began
};

class Trials {
 public:
  // Loads the model; quantized weights stay integers, others are held in bfloat16.
  Trials(const std::filesystem::path& folder, unsigned threads);

  // Text comes from the prompt, without NaN and without repeating itself.
  Item basic_inference(const std::string& prompt, std::size_t new_tokens);
  std::string continuation() const { return continuation_; }

  // One token, the longest prompt that fits, text that the tokenizer can only spell: each gives finite
  // logits.
  Item edge_cases(std::size_t longest);
  // What is wrong is refused with an error, and the model answers as before afterwards.
  Item error_handling();
  // Many tokens after one another, in fresh sessions: finite, the same each time, and no growing memory.
  Item stability(std::size_t tokens);

  Speed speed(std::size_t prompt_tokens, std::size_t new_tokens, std::size_t repeats);

  const modelkit::ModelSource& source() const { return source_; }

 private:
  std::vector<std::int32_t> random_ids(std::size_t count, std::uint64_t seed) const;
  bool finite_after(const std::vector<std::int32_t>& ids);

  modelkit::ModelSource source_;
  modelkit::Tokenizer tokenizer_;
  std::unique_ptr<modelkit::Compute> compute_;
  modelkit::InferenceModel model_;
  std::string continuation_;
};

}  // namespace presswork::deployment
