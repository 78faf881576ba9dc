// What config.json says about a model, in one spelling. Hugging Face writes the same facts in several ways
// (torch_dtype or dtype; rope_theta and rope_scaling, or rope_parameters); readers here see only this struct.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/modelkit/formats/dtype.h"

namespace presswork::modelkit {

enum class Activation { Silu, Gelu, GeluTanh, Relu };

enum class RopeKind { Default, Linear, Dynamic, Llama3, Yarn, LongRope };

std::string_view name_of(RopeKind kind);

// Rotary position embedding. Fields that a kind does not use keep their defaults.
struct Rope {
  RopeKind kind = RopeKind::Default;
  double theta = 10000.0;
  double factor = 1.0;                         // linear, dynamic, llama3, yarn
  double low_freq_factor = 1.0;                // llama3
  double high_freq_factor = 4.0;               // llama3
  std::int64_t original_max_position = 0;      // llama3, yarn, longrope; 0 when not given
  double partial_rotary_factor = 1.0;          // share of head_dim that is rotated
  std::optional<double> attention_factor;      // yarn, longrope
  std::optional<double> beta_fast, beta_slow;  // yarn
  std::optional<double> mscale, mscale_all_dim;
  std::vector<double> short_factor, long_factor;  // longrope: [head_dim / 2]
};

struct ModelConfig {
  std::string architecture;  // "LlamaForCausalLM"
  std::int64_t vocab = 0;
  std::int64_t hidden = 0;
  std::int64_t intermediate = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t max_position = 0;
  double norm_eps = 1e-6;
  Activation activation = Activation::Silu;
  Rope rope;
  bool attention_bias = false;
  bool mlp_bias = false;
  bool tied_embeddings = false;
  std::optional<DType> dtype;  // of the stored weights, when config.json says so
  std::optional<std::int64_t> bos_token;
  std::vector<std::int64_t> eos_tokens;  // may be empty

  // Parses the text of config.json. `where` (the file's path) goes into errors: "corrupt_file" for text that
  // is not JSON or values out of range, "unsupported" for an architecture, activation or rope kind that is
  // not known (the message lists what is).
  static ModelConfig parse(std::string_view text, const std::string& where);
};

}  // namespace presswork::modelkit
