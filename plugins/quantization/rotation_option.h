// The parameter `rotate` of quantization stages: they work on a rotated copy of the model, which is made once
// in the stage's scratch folder.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "plugins/modelkit/quantize/rotation.h"
#include "plugins/quantization/quantization_job.h"

namespace presswork::quantization {

inline void describe_rotation(Json& description) {
  description["parameters"]["properties"].update(Json::parse(R"json({
    "rotate": {"type": "string", "enum": ["none", "hadamard"], "default": "none", "description": "hadamard: the hidden states and the value heads are rotated by random Hadamard matrices, folded into the weights, which spreads outliers (QuaRot). Any reader runs the result. A tied head becomes a weight of its own. Models with LayerNorm or with norms behind attention or MLP are refused."},
    "rotate_seed": {"type": "integer", "minimum": 0, "default": 0, "description": "Seed of the rotations' random signs."}
  })json"));
}

inline bool asked_rotation(const Context& context) {
  return context.parameter<std::string>("rotate") == "hadamard";
}

inline modelkit::ModelRotation model_rotation(const Context& context, const modelkit::ModelConfig& model) {
  modelkit::ModelRotation rotation{.seed = context.parameter<std::uint64_t>("rotate_seed"), .precise = {}};
  const auto targets = modelkit::select_targets(model, context.parameter<std::vector<std::string>>("ignore"),
                                                context.parameter<std::vector<std::string>>("targets"));
  for (const modelkit::LinearSite& site : targets.modules) rotation.precise.insert(site.module);
  return rotation;
}

// Adds to the estimates `plan` of `job` what the rotated copy takes.
inline Json with_rotation(const Context& context, const Job& job, Json plan) {
  if (!asked_rotation(context)) return plan;
  const auto model = modelkit::ModelSource::open(job.checkpoint.folder());
  modelkit::require_rotatable(model);
  const std::uint64_t bytes = modelkit::rotated_bytes(model, model_rotation(context, job.model));
  plan["disk_bytes"] = plan.at("disk_bytes").get<std::uint64_t>() + bytes;
  const std::uint64_t table =
      static_cast<std::uint64_t>(job.model.vocab * job.model.hidden) * 2 * sizeof(float);
  plan["memory_bytes"] =
      std::max(plan.at("memory_bytes").get<std::uint64_t>(), (std::uint64_t{96} << 20) + table);
  if (job.model.tied_embeddings)
    plan["notes"].push_back("the head, which shares the embedding's weight, becomes a weight of its own");
  return plan;
}

// The folder of the model to quantize: the stage's input, or its rotated copy. An attempt that died may have
// left the copy.
inline std::filesystem::path model_folder(const Context& context) {
  const std::filesystem::path original = context.input("model");
  if (!asked_rotation(context)) return original;
  const std::filesystem::path rotated = context.scratch_dir() / "rotated";
  if (std::filesystem::exists(rotated)) return rotated;
  const auto model = modelkit::ModelSource::open(original);
  modelkit::ThreadPool threads(context.threads());
  context.info("rotates the model");
  modelkit::write_rotated(model, model_rotation(context, model.config()), rotated, threads,
                          [&](double share) {
                            context.progress(share, 1, "rotation");
                            context.check_cancelled();
                          });
  return rotated;
}

}  // namespace presswork::quantization
