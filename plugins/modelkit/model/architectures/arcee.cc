// Arcee (AFM): Llama whose MLP squares a ReLU instead of having a gate.
#include "plugins/modelkit/model/architectures/all.h"

namespace presswork::modelkit {

const Architecture kArcee{
    .name = "ArceeForCausalLM",
    .layer = {.gate = {}},
    .norm_eps = 1e-5,
    .activation = Activation::ReluSquared,
};

}  // namespace presswork::modelkit
