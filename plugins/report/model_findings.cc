// What the analysis and the strategy found: perplexity against size, errors by layer, distributions.
#include <algorithm>
#include <cmath>
#include <map>

#include "plugins/report/model.h"

namespace presswork::summary::sections {

namespace {

const Json& none() {
  static const Json null;
  return null;
}

std::size_t place_of(const RunFacts& facts, const std::string& id) {
  const auto& all = facts.instances();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Instance& i) { return i.id == id; });
  return static_cast<std::size_t>(found - all.begin());
}

struct Module {
  int layer = 0;
  std::string name;
};

// "model.layers.3.mlp.down_proj": 3, "down_proj".
std::optional<Module> module_of(const std::string& path) {
  std::optional<Module> module;
  std::size_t start = 0;
  while (start <= path.size()) {
    const std::size_t end = std::min(path.find('.', start), path.size());
    const std::string part = path.substr(start, end - start);
    const bool number = !part.empty() && part.size() < 6 &&
                        std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (number && !module) module = Module{std::stoi(part), ""};
    if (module) module->name = part;
    start = end + 1;
  }
  return module;
}

constexpr std::size_t kMostLayers = 512, kMostModules = 24;

using ByLayer = std::map<int, std::map<std::string, double>>;

// {"columns", "rows": [{"layer", "values"}]}; each row with "before" too where there are any of these.
Json grid(const ByLayer& values, const ByLayer& before = {}) {
  std::vector<std::string> columns;
  for (const auto& [layer, modules] : values) {
    for (const auto& [name, value] : modules) {
      if (std::find(columns.begin(), columns.end(), name) == columns.end() && columns.size() < kMostModules)
        columns.push_back(name);
    }
  }
  Json rows = Json::array();
  for (const auto& [layer, modules] : values) {
    if (rows.size() == kMostLayers) break;
    const auto row_of = [&](const std::map<std::string, double>& own) {
      Json row = Json::array();
      for (const std::string& name : columns) {
        const auto found = own.find(name);
        row.push_back(found == own.end() ? Json() : Json(found->second));
      }
      return row;
    };
    rows.push_back({{"layer", layer}, {"values", row_of(modules)}});
    if (const auto own = before.find(layer); own != before.end()) rows.back()["before"] = row_of(own->second);
  }
  return {{"columns", columns}, {"rows", rows}};
}

// Values at `pick` of each module, by layer and last part of the name.
template <class Pick>
ByLayer by_layer(const Json& modules, Pick pick) {
  ByLayer values;
  for (const auto& [path, content] : modules.items()) {
    const auto module = module_of(path);
    const Json value = pick(content);
    if (module && value.is_number()) values[module->layer][module->name] = value.template get<double>();
  }
  return values;
}

// Errors by module of the last step that told, beside what rounding to nearest would give; null when none
// did.
Json errors_of_steps(const Report& report, const char* metric, const char* of_rounding) {
  const auto itself = [](const Json& value) { return value; };
  for (auto step = report.facts.steps().rbegin(); step != report.facts.steps().rend(); ++step) {
    const Json errors = member((*step)->metrics, metric, nullptr);
    if (!errors.is_object() || errors.empty()) continue;
    const Json before = member((*step)->metrics, of_rounding, Json::object());
    Json found = grid(by_layer(errors, itself), by_layer(before, itself));
    found["of"] = (*step)->id;
    return found;
  }
  return nullptr;
}

Json candidate_json(const Json& candidate, const std::string& recommended) {
  const Json predicted = member(candidate, "predicted", Json::object());
  return {{"name", text_of(candidate, "id")},
          {"bytes", to_json(number_of(predicted, "bytes"))},
          {"loss_percent", to_json(number_of(predicted, "loss_percent"))},
          {"meets_limits", member(candidate, "meets_limits", false) == true},
          {"recommended", text_of(candidate, "id") == recommended},
          {"pareto", member(candidate, "pareto", false) == true}};
}

