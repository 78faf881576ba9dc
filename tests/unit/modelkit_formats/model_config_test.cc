#include "plugins/modelkit/checkpoint/model_config.h"

#include <gmock/gmock.h>

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <tuple>

#include "support.h"

namespace presswork::modelkit {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

Json base() { return Json::parse(testing::kTinyConfig); }
ModelConfig parse(const Json& json) { return ModelConfig::parse(json.dump(), "config.json"); }

Error error_for(const char* key, const Json& value) {
  Json json = base();
  json[key] = value;
  const auto error = testing::error_of([&] { parse(json); });
  EXPECT_TRUE(error) << key;
  return error.value_or(Error("none", ""));
}

TEST(ModelConfig, DefaultsFollowTransformers) {
  Json json = base();
  json.erase("num_key_value_heads");
  const ModelConfig model = parse(json);
  EXPECT_EQ(model.kv_heads, 4);
  EXPECT_EQ(model.head_dim, 4);
  EXPECT_EQ(model.rope.theta, 10000.0);
  EXPECT_EQ(model.rope.kind, RopeKind::Default);
  EXPECT_FALSE(model.tied_embeddings);
  EXPECT_FALSE(model.qkv_bias);
  EXPECT_EQ(model.dtype, DType::BF16);
}

TEST(ModelConfig, OldAndNewSpellingsMeanTheSame) {
  Json old = base(), fresh = base();
  old.erase("dtype");
  old["torch_dtype"] = "float16";
  old["rope_theta"] = 500000.0;
  old["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}};
  fresh["dtype"] = "float16";
  fresh["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 2.0}, {"rope_theta", 500000.0}};
  for (const ModelConfig& model : {parse(old), parse(fresh)}) {
    EXPECT_EQ(model.dtype, DType::F16);
    EXPECT_EQ(model.rope.theta, 500000.0);
    EXPECT_EQ(model.rope.kind, RopeKind::Linear);
    EXPECT_EQ(model.rope.factor, 2.0);
  }
}

TEST(ModelConfig, Llama3ScalingIsReadWhole) {
  Json json = base();
  json["rope_parameters"] = {{"rope_type", "llama3"},   {"rope_theta", 5e5},
                             {"factor", 8.0},           {"low_freq_factor", 1.0},
                             {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 8192}};
  const Rope rope = parse(json).rope;
  EXPECT_EQ(rope.kind, RopeKind::Llama3);
  EXPECT_EQ(rope.original_max_position, 8192);
  json["rope_parameters"].erase("original_max_position_embeddings");
  EXPECT_TRUE(testing::error_of([&] { parse(json); }));
}

TEST(ModelConfig, NullMeansNotSet) {
  Json json = base();
  json["head_dim"] = nullptr;
  json["rope_scaling"] = nullptr;
  json["eos_token_id"] = nullptr;
  EXPECT_EQ(parse(json).head_dim, 4);
  EXPECT_TRUE(parse(json).eos_tokens.empty());
  json["eos_token_id"] = {1, 2};
  EXPECT_EQ(parse(json).eos_tokens, (std::vector<std::int64_t>{1, 2}));
}

TEST(ModelConfig, AnUnknownArchitectureIsAnsweredWithTheKnownOnes) {
  const Error error = error_for("architectures", {"MambaForCausalLM"});
  EXPECT_EQ(error.code, "unsupported");
  EXPECT_THAT(error.message, HasSubstr("MambaForCausalLM"));
  EXPECT_THAT(error.hint, HasSubstr("LlamaForCausalLM"));
  EXPECT_EQ(error_for("architectures", Json::array()).code, "unsupported");
}

TEST(ModelConfig, VariantsOfAnArchitectureThatWouldComputeSomethingElseAreRefused) {
  for (const auto& [name, key, value] : std::initializer_list<std::tuple<const char*, const char*, Json>>{
           {"FalconForCausalLM", "alibi", true},
           {"OPTForCausalLM", "do_layer_norm_before", false},
           {"OPTForCausalLM", "word_embed_proj_dim", 8},
       }) {
    Json json = base();
    json["architectures"] = {name};
    EXPECT_NO_THROW(parse(json)) << name;
    json[key] = value;
    const auto error = testing::error_of([&] { parse(json); });
    ASSERT_TRUE(error) << name << " " << key;
    EXPECT_EQ(error->code, "unsupported");
    EXPECT_THAT(error->hint, HasSubstr("supported"));
  }
}

TEST(ModelConfig, WhatAnArchitecturesOwnKeysSayIsChecked) {
  const auto changed = [](const char* fixture, const char* key, const Json& value) {
    const auto file =
        std::filesystem::path(PRESSWORK_SOURCE_DIR) / "tests/data/fixtures" / fixture / "config.json";
    Json json = Json::parse(testing::read_file(file));
    json[key] = value;
    const auto error = testing::error_of([&] { parse(json); });
    return error ? error->code + " " + error->where : "none";
  };
  EXPECT_EQ(changed("ernie4-5-moe", "use_bias", true), "unsupported config.json/use_bias");
  EXPECT_EQ(changed("gpt-neo", "attention_layers", {"global"}), "corrupt_file config.json/attention_layers");
  EXPECT_EQ(changed("glm4-moe", "n_shared_experts", -1), "corrupt_file config.json/n_shared_experts");
  EXPECT_EQ(changed("glm4-moe", "n_group", 3), "corrupt_file config.json");
  EXPECT_EQ(changed("glm4-moe", "moe_intermediate_size", 1 << 30), "none");
  EXPECT_EQ(changed("dots1", "moe_intermediate_size", 1 << 30), "corrupt_file config.json");
}

TEST(ModelConfig, ScalingWithAnAlphaIsALargerBaseForHunyuan) {
  Json json = base();
  json["architectures"] = {"HunYuanDenseV1ForCausalLM"};
  json["head_dim"] = 8;
  json["rope_theta"] = 10000.0;
  json["rope_scaling"] = {{"type", "dynamic"}, {"alpha", 64.0}, {"factor", 1.0}};
  const ModelConfig model = parse(json);
  EXPECT_EQ(model.rope.kind, RopeKind::Default);
  EXPECT_NEAR(model.rope.theta, 10000.0 * 256.0, 1e-6);  // 64^(8/6) = 256
}

TEST(ModelConfig, WindowsOfOlmo3HaveARopeThatIsNotScaled) {
  Json json = base();
  json["architectures"] = {"Olmo3ForCausalLM"};
  json["num_hidden_layers"] = 4;
  json["sliding_window"] = 16;
  json["rope_theta"] = 500000.0;
  json["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
  const ModelConfig model = parse(json);
  ASSERT_TRUE(model.local_rope);
  EXPECT_EQ(model.local_rope->theta, 500000.0);
  EXPECT_EQ(model.local_rope->kind, RopeKind::Default);
  EXPECT_EQ(model.rope.kind, RopeKind::Linear);
  EXPECT_EQ(model.kind(2).rope, LayerRope::Local);
  EXPECT_EQ(model.kind(3).rope, LayerRope::Main);
}

TEST(ModelConfig, ValuesThatCannotBeAreRefusedByKey) {
  EXPECT_THAT(error_for("hidden_size", 0).where, HasSubstr("hidden_size"));
  EXPECT_THAT(error_for("hidden_size", -16).where, HasSubstr("hidden_size"));
  EXPECT_THAT(error_for("hidden_size", "16").where, HasSubstr("hidden_size"));
  EXPECT_THAT(error_for("hidden_size", 1e300).where, HasSubstr("hidden_size"));
  EXPECT_THAT(error_for("num_hidden_layers", 1000000000).where, HasSubstr("num_hidden_layers"));
  EXPECT_THAT(error_for("vocab_size", 18446744073709551615u).where, HasSubstr("vocab_size"));
  EXPECT_THAT(error_for("num_key_value_heads", 3).message, HasSubstr("3 key-value heads"));
  EXPECT_THAT(error_for("hidden_act", "xielu").message, HasSubstr("xielu"));
  EXPECT_THAT(error_for("rope_scaling", {{"type", "magic"}}).message, HasSubstr("magic"));
  EXPECT_THAT(error_for("rms_norm_eps", 0.0).message, HasSubstr("positive"));
}

TEST(ModelConfig, TextThatIsNotJsonIsNamedWithLineAndColumn) {
  const auto error = testing::error_of([] { ModelConfig::parse("{\n  \"a\": }", "config.json"); });
  ASSERT_TRUE(error);
  EXPECT_THAT(error->message, HasSubstr("line 2"));
  EXPECT_TRUE(testing::error_of([] { ModelConfig::parse(std::string(1000000, '['), "config.json"); }));
  EXPECT_TRUE(testing::error_of([] { ModelConfig::parse(R"({"rms_norm_eps": 1e999})", "config.json"); }));
}

}  // namespace
}  // namespace presswork::modelkit
