#include "plugins/modelkit/analyze/compatibility.h"

#include <algorithm>

namespace presswork::modelkit {
namespace {

double share(double part, double whole) { return whole <= 0 ? 1.0 : std::clamp(part / whole, 0.0, 1.0); }

Part speed_part(const Target& target, const ModelLoad& load) {
  constexpr double kWeight = 0.3;
  if (target.bandwidth_gbps <= 0)
    return {"speed", 0.5, kWeight, Message("the bandwidth of its memory is not known")};
  const double possible = target.bandwidth_gbps * 1e9 / (load.weights_gb * 1024 * 1024 * 1024);
  return {"speed", share(possible, load.tokens_per_s), kWeight,
          Message("reading the weights once a token allows {0} tokens/s, {1} are wanted",
                  {Message::number(possible), Message::number(load.tokens_per_s)})};
}

constexpr SizeAdvice kAdvice[] = {
    {"<1B", "RTX 4090 x1", "RTX 3080 x1", "INT8/INT4", "4-8x"},
    {"1B-7B", "A100 80GB x1-2", "RTX 4090 x1", "FP16 to INT8", "2-4x"},
    {"7B-30B", "A100 80GB x2-4", "A100 40GB x1-2", "AWQ/GPTQ", "2-4x"},
    {"30B-70B", "A100 80GB x4-8", "A100 80GB x2-4", "GPTQ and sharding", "4x and more"},
    {">70B", "H100 x8 and more", "A100 80GB x4 and more", "mixed", "made to measure"}};
constexpr double kBorders[] = {1e9, 7e9, 30e9, 70e9};

}  // namespace

Compatibility compatibility(const Target& target, const ModelLoad& load) {
  constexpr double kUsable = 0.9;
  const double usable = target.memory_gb * kUsable;
  Compatibility found;
  found.parts = {{"memory", share(usable, load.memory_gb), 0.5,
                  Message("{0} GB are needed of {1} GB that may be used",
                          {Message::number(load.memory_gb), Message::number(usable)})},
                 {"headroom", share(target.memory_gb - load.memory_gb, target.memory_gb * (1 - kUsable)), 0.1,
                  Message("{0} GB of {1} GB stay free",
                          {Message::number(std::max(0.0, target.memory_gb - load.memory_gb)),
                           Message::number(target.memory_gb)})},
                 speed_part(target, load),
                 {"compute", target.compute_fit, 0.1, target.compute_reason}};
  for (const Part& part : found.parts) found.score += part.score * part.weight;
  found.score = std::min(found.score, found.parts.front().score);
  return found;
}

const SizeAdvice& advice_for(double parameters) {
  std::size_t row = 0;
  while (row < std::size(kBorders) && parameters >= kBorders[row]) ++row;
  return kAdvice[row];
}

}  // namespace presswork::modelkit
