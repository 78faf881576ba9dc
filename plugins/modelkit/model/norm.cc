#include "plugins/modelkit/model/norm.h"

#include <vector>

namespace presswork::modelkit {

Norm::Norm(Compute& compute, const ModelSource& model, const std::string& module, const NormStyle& style,
           std::size_t size)
    : style_(style),
      epsilon_(static_cast<float>(model.config().norm_eps)),
      weight_(compute.allocate(1, size)) {
  std::vector<float> weight(size, 1.0F);
  if (style.weight) weight = model.values(module + ".weight", size);
  if (style.plus_one) {
    for (float& value : weight) value += 1.0F;
  }
  compute.write(weight_, weight);
  if (!style.bias) return;
  bias_ = compute.allocate(1, size);
  compute.write(bias_, model.values(module + ".bias", size));
}

void Norm::apply(Compute& compute, const Matrix& out, const Matrix& x, std::size_t part) const {
  const Matrix weight = weight_.column_range(part, x.cols);
  if (!style_.centred) return compute.rms_norm(out, x, weight, epsilon_);
  compute.layer_norm(out, x, weight, style_.bias ? bias_.column_range(part, x.cols) : Matrix{}, epsilon_);
}

}  // namespace presswork::modelkit
