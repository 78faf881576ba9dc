// VaultGemma: Gemma 2 without the norms after the blocks.
#include "plugins/modelkit/model/architectures/all.h"
#include "plugins/modelkit/model/architectures/gemma_family.h"
#include "plugins/modelkit/model/architectures/windows.h"

namespace presswork::modelkit {
namespace {

void configure_vaultgemma(const ConfigReader& config, ModelConfig& model) {
  configure_capped_gemma(config, model);
  read_windows(config, model, [](std::int64_t layer) { return layer % 2 == 0; });
}

}  // namespace

const Architecture kVaultGemma{
    .name = "VaultGemmaForCausalLM",
    .layer = {.mlp_norm = "pre_feedforward_layernorm"},
    .tied_embeddings = true,
    .activation = Activation::GeluTanh,
    .configure = configure_vaultgemma,
};

}  // namespace presswork::modelkit
