// What the memory formulas need to know of a model folder.
#pragma once

#include <string>

#include "plugins/modelkit/estimate/memory.h"
#include "plugins/modelkit/model/model_source.h"

namespace presswork::modelkit {

// The formulas' word for how the weights are stored ("bf16", "int4").
std::string stored_precision(const ModelSource& model);

// The guide's view of a model: a key and value head for each head, everything in one precision. Batch and
// sequence length are 1.
InferenceShape guide_shape(const ModelSource& model, const std::string& precision);

// Beyond the guide: the model's real key/value heads and head width, keys and values in 16 bits or more, and,
// when `stored`, weights at their exact size in the checkpoint.
InferenceShape refined_shape(const ModelSource& model, InferenceShape shape, bool stored);

}  // namespace presswork::modelkit
