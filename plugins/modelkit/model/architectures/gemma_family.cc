#include "plugins/modelkit/model/architectures/gemma_family.h"

#include <cmath>

namespace presswork::modelkit {

void configure_gemma(const ConfigReader& config, ModelConfig& model) {
  model.norm.plus_one = true;
  model.embedding_scale = std::sqrt(static_cast<double>(model.hidden));
  if (!config.has("head_dim")) model.head_dim = 256;
}

void configure_capped_gemma(const ConfigReader& config, ModelConfig& model) {
  configure_gemma(config, model);
  model.attention_scale = 1.0 / std::sqrt(config.number("query_pre_attn_scalar", 256));
  model.attention_softcap = config.number("attn_logit_softcapping", 0);
  model.logit_softcap = config.number("final_logit_softcapping", 0);
}

}  // namespace presswork::modelkit
