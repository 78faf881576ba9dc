#include "plugins/modelkit/quantize/targets.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "plugins/modelkit/checkpoint/module_pattern.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

// Patterns of one parameter, and how many modules each has matched.
class Patterns {
 public:
  Patterns(std::string parameter, const std::vector<std::string>& texts, std::string_view head)
      : parameter_(std::move(parameter)), head_(head), counts_(texts.size(), 0) {
    for (std::size_t i = 0; i < texts.size(); ++i) patterns_.emplace_back(texts[i], place(i));
  }

  bool empty() const { return patterns_.empty(); }

  bool match(std::string_view module) {
    bool any = false;
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
      if (!patterns_[i].matches(module) && !(patterns_[i].text() == "lm_head" && module == head_)) continue;
      ++counts_[i];
      any = true;
    }
    return any;
  }

  void expect_all_used(const std::vector<LinearSite>& sites) const {
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
      if (counts_[i] > 0) continue;
      std::string examples;
      // The first layer's names say how modules are called.
      for (std::size_t k = 0; k < sites.size() && k < 7; ++k) examples += sites[k].module + ", ";
      throw Error(
          "invalid_parameter", "the pattern \"" + patterns_[i].text() + "\" matches no module of this model",
          place(i),
          "modules are called " + examples + "..., lm_head; give an exact name, a glob or re:<regex>");
    }
  }

  void add_to(std::vector<PatternMatch>& matches) const {
    for (std::size_t i = 0; i < patterns_.size(); ++i)
      matches.push_back({parameter_, patterns_[i].text(), counts_[i]});
  }

 private:
  std::string place(std::size_t index) const { return "/" + parameter_ + "/" + std::to_string(index); }

  std::string parameter_;
  std::string_view head_;
  std::vector<ModulePattern> patterns_;
  std::vector<std::size_t> counts_;
};

// "model.layers.*.mlp.up_proj": what the name is in all layers (and experts).
std::string without_numbers(const std::string& module) {
  std::string text, part;
  for (std::size_t at = 0; at <= module.size(); ++at) {
    if (at < module.size() && module[at] != '.') {
      part += module[at];
      continue;
    }
    const bool number = !part.empty() && std::all_of(part.begin(), part.end(),
                                                     [](unsigned char c) { return std::isdigit(c) != 0; });
    text += (text.empty() ? "" : ".") + (number ? "*" : part);
    part.clear();
  }
  return text;
}

// "28 modules: model.layers.*.mlp.up_proj (4), ..."
std::string counted(const std::vector<std::string>& modules) {
  std::vector<std::pair<std::string, std::size_t>> kinds;
  std::map<std::string, std::size_t> places;
  for (const std::string& module : modules) {
    const auto [place, fresh] = places.try_emplace(without_numbers(module), kinds.size());
    if (fresh) kinds.emplace_back(place->first, 0);
    ++kinds[place->second].second;
  }
  std::string text = std::to_string(modules.size()) + (modules.size() == 1 ? " module: " : " modules: ");
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    text += (i == 0 ? "" : ", ") + kinds[i].first;
    if (kinds[i].second > 1) text += " (" + std::to_string(kinds[i].second) + ")";
  }
  return text;
}

}  // namespace

std::vector<std::string> QuantizationTargets::report() const {
  std::vector<std::string> quantized, lines;
  for (const LinearSite& site : modules) quantized.push_back(site.module);
  lines.push_back("quantizes " + counted(quantized));
  lines.push_back(ignored.empty() ? "keeps no linear module; embeddings and norms are always kept"
                                  : "keeps, besides embeddings and norms, " + counted(ignored));
  for (const PatternMatch& match : matches) {
    lines.push_back(match.parameter + " \"" + match.pattern + "\" matches " + std::to_string(match.modules) +
                    (match.modules == 1 ? " module" : " modules"));
  }
  return lines;
}

QuantizationTargets select_targets(const ModelConfig& model, const std::vector<std::string>& ignore,
                                   const std::vector<std::string>& targets) {
  const Architecture& architecture = architecture_of(model);
  std::vector<LinearSite> sites = decoder_linears(model);
  if (!model.tied_embeddings) sites.push_back(head_linear(model));
  Patterns wanted("targets", targets, architecture.head), kept("ignore", ignore, architecture.head);

  QuantizationTargets result;
  for (const LinearSite& site : sites) {
    const bool chosen = wanted.match(site.module) || wanted.empty(), ignored = kept.match(site.module);
    if (chosen && !ignored) {
      result.modules.push_back(site);
    } else {
      result.ignored.push_back(site.module);
    }
  }
  wanted.expect_all_used(sites);
  // Not for quantizing, but real names that a pattern may rightly mention. Readers see routers and a tied
  // head as linear modules too.
  kept.match(architecture.embedding);
  for (const LinearSite& router : decoder_routers(model)) {
    kept.match(router.module);
    result.ignored.push_back(router.module);
  }
  if (model.tied_embeddings) {
    kept.match(architecture.head);
    result.ignored.emplace_back(architecture.head);
  }
  kept.expect_all_used(sites);
  wanted.add_to(result.matches);
  kept.add_to(result.matches);
  return result;
}

}  // namespace presswork::modelkit
