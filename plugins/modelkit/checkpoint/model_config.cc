#include "plugins/modelkit/checkpoint/model_config.h"

#include <nlohmann/json.hpp>

#include "plugins/modelkit/checkpoint/architecture.h"
#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/formats/json_text.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

using Json = nlohmann::json;

struct RopeName {
  RopeKind kind;
  std::string_view name;
};

constexpr RopeName kRopeNames[] = {{RopeKind::Default, "default"}, {RopeKind::Linear, "linear"},
                                   {RopeKind::Dynamic, "dynamic"}, {RopeKind::Llama3, "llama3"},
                                   {RopeKind::Yarn, "yarn"},       {RopeKind::LongRope, "longrope"}};

struct ActivationName {
  Activation activation;
  std::string_view name;
};

constexpr ActivationName kActivationNames[] = {
    {Activation::Silu, "silu"},         {Activation::Silu, "swish"},
    {Activation::Gelu, "gelu"},         {Activation::GeluTanh, "gelu_pytorch_tanh"},
    {Activation::GeluTanh, "gelu_new"}, {Activation::Relu, "relu"},
};

template <class Named>
std::string names_of(const Named& table) {
  std::string text;
  for (const auto& entry : table) text += (text.empty() ? "" : ", ") + std::string(entry.name);
  return text;
}

Activation read_activation(const ConfigReader& config) {
  const std::string name = config.text("hidden_act", config.text("hidden_activation", "silu"));
  for (const auto& known : kActivationNames) {
    if (known.name == name) return known.activation;
  }
  throw Error("unsupported", "the activation \"" + name + "\" is not supported",
              config.where() + "/hidden_act", "supported: " + names_of(kActivationNames));
}

RopeKind read_rope_kind(const ConfigReader& scaling) {
  // "rope_type" is the newer key; "su" the first name of longrope.
  const std::string name = scaling.text("rope_type", scaling.text("type", "default"));
  if (name == "su") return RopeKind::LongRope;
  for (const auto& known : kRopeNames) {
    if (known.name == name) return known.kind;
  }
  throw Error("unsupported", "the rope type \"" + name + "\" is not supported", scaling.where(),
              "supported: " + names_of(kRopeNames));
}

// New spelling: rope_parameters {rope_type, rope_theta, ...}. Old: rope_theta at the top, rope_scaling {type,
// ...}. Where both are present transformers 5 takes rope_parameters, and so do we.
Rope read_rope(const ConfigReader& config) {
  const ConfigReader scaling =
      config.has("rope_parameters") ? config.object("rope_parameters") : config.object("rope_scaling");
  Rope rope;
  rope.kind = read_rope_kind(scaling);
  rope.theta = scaling.number("rope_theta", config.number("rope_theta", rope.theta));
  rope.factor = scaling.number("factor", rope.factor);
  rope.low_freq_factor = scaling.number("low_freq_factor", rope.low_freq_factor);
  rope.high_freq_factor = scaling.number("high_freq_factor", rope.high_freq_factor);
  rope.original_max_position = scaling.integer("original_max_position_embeddings",
                                               config.integer("original_max_position_embeddings", 0));
  rope.partial_rotary_factor = scaling.number(
      "partial_rotary_factor", config.number("partial_rotary_factor", rope.partial_rotary_factor));
  rope.attention_factor = scaling.optional_number("attention_factor");
  rope.beta_fast = scaling.optional_number("beta_fast");
  rope.beta_slow = scaling.optional_number("beta_slow");
  rope.mscale = scaling.optional_number("mscale");
  rope.mscale_all_dim = scaling.optional_number("mscale_all_dim");
  rope.short_factor = scaling.numbers("short_factor");
  rope.long_factor = scaling.numbers("long_factor");
  if (!(rope.theta > 0) || !(rope.factor > 0)) {
    throw Error("corrupt_file", "rope_theta and factor must be positive", scaling.where());
  }
  if (rope.kind == RopeKind::Llama3 &&
      (rope.original_max_position <= 0 || !(rope.high_freq_factor > rope.low_freq_factor) ||
       !(rope.low_freq_factor > 0))) {
    throw Error(
        "corrupt_file",
        "rope type llama3 needs original_max_position_embeddings and high_freq_factor > low_freq_factor > 0",
        scaling.where());
  }
  return rope;
}

std::optional<DType> read_dtype(const ConfigReader& config) {
  std::string name = config.text("dtype", config.text("torch_dtype", ""));
  if (name.starts_with("torch.")) name.erase(0, 6);
  if (name == "float32") return DType::F32;
  if (name == "float16") return DType::F16;
  if (name == "bfloat16") return DType::BF16;
  return std::nullopt;  // absent or "auto": the tensors themselves say
}

std::string read_architecture(const ConfigReader& config) {
  const std::string name = config.first_text("architectures");
  if (find_architecture(name) != nullptr) return name;
  throw Error("unsupported",
              name.empty() ? "names no architecture" : "the architecture " + name + " is not supported",
              config.where() + "/architectures", "supported: " + supported_architectures());
}

void read_sizes(const ConfigReader& config, ModelConfig& model) {
  // Far above any model, low enough that products of two sizes stay in 64 bits.
  constexpr std::int64_t kLimit = std::int64_t{1} << 30;
  model.vocab = config.size("vocab_size", kLimit);
  model.hidden = config.size("hidden_size", kLimit);
  model.intermediate = config.size("intermediate_size", kLimit);
  model.layers = config.size("num_hidden_layers", 100'000);
  model.heads = config.size("num_attention_heads", 1 << 20);
  model.kv_heads =
      config.has("num_key_value_heads") ? config.size("num_key_value_heads", 1 << 20) : model.heads;
  model.head_dim = config.has("head_dim") ? config.size("head_dim", 1 << 20) : model.hidden / model.heads;
  model.max_position = config.integer("max_position_embeddings", 2048);
  if (model.heads % model.kv_heads != 0) {
    throw Error("corrupt_file",
                std::to_string(model.heads) + " attention heads cannot share " +
                    std::to_string(model.kv_heads) + " key-value heads evenly",
                config.where());
  }
  if (!config.has("head_dim") && model.hidden % model.heads != 0) {
    throw Error("corrupt_file",
                "hidden_size " + std::to_string(model.hidden) + " is not a multiple of " +
                    std::to_string(model.heads) + " heads, and head_dim is not given",
                config.where());
  }
}

}  // namespace

std::string_view name_of(RopeKind kind) {
  for (const auto& known : kRopeNames) {
    if (known.kind == kind) return known.name;
  }
  return "unknown";
}

ModelConfig ModelConfig::parse(std::string_view text, const std::string& where) {
  const Json json = parse_json(text, where);
  const ConfigReader config(json, where);
  ModelConfig model;
  model.architecture = read_architecture(config);
  read_sizes(config, model);
  model.norm_eps = config.number("rms_norm_eps", 1e-6);
  if (!(model.norm_eps > 0)) throw Error("corrupt_file", "rms_norm_eps must be positive", config.where());
  model.activation = read_activation(config);
  model.rope = read_rope(config);
  model.attention_bias = config.boolean("attention_bias", false);
  model.mlp_bias = config.boolean("mlp_bias", false);
  model.tied_embeddings = config.boolean("tie_word_embeddings", false);
  model.dtype = read_dtype(config);
  model.eos_tokens = config.integers("eos_token_id");
  const auto bos = config.integers("bos_token_id");
  if (!bos.empty()) model.bos_token = bos.front();
  const Architecture& architecture = architecture_of(model);
  if (architecture.read_config != nullptr) architecture.read_config(json, model);
  return model;
}

}  // namespace presswork::modelkit
