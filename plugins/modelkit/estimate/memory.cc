#include "plugins/modelkit/estimate/memory.h"

#include <cmath>

#include "presswork/error.h"

namespace presswork::modelkit {

int bits_per_parameter(std::string_view precision) {
  if (precision == "fp32") return 32;
  if (precision == "fp16" || precision == "bf16") return 16;
  if (precision == "int8") return 8;
  if (precision == "int4" || precision == "nf4") return 4;
  throw Error("invalid_parameter", "there is no precision \"" + std::string(precision) + "\"", "/precision",
              "use fp32, fp16, bf16, int8, int4 or nf4");
}

double bytes_per_parameter(std::string_view precision) { return bits_per_parameter(precision) / 8.0; }

TrainingMemory training_memory(double params, double batch_size, double seq_len, double d_model,
                               double n_layers, std::string_view precision) {
  constexpr double kAdamBytes = 8;
  const double width = bytes_per_parameter(precision);
  TrainingMemory memory{};
  memory.weights = params * width;
  memory.optimizer = params * kAdamBytes;
  memory.gradients = params * width;
  memory.activations = batch_size * seq_len * d_model * width * n_layers;
  memory.buffer = 0.2 * memory.model();
  return memory;
}

InferenceMemory inference_memory(const InferenceShape& shape) {
  const double width = bytes_per_parameter(shape.precision);
  const double kv_width = shape.kv_precision ? bytes_per_parameter(*shape.kv_precision) : width;
  const double head_dim = shape.head_dim.value_or(std::floor(shape.d_model / shape.n_heads));
  const double kv_heads = shape.n_kv_heads.value_or(shape.n_heads);
  InferenceMemory memory{};
  memory.weights = shape.weight_bytes.value_or(shape.params * width);
  memory.kv_cache = 2 * shape.n_layers * shape.batch_size * kv_heads * shape.seq_len * head_dim * kv_width;
  memory.kv_cache_per_token = memory.kv_cache / shape.seq_len;
  memory.activation = shape.batch_size * shape.seq_len * shape.d_model * width;
  memory.buffer = 0.1 * memory.weights;
  return memory;
}

}  // namespace presswork::modelkit
