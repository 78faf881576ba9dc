#include "plugins/modelkit/quantize/targets.h"

#include "plugins/modelkit/checkpoint/module_pattern.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

[[noreturn]] void matches_nothing(const std::string& pattern, std::size_t index,
                                  const std::vector<LinearSite>& sites) {
  std::string examples;
  // The first layer's names say how modules are called.
  for (std::size_t i = 0; i < sites.size() && i < 7; ++i) examples += sites[i].module + ", ";
  throw Error("invalid_parameter", "the pattern \"" + pattern + "\" matches no module of this model",
              "/ignore/" + std::to_string(index),
              "modules are called " + examples + "..., lm_head; give an exact name, a glob or re:<regex>");
}

}  // namespace

QuantizationTargets select_targets(const ModelConfig& model, const std::vector<std::string>& ignore) {
  const Architecture& architecture = architecture_of(model);
  std::vector<LinearSite> sites = decoder_linears(model);
  if (!model.tied_embeddings) sites.push_back(head_linear(model));
  // Not for quantizing, but real names that a pattern may rightly mention.
  const std::vector<std::string> kept = {std::string(architecture.head), std::string(architecture.embedding)};

  std::vector<ModulePattern> patterns;
  for (std::size_t i = 0; i < ignore.size(); ++i)
    patterns.emplace_back(ignore[i], "/ignore/" + std::to_string(i));
  std::vector<bool> used(patterns.size(), false);
  const auto ignored = [&](std::string_view module) {
    bool any = false;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      if (!patterns[i].matches(module)) continue;
      used[i] = true;
      any = true;
    }
    return any;
  };

  QuantizationTargets targets;
  for (const LinearSite& site : sites) {
    if (ignored(site.module)) {
      targets.ignored.push_back(site.module);
    } else {
      targets.modules.push_back(site);
    }
  }
  for (const std::string& name : kept) ignored(name);
  for (const LinearSite& router : decoder_routers(model)) ignored(router.module);
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (!used[i]) matches_nothing(patterns[i].text(), i, sites);
  }
  // Readers see routers and a tied head as linear modules too.
  for (const LinearSite& router : decoder_routers(model)) targets.ignored.push_back(router.module);
  if (model.tied_embeddings) targets.ignored.emplace_back(architecture.head);
  return targets;
}

}  // namespace presswork::modelkit
