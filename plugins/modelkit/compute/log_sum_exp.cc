#include <cmath>
#include <limits>

#include "plugins/modelkit/compute/compute.h"

namespace presswork::modelkit {

LogSumExp::LogSumExp(std::size_t rows)
    : largest(rows, std::numeric_limits<float>::lowest()), sum(rows, 0.0), target(rows, 0.0F) {}

double LogSumExp::negative_log_likelihood(std::size_t row) const {
  return std::log(sum[row]) + static_cast<double>(largest[row]) - static_cast<double>(target[row]);
}

}  // namespace presswork::modelkit
