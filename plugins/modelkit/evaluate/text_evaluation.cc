#include "plugins/modelkit/evaluate/text_evaluation.h"

#include <algorithm>
#include <chrono>

#include "plugins/modelkit/data/text.h"
#include "plugins/modelkit/evaluate/peak_memory.h"
#include "plugins/modelkit/tokenizer/tokenizer.h"

namespace presswork::modelkit {

TextEvaluation evaluate_text(const ModelSource& model, const std::filesystem::path& text, unsigned threads,
                             std::uint64_t memory, PerplexityOptions options) {
  if (memory != 0) options.state_bytes = std::min<std::size_t>(options.state_bytes, memory / 4);
  const auto ids = Tokenizer::open(model.checkpoint().folder()).encode(read_text(text), false);
  const auto compute = make_cpu_compute(threads);
  Transformer transformer(*compute, model);
  TextEvaluation evaluation;
  reset_peak_memory();
  evaluation.predicted_bytes = resident_bytes() + predicted_perplexity_bytes(model, ids.size(), options);
  const auto start = std::chrono::steady_clock::now();
  evaluation.result = perplexity(transformer, ids, options);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  evaluation.peak_bytes = peak_resident_bytes();
  const auto tokens = static_cast<double>(evaluation.result.windows * options.window);
  evaluation.tokens_per_second = tokens / std::max(seconds.count(), 1e-9);
  return evaluation;
}

}  // namespace presswork::modelkit
