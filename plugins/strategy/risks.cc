#include "plugins/strategy/risks.h"

#include <set>

namespace presswork::strategy {

using modelkit::Message;

namespace {

Message original() { return Message("the model as it was loaded, which no step changes"); }
Message before_step() {
  return Message("the checkpoint of the stage before: presswork rollback RUN --to STAGE");
}

void about_accuracy(std::vector<Risk>& risks, const Assessed& a, const Limits& limits) {
  const double allowed = limits.max_loss_percent.value_or(5);
  const double share = a.prediction.loss_percent / allowed;
  if (share < 0.25) return;
  risks.push_back(
      {Message("accuracy falls by more than allowed"),
       share > 1     ? "high"
       : share > 0.6 ? "medium"
                     : "low",
       "high",
       Message(
           "perplexity on the held-out text rises by more than predicted, or generated text repeats itself"),
       Message("smaller groups, zero points, a calibrated method, or fewer bits saved in sensitive layers"),
       before_step()});
}

void about_calibration(std::vector<Risk>& risks, const Assessed& a) {
  const Step* step = a.candidate.quantization();
  static const std::set<std::string> uncalibrated = {"rtn", "fp8", "nf4", "ptq"};
  if (step == nullptr || uncalibrated.contains(step->method)) return;
  risks.push_back({Message("the calibration text differs from what the model will read"), "medium", "medium",
                   Message("perplexity falls behind on texts of other kinds or languages"),
                   Message("calibrate with a sample of the real texts"), before_step()});
}

void about_readers(std::vector<Risk>& risks, const Assessed& a) {
  const Step* step = a.candidate.quantization();
  if (step == nullptr || step->method != "mixed") return;
  risks.push_back({Message("the engine of the service does not read 3, 5 and 6 bits"), "high", "medium",
                   Message("the engine refuses the model, or reads it slowly"),
                   Message("precisions of 4 and 8 only (quantize/mixed), or the same bits everywhere"),
                   before_step()});
}

void about_zeros(std::vector<Risk>& risks, const Assessed& a) {
  const Step* step = a.candidate.pruning();
  if (step == nullptr) return;
  risks.push_back({Message("pruning costs far more accuracy than its formula says"), "high", "high",
                   Message("perplexity right after pruning, before anything else is done"),
                   Message("less sparsity, Wanda instead of magnitude, training after pruning"),
                   before_step()});
  if (step->method != "n_m") return;
  risks.push_back({Message("zeros bring no speed on this hardware"), "medium", "medium",
                   Message("decoding is no faster than before pruning"),
                   Message("hardware with sparse kernels, or no pruning"), before_step()});
}

void about_memory(std::vector<Risk>& risks, const Assessed& a, const Limits& limits) {
  if (!limits.memory_gb) return;
  const double share = a.prediction.memory_gb / *limits.memory_gb;
  if (share < 0.9) return;
  risks.push_back({Message("memory runs out under load"), share > 1 ? "high" : "medium", "high",
                   Message("peak memory near the limit with long contexts or many requests at once"),
                   Message("a smaller batch or context, keys and values in eight bits"), original()});
}

void about_speed(std::vector<Risk>& risks, const Assessed& a, const Subject& subject, const Limits& limits) {
  if (!limits.needed_tokens_per_s() || subject.tokens_per_s) return;
  risks.push_back({Message("the speed is not known: no baseline was measured"), "medium", "medium",
                   Message("benchmark/inference on the compressed model"),
                   Message("measure the original and give its speed to the plan"),
                   a.candidate.steps.empty() ? original() : before_step()});
}

}  // namespace

std::vector<Risk> risks_of(const Assessed& assessed, const Subject& subject, const Limits& limits) {
  std::vector<Risk> risks;
  about_accuracy(risks, assessed, limits);
  about_calibration(risks, assessed);
  about_readers(risks, assessed);
  about_zeros(risks, assessed);
  about_memory(risks, assessed, limits);
  about_speed(risks, assessed, subject, limits);
  return risks;
}

Json to_json(const Risk& risk) {
  Json json = {{"likelihood", risk.likelihood}, {"impact", risk.impact}};
  put(json, "risk", risk.risk);
  put(json, "early_sign", risk.early_sign);
  put(json, "mitigation", risk.mitigation);
  put(json, "rollback_point", risk.rollback_point);
  return json;
}

}  // namespace presswork::strategy
