#include "integration/reference/reference_rows.h"

#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "plugins/modelkit/data/calibration_set.h"
#include "plugins/modelkit/evaluate/text_evaluation.h"
#include "plugins/modelkit/prune/input_norms.h"
#include "plugins/modelkit/prune/pruner.h"
#include "plugins/modelkit/prune/rewritten_checkpoint.h"
#include "plugins/modelkit/quantize/awq_layer.h"
#include "plugins/modelkit/quantize/gptq_layer.h"
#include "plugins/modelkit/quantize/quantized_checkpoint.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"

namespace presswork::reference {
namespace {

using namespace modelkit;

nlohmann::json read(const std::filesystem::path& file) { return nlohmann::json::parse(std::ifstream(file)); }

namespace fs = std::filesystem;

QuantizationGrid grid_of(const Recipe& recipe) {
  return {.bits = recipe.bits, .group_size = recipe.group_size, .symmetric = recipe.symmetric};
}

Calibration::Method method_of(const Recipe& recipe, const std::set<std::string>& targets,
                              ThreadPool& threads) {
  if (recipe.method == "awq") {
    return [&threads, options = AwqOptions{.grid = grid_of(recipe), .targets = targets}](
               CalibrationLayer& layer) { return quantize_layer_awq(layer, options, threads); };
  }
  return [&threads, options = GptqLayerOptions{.gptq = {.grid = grid_of(recipe), .actorder = recipe.actorder},
                                               .targets = targets}](CalibrationLayer& layer) {
    return quantize_layer_gptq(layer, options, threads);
  };
}

CalibrationSet shared_calibration(const ModelSource& source, std::size_t window) {
  return calibration_set(Tokenizer::open(source.checkpoint().folder()),
                         shared_folder() / "text/calibration.txt", {.length = window, .samples = 128});
}

// The layers of `source` after a calibrated method, kept in `folder`.
void calibrate(const ModelSource& source, const Recipe& recipe, std::size_t window, const fs::path& folder,
               ThreadPool& threads) {
  std::set<std::string> targets;
  for (const LinearSite& site : decoder_linears(source.config())) targets.insert(site.module);
  const CalibrationSet set = shared_calibration(source, window);
  const auto compute = make_cpu_compute(2);
  Transformer model(*compute, source);
  LayerStore store(folder);
  Calibration(model, set.windows, {}, store, {}).run(method_of(recipe, targets, threads));
}

void prune(const fs::path& from, const Recipe& recipe, std::size_t window, const fs::path& to) {
  const ModelSource source = ModelSource::open(from);
  const SparsityPattern pattern = recipe.pattern.ends_with("%")
                                      ? SparsityPattern{.sparsity = std::stod(recipe.pattern) / 100}
                                      : SparsityPattern::parse(recipe.pattern);
  ThreadPool threads(2);
  RewrittenCheckpoint result(source.checkpoint(), source.quantization(), to / "model");
  const auto prune_one = [&](const std::string& module, std::span<const double> norms) {
    Pruned pruned = modelkit::prune(source.linear(module), norms, pattern, module, threads);
    result.write(module, pruned.weight);
    return std::move(pruned.weight);
  };
  if (recipe.method == "magnitude") {
    for (const LinearSite& site : decoder_linears(source.config())) prune_one(site.module, {});
  } else {
    const auto compute = make_cpu_compute(2);
    Transformer model(*compute, source);
    each_layer_with_norms(model, shared_calibration(source, window).windows, {},
                          [&](std::int64_t index, const InputNorms& norms, DecoderLayer& layer) {
                            const std::string prefix = layer_prefix(source.config(), index) + ".";
                            for (const LinearSite& site : layer_sites(source.config(), index).linears)
                              layer.replace(site.module,
                                            prune_one(prefix + site.module, norms.at(site.module)));
                          });
  }
  result.finish();
}

void quantize(const fs::path& from, const Recipe& recipe, std::size_t window, const fs::path& to) {
  const ModelSource source = ModelSource::open(from);
  QuantizationScheme scheme;
  scheme.bits = recipe.bits;
  scheme.group_size = recipe.group_size;
  scheme.symmetric = recipe.symmetric;
  ThreadPool threads(2);
  std::map<std::string, LinearWeight> linears;
  std::map<std::string, std::vector<float>> tensors;
  if (recipe.method != "rtn") {
    calibrate(source, recipe, window, to / "layers", threads);
    const LayerStore store(to / "layers");
    for (std::int64_t i = 0; i < source.config().layers; ++i) {
      LayerChange change = store.load(i);
      const std::string prefix = layer_prefix(source.config(), i) + ".";
      for (auto& [module, weight] : change.linears) linears[prefix + module] = std::move(weight);
      for (auto& [name, values] : change.tensors) tensors[prefix + name] = std::move(values);
    }
  }
  QuantizedCheckpoint result(source.checkpoint(), select_targets(source.config(), {"lm_head"}), scheme,
                             DType::F32, to / "model");
  for (const auto& step : result.steps()) {
    if (tensors.contains(step.name)) {
      result.write_values(step.name, tensors.at(step.name));
    } else if (!step.module) {
      result.copy(step.name);
    } else if (linears.contains(step.name)) {
      result.write(step.name, linears.at(step.name));
    } else {
      result.write(step.name,
                   quantize_rtn(source.linear(step.name), grid_of(recipe), step.name, threads).weight);
    }
  }
  result.finish();
}

}  // namespace

std::filesystem::path shared_folder() {
  const char* given = std::getenv("PRESSWORK_SHARED");
  const std::filesystem::path folder =
      given != nullptr ? given : std::filesystem::path(PRESSWORK_SOURCE_DIR) / "../shared";
  return std::filesystem::exists(folder / "reference") ? folder : std::filesystem::path();
}

std::vector<Row> rows_of(const std::filesystem::path& reference_file) {
  std::vector<Row> rows;
  const nlohmann::json document = read(reference_file);
  for (const auto& [name, texts] : document.items()) {  // texts of one name follow one another
    static const std::set<std::string> methods = {"fp32", "rtn", "gptq", "awq", "magnitude", "wanda"};
    if (!methods.contains(name.substr(0, name.find(' ')))) continue;
    for (const auto& [text, value] : texts.items()) rows.push_back({name, text, value.get<double>()});
  }
  return rows;
}

std::size_t window_of(const std::filesystem::path& reference_file) {
  return read(reference_file).at("window").get<std::size_t>();
}

Recipe recipe_of(const std::string& name) {
  Recipe recipe;
  std::istringstream words(name);
  for (std::string word; words >> word;) {
    if (word.starts_with("int")) recipe.bits = std::stoi(word.substr(3));
    if (word.size() > 1 && word[0] == 'g' && std::isdigit(static_cast<unsigned char>(word[1])) != 0) {
      recipe.group_size = std::stoll(word.substr(1));
    }
    if (word == "asym") recipe.symmetric = false;
    if (word == "gptq" || word == "awq" || word == "magnitude" || word == "wanda") recipe.method = word;
    if (word.ends_with("%") || word.find(':') != std::string::npos) recipe.pattern = word;
    if (word.starts_with("actorder")) recipe.actorder = true;
  }
  return recipe;
}

bool within_bounds(const Row& row, double ours) {
  const double off = 100.0 * (ours / row.reference - 1.0);
  if (row.name.starts_with("gptq ") || row.name.starts_with("awq ")) return off <= 0.3;
  return std::abs(off) <= (row.name == "fp32" ? 0.05 : 0.3);
}

QuantizedModel::QuantizedModel(const fs::path& folder, const Recipe& recipe, std::size_t window)
    : model_(folder), window_(window) {
  if (recipe.bits == 0 && recipe.pattern.empty()) return;
  temporary_ = fs::temp_directory_path() / ("presswork-reference-" + std::to_string(getpid()));
  fs::remove_all(temporary_);
  if (recipe.pattern.empty()) {
    quantize(folder, recipe, window, temporary_);
  } else {
    prune(folder, recipe, window, temporary_);
  }
  model_ = temporary_ / "model";
}

QuantizedModel::~QuantizedModel() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

double QuantizedModel::perplexity(const fs::path& text, unsigned threads) const {
  return evaluate_text(ModelSource::open(model_), text, {.length = window_}, threads, {}).result.perplexity;
}

}  // namespace presswork::reference
