#include "plugins/strategy/prediction.h"

#include <algorithm>
#include <string>

#include "plugins/modelkit/estimate/effects.h"

namespace presswork::strategy {

using namespace modelkit;

namespace {

constexpr double kScaleBits = 32, kNf4Block = 64;

double bits_of(const Step& quantization, double row) {
  const double bits = width_of(quantization);
  if (bits >= 16) return bits;
  const double group = quantization.target_precision == "nf4" ? kNf4Block
                       : quantization.group_size == 0         ? row
                                                              : quantization.group_size;
  return bits + (kScaleBits + (quantization.symmetric ? 0 : bits)) / group;
}

double weight_bytes(const Candidate& candidate, const Subject& subject) {
  const Step* step = candidate.quantization();
  double linears = subject.bytes - subject.kept_bytes;
  if (step != nullptr) {
    // Nothing grows: a model of fewer bits than the target stays as it is.
    linears = std::min(linears, subject.linear_params * bits_of(*step, subject.guide.d_model) / 8);
  }
  // Channels that are gone need no room; zeros in a 2:4 pattern stay in the dense file.
  const Step* pruning = candidate.pruning();
  if (pruning != nullptr && pruning->method == "structured") linears *= 1 - pruning->sparsity;
  return subject.kept_bytes + linears;
}

// Relative to GPTQ at groups of 128, from perplexities of small-llama on the held-out text (38.15 in
// float32): GPTQ 39.27, rounding 40.36, AWQ with zero points 39.49 (rounding with them 39.78); groups of 32:
// GPTQ 38.88, rounding 39.60; zero points: GPTQ 38.98.
double method_factor(const Step& step) {
  if (width_of(step) != 4) return 1;
  if (step.method == "nf4") return 1.06;
  double factor = step.method == "rtn"     ? 1.97
                  : step.method == "awq"   ? 1.6
                  : step.method == "mixed" ? 0.75
                                           : 1;
  if (step.group_size != 0 && step.group_size <= 32) factor *= 0.65;
  if (!step.symmetric) factor *= 0.74;
  return factor;
}

// In int4 with groups of 32 and zero points tiny-llama loses 9.7 % and small-llama 2.3 %, in fp8 0.7 % and
// 0.3 %. Floats err in proportion to a weight's size, and so more than the integers of their width.
constexpr double kFloat8Share = 0.1;

// small-llama loses 84.8 % by Wanda in the pattern 2:4, and 134.5 % by magnitude, which the analysis
// measures.
constexpr double kWandaFactor = 0.63;

// The formula of estimate/pruning-effect: the base rule's 5 times the sparsity says the same of all kinds.
double pruning_formula(const Step& step) {
  return pruning_effect(step.sparsity, step.method == "n_m" ? "n_m_structured" : "channel_pruning", 1)
      .accuracy_degradation;
}

// What the analysis measured with all linears in `form`, at least 0.
std::optional<double> measured(const Subject& subject, const std::string& form) {
  const auto found = subject.measured_loss.find(form);
  return found == subject.measured_loss.end() ? std::nullopt : std::optional(std::max(0.0, found->second));
}

double quantization_loss(const Step& step, const Subject& subject) {
  if (const auto loss = step.method == "fp8" ? measured(subject, "int4") : std::nullopt)
    return *loss * kFloat8Share;
  const int width = width_of(step);
  if (const auto loss = width < 16 ? measured(subject, "int" + std::to_string(width)) : std::nullopt) {
    // Measured by rounding with groups of 32 and zero points, or by rows for eight bits.
    const Step rounding{.type = "quantization",
                        .method = "rtn",
                        .target_precision = width == 4 ? "int4" : "int8",
                        .sparsity = 0,
                        .group_size = width == 4 ? 32 : 0,
                        .symmetric = width != 4};
    return *loss * method_factor(step) / method_factor(rounding);
  }
  return guide_accuracy_impact({"", {step}, false}) * method_factor(step);
}

double pruning_loss(const Step& step, const Subject& subject) {
  const auto loss = step.method == "n_m" ? measured(subject, "2:4") : std::nullopt;
  return loss ? *loss * kWandaFactor : pruning_formula(step);
}

double loss_of(const Candidate& candidate, const Subject& subject) {
  const Step *quantization = candidate.quantization(), *pruning = candidate.pruning();
  return (quantization == nullptr ? 0 : quantization_loss(*quantization, subject)) +
         (pruning == nullptr ? 0 : pruning_loss(*pruning, subject));
}

double speedup_of(const Candidate& candidate, const Subject& subject, double bytes) {
  double speedup = std::min(subject.bytes / bytes, 2.0);
  if (const Step* step = candidate.pruning()) {
    const char* kind = step->method == "n_m" ? "n_m_structured" : "channel_pruning";
    speedup *= pruning_effect(step->sparsity, kind, 1).speedup;
  }
  return speedup;
}

void price(Prediction& prediction, const Limits& limits, const GpuCatalogue& gpus) {
  constexpr double kMargin = 0.1;  // the guide's, for inference
  const std::vector<Gpu> cards =
      limits.gpu.empty() ? gpus.gpus() : std::vector<Gpu>{gpus.at(limits.gpu, "/gpu")};
  for (const Gpu& card : cards) {
    const GpuMatch match = match_gpu(prediction.memory_gb, card.memory_gb, card.price_usd, kMargin);
    if (!prediction.gpu.empty() && match.cost >= prediction.cost_usd) continue;
    prediction.gpu = card.name;
    prediction.gpus = match.count;
    prediction.cost_usd = match.cost;
  }
}

}  // namespace

Prediction predict(const Candidate& candidate, const Subject& subject, const Limits& limits,
                   const GpuCatalogue& gpus, const Correction& correction) {
  Prediction prediction;
  prediction.bytes = weight_bytes(candidate, subject);
  InferenceShape shape = subject.refined;
  shape.weight_bytes = prediction.bytes;
  prediction.memory_gb = inference_memory(shape).total() / kGigabyte * correction.memory;
  prediction.loss_percent = loss_of(candidate, subject) * correction.loss;
  prediction.speedup = speedup_of(candidate, subject, prediction.bytes) * correction.speed;
  if (subject.tokens_per_s) prediction.tokens_per_s = *subject.tokens_per_s * prediction.speedup;
  prediction.compression_ratio = subject.bytes / prediction.bytes;
  price(prediction, limits, gpus);
  return prediction;
}

Json to_json(const Prediction& p) {
  return {{"bytes", p.bytes},
          {"size_gb", p.bytes / kGigabyte},
          {"memory_gb", p.memory_gb},
          {"loss_percent", p.loss_percent},
          {"speedup", p.speedup},
          {"tokens_per_s", p.tokens_per_s ? Json(*p.tokens_per_s) : Json()},
          {"compression_ratio", p.compression_ratio},
          {"gpu", p.gpu},
          {"gpus", p.gpus},
          {"cost_usd", p.cost_usd}};
}

}  // namespace presswork::strategy