// Each model of the run that has a size and a perplexity.
Json measured_models(const RunFacts& facts) {
  Json list = Json::array();
  for (const Instance& instance : facts.instances()) {
    if (!instance.good() || instance.model_out().empty()) continue;
    auto bytes = instance.number("compressed_bytes");
    if (!bytes) bytes = instance.number("bytes");
    const Instance* judged = facts.measured_on(instance, "perplexity");
    if (!bytes || judged == nullptr) continue;
    list.push_back({{"name", instance.id},
                    {"bytes", *bytes},
                    {"perplexity", *judged->number("perplexity")},
                    {"original", &instance == facts.original()},
                    {"result", &instance == facts.result()}});
  }
  return list;
}

// The bins of one module laid over those of its kind.
void add_bins(std::vector<double>& bins, double low, double high, const Json& module) {
  const Json histogram = member(module, "histogram", Json::array());
  const auto from = number_of(module, "minimum"), to = number_of(module, "maximum");
  if (!histogram.is_array() || histogram.empty() || !from || !to || !(high > low)) return;
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    if (!histogram[i].is_number()) continue;
    const double share = (static_cast<double>(i) + 0.5) / static_cast<double>(histogram.size());
    const double at = (*from + share * (*to - *from) - low) / (high - low) * static_cast<double>(bins.size());
    const double last = static_cast<double>(bins.size()) - 1;
    bins[static_cast<std::size_t>(std::clamp(std::floor(at), 0.0, last))] += histogram[i].get<double>();
  }
}

}  // namespace

const Json& strategy_in_force(const Report& report) {
  const auto& chain = report.facts.steps();
  const bool carried_out = std::any_of(chain.begin(), chain.end(), [](const Instance* step) {
    return step->uses.starts_with("quantize/") || step->uses.starts_with("prune/");
  });
  if (!carried_out) return none();
  const std::size_t first_step = place_of(report.facts, chain.front()->id);
  const Json* found = &report.documents.first("strategy");
  for (const Document& document : report.documents.all()) {
    if (document.type == "strategy" && place_of(report.facts, document.instance) < first_step)
      found = &document.content;
  }
  return *found;
}

Json candidate_in_force(const Report& report) {
  const Json& strategy = strategy_in_force(report);
  for (const Json& candidate : member(strategy, "candidates", Json::array())) {
    if (text_of(candidate, "id") == text_of(strategy, "recommended")) return candidate;
  }
  return nullptr;
}

Json tradeoff(const Report& report) {
  const Json& strategy = report.documents.last("strategy");
  Json candidates = Json::array();
  const Json& taken = strategy_in_force(report);
  const std::string recommended = text_of(taken.is_null() ? strategy : taken, "recommended");
  for (const Json& candidate : member(strategy, "candidates", Json::array()))
    candidates.push_back(candidate_json(candidate, recommended));
  Json base;
  if (!report.figures.accuracy.empty()) base = report.figures.accuracy.front().before;
  return {
      {"baseline_perplexity", base}, {"candidates", candidates}, {"measured", measured_models(report.facts)}};
}

Json layer_errors(const Report& report) {
  const Json told = errors_of_steps(report, "layer_errors", "rounding_errors");
  if (!told.is_null()) return told;
  const Json weights = member(report.documents.first("analysis"), "weights", Json::object());
  const Json modules = member(weights, "modules", Json::object());
  if (!modules.is_object() || modules.empty()) return nullptr;
  Json found = grid(by_layer(
      modules, [](const Json& m) { return member(member(m, "errors", Json::object()), "int4", nullptr); }));
  found["of"] = "int4";
  return found["rows"].empty() ? Json() : found;
}

Json output_errors(const Report& report) {
  return errors_of_steps(report, "output_errors", "rounding_output_errors");
}

