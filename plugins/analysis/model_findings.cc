#include "plugins/analysis/model_findings.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "plugins/modelkit/analyze/activation_statistics.h"
#include "plugins/modelkit/analyze/sensitivity.h"
#include "plugins/modelkit/analyze/weight_statistics.h"
#include "plugins/modelkit/data/calibration_set.h"
#include "plugins/modelkit/data/digest.h"
#include "plugins/modelkit/estimate/weight_formats.h"
#include "plugins/modelkit/evaluate/text_evaluation.h"
#include "plugins/modelkit/wording/message.h"

namespace presswork::analysis {

using namespace modelkit;

namespace {

Json to_json(const WeightStatistics& s) {
  return {{"count", s.count},         {"zeros", s.zeros},
          {"minimum", s.minimum},     {"maximum", s.maximum},
          {"mean", s.mean},           {"deviation", s.deviation},
          {"kurtosis", s.kurtosis},   {"outlier_columns", s.outlier_columns},
          {"dead_rows", s.dead_rows}, {"dead_columns", s.dead_columns},
          {"histogram", s.histogram}};
}

// Tensors with the same bytes, each group by the name of its first.
Json duplicates_of(const Checkpoint& checkpoint) {
  std::map<std::string, std::vector<std::string>> by_digest;
  constexpr std::size_t kSmallest = 4096;  // bytes: norms of ones are alike and cost nothing
  for (const std::string& name : checkpoint.names()) {
    const TensorView& tensor = checkpoint.tensor(name);
    if (tensor.bytes.size() < kSmallest) continue;
    Sha256 digest;
    digest.update(tensor.bytes);
    by_digest[digest.text()].push_back(name);
    checkpoint.release(name);
  }
  Json groups = Json::array();
  for (const auto& [digest, names] : by_digest) {
    if (names.size() > 1) groups.push_back(names);
  }
  return groups;
}

Json summary_of(const Json& modules) {
  double kurtosis = 0, largest = 0;
  std::int64_t outliers = 0, dead = 0, zeros = 0, count = 0;
  std::string worst;
  for (const auto& [name, m] : modules.items()) {
    if (m.at("kurtosis") > kurtosis) {
      kurtosis = m.at("kurtosis");
      worst = name;
    }
    largest = std::max({largest, m.at("maximum").get<double>(), -m.at("minimum").get<double>()});
    outliers += static_cast<std::int64_t>(m.at("outlier_columns").size());
    dead += m.at("dead_rows").get<std::int64_t>() + m.at("dead_columns").get<std::int64_t>();
    zeros += m.at("zeros").get<std::int64_t>();
    count += m.at("count").get<std::int64_t>();
  }
  return {{"largest_kurtosis", kurtosis},
          {"largest_kurtosis_module", worst},
          {"largest_weight", largest},
          {"outlier_columns", outliers},
          {"dead_rows_and_columns", dead},
          {"zeros", zeros},
          {"sparsity", count == 0 ? 0.0 : static_cast<double>(zeros) / static_cast<double>(count)}};
}

Json advice(const Message& text, const Message& reason) {
  Json json;
  put(json, "advice", text);
  put(json, "reason", reason);
  return json;
}

Message percent(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value < 10 ? "%.2g %%" : "%.0f %%", value);
  return Message::verbatim(text);
}

Message count(const Json& value) { return Message::verbatim(std::to_string(value.get<int>())); }

void advise_by_sensitivity(const Json& sensitivity, Json& list) {
  const Json& model = sensitivity.at("model");
  for (const char* name : {"int4", "int8"}) {
    const double loss = model.at(name).at("loss_percent");
    if (loss >= 5) continue;
    list.push_back(
        advice(Message("quantize to {0}", {Message::verbatim(name)}),
               Message("rounding every linear so raises the perplexity by {0}, under 5 %", {percent(loss)})));
    break;
  }
  const Json& layers = model.at("int4").at("layers");
  const auto worst = std::max_element(layers.begin(), layers.end());
  double sum = 0;
  for (const Json& loss : layers) sum += std::max(0.0, loss.get<double>());
  if (worst != layers.end() && sum > 0 &&
      worst->get<double>() > 2 * sum / static_cast<double>(layers.size())) {
    list.push_back(
        advice(Message("keep layer {0} in more bits than the others", {count(worst - layers.begin())}),
               Message("in four bits it alone raises the perplexity by {0}, over twice the layers' mean",
                       {percent(*worst)})));
  }
  const double sparse = model.at("sparse50").at("loss_percent");
  if (sparse > 10) {
    list.push_back(advice(
        Message("do not prune half of the weights without training afterwards"),
        Message("removing the smallest half of each row raises the perplexity by {0}", {percent(sparse)})));
  }
}

}  // namespace

Json weight_findings(const Context& context, const ModelSource& model) {
  ThreadPool threads(context.threads());
  Json modules = Json::object();
  const auto linears = decoder_linears(model.config());
  for (const LinearSite& site : linears) {
    context.check_cancelled();
    const LinearWeight weight = model.linear(site.module);
    Json found = to_json(weight_statistics(weight, site.module, threads));
    for (const Coarsening& coarsening : coarsenings()) {
      found["errors"][coarsening.name] = weight_error(weight, coarsening.apply(weight, site.module, threads));
    }
    modules[site.module] = std::move(found);
    model.checkpoint().release(site.module);
    context.progress(static_cast<double>(modules.size()), static_cast<double>(linears.size()), "linears");
  }
  const Json summary = summary_of(modules);
  return {{"modules", modules}, {"duplicates", duplicates_of(model.checkpoint())}, {"summary", summary}};
}

