// What prune/unstructured and prune/n-m share: one walk over the model, by layers.
#pragma once

#include "plugins/modelkit/prune/pruner.h"
#include "presswork/stage.hpp"

namespace presswork::pruning {

// The description without its own parameter ("sparsity" or "pattern"), which is `properties`.
Json describe(const char* title, const char* text, const Json& properties);

Json plan(const Context& context);

// Prunes the model, writes it and tells the metrics.
void run(const Context& context, const modelkit::SparsityPattern& pattern);

}  // namespace presswork::pruning
