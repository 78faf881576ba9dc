#include "plugins/modelkit/quantize/targets.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <sstream>

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
      if (!matches(i, module)) continue;
      ++counts_[i];
      any = true;
    }
    return any;
  }

  // `sites`: what they were tried on; a tied head is not among them.
  void expect_all_used(const std::vector<LinearSite>& sites, bool tied_head) const {
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
      if (counts_[i] > 0) continue;
      if (tied_head && matches(i, head_)) {
        throw Error(
            "invalid_parameter",
            "the pattern \"" + patterns_[i].text() + "\" matches only the head " + std::string(head_) +
                ", which shares the weight of the embedding (it is tied), and embeddings are never quantized",
            place(i), "leave it out");
      }
      std::string examples;
      // The first layer's names say how modules are called.
      for (std::size_t k = 0; k < sites.size() && k < 7; ++k) examples += sites[k].module + ", ";
      throw Error("invalid_parameter",
                  "the pattern \"" + patterns_[i].text() + "\" matches no module of this model", place(i),
                  "modules are called " + examples + "..." + (tied_head ? "" : ", " + std::string(head_)) +
                      "; give an exact name, a glob or re:<regex>");
    }
  }

  void add_to(std::vector<PatternMatch>& matches) const {
    for (std::size_t i = 0; i < patterns_.size(); ++i)
      matches.push_back({parameter_, patterns_[i].text(), counts_[i]});
  }

 private:
  bool matches(std::size_t index, std::string_view module) const {
    return patterns_[index].matches(module) || (patterns_[index].text() == "lm_head" && module == head_);
  }

  std::string place(std::size_t index) const { return "/" + parameter_ + "/" + std::to_string(index); }

  std::string parameter_;
  std::string_view head_;
  std::vector<ModulePattern> patterns_;
  std::vector<std::size_t> counts_;
};

// A module's name in all layers (and experts), "model.layers.*.mlp.up_proj", and the number of its layer, if
// it has one.
struct Kind {
  std::string name;
  std::optional<int> layer;
};

Kind kind_of(const std::string& module) {
  Kind kind;
  std::string part;
  for (std::istringstream parts(module); std::getline(parts, part, '.');) {
    const bool number = !part.empty() && std::all_of(part.begin(), part.end(),
                                                     [](unsigned char c) { return std::isdigit(c) != 0; });
    if (number && !kind.layer) kind.layer = std::stoi(part);
    kind.name += (kind.name.empty() ? "" : ".") + (number ? "*" : part);
  }
  return kind;
}

using LayersByKind = std::map<std::string, std::set<int>>;

LayersByKind layers_of(const std::vector<std::string>& modules) {
  LayersByKind layers;
  for (const std::string& module : modules) {
    const Kind kind = kind_of(module);
    if (kind.layer) layers[kind.name].insert(*kind.layer);
  }
  return layers;
}

// "3", or "{0,2-5}"
std::string numbers(const std::set<int>& layers) {
  std::string text;
  for (auto at = layers.begin(); at != layers.end();) {
    const int first = *at;
    int last = first;
    while (++at != layers.end() && *at == last + 1) ++last;
    text += (text.empty() ? "" : ",") + std::to_string(first);
    if (last > first) text += "-" + std::to_string(last);
  }
  return layers.size() == 1 ? text : "{" + text + "}";
}

// "28 modules: model.layers.*.mlp.up_proj (4), ..."; `all`: the layers that have such modules at all.
std::string counted(const std::vector<std::string>& modules, const LayersByKind& all) {
  std::vector<std::string> kinds;  // as they come
  std::map<std::string, std::vector<std::string>> members;
  for (const std::string& module : modules) {
    const std::string name = kind_of(module).name;
    if (members[name].empty()) kinds.push_back(name);
    members[name].push_back(module);
  }
  const LayersByKind layers = layers_of(modules);
  std::string text = std::to_string(modules.size()) + (modules.size() == 1 ? " module" : " modules");
  for (const std::string& kind : kinds) {
    text += kind == kinds.front() ? ": " : ", ";
    const std::vector<std::string>& own = members.at(kind);
    if (own.size() == 1) {
      text += own.front();
      continue;
    }
    std::string name = kind;
    if (layers.at(kind) != all.at(kind)) name.replace(name.find('*'), 1, numbers(layers.at(kind)));
    text += name + " (" + std::to_string(own.size()) + ")";
  }
  return text;
}

}  // namespace

std::vector<std::string> QuantizationTargets::report() const {
  std::vector<std::string> quantized, lines;
  for (const LinearSite& site : modules) quantized.push_back(site.module);
  std::vector<std::string> everything = quantized;
  everything.insert(everything.end(), ignored.begin(), ignored.end());
  const LayersByKind all = layers_of(everything);
  lines.push_back("quantizes " + counted(quantized, all));
  lines.push_back(ignored.empty() ? "keeps no linear module; embeddings and norms are always kept"
                                  : "keeps, besides embeddings and norms, " + counted(ignored, all));
  if (!tied_head.empty())
    lines.push_back(tied_head + " shares the weight of the embedding (it is tied) and is kept with it");
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
  wanted.expect_all_used(sites, model.tied_embeddings);
  // Not for quantizing, but real names that a pattern may rightly mention. Readers see routers and a tied
  // head as linear modules too.
  kept.match(architecture.embedding);
  for (const LinearSite& router : decoder_routers(model)) {
    kept.match(router.module);
    result.ignored.push_back(router.module);
  }
  if (model.tied_embeddings) {
    kept.match(architecture.head);
    result.tied_head = architecture.head;
    result.ignored.push_back(result.tied_head);
  }
  kept.expect_all_used(sites, false);
  wanted.add_to(result.matches);
  kept.add_to(result.matches);
  return result;
}

}  // namespace presswork::modelkit
