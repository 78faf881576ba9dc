// The Gram matrices of a layer's linears' inputs, collected in as many passes as memory asks for.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "plugins/modelkit/compute/cpu/gram.h"
#include "plugins/modelkit/quantize/calibration.h"
#include "plugins/modelkit/quantize/input_groups.h"

namespace presswork::modelkit {

// The groups of the layer with a module among `targets` (whole names).
std::vector<InputGroup> target_groups(const CalibrationLayer& layer, const std::set<std::string>& targets);

// Bytes that the matrices of one pass may take together: as many as the layer's linears, or this many where
// those are small, since another pass of the text costs more than the memory.
constexpr std::uint64_t kSmallGrams = std::uint64_t{256} << 20;
std::uint64_t gram_budget(std::uint64_t layer_bytes);
std::uint64_t gram_bytes(const std::vector<InputGroup>& groups);  // of all their matrices

// Groups whose matrices are collected in one pass: each alone, or as many as fit in `bytes` (one at least).
std::vector<std::vector<InputGroup>> one_by_one(const std::vector<InputGroup>& groups);
std::vector<std::vector<InputGroup>> within_budget(const std::vector<InputGroup>& groups,
                                                   std::uint64_t bytes);

// By each group's first module. An expert that no token chose has a matrix of zeros.
std::map<std::string, Gram> observe_grams(CalibrationLayer& layer, const std::vector<InputGroup>& groups,
                                          ThreadPool& threads);

}  // namespace presswork::modelkit
