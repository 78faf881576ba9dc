#include "plugins/modelkit/model/rope_table.h"

#include <cmath>
#include <numbers>
#include <string>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

// Llama 3.1's rule: wavelengths longer than the first context are stretched by `factor`, short ones stay, and
// those between are mixed linearly (Hugging Face, modeling_rope_utils, "llama3").
double llama3(double frequency, const Rope& rope) {
  const double context = static_cast<double>(rope.original_max_position);
  const double turns = context * frequency / (2.0 * std::numbers::pi);  // within the first context
  if (turns < rope.low_freq_factor) return frequency / rope.factor;
  if (turns > rope.high_freq_factor) return frequency;
  const double kept = (turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return (1.0 - kept) * frequency / rope.factor + kept * frequency;
}

double scaled(double frequency, const Rope& rope) {
  switch (rope.kind) {
    case RopeKind::Default:
      return frequency;
    case RopeKind::Linear:
      return frequency / rope.factor;
    case RopeKind::Llama3:
      return llama3(frequency, rope);
    default:
      throw Error("unsupported",
                  "rope scaling \"" + std::string(name_of(rope.kind)) + "\" cannot be computed yet",
                  "config.json", "supported: default, linear, llama3");
  }
}

}  // namespace

std::vector<float> rope_frequencies(const ModelConfig& config) {
  const auto rotated =
      static_cast<std::int64_t>(static_cast<double>(config.head_dim) * config.rope.partial_rotary_factor);
  std::vector<float> frequencies(static_cast<std::size_t>(rotated / 2));
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = 2.0 * static_cast<double>(i) / static_cast<double>(rotated);
    frequencies[i] = static_cast<float>(scaled(std::pow(config.rope.theta, -exponent), config.rope));
  }
  return frequencies;
}

RopeTable make_rope_table(Compute& compute, const ModelConfig& config, std::size_t positions) {
  const auto frequencies = rope_frequencies(config);
  const std::size_t half = frequencies.size();
  std::vector<float> cos(positions * half), sin(positions * half);
  for (std::size_t p = 0; p < positions; ++p) {
    for (std::size_t i = 0; i < half; ++i) {
      // The angle is rounded to float32, as the models were trained.
      const float angle = static_cast<float>(p) * frequencies[i];
      cos[p * half + i] = static_cast<float>(std::cos(static_cast<double>(angle)));
      sin[p * half + i] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
  const RopeTable table{compute.allocate(positions, half), compute.allocate(positions, half)};
  compute.write(table.cos, cos);
  compute.write(table.sin, sin);
  return table;
}

}  // namespace presswork::modelkit
