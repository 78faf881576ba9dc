// Rotary position embedding as config.json describes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace presswork::modelkit {

class ConfigReader;

enum class RopeKind { Default, Linear, Dynamic, Llama3, Yarn, LongRope };

std::string_view name_of(RopeKind kind);

// Fields that a kind does not use keep their defaults.
struct Rope {
  RopeKind kind = RopeKind::Default;
  double theta = 10000.0;
  double factor = 1.0;                         // linear, dynamic, llama3, yarn, longrope
  double low_freq_factor = 1.0;                // llama3
  double high_freq_factor = 4.0;               // llama3
  std::int64_t original_max_position = 0;      // dynamic, llama3, yarn, longrope
  double partial_rotary_factor = 1.0;          // share of head_dim that is rotated
  std::optional<double> attention_factor;      // yarn, longrope
  std::optional<double> beta_fast, beta_slow;  // yarn
  std::optional<double> mscale, mscale_all_dim;
  bool truncate = true;                           // yarn: whole dimensions as the ramp's ends
  std::vector<double> short_factor, long_factor;  // longrope: [rotated / 2]
};

// The ropes of a model: of most layers, and of those that look at a window only where they have their own.
struct Ropes {
  Rope main;
  std::optional<Rope> local;
};

// Both spellings: rope_parameters {rope_type, rope_theta, ...} (also one for each layer type), or rope_theta
// at the top and rope_scaling {type, ...}. Where both are present transformers 5 takes rope_parameters, and
// so do we. Throws "unsupported" for a kind that is not known, "corrupt_file" for values that cannot be.
Ropes read_ropes(const ConfigReader& config, std::int64_t max_position, double default_theta,
                 double default_partial);

}  // namespace presswork::modelkit
