#include "plugins/report/figures.h"

namespace presswork::summary {

namespace {

// Perplexities compare only at the same window (and text, and tokenizer).
std::vector<Accuracy> find_accuracy(const RunFacts& facts) {
  std::vector<Accuracy> found;
  for (const Measured& pair : facts.measured("perplexity", {"window"})) {
    Accuracy accuracy;
    accuracy.before = *pair.before->number("perplexity");
    accuracy.after = *pair.after->number("perplexity");
    accuracy.before_stderr = pair.before->number("stderr");
    accuracy.after_stderr = pair.after->number("stderr");
    accuracy.where = pair;
    if (accuracy.before > 0) found.push_back(accuracy);
  }
  return found;
}

// after / before of the first pair that measured `metric`.
std::optional<double> quotient(const RunFacts& facts, const char* metric,
                               const std::vector<const char*>& same, const std::string& stage) {
  for (const Measured& pair : facts.measured(metric, same)) {
    if (pair.after->uses != stage || pair.before->uses != stage) continue;
    const double before = *pair.before->number(metric);
    if (before > 0) return *pair.after->number(metric) / before;
  }
  return std::nullopt;
}

// Sizes as the compressing steps saw them; a step that tells only its ratio still counts in the product.
void find_sizes(const RunFacts& facts, Figures& figures) {
  if (facts.original() != nullptr) figures.original_bytes = facts.original()->number("bytes");
  if (facts.steps().empty()) return;
  auto original = facts.steps().front()->number("original_bytes");
  if (!original) original = figures.original_bytes;
  const auto compressed = facts.steps().back()->number("compressed_bytes");
  double product = 1;
  bool told = true;
  for (const Instance* step : facts.steps()) {
    const auto ratio = step->number("compression_ratio");
    told = told && ratio;
    product *= ratio.value_or(1);
  }
  if (original) figures.original_bytes = original;
  if (original && compressed && *compressed > 0) {
    figures.compressed_bytes = compressed;
    figures.compression_ratio = *original / *compressed;
  } else if (told && product > 0) {
    figures.compression_ratio = product;
    if (figures.original_bytes) figures.compressed_bytes = *figures.original_bytes / product;
  }
}

}  // namespace

std::optional<double> Figures::storage_saving_percent() const {
  if (!compression_ratio) return std::nullopt;
  return (1 - 1 / *compression_ratio) * 100;
}

std::optional<double> Figures::loss_percent() const {
  if (accuracy.empty()) return std::nullopt;
  return accuracy.front().loss_percent();
}

Figures find_figures(const RunFacts& facts) {
  Figures figures;
  find_sizes(facts, figures);
  figures.accuracy = find_accuracy(facts);
  const std::vector<const char*> load{"prompt_tokens", "new_tokens"};
  figures.speedup = quotient(facts, "decode_tokens_per_s", load, "benchmark/inference");
  if (const auto memory = quotient(facts, "peak_memory_bytes", load, "benchmark/inference")) {
    figures.memory_saving_percent = (1 - *memory) * 100;
  }
  figures.evaluation_speedup = quotient(facts, "tokens_per_s", {"window"}, "evaluate/perplexity");
  if (const Instance* hardware = facts.last_with("compatibility_score")) {
    figures.compatibility = hardware->number("compatibility_score");
  }
  return figures;
}

std::vector<Prediction> find_predictions(const RunFacts& facts) {
  static const std::string prefix = "predicted_";
  std::vector<Prediction> found;
  for (const Instance& instance : facts.instances()) {
    if (!instance.good()) continue;
    for (const auto& item : instance.metrics.items()) {
      if (item.key().rfind(prefix, 0) != 0) continue;
      const std::string name = item.key().substr(prefix.size());
      const auto predicted = instance.number(item.key().c_str()), measured = instance.number(name.c_str());
      if (predicted && measured && *measured != 0) found.push_back({&instance, name, *predicted, *measured});
    }
  }
  return found;
}

}  // namespace presswork::summary
