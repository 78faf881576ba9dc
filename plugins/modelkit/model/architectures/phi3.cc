// Phi-3 and Phi-4: Llama with fused projections and longrope.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_phi3(const ConfigReader& config, ModelConfig& model) {
  read_windows(config, model, [](std::int64_t) { return true; });
}

}  // namespace

const Architecture kPhi3{
    .name = "Phi3ForCausalLM",
    .layer = {.qkv = "self_attn.qkv_proj", .gate_up = "mlp.gate_up_proj"},
    .norm_eps = 1e-5,
    .configure = configure_phi3,
};

}  // namespace presswork::modelkit
