#include "plugins/estimate/overview_tables.h"

#include <cstdio>

#include "plugins/modelkit/estimate/estimate_json.h"

namespace presswork {
namespace {

using namespace modelkit;
using Json = nlohmann::json;

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// Three significant digits, and no exponent: 0.00342, 21.8, 95.6.
std::string short_number(double value) {
  const double size = value < 0 ? -value : value;
  if (size == 0) return "0";
  int digits = 2;
  for (double limit = 10; limit <= size && digits > 0; limit *= 10) --digits;
  for (double limit = 1; size < limit && digits < 9; limit /= 10) ++digits;
  return fixed(value, digits);
}

// In GB, or MB where that reads better.
std::string gigabytes(double bytes) {
  const bool small = (bytes < 0 ? -bytes : bytes) < kGigabyte / 10;
  return small ? short_number(bytes / kMegabyte) + " MB" : short_number(bytes / kGigabyte) + " GB";
}
std::string percent(double value) { return short_number(value) + " %"; }
std::string times(double value) { return short_number(value) + "x"; }
std::string dollars(double value) { return "$" + fixed(value, 0); }

Json table(const std::string& title, Json columns, Json rows) {
  return {{"title", title}, {"columns", std::move(columns)}, {"rows", std::move(rows)}};
}

std::string load_of(const InferenceShape& shape) {
  return "batch " + fixed(shape.batch_size, 0) + ", " + fixed(shape.seq_len, 0) + " tokens";
}

Json memory_row(const char* name, const InferenceMemory& memory) {
  return {name,
          gigabytes(memory.weights),
          gigabytes(memory.kv_cache),
          gigabytes(memory.activation),
          gigabytes(memory.buffer),
          gigabytes(memory.total()),
          short_number(memory.kv_cache_per_token / kMegabyte) + " MB"};
}

Json inference_table(const Overview& o) {
  return table("memory of inference, " + o.guide.precision + ", " + load_of(o.guide),
               {"", "weights", "KV cache", "activation", "buffer", "total", "KV a token"},
               {memory_row("guide's formula", o.inference),
                memory_row(o.stored_bytes ? "this model" : "as asked", o.inference_exact)});
}

Json training_table(const Overview& o) {
  const TrainingMemory& m = o.training;
  return table("memory of training, " + o.training_precision + ", " + load_of(o.guide),
               {"weights", "gradients", "optimizer", "activations", "buffer", "total"},
               Json::array({{gigabytes(m.weights), gigabytes(m.gradients), gigabytes(m.optimizer),
                             gigabytes(m.activations), gigabytes(m.buffer), gigabytes(m.total())}}));
}

Json cards_table(const Overview& o) {
  Json rows = Json::array();
  for (const Card& card : o.cards) {
    rows.push_back({card.gpu.name, short_number(card.gpu.memory_gb) + " GB",
                    std::to_string(card.inference.count), percent(card.inference.utilization),
                    dollars(card.inference.cost), std::to_string(card.training.count),
                    percent(card.training.utilization), dollars(card.training.cost),
                    short_number(card.inference.cost_efficiency * 1000)});
  }
  return table("cards",
               {"card", "memory", "to infer", "used", "cost", "to train", "used", "cost", "GB per $1000"},
               rows);
}

Json bandwidth_table(const Overview& o) {
  Json rows = Json::array();
  for (const auto& [name, bandwidth] : o.bandwidths) {
    rows.push_back({name, short_number(bandwidth.required) + " GB/s", short_number(bandwidth.efficiency)});
  }
  return table("bandwidth between " + std::to_string(o.num_gpus) + " cards, " + short_number(o.step_seconds) +
                   " s a step",
               {"parallelism", "needed", "of size per step"}, rows);
}

Json quantization_table(const Overview& o) {
  Json rows = Json::array();
  for (const auto& [name, effect] : o.quantizations) {
    rows.push_back({name, times(effect.ratio), percent(effect.memory_saving),
                    gigabytes(effect.size_reduction), percent(effect.accuracy_degradation),
                    times(effect.theoretical_speedup), times(effect.bandwidth_speedup),
                    effect.recommended ? "yes" : "no"});
  }
  return table(
      "quantization from " + o.guide.precision,
      {"to", "ratio", "saves", "smaller by", "accuracy loss", "speed", "by bandwidth", "recommended"}, rows);
}

Json formats_table(const Overview& o) {
  Json rows = Json::array();
  const double now = o.stored_bytes.value_or(o.inference.weights);
  for (const FormatSize& size : o.formats) {
    rows.push_back({size.format.name, short_number(size.bits_per_weight), gigabytes(size.bytes),
                    times(now / size.bytes)});
  }
  return table(o.stored_bytes ? "weight formats, exact for this model"
                              : "weight formats, if every weight is stored so",
               {"format", "bits a weight", "weights", "ratio"}, rows);
}

Json pruning_table(const Overview& o) {
  Json rows = Json::array();
  for (const auto& [name, effect] : o.prunings) {
    rows.push_back({name, short_number(effect.effective), times(effect.speedup),
                    gigabytes(effect.memory_saving), percent(effect.accuracy_degradation),
                    short_number(effect.max_sparsity)});
  }
  return table("pruning to sparsity " + short_number(o.sparsity),
               {"kind", "effective", "speed", "smaller by", "accuracy loss", "at most"}, rows);
}

Json describe(const Card& card) {
  const Gpu& gpu = card.gpu;
  return {{"memory_gb", gpu.memory_gb},
          {"fp16_tflops", gpu.fp16_tflops},
          {"price_usd", gpu.price_usd},
          {"bandwidth_gbps", gpu.bandwidth_gbps},
          {"interconnect", gpu.interconnect},
          {"interconnect_gbps", gpu.interconnect_gbps},
          {"source", gpu.source},
          {"inference", to_json(card.inference)},
          {"training", to_json(card.training)}};
}

}  // namespace

Json figures_of(const Overview& o) {
  Json gpus = Json::object(), bandwidth = Json::object(), quantization = Json::object(),
       pruning = Json::object(), formats = Json::array();
  for (const Card& card : o.cards) gpus[card.gpu.name] = describe(card);
  for (const auto& [name, b] : o.bandwidths) {
    bandwidth[name] = {{"required_bandwidth_gbps", b.required}, {"communication_efficiency", b.efficiency}};
  }
  for (const auto& [name, effect] : o.quantizations) quantization[name] = to_json(effect);
  for (const auto& [name, effect] : o.prunings) pruning[name] = to_json(effect, o.sparsity);
  for (const FormatSize& size : o.formats) {
    formats.push_back(
        {{"format", size.format.name}, {"bits_per_weight", size.bits_per_weight}, {"bytes", size.bytes}});
  }
  return {{"inference_memory", to_json(o.inference)},
          {"inference_memory_exact", to_json(o.inference_exact)},
          {"training_memory", to_json(o.training)},
          {"gpus", gpus},
          {"bandwidth", bandwidth},
          {"quantization", quantization},
          {"pruning", pruning},
          {"weight_formats", formats}};
}

Json tables_of(const Overview& o) {
  return {inference_table(o),    training_table(o), cards_table(o),  bandwidth_table(o),
          quantization_table(o), formats_table(o),  pruning_table(o)};
}

}  // namespace presswork
