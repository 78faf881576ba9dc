// Walks a model layer by layer over calibration windows, tells how large the inputs of each linear are, and
// lets the caller change the layer before the windows go on: each layer sees what the changed ones before it
// give.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "plugins/modelkit/data/token_windows.h"
#include "plugins/modelkit/evaluate/hidden_states.h"
#include "plugins/modelkit/model/transformer.h"

namespace presswork::modelkit {

// Module, relative to its layer ("mlp.up_proj"), to the L2 norm of each of its inputs over all tokens, [in],
// from float64 sums. An expert that no token chose is not there.
using InputNorms = std::map<std::string, std::vector<double>, std::less<>>;

// For each layer in turn: `change` gets its index, the norms of the inputs of all its linears as the layer
// stands, and the layer, whose weights it may replace.
void each_layer_with_norms(
    Transformer& model, const TokenWindows& windows, const StateLimit& limit,
    const std::function<void(std::int64_t index, const InputNorms& norms, DecoderLayer& layer)>& change);

}  // namespace presswork::modelkit
