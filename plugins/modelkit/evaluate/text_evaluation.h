// Perplexity of a model folder on a text file, with what the pass cost.
#pragma once

#include <cstdint>
#include <filesystem>

#include "plugins/modelkit/evaluate/perplexity.h"

namespace presswork::modelkit {

struct TextEvaluation {
  Perplexity result;
  double tokens_per_second = 0.0;     // of the forward pass, all tokens of the windows
  std::uint64_t peak_bytes = 0;       // resident, of the whole process during the pass
  std::uint64_t predicted_bytes = 0;  // what that peak was expected to be
};

// `memory` bytes (0: no limit) bound the hidden states held at once; options.state_bytes is lowered if need
// be. Errors as those of Tokenizer::open, read_text and perplexity().
TextEvaluation evaluate_text(const ModelSource& model, const std::filesystem::path& text, unsigned threads,
                             std::uint64_t memory, PerplexityOptions options);

}  // namespace presswork::modelkit
