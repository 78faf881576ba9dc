#include "plugins/modelkit/model/rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

std::int64_t rotated_dims(const Rope& rope, std::int64_t head_dim) {
  return static_cast<std::int64_t>(static_cast<double>(head_dim) * rope.partial_rotary_factor) / 2 * 2;
}

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

// Pairs that turn often within the first context stay, those that turn less than once are slowed down, and a
// ramp over the pairs' numbers leads from one to the other (Peng et al. 2023, YaRN, section 3.2).
void yarn(std::vector<double>& frequencies, const Rope& rope, std::int64_t rotated) {
  const double dims = static_cast<double>(rotated), context = static_cast<double>(rope.original_max_position);
  // The dimension that turns so often within the first context.
  const auto dimension = [&](double turns) {
    return dims * std::log(context / (turns * 2.0 * std::numbers::pi)) / (2.0 * std::log(rope.theta));
  };
  const double fast = rope.beta_fast.value_or(0), slow = rope.beta_slow.value_or(0);
  double low = dimension(fast == 0 ? 32 : fast), high = dimension(slow == 0 ? 1 : slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dims - 1.0);
  if (low == high) high += 0.001;
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double slowed = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] *= slowed / rope.factor + (1.0 - slowed);
  }
}

// The base grows with the sequence ("NTK-aware" scaling; Hugging Face, modeling_rope_utils, "dynamic").
double dynamic_theta(const Rope& rope, std::int64_t rotated, std::int64_t max_position, std::int64_t length) {
  if (length <= max_position || rotated <= 2) return rope.theta;
  const double dims = static_cast<double>(rotated);
  const double stretch = static_cast<double>(length) / static_cast<double>(max_position);
  return rope.theta * std::pow(rope.factor * stretch - (rope.factor - 1.0), dims / (dims - 2.0));
}

// Ding et al. 2024 (LongRoPE): a factor for each pair, one list for short sequences and one for long ones.
void longrope(std::vector<double>& frequencies, const Rope& rope, std::int64_t length) {
  const auto& factors = length > rope.original_max_position ? rope.long_factor : rope.short_factor;
  if (factors.size() != frequencies.size()) {
    throw Error("corrupt_file",
                "longrope has " + std::to_string(factors.size()) + " factors where " +
                    std::to_string(frequencies.size()) + " pairs are rotated",
                "config.json");
  }
  for (std::size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= factors[i];
}

Matrix on_device(Compute& compute, std::size_t rows, std::size_t cols, const std::vector<float>& values) {
  const Matrix matrix = compute.allocate(rows, cols);
  compute.write(matrix, values);
  return matrix;
}

void fill(Compute& compute, const Rope& rope, const ModelConfig& config, std::size_t positions,
          std::int64_t length, Matrix& cos_table, Matrix& sin_table) {
  const auto frequencies = rope_frequencies(rope, config.head_dim, config.max_position, length);
  const double factor = rope_attention_factor(rope);
  const std::size_t half = frequencies.size();
  std::vector<float> cos(positions * half), sin(positions * half);
  for (std::size_t p = 0; p < positions; ++p) {
    for (std::size_t i = 0; i < half; ++i) {
      // The angle is rounded to float32, as the models were trained.
      const float angle = static_cast<float>(p) * frequencies[i];
      cos[p * half + i] = static_cast<float>(std::cos(static_cast<double>(angle)) * factor);
      sin[p * half + i] = static_cast<float>(std::sin(static_cast<double>(angle)) * factor);
    }
  }
  cos_table = on_device(compute, positions, half, cos);
  sin_table = on_device(compute, positions, half, sin);
}

}  // namespace

std::vector<float> rope_frequencies(const Rope& rope, std::int64_t head_dim, std::int64_t max_position,
                                    std::int64_t length) {
  const std::int64_t rotated = rotated_dims(rope, head_dim);
  const double theta =
      rope.kind == RopeKind::Dynamic ? dynamic_theta(rope, rotated, max_position, length) : rope.theta;
  std::vector<double> frequencies(static_cast<std::size_t>(rotated / 2));
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = 2.0 * static_cast<double>(i) / static_cast<double>(rotated);
    frequencies[i] = std::pow(theta, -exponent);
    if (rope.kind == RopeKind::Linear) frequencies[i] /= rope.factor;
    if (rope.kind == RopeKind::Llama3) frequencies[i] = llama3(frequencies[i], rope);
  }
  if (rope.kind == RopeKind::Yarn) yarn(frequencies, rope, rotated);
  if (rope.kind == RopeKind::LongRope) longrope(frequencies, rope, length);
  return {frequencies.begin(), frequencies.end()};
}

double rope_attention_factor(const Rope& rope) {
  if (rope.kind != RopeKind::Yarn && rope.kind != RopeKind::LongRope) return 1.0;
  if (rope.attention_factor) return *rope.attention_factor;
  if (rope.factor <= 1.0) return 1.0;
  if (rope.kind == RopeKind::LongRope) {
    return std::sqrt(1.0 + std::log(rope.factor) / std::log(static_cast<double>(rope.original_max_position)));
  }
  const auto scale = [&](double by) { return 0.1 * by * std::log(rope.factor) + 1.0; };
  const double mscale = rope.mscale.value_or(0), all = rope.mscale_all_dim.value_or(0);
  return mscale != 0 && all != 0 ? scale(mscale) / scale(all) : scale(1.0);
}

bool rope_depends_on_length(const Rope& rope) {
  return rope.kind == RopeKind::Dynamic || rope.kind == RopeKind::LongRope;
}

void RopeTable::rotate(Compute& compute, const ModelConfig& config, LayerRope which, const Matrix& x,
                       std::size_t tokens, std::size_t first) const {
  if (which == LayerRope::None) return;
  const bool local = which == LayerRope::Local && local_cos.storage != nullptr;
  const Matrix &c = local ? local_cos : cos, &s = local ? local_sin : sin;
  const auto depth = static_cast<std::size_t>(config.head_dim);
  config.rope_interleaved ? compute.rope_interleaved(x, c, s, depth, tokens, first)
                          : compute.rope(x, c, s, depth, tokens, first);
}

RopeTable make_rope_table(Compute& compute, const ModelConfig& config, std::size_t positions,
                          std::int64_t length) {
  RopeTable table;
  fill(compute, config.rope, config, positions, length, table.cos, table.sin);
  if (config.local_rope) {
    fill(compute, *config.local_rope, config, positions, length, table.local_cos, table.local_sin);
  }
  return table;
}

}  // namespace presswork::modelkit
