#include "plugins/strategy/risks.h"

namespace presswork::strategy {
namespace {

const char* const kOriginal = "the model as it was loaded, which no step changes";
const char* const kBeforeStep = "the checkpoint of the stage before: presswork rollback RUN --to STAGE";

void about_accuracy(std::vector<Risk>& risks, const Assessed& a, const Limits& limits) {
  const double allowed = limits.max_loss_percent.value_or(5);
  const double share = a.prediction.loss_percent / allowed;
  if (share < 0.25) return;
  risks.push_back(
      {"accuracy falls by more than allowed",
       share > 1     ? "high"
       : share > 0.6 ? "medium"
                     : "low",
       "high",
       "perplexity on the held-out text rises by more than predicted, or generated text repeats itself",
       "smaller groups, zero points, a calibrated method, or fewer bits saved in sensitive layers",
       kBeforeStep});
}

void about_calibration(std::vector<Risk>& risks, const Assessed& a) {
  const Step* step = a.candidate.quantization();
  if (step == nullptr || (step->method != "gptq" && step->method != "awq")) return;
  risks.push_back({"the calibration text differs from what the model will read", "medium", "medium",
                   "perplexity falls behind on texts of other kinds or languages",
                   "calibrate with a sample of the real texts", kBeforeStep});
}

void about_zeros(std::vector<Risk>& risks, const Assessed& a) {
  const Step* step = a.candidate.pruning();
  if (step == nullptr) return;
  risks.push_back({"pruning costs far more accuracy than its formula says", "high", "high",
                   "perplexity right after pruning, before anything else is done",
                   "less sparsity, Wanda instead of magnitude, training after pruning", kBeforeStep});
  if (step->method != "n_m") return;
  risks.push_back({"zeros bring no speed on this hardware", "medium", "medium",
                   "decoding is no faster than before pruning", "hardware with sparse kernels, or no pruning",
                   kBeforeStep});
}

void about_memory(std::vector<Risk>& risks, const Assessed& a, const Limits& limits) {
  if (!limits.memory_gb) return;
  const double share = a.prediction.memory_gb / *limits.memory_gb;
  if (share < 0.9) return;
  risks.push_back({"memory runs out under load", share > 1 ? "high" : "medium", "high",
                   "peak memory near the limit with long contexts or many requests at once",
                   "a smaller batch or context, keys and values in eight bits", kOriginal});
}

void about_speed(std::vector<Risk>& risks, const Assessed& a, const Subject& subject, const Limits& limits) {
  if (!limits.needed_tokens_per_s() || subject.tokens_per_s) return;
  risks.push_back({"the speed is not known: no baseline was measured", "medium", "medium",
                   "benchmark/inference on the compressed model",
                   "measure the original and give its speed to the plan",
                   a.candidate.steps.empty() ? kOriginal : kBeforeStep});
}

}  // namespace

std::vector<Risk> risks_of(const Assessed& assessed, const Subject& subject, const Limits& limits) {
  std::vector<Risk> risks;
  about_accuracy(risks, assessed, limits);
  about_calibration(risks, assessed);
  about_zeros(risks, assessed);
  about_memory(risks, assessed, limits);
  about_speed(risks, assessed, subject, limits);
  return risks;
}

Json to_json(const Risk& risk) {
  return {{"risk", risk.risk},
          {"likelihood", risk.likelihood},
          {"impact", risk.impact},
          {"early_sign", risk.early_sign},
          {"mitigation", risk.mitigation},
          {"rollback_point", risk.rollback_point}};
}

}  // namespace presswork::strategy
