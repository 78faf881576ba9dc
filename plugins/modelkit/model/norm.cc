#include "plugins/modelkit/model/norm.h"

#include <utility>

namespace presswork::modelkit {

Norm::Norm(Compute& compute, const ModelSource& model, const std::string& module, const NormStyle& style,
           std::size_t size)
    : style_(style),
      epsilon_(static_cast<float>(model.config().norm_eps)),
      weight_(compute.allocate(1, size)) {
  set_weight(compute, style.weight ? model.values(module + ".weight", size) : std::vector<float>(size, 1.0F));
  if (!style.bias) return;
  bias_ = compute.allocate(1, size);
  set_bias(compute, model.values(module + ".bias", size));
}

void Norm::set_weight(Compute& compute, std::vector<float> weight) {
  if (style_.plus_one) {
    for (float& value : weight) value += 1.0F;
  }
  compute.write(weight_, weight);
}

void Norm::set_bias(Compute& compute, const std::vector<float>& bias) { compute.write(bias_, bias); }

void Norm::apply(Compute& compute, const Matrix& out, const Matrix& x, std::size_t part) const {
  const Matrix weight = weight_.column_range(part, x.cols);
  if (!style_.centred) return compute.rms_norm(out, x, weight, epsilon_);
  compute.layer_norm(out, x, weight, style_.bias ? bias_.column_range(part, x.cols) : Matrix{}, epsilon_);
}

}  // namespace presswork::modelkit
