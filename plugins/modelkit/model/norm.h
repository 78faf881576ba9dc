// A norm of the model with its weights on the device.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "plugins/modelkit/compute/compute.h"
#include "plugins/modelkit/model/model_source.h"

namespace presswork::modelkit {

class Norm {
 public:
  Norm() = default;  // none: leaves values as they are
  // Takes weight and bias of `module` (whole name), `size` values each, as `style` says.
  Norm(Compute& compute, const ModelSource& model, const std::string& module, const NormStyle& style,
       std::size_t size);

  // Other values than the model's, as they would be stored.
  void set_weight(Compute& compute, std::vector<float> weight);
  void set_bias(Compute& compute, const std::vector<float>& bias);

  explicit operator bool() const { return weight_.storage != nullptr; }

  // out = norm(x), row by row; the same matrix for both is fine. `part` picks a slice [part, part + x.cols)
  // of the weights, for norms that hold one set for each head.
  void apply(Compute& compute, const Matrix& out, const Matrix& x, std::size_t part = 0) const;

 private:
  NormStyle style_;
  float epsilon_ = 0.0F;
  Matrix weight_, bias_;  // [1, size]
};

}  // namespace presswork::modelkit
