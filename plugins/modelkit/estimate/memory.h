// How much memory training and inference take, by formula. Source: the guide's memory formulas (SPEC.md §2).
// P parameters, B batch, S sequence length, D model width, L layers, H heads. GB means 1024^3 bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace presswork::modelkit {

// fp32 4, fp16 and bf16 2, int8 1, int4 and nf4 0.5. Throws Error{"invalid_parameter"} for any other.
double bytes_per_parameter(std::string_view precision);
int bits_per_parameter(std::string_view precision);

struct TrainingMemory {
  double weights, optimizer, gradients, activations, buffer;  // bytes
  double model() const { return weights + optimizer + gradients; }
  double total() const { return model() + activations + buffer; }
};

// weights P·w, gradients P·w, Adam's two fp32 moments P·8, activations B·S·D·w·L, buffer 20 % of the first
// three.
TrainingMemory training_memory(double params, double batch_size, double seq_len, double d_model,
                               double n_layers, std::string_view precision);

struct InferenceShape {
  double params = 0;
  double batch_size = 1, seq_len = 1;
  double d_model = 0, n_layers = 0, n_heads = 1;
  std::string precision = "fp16";
  // Beyond the guide. Without them: one key and value head for each head, D/H wide, stored as the weights
  // are.
  std::optional<double> n_kv_heads, head_dim;
  std::optional<std::string> kv_precision;
  // The weights' exact size in bytes, where it is known; else P times the precision's bytes.
  std::optional<double> weight_bytes;
};

struct InferenceMemory {
  double weights, kv_cache, activation, buffer;  // bytes
  double kv_cache_per_token;
  double total() const { return weights + kv_cache + activation + buffer; }
};

// weights P·w, KV cache 2·L·B·H·S·(D/H)·w, one layer's activation B·S·D·w, buffer 10 % of the weights.
InferenceMemory inference_memory(const InferenceShape& shape);

inline constexpr double kGigabyte = 1024.0 * 1024 * 1024;
inline constexpr double kMegabyte = 1024.0 * 1024;

}  // namespace presswork::modelkit
