// estimate/*: the guide's formulas as stages; a family of small ones in one plugin.
#include "plugins/estimate/overview.h"
#include "plugins/modelkit/estimate/effects.h"
#include "plugins/modelkit/estimate/estimate_json.h"
#include "plugins/modelkit/estimate/memory.h"
#include "presswork/stage.hpp"

namespace presswork {
namespace {

using namespace modelkit;

// The schema of one parameter.
Json number(const char* description) {
  return {{"type", "number"}, {"exclusiveMinimum", 0}, {"description", description}};
}

Json precision(const char* description, const char* fallback) {
  Json schema = {{"type", "string"},
                 {"enum", {"fp32", "fp16", "bf16", "int8", "int4", "nf4"}},
                 {"description", description}};
  if (fallback != nullptr) schema["default"] = fallback;
  return schema;
}

// A parameter that may be left out: null then.
Json optional(Json schema) {
  schema["type"] = {schema.at("type"), "null"};
  if (schema.contains("enum")) schema["enum"].push_back(nullptr);
  schema["default"] = nullptr;
  return schema;
}

Json metric(const char* type, const char* unit, const char* description) {
  return {{"type", type}, {"unit", unit}, {"description", description}};
}

Json description(const char* title, const char* text, Json properties, Json required, Json metrics) {
  return {{"title", title},
          {"description", text},
          {"parameters",
           {{"type", "object"},
            {"additionalProperties", false},
            {"properties", std::move(properties)},
            {"required", std::move(required)}}},
          {"inputs", Json::object()},
          {"outputs", Json::object()},
          {"metrics", std::move(metrics)},
          {"cacheable", true},
          {"reads_run", false}};
}

void report(const Context& context, const Json& metrics) {
  for (const auto& [name, value] : metrics.items()) context.metric(name, value);
}

}  // namespace

class TrainingMemoryStage : public Stage {
 public:
  static constexpr const char* id = "estimate/training-memory";
  static Json describe() {
    return description(
        "Estimate the memory of training",
        "Weights, gradients, Adam's moments and activations, by the guide's formula.",
        {{"params", number("Parameters of the model.")},
         {"batch_size", number("Sequences in a batch.")},
         {"seq_len", number("Tokens in a sequence.")},
         {"d_model", number("Width of the hidden states.")},
         {"n_layers", number("Decoder layers.")},
         {"precision", precision("Of weights, gradients and activations.", "fp16")}},
        {"params", "batch_size", "seq_len", "d_model", "n_layers"},
        {{"total_memory_gb", metric("number", "GB", "All of it.")},
         {"model_memory_gb", metric("number", "GB", "Weights, gradients and optimizer.")},
         {"activation_memory_gb", metric("number", "GB", "Activations of all layers.")},
         {"buffer_memory_gb", metric("number", "GB", "20 % of the model's memory.")},
         {"breakdown", metric("object", "GB", "Weights, optimizer, gradients, activations.")}});
  }
  void run(const Context& context) override {
    const auto value = [&](const char* name) { return context.parameter<double>(name); };
    const TrainingMemory memory =
        training_memory(value("params"), value("batch_size"), value("seq_len"), value("d_model"),
                        value("n_layers"), context.parameter<std::string>("precision"));
    report(context, to_json(memory));
  }
};

class InferenceMemoryStage : public Stage {
 public:
  static constexpr const char* id = "estimate/inference-memory";
  static Json describe() {
    return description(
        "Estimate the memory of inference",
        "Weights, KV cache, current activations and a buffer, by the guide's formula; optionally for "
        "grouped-query models and another KV precision.",
        {{"params", number("Parameters of the model.")},
         {"batch_size", number("Sequences at once.")},
         {"seq_len", number("Tokens in a sequence.")},
         {"d_model", number("Width of the hidden states.")},
         {"n_layers", number("Decoder layers.")},
         {"n_heads", number("Attention heads.")},
         {"precision", precision("Of weights and activations.", "fp16")},
         {"n_kv_heads",
          optional(number("Key and value heads, if fewer than heads (grouped-query attention)."))},
         {"head_dim", optional(number("Width of a head, if not d_model / n_heads."))},
         {"kv_precision", optional(precision("Of the KV cache, if another.", nullptr))}},
        {"params", "batch_size", "seq_len", "d_model", "n_layers", "n_heads"},
        {{"total_memory_gb", metric("number", "GB", "All of it.")},
         {"model_memory_gb", metric("number", "GB", "Weights.")},
         {"kv_cache_memory_gb", metric("number", "GB", "Keys and values of all layers.")},
         {"activation_memory_gb", metric("number", "GB", "Activations of the current layer.")},
         {"buffer_memory_gb", metric("number", "GB", "10 % of the weights.")},
         {"kv_cache_per_token_mb", metric("number", "MB", "KV cache divided by the sequence length.")}});
  }
  void run(const Context& context) override {
    const Json& with = context.parameters();
    InferenceShape shape;
    shape.params = with.at("params");
    shape.batch_size = with.at("batch_size");
    shape.seq_len = with.at("seq_len");
    shape.d_model = with.at("d_model");
    shape.n_layers = with.at("n_layers");
    shape.n_heads = with.at("n_heads");
    shape.precision = with.at("precision");
    if (!with.at("n_kv_heads").is_null()) shape.n_kv_heads = with["n_kv_heads"].get<double>();
    if (!with.at("head_dim").is_null()) shape.head_dim = with["head_dim"].get<double>();
    if (!with.at("kv_precision").is_null()) shape.kv_precision = with["kv_precision"].get<std::string>();
    report(context, to_json(inference_memory(shape)));
  }
};

class GpuMatchingStage : public Stage {
 public:
  static constexpr const char* id = "estimate/gpu-matching";
  static Json describe() {
    Json gpus = {{"type", "object"},
                 {"minProperties", 1},
                 {"description", "Cards by name, each with memory_gb and price_usd."},
                 {"additionalProperties",
                  {{"type", "object"},
                   {"required", {"memory_gb", "price_usd"}},
                   {"properties", {{"memory_gb", number("GB.")}, {"price_usd", number("USD.")}}}}}};
    // The guide's three.
    gpus["default"] = {{"RTX_4090", {{"memory_gb", 24}, {"fp16_tflops", 166}, {"price_usd", 1600}}},
                       {"A100_80GB", {{"memory_gb", 80}, {"fp16_tflops", 312}, {"price_usd", 20000}}},
                       {"H100", {{"memory_gb", 80}, {"fp16_tflops", 534}, {"price_usd", 30000}}}};
    Json margin = number("Share of a card's memory that stays free.");
    margin.erase("exclusiveMinimum");
    margin.update({{"minimum", 0}, {"exclusiveMaximum", 1}, {"default", 0.2}});
    return description(
        "Match graphics cards to a need of memory",
        "How many of each card are needed, how full they are and what they cost. One metric per "
        "card, named after it.",
        {{"memory_required_gb", number("What is to fit, in GB.")},
         {"safety_margin", std::move(margin)},
         {"target_gpus", std::move(gpus)}},
        {"memory_required_gb"}, Json::object());
  }
  void run(const Context& context) override {
    const double required = context.parameter<double>("memory_required_gb");
    const double margin = context.parameter<double>("safety_margin");
    for (const auto& [name, gpu] : context.parameters().at("target_gpus").items()) {
      const GpuMatch match = match_gpu(required, gpu.at("memory_gb"), gpu.at("price_usd"), margin);
      context.metric(name, to_json(match));
    }
  }
};

class BandwidthStage : public Stage {
 public:
  static constexpr const char* id = "estimate/bandwidth";
  static Json describe() {
    Json gpus = {{"type", "integer"}, {"minimum", 1}, {"description", "Cards that take part."}};
    Json kind = {{"type", "string"},
                 {"enum", {"data_parallel", "tensor_parallel", "pipeline_parallel"}},
                 {"description", "How the work is divided."}};
    return description("Estimate the bandwidth between cards in training", "By the guide's formula.",
                       {{"model_size_gb", number("Size of the model, in GB.")},
                        {"training_time_per_step", number("Seconds for a step.")},
                        {"parallelism_type", std::move(kind)},
                        {"num_gpus", std::move(gpus)}},
                       {"model_size_gb", "training_time_per_step", "parallelism_type", "num_gpus"},
                       {{"required_bandwidth_gbps", metric("number", "GB/s", "What the cards exchange.")},
                        {"parallelism_type", metric("string", "", "As asked.")},
                        {"num_gpus", metric("integer", "", "As asked.")},
                        {"communication_efficiency", metric("number", "", "Bandwidth / (size / step).")}});
  }
  void run(const Context& context) override {
    const auto kind = context.parameter<std::string>("parallelism_type");
    const int gpus = context.parameter<int>("num_gpus");
    const Bandwidth bandwidth =
        communication_bandwidth(context.parameter<double>("model_size_gb"),
                                context.parameter<double>("training_time_per_step"), kind, gpus);
    report(context, {{"required_bandwidth_gbps", bandwidth.required},
                     {"parallelism_type", kind},
                     {"num_gpus", gpus},
                     {"communication_efficiency", bandwidth.efficiency}});
  }
};

class QuantizationEffectStage : public Stage {
 public:
  static constexpr const char* id = "estimate/quantization-effect";
  static Json describe() {
    Json type = {{"type", "string"},
                 {"enum", {"transformer", "cnn", "rnn"}},
                 {"default", "transformer"},
                 {"description", "Kind of model."}};
    return description(
        "Estimate what quantization brings",
        "Ratio, saving, speed and accuracy, by the guide's formula and table.",
        {{"original_precision", precision("Before.", nullptr)},
         {"target_precision", precision("After.", nullptr)},
         {"model_params", number("Parameters of the model.")},
         {"model_type", std::move(type)}},
        {"original_precision", "target_precision", "model_params"},
        {{"compression_ratio", metric("number", "x", "Bits before / bits after.")},
         {"memory_saving_percent", metric("number", "%", "Of the weights.")},
         {"model_size_reduction_mb", metric("number", "MB", "Of the weights.")},
         {"estimated_accuracy_degradation_percent", metric("number", "%", "By the guide's table.")},
         {"theoretical_speedup", metric("number", "x", "0.7 times the ratio.")},
         {"memory_bandwidth_speedup", metric("number", "x", "The ratio, at most 2.")},
         {"recommended_for_deployment", metric("boolean", "", "Degradation under 5 % and ratio over 1.5.")}});
  }
  void run(const Context& context) override {
    const QuantizationEffect effect = quantization_effect(
        context.parameter<std::string>("original_precision"),
        context.parameter<std::string>("target_precision"), context.parameter<double>("model_params"),
        context.parameter<std::string>("model_type"));
    report(context, to_json(effect));
  }
};

class PruningEffectStage : public Stage {
 public:
  static constexpr const char* id = "estimate/pruning-effect";
  static Json describe() {
    Json sparsity = {{"type", "number"},
                     {"minimum", 0},
                     {"exclusiveMaximum", 1},
                     {"description", "Share of weights set to zero."}};
    Json type = {{"type", "string"},
                 {"description",
                  "unstructured, n_m_structured, channel_pruning, layer_pruning; others count as "
                  "0.5 efficient with a penalty of 0.5."}};
    return description(
        "Estimate what pruning brings", "Speed, memory and accuracy, by the guide's formula.",
        {{"sparsity_ratio", std::move(sparsity)},
         {"pruning_type", std::move(type)},
         {"model_params", number("Parameters of the model.")}},
        {"sparsity_ratio", "pruning_type", "model_params"},
        {{"sparsity_ratio", metric("number", "", "As asked.")},
         {"effective_compression_ratio", metric("number", "", "Efficiency times sparsity.")},
         {"theoretical_speedup", metric("number", "x", "1 / (1 - effective).")},
         {"memory_saving_mb", metric("number", "MB", "Of fp16 weights.")},
         {"estimated_accuracy_degradation_percent", metric("number", "%", "By the guide's penalty.")},
         {"hardware_efficiency", metric("number", "", "Of this kind of sparsity.")},
         {"recommended_max_sparsity", metric("number", "", "min(0.9, 5 / penalty).")}});
  }
  void run(const Context& context) override {
    const double sparsity = context.parameter<double>("sparsity_ratio");
    const PruningEffect effect = pruning_effect(sparsity, context.parameter<std::string>("pruning_type"),
                                                context.parameter<double>("model_params"));
    report(context, to_json(effect, sparsity));
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-estimate", "0.1.0", presswork::TrainingMemoryStage,
                 presswork::InferenceMemoryStage, presswork::GpuMatchingStage, presswork::BandwidthStage,
                 presswork::QuantizationEffectStage, presswork::PruningEffectStage,
                 presswork::EstimateOverview);
