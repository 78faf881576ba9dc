// GPTQ: rounds a weight input by input, and lets the inputs that are still to come make up for each error.
// Frantar et al. 2022, algorithm 1.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/compute/cpu/gram.h"
#include "plugins/modelkit/compute/cpu/thread_pool.h"
#include "plugins/modelkit/quantize/grid.h"

namespace presswork::modelkit {

struct GptqOptions {
  QuantizationGrid grid;
  double damp = 0.01;     // of the Hessian's mean diagonal, added to its diagonal
  bool actorder = false;  // inputs in order of falling diagonal; groups stay where they are ("static groups")
};

// Errors of the layer's output X W^T over the calibration tokens, relative to its norm.
struct OutputError {
  double before = 0;  // of rounding to nearest on the same grid
  double after = 0;
};

struct GptqResult {
  LinearWeight weight;                // a GroupedIntWeight
  QuantizationError error, rounding;  // of the weight; the same if it were rounded to nearest
  OutputError output;
  std::int64_t clipped = 0;  // weights, as they were, beyond the grid: see count_clipped()
};

// Linears that share their inputs share one of these.
class GptqSolver {
 public:
  // `inputs` must outlive it. When the damped Hessian is not positive definite, the damping is raised tenfold
  // until it is. Throws "not_finite" when the inputs were.
  GptqSolver(Gram& inputs, const GptqOptions& options, ThreadPool& threads);

  double damp() const { return damp_; }       // that was used
  std::size_t dead() const { return dead_; }  // inputs that were 0 on every token: rounded to nearest

  // Errors as quantize_rtn(). Independent of the number of threads. `unrounded`, if any, becomes [out, in]:
  // what each integer was rounded from, the weight with what makes up for the errors before it.
  GptqResult quantize(const LinearWeight& weight, const std::string& module) const {
    return quantize(weight, module, options_.grid);
  }
  GptqResult quantize(const LinearWeight& weight, const std::string& module, const QuantizationGrid& grid,
                      std::vector<float>* unrounded = nullptr) const;

 private:
  struct Rows;  // a tile of them, on the way
  bool factorize(double damp);
  void round_rows(Rows& rows) const;
  void round_block(Rows& rows, std::size_t first, std::size_t last) const;

  const GptqOptions options_;
  ThreadPool& threads_;
  std::size_t size_;
  const double* hessian_;           // [size, size], in the inputs' own order
  std::vector<std::size_t> order_;  // of the inputs
  std::vector<double> factor_;      // upper triangle U [size, size] in that order, inverse Hessian = U^T U
  double damp_ = 0;
  std::size_t dead_ = 0;
};

}  // namespace presswork::modelkit
