#include <cmath>
#include <limits>

#include "plugins/modelkit/compute/compute.h"

namespace presswork::modelkit {

LogSumExp::LogSumExp(std::size_t rows)
    : largest(rows, std::numeric_limits<float>::lowest()), sum(rows, 0.0), target(rows, 0.0F) {}

double LogSumExp::negative_log_likelihood(std::size_t row) const {
  return std::log(sum[row]) + static_cast<double>(largest[row]) - static_cast<double>(target[row]);
}

Divergence::Divergence(std::size_t rows)
    : baseline(rows), model(rows), cross(rows, 0.0), baseline_top(rows, 0), model_top(rows, 0) {}

double Divergence::kullback_leibler(std::size_t row) const {
  // sum p_b (b - m) - lse(b) + lse(m)
  const auto log_sum = [row](const LogSumExp& one) {
    return std::log(one.sum[row]) + static_cast<double>(one.largest[row]);
  };
  return cross[row] / baseline.sum[row] - log_sum(baseline) + log_sum(model);
}

}  // namespace presswork::modelkit
