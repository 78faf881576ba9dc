// The weight of one linear under quantization-aware training: what its integers and scales come from, and
// their gradients. Letters in shapes: N outputs, K inputs, G groups of a row.
#pragma once

#include <cstdint>
#include <vector>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/quantize/grid.h"
#include "plugins/modelkit/train/optimizer.h"

namespace presswork::modelkit {

// What is trained: the weights that are rounded and the scales of their grid (zero points stay), or the
// scales alone, under integers that stay.
enum class Learned { WeightsAndScales, Scales };

// Peak learning rates. A scale is trained by its logarithm, so that it stays above 0 and moves by a share of
// itself, whatever its size (Jain et al. 2020, section 3); a weight moves in units of its linear's mean
// scale, so that one rate suits all models and numbers of bits.
struct LearningRates {
  double weights = 0.01;
  double scales = 1e-3;
  double decay = 0;  // of weights
};

class LearnedWeight {
 public:
  // Starts from integers on `grid`; `weights` [N, K] are what is rounded in their place from then on (empty:
  // the integers' own values). Compute and gradients must outlive it.
  LearnedWeight(Compute& compute, Gradients& gradients, const LinearWeight& start,
                const std::vector<float>& weights, DType scale_dtype, Learned learned);

  // weight [N, K] = the values that the linear has now.
  void quantize(const Matrix& weight);

  // Takes the gradient [N, K] by these, after quantize(); with WeightsAndScales it becomes that by what is
  // trained, in place.
  void take_gradient(const Matrix& dweight);

  // Adds what is trained; `dweight` is the matrix that take_gradient() will get.
  void add_to(Optimizer& optimizer, const Matrix& dweight, const LearningRates& rates) const;

  // As it would be stored now, on the grid.
  LinearWeight result();

 private:
  void update_scales();

  Compute& compute_;
  Gradients& gradients_;
  GroupedIntWeight form_;  // of the start: shape of the grid and zeros; q while integers stay
  std::int64_t out_, in_;
  DType scale_dtype_;
  Learned learned_;
  Matrix trained_;         // [N, K] weights, or q - zero while integers stay
  Matrix log_scales_;      // [N, G]
  Matrix dlog_scales_;     // [N, G]
  LearnedGrid grid_;       // its scales are those of log_scales_, as they are stored
  double mean_scale_ = 0;  // at the start
};

}  // namespace presswork::modelkit
