#include "integration/reference/reference_rows.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "plugins/modelkit/evaluate/text_evaluation.h"
#include "plugins/modelkit/quantize/quantized_checkpoint.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"

namespace presswork::reference {
namespace {

using namespace modelkit;

nlohmann::json read(const std::filesystem::path& file) { return nlohmann::json::parse(std::ifstream(file)); }

void quantize(const std::filesystem::path& from, const Recipe& recipe, const std::filesystem::path& to) {
  const ModelSource source = ModelSource::open(from);
  QuantizationScheme scheme;
  scheme.bits = recipe.bits;
  scheme.group_size = recipe.group_size;
  scheme.symmetric = recipe.symmetric;
  const QuantizationGrid grid{recipe.bits, recipe.group_size, recipe.symmetric, DType::F32};
  QuantizedCheckpoint result(source.checkpoint(), select_targets(source.config(), {"lm_head"}), scheme,
                             DType::F32, to);
  ThreadPool threads(2);
  for (const auto& step : result.steps()) {
    if (step.module) {
      result.write(step.name, quantize_rtn(source.linear(step.name), grid, step.name, threads).weight);
    } else {
      result.copy(step.name);
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
  for (const auto& [name, texts] : document.items()) {
    if (name != "fp32" && !name.starts_with("rtn ")) continue;
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
  }
  return recipe;
}

double measure(const std::filesystem::path& folder, const Recipe& recipe, const std::filesystem::path& text,
               std::size_t window, unsigned threads) {
  Sampling sampling;
  sampling.length = window;
  if (recipe.bits == 0)
    return evaluate_text(ModelSource::open(folder), text, sampling, threads, {}).result.perplexity;
  const auto quantized =
      std::filesystem::temp_directory_path() / ("presswork-reference-" + std::to_string(getpid()));
  std::filesystem::remove_all(quantized);
  quantize(folder, recipe, quantized);
  const double value =
      evaluate_text(ModelSource::open(quantized), text, sampling, threads, {}).result.perplexity;
  std::filesystem::remove_all(quantized);
  return value;
}

}  // namespace presswork::reference
