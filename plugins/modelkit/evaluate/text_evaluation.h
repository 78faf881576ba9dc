// Perplexity of a model folder on a text file, with what the pass cost.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "plugins/modelkit/evaluate/perplexity.h"

namespace presswork::modelkit {

// What a pass is expected to take and took.
struct PassCost {
  double tokens_per_second = 0.0;     // all tokens of the windows, of the forward pass
  std::uint64_t peak_bytes = 0;       // resident, of the whole process during the pass
  std::uint64_t predicted_bytes = 0;  // what that peak was expected to be
};

// Measures from its making to finish(). `expected_bytes` beside what the process holds at the start.
class CostMeter {
 public:
  explicit CostMeter(std::uint64_t expected_bytes);
  PassCost finish(std::uint64_t tokens) const;

 private:
  std::uint64_t predicted_;
  double start_;  // seconds
};

// `memory` bytes (0: no limit) bound the hidden states held at once; the rest goes to a file in `folder`.
StateLimit state_limit(std::uint64_t memory, const std::filesystem::path& folder);

// That windows are longer than the model, called `name`, was made for; "" where they are not.
std::string window_warning(const ModelConfig& model, std::size_t window, const std::string& name = "model");

struct TextEvaluation {
  Perplexity result;
  std::string digest;  // of the token ids
  PassCost cost;
};

// Errors as those of Tokenizer::open, read_windows and perplexity().
TextEvaluation evaluate_text(const ModelSource& model, const std::filesystem::path& text,
                             const Sampling& sampling, unsigned threads, const PassOptions& options);

}  // namespace presswork::modelkit
