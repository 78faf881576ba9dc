// A model whose hidden states are rotated, with the rotations folded into its weights: the same function (up
// to rounding), without outliers. QuaRot (Ashkboos et al. 2024, sections 3 and 4, stages 1a and 1b without
// the online transforms), which SpinQuant (Liu et al. 2024) calls R1 and R2:
//   R1 on the residual stream: the norms' weights go into the linears behind them, whose inputs are rotated
//   back, as are the outputs of what is added to the stream; embedding and head are rotated too.
//   R2 on each value head: v's outputs, and back in o's inputs; one matrix for all heads and layers, so that
//   heads of queries that share a value head agree.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "plugins/modelkit/compute/cpu/thread_pool.h"
#include "plugins/modelkit/model/model_source.h"

namespace presswork::modelkit {

// Throws "unsupported" naming the feature by which rotated states would give another result (LayerNorm, norms
// behind attention or MLP, ...), or that the model is quantized already.
void require_rotatable(const ModelSource& model);

struct ModelRotation {
  std::uint64_t seed = 0;
  std::set<std::string> precise;  // linears that are stored as float32, by whole name; others keep their type
};

// Bytes of the rotated model's tensors. A tied head becomes one of its own: it takes the final norm's weight.
std::uint64_t rotated_bytes(const ModelSource& model, const ModelRotation& rotation);

// Writes the rotated model to `folder`, which appears when it is whole. One tensor at a time, float64 within.
// `step` hears the share that is done, and may throw to end the work. Independent of the number of threads.
void write_rotated(const ModelSource& model, const ModelRotation& rotation,
                   const std::filesystem::path& folder, ThreadPool& threads,
                   const std::function<void(double)>& step = {});

}  // namespace presswork::modelkit
