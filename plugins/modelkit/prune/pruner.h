// Sets the least important weights of a linear module to zero; the others stay as they are, bit for bit.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/compute/cpu/thread_pool.h"

namespace presswork::modelkit {

// Which share of a row goes: of the whole row, or, N:M, all but `kept` of each `group` inputs.
struct SparsityPattern {
  double sparsity = 0.5;     // of a row, when `group` is 0
  std::int64_t kept = 0;     // N
  std::int64_t group = 0;    // M
  std::string text() const;  // "2:4", "0.5"
  double share() const {
    return group == 0 ? sparsity : 1.0 - static_cast<double>(kept) / static_cast<double>(group);
  }

  // From "2:4". Throws "invalid_parameter" at /pattern.
  static SparsityPattern parse(const std::string& text);
  // Throws "invalid_parameter" at /pattern when the groups do not divide `in`, naming `module`.
  void check_divides(std::int64_t in, const std::string& module) const;
};

struct PruningLoss {
  std::int64_t zeros = 0, weights = 0;  // zeros: all that the result has
  double squared_error = 0, squared_norm = 0;
  double relative() const;  // ||W - W'|| / ||W||
};

// Importance of weight (i, j): |w|, or |w| * input_norms[j] (Wanda; Sun et al. 2023, eq. 1) where
// `input_norms` [in] is not empty. Rows are compared each by itself; of equals the one further left goes
// first. Dense weights and integers on a grid only ("unsupported" otherwise): an integer becomes its zero
// point. Throws "not_finite" naming `module`, row and column. Independent of the number of threads.
struct Pruned {
  LinearWeight weight;
  PruningLoss loss;
};
Pruned prune(const LinearWeight& weight, std::span<const double> input_norms, const SparsityPattern& pattern,
             const std::string& module, ThreadPool& threads);

}  // namespace presswork::modelkit
