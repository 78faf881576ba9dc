// Places of a decoder layer where the inputs of linears can be divided by a scale for each, and the linears'
// columns multiplied by it, without changing what the layer computes: the division goes into the weight of
// the norm or linear that makes the inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugins/modelkit/quantize/input_groups.h"

namespace presswork::modelkit {

struct FoldingSite {
  InputGroup consumers;
  std::string norm;      // the module whose weight (and bias) is divided, or "":
  std::string producer;  // then the linear, of which row rows[i] makes input i
  std::vector<std::size_t> rows;
  bool biased = false;  // the norm or producer has a bias, which is divided too
};

// Before q, k and v: the input norm. Before o: v, whose rows serve several query heads where these share key
// and value heads. Before gate and up: the norm of the MLP. Before down: up. Left out is what is not exact or
// would change other readers of the same values: norms that a router or a parallel block reads as well, MLPs
// without a gate, values that are limited.
std::vector<FoldingSite> folding_sites(const ModelConfig& model, std::int64_t layer);

}  // namespace presswork::modelkit