Json diagnostics(const Report& report) {
  // Metrics by module or layer, and how those of one layer come together.
  struct Column {
    const char* metric;
    bool largest;
  };
  constexpr Column kColumns[] = {{"layer_output_errors", true},
                                 {"outlier_inputs", false},
                                 {"largest_inputs", true},
                                 {"dead_scales", false},
                                 {"clipped_weights", true}};
  for (auto step = report.facts.steps().rbegin(); step != report.facts.steps().rend(); ++step) {
    std::map<int, Json> layers;
    for (const auto& [metric, largest] : kColumns) {
      const Json modules = member((*step)->metrics, metric, Json::object());
      for (const auto& [path, value] : modules.items()) {
        const auto module = module_of(path);
        if (!module || !value.is_number()) continue;
        Json& sum = layers[module->layer][metric];
        const double before = sum.is_null() ? 0.0 : sum.get<double>(), own = value.get<double>();
        sum = largest ? std::max(before, own) : before + own;
      }
    }
    if (layers.empty()) continue;
    Json rows = Json::array();
    for (const auto& [layer, found] : layers) {
      if (rows.size() == kMostLayers) break;
      Json row = {{"layer", layer}};
      for (const auto& [metric, largest] : kColumns) row[metric] = member(found, metric, nullptr);
      rows.push_back(row);
    }
    return {{"of", (*step)->id},
            {"rows", rows},
            {"phases", member((*step)->metrics, "phase_seconds", Json::object())}};
  }
  return nullptr;
}

Json sensitivity(const Report& report) {
  const Json measured = member(report.documents.first("analysis"), "sensitivity", Json::object());
  ByLayer values;
  const Json forms = member(measured, "model", Json::object());
  for (const auto& [form, found] : forms.items()) {
    const Json layers = member(found, "layers", Json::array());
    for (std::size_t layer = 0; layers.is_array() && layer < layers.size(); ++layer) {
      if (layers[layer].is_number()) values[static_cast<int>(layer)][form] = layers[layer].get<double>();
    }
  }
  return values.empty() ? Json() : grid(values);
}

Json histograms(const Report& report) {
  const Json weights = member(report.documents.first("analysis"), "weights", Json::object());
  const Json modules = member(weights, "modules", Json::object());
  std::map<std::string, std::vector<const Json*>> kinds;
  for (const auto& [path, content] : modules.items()) {
    const auto module = module_of(path);
    if (module && content.is_object()) kinds[module->name].push_back(&content);
  }
  Json list = Json::array();
  for (const auto& [kind, members] : kinds) {
    if (list.size() == kMostModules) break;
    double low = 0, high = 0, kurtosis = 0;
    for (const Json* module : members) {
      low = std::min(low, number_of(*module, "minimum").value_or(0));
      high = std::max(high, number_of(*module, "maximum").value_or(0));
      kurtosis = std::max(kurtosis, number_of(*module, "kurtosis").value_or(0));
    }
    std::vector<double> bins(64, 0);
    for (const Json* module : members) add_bins(bins, low, high, *module);
    list.push_back({{"modules", kind},
                    {"layers", members.size()},
                    {"minimum", low},
                    {"maximum", high},
                    {"largest_kurtosis", kurtosis},
                    {"counts", bins}});
  }
  return list;
}

Json recommendations(const Report& report, const Phrases& say) {
  Json list = Json::array();
  for (const Json& item : member(report.documents.first("analysis"), "recommendations", Json::array()))
    list.push_back({{"advice", say.said(item, "advice")}, {"reason", say.said(item, "reason")}});
  return list;
}

Json hardware(const Report& report, const Phrases& say) {
  const Json& found = report.documents.last("hardware");
  if (found.is_null()) return nullptr;
  Json parts = Json::array();
  for (const Json& part : member(found, "parts", Json::array())) {
    parts.push_back({{"part", text_of(part, "part")},
                     {"score", to_json(number_of(part, "score"))},
                     {"weight", to_json(number_of(part, "weight"))},
                     {"reason", say.said(part, "reason")}});
  }
  return {{"target", text_of(found, "target")},
          {"score", to_json(number_of(found, "compatibility_score"))},
          {"parts", parts}};
}

Json assessed_risks(const Report& report, const Phrases& say) {
  Json list = Json::array();
  for (const Json& risk : member(candidate_in_force(report), "risks", Json::array())) {
    Json entry = {{"likelihood", text_of(risk, "likelihood")}, {"impact", text_of(risk, "impact")}};
    for (const char* key : {"risk", "early_sign", "mitigation", "rollback_point"})
      entry[key] = say.said(risk, key);
    list.push_back(entry);
  }
  return list;
}

}  // namespace presswork::summary::sections
