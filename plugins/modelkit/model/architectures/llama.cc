// Llama 1, 2, 3.x and their kin: pre-norm decoder, grouped-query attention, gated MLP, optional biases.
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {

const Architecture kLlama{.name = "LlamaForCausalLM"};

}  // namespace presswork::modelkit
