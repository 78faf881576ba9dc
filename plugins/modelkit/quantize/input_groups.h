// Which linears of a decoder layer share their inputs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/architecture.h"

namespace presswork::modelkit {

// Modules by their names relative to the layer; a LinearObserver hears of them together.
struct InputGroup {
  std::vector<std::string> modules;
  std::int64_t inputs = 0;
};

// In the order of the forward pass. Routers are in none.
std::vector<InputGroup> input_groups(const ModelConfig& model, std::int64_t layer);

}  // namespace presswork::modelkit
