// Mistral: Llama with a window in every layer.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_mistral(const ConfigReader& config, ModelConfig& model) {
  read_windows(config, model, [](std::int64_t) { return true; });
}

}  // namespace

const Architecture kMistral{.name = "MistralForCausalLM", .configure = configure_mistral};

}  // namespace presswork::modelkit
