// Moves the weights of norms into the linears that read them: norm(x) * w, then W, is norm(x), then W *
// diag(w). One multiplication less for each value, and the same function as long as every product w * W is
// stored exactly, which is checked value by value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugins/modelkit/model/model_source.h"

namespace presswork::modelkit {

// A norm with a weight and no bias, and all the linears that read what it gives.
struct NormReaders {
  std::string norm;                 // "model.layers.0.input_layernorm"
  std::vector<LinearSite> linears;  // by whole name
};

// Norms of the decoder's layers whose readers are known: those before attention and before the MLP, outside
// of mixtures of experts (their routers read the norm too), and the final norm where the head is not tied.
std::vector<NormReaders> foldable_norms(const ModelConfig& model);

struct FoldedTensor {
  std::string name;
  DType dtype;
  std::vector<std::byte> bytes;
};

struct Folding {
  std::vector<FoldedTensor> tensors;  // the norm's weight, which becomes neutral, and the linears'
  std::string obstacle;               // why it was not folded; then there are no tensors
};

// With `widen` products that do not fit the stored type are stored as float32, where they are exact for
// 16-bit weights; else one that does not fit is an obstacle.
Folding fold(const ModelSource& model, const NormReaders& readers, bool widen);

}  // namespace presswork::modelkit
