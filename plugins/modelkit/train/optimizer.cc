#include "plugins/modelkit/train/optimizer.h"

#include <cmath>
#include <string>
#include <utility>

#include "presswork/error.h"

namespace presswork::modelkit {

void Optimizer::add(TrainedParameter parameter) {
  for (Matrix* moment : {&parameter.mean, &parameter.square}) {
    *moment = compute_.allocate(parameter.value.rows, parameter.value.cols);
    compute_.scale(*moment, 0.0F);
  }
  parameters_.push_back(std::move(parameter));
}

double Optimizer::step(double factor, const std::string& place) {
  double squares = 0;
  for (const TrainedParameter& each : parameters_) squares += gradients_.sum_of_squares(each.gradient);
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) {
    throw Error("not_finite", "the gradient holds NaN or infinity in step " + std::to_string(steps_ + 1),
                place, "lower the learning rates");
  }
  AdamwStep step{.beta1 = options_.beta1, .beta2 = options_.beta2, .epsilon = options_.epsilon};
  step.step = ++steps_;
  if (options_.largest_norm > 0 && norm > options_.largest_norm)
    step.gradient_factor = options_.largest_norm / norm;
  for (const TrainedParameter& each : parameters_) {
    step.rate = each.rate * factor;
    step.decay = each.decay;
    gradients_.adamw(each.value, each.gradient, each.mean, each.square, step);
  }
  return norm;
}

}  // namespace presswork::modelkit
