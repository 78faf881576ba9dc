#include "plugins/modelkit/checkpoint/rope.h"

#include <cmath>
#include <string>

#include "plugins/modelkit/checkpoint/config_reader.h"

namespace presswork::modelkit {
namespace {

struct RopeName {
  RopeKind kind;
  std::string_view name;
};

constexpr RopeName kRopeNames[] = {{RopeKind::Default, "default"}, {RopeKind::Linear, "linear"},
                                   {RopeKind::Dynamic, "dynamic"}, {RopeKind::Llama3, "llama3"},
                                   {RopeKind::Yarn, "yarn"},       {RopeKind::LongRope, "longrope"}};

RopeKind read_kind(const ConfigReader& scaling) {
  // "rope_type" is the newer key; "su" the first name of longrope.
  const std::string name = scaling.text("rope_type", scaling.text("type", "default"));
  if (name == "su") return RopeKind::LongRope;
  for (const auto& known : kRopeNames) {
    if (known.name == name) return known.kind;
  }
  throw Error("unsupported", "the rope type \"" + name + "\" is not supported", scaling.where(),
              "supported: " + names_of(kRopeNames));
}

bool needs_factor(RopeKind kind) {
  return kind == RopeKind::Linear || kind == RopeKind::Dynamic || kind == RopeKind::Llama3;
}

void check(const Rope& rope, const ConfigReader& scaling) {
  const auto positive = [](double value) { return std::isfinite(value) && value > 0; };
  const auto fail = [&](const std::string& what) { throw Error("corrupt_file", what, scaling.where()); };
  if (!positive(rope.theta) || !positive(rope.factor)) fail("rope_theta and factor must be positive");
  if (!(rope.partial_rotary_factor > 0 && rope.partial_rotary_factor <= 1)) {
    fail("partial_rotary_factor must be above 0 and at most 1");
  }
  if (rope.original_max_position <= 0 && rope.kind != RopeKind::Default && rope.kind != RopeKind::Linear) {
    fail("rope type " + std::string(name_of(rope.kind)) + " needs original_max_position_embeddings");
  }
  if (rope.kind == RopeKind::Llama3 &&
      (!(rope.high_freq_factor > rope.low_freq_factor) || !(rope.low_freq_factor > 0))) {
    fail("rope type llama3 needs high_freq_factor > low_freq_factor > 0");
  }
  if (rope.kind == RopeKind::Yarn && !(rope.theta > 1)) fail("rope type yarn needs a rope_theta above 1");
  if (rope.kind == RopeKind::LongRope) {
    for (const auto* factors : {&rope.short_factor, &rope.long_factor}) {
      if (factors->empty()) fail("rope type longrope needs short_factor and long_factor");
      for (const double factor : *factors) {
        if (!positive(factor)) fail("the factors of longrope must be positive");
      }
    }
  }
}

Rope read_rope(const ConfigReader& config, const ConfigReader& scaling, std::int64_t max_position,
               double default_theta, double default_partial) {
  Rope rope;
  rope.kind = read_kind(scaling);
  rope.theta = scaling.number(
      "rope_theta", config.number(config.present({"rope_theta", "rotary_emb_base"}), default_theta));
  const char* partial = config.present({"partial_rotary_factor", "rotary_pct"});
  rope.partial_rotary_factor =
      scaling.number("partial_rotary_factor", config.number(partial, default_partial));
  rope.low_freq_factor = scaling.number("low_freq_factor", rope.low_freq_factor);
  rope.high_freq_factor = scaling.number("high_freq_factor", rope.high_freq_factor);
  rope.original_max_position = scaling.integer("original_max_position_embeddings",
                                               config.integer("original_max_position_embeddings", 0));
  // Llama 3 cannot be guessed; the others take the model's own length, as transformers does.
  if (rope.original_max_position == 0 && rope.kind != RopeKind::Llama3)
    rope.original_max_position = max_position;
  const auto factor = scaling.optional_number("factor");
  rope.factor = factor.value_or(1.0);
  if (!factor && rope.original_max_position > 0 && !needs_factor(rope.kind)) {
    rope.factor = static_cast<double>(max_position) / static_cast<double>(rope.original_max_position);
  }
  rope.attention_factor = scaling.optional_number("attention_factor");
  rope.beta_fast = scaling.optional_number("beta_fast");
  rope.beta_slow = scaling.optional_number("beta_slow");
  rope.mscale = scaling.optional_number("mscale");
  rope.mscale_all_dim = scaling.optional_number("mscale_all_dim");
  rope.truncate = scaling.boolean("truncate", true);
  rope.short_factor = scaling.numbers("short_factor");
  rope.long_factor = scaling.numbers("long_factor");
  check(rope, scaling);
  return rope;
}

}  // namespace

std::string_view name_of(RopeKind kind) {
  for (const auto& known : kRopeNames) {
    if (known.kind == kind) return known.name;
  }
  return "unknown";
}

Ropes read_ropes(const ConfigReader& config, std::int64_t max_position, double default_theta,
                 double default_partial) {
  const auto read = [&](const ConfigReader& scaling) {
    return read_rope(config, scaling, max_position, default_theta, default_partial);
  };
  const ConfigReader parameters =
      config.has("rope_parameters") ? config.object("rope_parameters") : config.object("rope_scaling");
  Ropes ropes;
  if (parameters.is_object("full_attention") || parameters.is_object("sliding_attention")) {
    const bool full = parameters.is_object("full_attention");
    ropes.main = read(parameters.object(full ? "full_attention" : "sliding_attention"));
    if (full && parameters.is_object("sliding_attention"))
      ropes.local = read(parameters.object("sliding_attention"));
    return ropes;
  }
  ropes.main = read(parameters);
  if (const auto theta = config.optional_number("rope_local_base_freq")) {  // Gemma 3's old spelling
    ropes.local = Rope{};
    ropes.local->theta = *theta;
    ropes.local->partial_rotary_factor = ropes.main.partial_rotary_factor;
    check(*ropes.local, config);
  }
  return ropes;
}

}  // namespace presswork::modelkit
