#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "orchestrator/base/error.h"
#include "orchestrator/cli/calling.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/params.h"
#include "orchestrator/cli/scratch_folder.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/table.h"
#include "orchestrator/report/text.h"
#include "orchestrator/workflow/param_value.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

// The stage that does the work; any plugin may offer it.
constexpr const char* kStage = "estimate/overview";

struct EstimateOptions {
  std::string model, params, catalogue, precision, kv_precision;
  std::optional<double> width, layers, heads, kv_heads, head_dim;
  std::optional<int> batch, tokens;
  std::vector<std::string> gpus, with;
};

// "7B", "350M" or "6.7e9".
double count_of(const std::string& text) {
  std::size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  const std::string unit = text.substr(used);
  const double factor = unit.empty() ? 1 : unit == "K" ? 1e3 : unit == "M" ? 1e6 : unit == "B" ? 1e9 : 0;
  if (used == 0 || factor == 0 || !(value > 0)) {
    throw Error(ErrorCode::usage, "--params: \"" + text + "\" is no number of parameters",
                "write 7B, 350M or 6.7e9");
  }
  return value * factor;
}

Json parameters_of(const plugins::StageDescription& stage, const EstimateOptions& options) {
  Json with = Json::object();
  const auto put = [&](const char* name, const auto& value) {
    if (value) with[name] = *value;
  };
  if (!options.params.empty()) with["params"] = count_of(options.params);
  put("d_model", options.width);
  put("n_layers", options.layers);
  put("n_heads", options.heads);
  put("n_kv_heads", options.kv_heads);
  put("head_dim", options.head_dim);
  put("batch_size", options.batch);
  put("seq_len", options.tokens);
  if (!options.precision.empty()) with["precision"] = options.precision;
  if (!options.kv_precision.empty()) with["kv_precision"] = options.kv_precision;
  if (!options.catalogue.empty()) with["catalogue"] = fs::absolute(options.catalogue).string();
  if (!options.gpus.empty()) with["gpus"] = options.gpus;
  const Json properties = stage.parameters.value("properties", Json::object());
  for (const std::string& assignment : options.with) {
    const auto [name, value] = split_assignment(assignment, "--with");
    with[name] = workflow::read_value(properties.value(name, Json()), value);
  }
  return with;
}

std::string table_text(const Json& table, const report::Style& style) {
  std::vector<report::Table::Column> columns;
  for (const Json& title : table.at("columns")) {
    columns.push_back({style.bold(report::one_line(title.get<std::string>())),
                       columns.empty() ? report::Table::Align::left : report::Table::Align::right});
  }
  report::Table text(std::move(columns));
  for (const Json& row : table.at("rows")) {
    std::vector<std::string> cells;
    for (const Json& cell : row) cells.push_back(report::one_line(cell.get<std::string>()));
    text.add(std::move(cells));
  }
  return style.bold(report::one_line(table.at("title").get<std::string>())) + "\n" + text.text(2);
}

std::string tables_text(const Json& tables, const report::Style& style) {
  std::string text;
  try {
    for (const Json& table : tables) text += (text.empty() ? "" : "\n") + table_text(table, style);
  } catch (const Json::exception&) {
    throw Error(
        ErrorCode::incompatible,
        std::string(kStage) + " gave tables of another form than its description says",
        "a plugin of another version may be in the way: see `presswork plugins " + std::string(kStage) + "`");
  }
  return text;
}

int estimate(Session& session, const EstimateOptions& options) {
  if (options.model.empty() == options.params.empty()) {
    throw Error(ErrorCode::usage, "give either a model folder or --params",
                "for example: presswork estimate --params 7B --width 4096 --layers 32 --heads 32");
  }
  const plugins::StageDescription& stage = session.stage(kStage);
  const ScratchFolder folder;
  engine::CallRequest request;
  request.with = parameters_of(stage, options);
  if (!options.model.empty()) request.inputs.emplace("model", options.model);
  request.out = folder.path();
  request.cores = 1;
  const Called called = call(session, stage, request);
  if (called.code != kOk) {
    complain(session, stage, called.result);
    return called.code;
  }
  auto metrics = called.result.outcome.metrics;
  const Json tables = metrics["tables"];
  metrics.erase("tables");
  if (session.options().json) {
    session.output().json(Json(metrics));
  } else {
    session.output().text(tables_text(tables, session.output().style()));
  }
  return kOk;
}

void define(CLI::App& app, EstimateOptions& o) {
  const auto add = [&](const char* name, auto& value, const char* type, const char* help) {
    app.add_option(name, value, help)->type_name(type);
  };
  add("MODEL", o.model, "", "Hugging Face model folder; only its headers are read");
  add("--params", o.params, "N", "Parameters of the model instead of a folder: 7B, 350M, 6.7e9");
  add("--width", o.width, "N", "Width of the hidden states");
  add("--layers", o.layers, "N", "Decoder layers");
  add("--heads", o.heads, "N", "Attention heads");
  add("--kv-heads", o.kv_heads, "N", "Key and value heads, if fewer than heads");
  add("--head-dim", o.head_dim, "N", "Width of a head, if not width / heads");
  add("--batch", o.batch, "N", "Sequences at once (default: 1)");
  add("--seq-len", o.tokens, "N", "Tokens of a sequence (default: 2048)");
  add("--precision", o.precision, "P", "fp32, fp16, bf16, int8, int4 or nf4 (default: as stored, or fp16)");
  add("--kv-precision", o.kv_precision, "P", "Of the KV cache, if another");
  add("--gpu", o.gpus, "NAME", "Card of the catalogue (may be repeated; default: all)");
  add("--catalogue", o.catalogue, "FILE", "JSON file with further cards, each with its source");
  app.get_option("--gpu")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--with", o.with, "Any other parameter of estimate/overview (may be repeated)")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace

Verb estimate_verb() {
  return {
      "estimate", "Memory, cards and effects of compression, by formula",
      "Estimates what a model needs in inference and training, which cards hold it at what cost, what "
      "bandwidth "
      "training needs between them, and what quantization and pruning are expected to bring. Estimates, not "
      "measurements: nothing is run.",
      "  presswork estimate examples/models/tiny-llama\n"
      "  presswork estimate --params 6.7e9 --width 4096 --layers 32 --heads 32 --batch 8 --gpu RTX_4090",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<EstimateOptions>();
        define(app, *options);
        return [options](Session& session) { return estimate(session, *options); };
      }};
}

}  // namespace presswork::cli
