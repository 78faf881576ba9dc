#include "plugins/modelkit/evaluate/text_evaluation.h"

#include <algorithm>
#include <chrono>

#include "plugins/modelkit/evaluate/peak_memory.h"
#include "plugins/modelkit/tokenizer/tokenizer.h"

namespace presswork::modelkit {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::uint64_t reset_and_predict(std::uint64_t expected) {
  reset_peak_memory();
  return resident_bytes() + expected;
}

}  // namespace

CostMeter::CostMeter(std::uint64_t expected_bytes)
    : predicted_(reset_and_predict(expected_bytes)), start_(seconds_now()) {}

PassCost CostMeter::finish(std::uint64_t tokens) const {
  return {.tokens_per_second = static_cast<double>(tokens) / std::max(seconds_now() - start_, 1e-9),
          .peak_bytes = peak_resident_bytes(),
          .predicted_bytes = predicted_};
}

StateLimit state_limit(std::uint64_t memory, const std::filesystem::path& folder) {
  StateLimit limit;
  limit.folder = folder;
  if (memory != 0) limit.bytes = std::min<std::size_t>(limit.bytes, memory / 4);
  return limit;
}

std::string window_warning(const ModelConfig& model, std::size_t window, const std::string& name) {
  if (model.max_position <= 0 || static_cast<std::int64_t>(window) <= model.max_position) return "";
  return "the window is longer than the " + std::to_string(model.max_position) + " positions that the " +
         name + " was made for";
}

TextEvaluation evaluate_text(const ModelSource& model, const std::filesystem::path& text,
                             const Sampling& sampling, unsigned threads, const PassOptions& options) {
  const TokenWindows windows = read_windows(Tokenizer::open(model.checkpoint().folder()), text, sampling);
  const auto compute = make_cpu_compute(threads);
  Transformer transformer(*compute, model);
  const CostMeter meter(predicted_pass_bytes(model, windows.count(), windows.length(), options.states));
  const Perplexity result = perplexity(transformer, windows, options);
  return {
      .result = result, .digest = windows.digest(), .cost = meter.finish(result.windows * windows.length())};
}

}  // namespace presswork::modelkit