Json activation_findings(const Context& context, const ModelSource& model,
                         const std::optional<std::filesystem::path>& calibration) {
  const CalibrationSet set = calibration_set(Tokenizer::open(model.checkpoint().folder()), calibration,
                                             {.length = context.parameter<std::size_t>("window"),
                                              .samples = context.parameter<std::size_t>("samples")});
  const auto compute = make_cpu_compute(context.threads());
  Transformer transformer(*compute, model);
  const auto statistics = activation_statistics(
      transformer, set.windows, state_limit(context.memory(), context.scratch_dir()), [&](double share) {
        context.progress(share, 1, "activations");
        context.check_cancelled();
      });
  Json modules = Json::object();
  std::int64_t outliers = 0;
  double largest = 0;
  for (const auto& [module, s] : statistics) {
    outliers += static_cast<std::int64_t>(s.outlier_channels.size());
    largest = std::max(largest, s.largest);
    modules[module] = {{"tokens", s.tokens},
                       {"largest", s.largest},
                       {"root_mean_square", s.root_mean_square},
                       {"kurtosis", s.kurtosis},
                       {"outlier_channels", s.outlier_channels}};
  }
  return {{"modules", modules},
          {"windows", set.windows.count()},
          {"window", set.windows.length()},
          {"bundled", set.bundled},
          {"summary", {{"outlier_channels", outliers}, {"largest", largest}}}};
}

Json sensitivity_findings(const Context& context, const ModelSource& model,
                          const std::filesystem::path& text) {
  const TokenWindows windows =
      read_windows(Tokenizer::open(model.checkpoint().folder()), text,
                   {.length = context.parameter<std::size_t>("window"),
                    .samples = context.parameter<std::size_t>("sensitivity_windows")});
  const auto compute = make_cpu_compute(context.threads());
  Transformer transformer(*compute, model);
  ThreadPool threads(context.threads());
  Json found = Json::object();
  for (const Sensitivity& s : measure_sensitivity(transformer, windows, threads, [&](double share) {
         context.progress(share, 1, "sensitivity");
         context.check_cancelled();
       })) {
    found[s.name] = {{"loss_percent", s.loss_percent}, {"layers", s.layers}};
  }
  return {{"model", found}, {"windows", windows.count()}, {"window", windows.length()}};
}

Json potential_of(const ModelSource& model, const Json& analysis) {
  Json formats = Json::array();
  const auto bytes = static_cast<double>(model.checkpoint().total_bytes());
  for (const FormatSize& size : format_sizes(model.checkpoint(), model.config())) {
    formats.push_back({{"format", size.format.name},
                       {"bits_per_weight", size.bits_per_weight},
                       {"bytes", size.bytes},
                       {"ratio", bytes / size.bytes}});
  }
  const Json& kinds = analysis.at("parameters_by_kind");
  const double linears = kinds.value("attention", 0.0) + kinds.value("mlp", 0.0);
  return {{"formats", formats}, {"share_of_linears", linears / analysis.at("parameters").get<double>()}};
}

Json recommendations_of(const Json& analysis) {
  Json list = Json::array();
  if (analysis.contains("sensitivity")) advise_by_sensitivity(analysis["sensitivity"], list);
  const double share = analysis.at("potential").at("share_of_linears");
  if (share < 0.7) {
    list.push_back(advice(
        Message("do not expect the ratio of the bits"),
        Message("only {0} of the parameters are in linears of the decoder; embeddings stay as they are",
                {percent(share * 100)})));
  }
  const Json& model = analysis.at("model");
  if (analysis.contains("weights")) {
    const Json& summary = analysis["weights"].at("summary");
    if (summary.at("outlier_columns") > 0) {
      list.push_back(advice(
          Message("use small groups, or a calibrated method"),
          Message("{0} input columns are over four times as large as the median's and stretch the scales",
                  {count(summary.at("outlier_columns"))})));
    }
    if (!analysis["weights"].at("duplicates").empty()) {
      list.push_back(advice(Message("store equal tensors once"),
                            Message("some tensors have the same bytes: see weights.duplicates")));
    }
    if (summary.at("dead_rows_and_columns") > 0) {
      list.push_back(
          advice(Message("remove dead rows and columns"),
                 Message("{0} hold nothing but zeros", {count(summary.at("dead_rows_and_columns"))})));
    }
  }
  if (analysis.contains("activations") && analysis["activations"].at("summary").at("outlier_channels") > 0) {
    list.push_back(advice(Message("smooth the activations before they are quantized"),
                          Message("{0} input channels are over six times as large as the median's",
                                  {count(analysis["activations"]["summary"]["outlier_channels"])})));
  }
  if (model.at("n_kv_heads") == model.at("n_heads")) {
    list.push_back(advice(
        Message("keep keys and values in eight bits when contexts are long"),
        Message("there is a key and value head for each head, so the cache is as large as it can be")));
  }
  return list;
}

}  // namespace presswork::analysis
