#include "plugins/estimate/overview.h"

#include <algorithm>
#include <optional>

#include "plugins/estimate/overview_tables.h"
#include "plugins/modelkit/estimate/estimate_json.h"
#include "plugins/modelkit/estimate/model_shape.h"

namespace presswork {
namespace {

using namespace modelkit;

constexpr const char* kParallelisms[] = {"data_parallel", "tensor_parallel", "pipeline_parallel"};
constexpr const char* kPrunings[] = {"unstructured", "n_m_structured", "channel_pruning", "layer_pruning"};
constexpr const char* kPrecisions[] = {"fp32", "fp16", "int8", "int4"};

// The formulas know one 16-bit format by that name.
std::string guide_precision(const std::string& precision) { return precision == "bf16" ? "fp16" : precision; }

double required(const Context& context, const char* name) {
  if (!context.parameters().at(name).is_null()) return context.parameter<double>(name);
  throw Error("invalid_parameter", "is needed when no model folder is given", std::string("/") + name,
              "give a model folder, or params, d_model, n_layers and n_heads");
}

InferenceShape plain_shape(const Context& context, const std::string& precision) {
  InferenceShape shape;
  shape.params = required(context, "params");
  shape.d_model = required(context, "d_model");
  shape.n_layers = required(context, "n_layers");
  shape.n_heads = required(context, "n_heads");
  shape.precision = precision;
  return shape;
}

void refine(const Context& context, InferenceShape& shape) {
  const Json& with = context.parameters();
  if (!with.at("n_kv_heads").is_null()) shape.n_kv_heads = with["n_kv_heads"].get<double>();
  if (!with.at("head_dim").is_null()) shape.head_dim = with["head_dim"].get<double>();
  if (!with.at("kv_precision").is_null()) shape.kv_precision = with["kv_precision"].get<std::string>();
}

void read_shape(const Context& context, Overview& overview) {
  const auto asked = context.parameter<std::string>("precision");
  const auto folder = context.optional_input("model");
  if (folder) {
    const ModelSource model = ModelSource::open(*folder);
    overview.guide = guide_shape(model, asked == "auto" ? stored_precision(model) : asked);
    overview.exact = refined_shape(model, overview.guide, asked == "auto");
    overview.formats = format_sizes(model.checkpoint(), model.config());
    overview.stored_bytes = static_cast<double>(model.checkpoint().total_bytes());
  } else {
    overview.guide = plain_shape(context, asked == "auto" ? "fp16" : asked);
    overview.exact = overview.guide;
    overview.formats = format_sizes(overview.guide.params, overview.guide.d_model);
  }
  refine(context, overview.exact);
  for (InferenceShape* shape : {&overview.guide, &overview.exact}) {
    shape->batch_size = context.parameter<double>("batch_size");
    shape->seq_len = context.parameter<double>("seq_len");
  }
}

void match_cards(const Context& context, Overview& overview) {
  const GpuCatalogue catalogue = GpuCatalogue::load(context.parameter<std::string>("catalogue"));
  const double inference_gb = overview.inference_exact.total() / kGigabyte;
  const double training_gb = overview.training.total() / kGigabyte;
  for (const Gpu& gpu : catalogue.chosen(context.parameter<std::vector<std::string>>("gpus"), "/gpus")) {
    overview.cards.push_back(
        {gpu,
         match_gpu(inference_gb, gpu.memory_gb, gpu.price_usd, context.parameter<double>("inference_margin")),
         match_gpu(training_gb, gpu.memory_gb, gpu.price_usd, context.parameter<double>("training_margin"))});
  }
}

void predict_effects(const Context& context, Overview& overview) {
  const std::string from = guide_precision(overview.guide.precision);
  for (const char* to : kPrecisions) {
    if (bits_per_parameter(to) >= bits_per_parameter(from)) continue;
    overview.quantizations.push_back(
        {to, quantization_effect(from, to, overview.guide.params, "transformer")});
  }
  overview.sparsity = context.parameter<double>("sparsity");
  for (const char* kind : kPrunings) {
    overview.prunings.push_back({kind, pruning_effect(overview.sparsity, kind, overview.guide.params)});
  }
  overview.step_seconds = context.parameter<double>("step_seconds");
  overview.num_gpus = context.parameter<int>("num_gpus");
  const double weights_gb = overview.inference.weights / kGigabyte;
  for (const char* kind : kParallelisms) {
    overview.bandwidths.push_back(
        {kind, communication_bandwidth(weights_gb, overview.step_seconds, kind, overview.num_gpus)});
  }
}

}  // namespace

Json EstimateOverview::describe() {
  return Json::parse(R"json({
    "title": "Every estimate at once",
    "description": "Memory of inference and training, every card of the catalogue, bandwidth between cards, and what each way of quantizing and pruning is expected to bring: for a model folder, or for plain numbers (params, d_model, n_layers, n_heads). The command `presswork estimate` prints it.",
    "parameters": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "params": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": null, "description": "Parameters of the model, when no folder is given."},
        "d_model": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": null, "description": "Width of the hidden states, when no folder is given."},
        "n_layers": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": null, "description": "Decoder layers, when no folder is given."},
        "n_heads": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": null, "description": "Attention heads, when no folder is given."},
        "n_kv_heads": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": null, "description": "Key and value heads, if others than the model's."},
        "head_dim": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": null, "description": "Width of a head, if another than the model's."},
        "batch_size": {"type": "integer", "minimum": 1, "default": 1, "description": "Sequences at once."},
        "seq_len": {"type": "integer", "minimum": 1, "default": 2048, "description": "Tokens of a sequence."},
        "precision": {"type": "string", "enum": ["auto", "fp32", "fp16", "bf16", "int8", "int4", "nf4"], "default": "auto", "description": "Of the weights; auto: as the model is stored, or fp16."},
        "kv_precision": {"type": ["string", "null"], "enum": ["fp32", "fp16", "bf16", "int8", "int4", "nf4", null], "default": null, "description": "Of the KV cache, if another than that of the weights."},
        "gpus": {"type": "array", "items": {"type": "string"}, "default": [], "description": "Cards of the catalogue to look at; empty: all."},
        "catalogue": {"type": "string", "default": "", "description": "File with further cards, in the form of the shipped gpus.json."},
        "inference_margin": {"type": "number", "minimum": 0, "exclusiveMaximum": 1, "default": 0.1, "description": "Share of a card's memory that stays free in inference."},
        "training_margin": {"type": "number", "minimum": 0, "exclusiveMaximum": 1, "default": 0.2, "description": "The same in training."},
        "sparsity": {"type": "number", "minimum": 0, "exclusiveMaximum": 1, "default": 0.5, "description": "Share of weights that pruning removes."},
        "num_gpus": {"type": "integer", "minimum": 1, "default": 8, "description": "Cards that train together."},
        "step_seconds": {"type": "number", "exclusiveMinimum": 0, "default": 1, "description": "Seconds of a training step."}
      }
    },
    "inputs": {"model": {"type": "model", "required": false, "description": "Hugging Face model folder; only its headers are read."}},
    "outputs": {},
    "metrics": {
      "inference_memory": {"type": "object", "description": "By the guide's formula, as estimate/inference-memory."},
      "inference_memory_exact": {"type": "object", "description": "With grouped key/value heads, the KV precision and, for a folder, weights at their size on disk."},
      "training_memory": {"type": "object", "description": "As estimate/training-memory."},
      "gpus": {"type": "object", "description": "Card to what it is (with its source) and how many are needed for inference (by the exact memory) and training."},
      "bandwidth": {"type": "object", "description": "Parallelism to bandwidth, as estimate/bandwidth."},
      "quantization": {"type": "object", "description": "Precision to effect, as estimate/quantization-effect."},
      "pruning": {"type": "object", "description": "Kind of pruning to effect, as estimate/pruning-effect."},
      "weight_formats": {"type": "array", "description": "Bits of a weight with scales and zero points, and bytes of the model, for each weight format."},
      "tables": {"type": "array", "description": "The same as tables to print: title, columns, rows."}
    },
    "cacheable": false,
    "reads_run": false
  })json");
}

void EstimateOverview::run(const Context& context) {
  Overview overview;
  read_shape(context, overview);
  const InferenceShape& shape = overview.guide;
  overview.inference = inference_memory(shape);
  overview.inference_exact = inference_memory(overview.exact);
  // Nobody trains the four- and eight-bit forms: the guide's formula is for floating point.
  overview.training_precision = bits_per_parameter(shape.precision) < 16 ? "fp16" : shape.precision;
  overview.training = training_memory(shape.params, shape.batch_size, shape.seq_len, shape.d_model,
                                      shape.n_layers, overview.training_precision);
  match_cards(context, overview);
  predict_effects(context, overview);
  const Json figures = figures_of(overview);
  for (const auto& [name, value] : figures.items()) context.metric(name, value);
  context.metric("tables", tables_of(overview));
}

}  // namespace presswork
