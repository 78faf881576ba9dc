#include "plugins/modelkit/estimate/model_shape.h"

#include "plugins/modelkit/evaluate/parameter_counts.h"

namespace presswork::modelkit {

std::string stored_precision(const ModelSource& model) {
  if (!model.quantization().empty()) return model.quantization().schemes.front().bits <= 4 ? "int4" : "int8";
  switch (model.config().dtype.value_or(DType::F32)) {
    case DType::F16:
      return "fp16";
    case DType::BF16:
      return "bf16";
    case DType::I8:
    case DType::F8_E4M3:
    case DType::F8_E5M2:
      return "int8";
    default:
      return "fp32";
  }
}

InferenceShape guide_shape(const ModelSource& model, const std::string& precision) {
  const ModelConfig& m = model.config();
  InferenceShape shape;
  shape.params = static_cast<double>(count_parameters(m).total);
  shape.d_model = static_cast<double>(m.hidden);
  shape.n_layers = static_cast<double>(m.layers);
  shape.n_heads = static_cast<double>(m.heads);
  shape.precision = precision;
  return shape;
}

InferenceShape refined_shape(const ModelSource& model, InferenceShape shape, bool stored) {
  const ModelConfig& m = model.config();
  shape.n_kv_heads = static_cast<double>(m.kv_heads);
  shape.head_dim = static_cast<double>(m.head_dim);
  if (bytes_per_parameter(shape.precision) < 2.0) shape.kv_precision = "fp16";
  if (stored) shape.weight_bytes = static_cast<double>(model.checkpoint().total_bytes());
  return shape;
}

}  // namespace presswork::modelkit
