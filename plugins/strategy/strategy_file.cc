#include "plugins/strategy/strategy_file.h"

#include <algorithm>

#include "plugins/modelkit/formats/json_text.h"
#include "plugins/modelkit/formats/safetensors_writer.h"
#include "plugins/strategy/risks.h"

namespace presswork::strategy {

using namespace modelkit;

namespace {

constexpr std::uint64_t kLargestFile = 16u << 20;

Json optional(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

std::optional<double> optional(const Json& object, const char* name) {
  const Json value = object.value(name, Json());
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

Json shape_json(const InferenceShape& shape) {
  return {{"params", shape.params},
          {"batch_size", shape.batch_size},
          {"seq_len", shape.seq_len},
          {"d_model", shape.d_model},
          {"n_layers", shape.n_layers},
          {"n_heads", shape.n_heads},
          {"precision", shape.precision},
          {"n_kv_heads", optional(shape.n_kv_heads)},
          {"head_dim", optional(shape.head_dim)},
          {"kv_precision", shape.kv_precision ? Json(*shape.kv_precision) : Json()},
          {"weight_bytes", optional(shape.weight_bytes)}};
}

InferenceShape shape_from(const Json& json) {
  InferenceShape shape;
  shape.params = json.at("params");
  shape.batch_size = json.at("batch_size");
  shape.seq_len = json.at("seq_len");
  shape.d_model = json.at("d_model");
  shape.n_layers = json.at("n_layers");
  shape.n_heads = json.at("n_heads");
  shape.precision = json.at("precision");
  shape.n_kv_heads = optional(json, "n_kv_heads");
  shape.head_dim = optional(json, "head_dim");
  if (json.at("kv_precision").is_string()) shape.kv_precision = json["kv_precision"].get<std::string>();
  shape.weight_bytes = optional(json, "weight_bytes");
  return shape;
}

Json subject_json(const Subject& subject) {
  return {{"guide", shape_json(subject.guide)},
          {"refined", shape_json(subject.refined)},
          {"linear_params", subject.linear_params},
          {"kept_bytes", subject.kept_bytes},
          {"bytes", subject.bytes},
          {"widths", subject.widths},
          {"tokens_per_s", optional(subject.tokens_per_s)},
          {"measured_loss", subject.measured_loss}};
}

Subject subject_read(const Json& json) {
  Subject subject;
  subject.guide = shape_from(json.at("guide"));
  subject.refined = shape_from(json.at("refined"));
  subject.linear_params = json.at("linear_params");
  subject.kept_bytes = json.at("kept_bytes");
  subject.bytes = json.at("bytes");
  subject.widths = json.at("widths").get<std::vector<std::int64_t>>();
  subject.tokens_per_s = optional(json, "tokens_per_s");
  subject.measured_loss = json.at("measured_loss").get<std::map<std::string, double>>();
  return subject;
}

Json options_json(const Options& options) {
  return {{"methods", options.methods},
          {"weights",
           {{"accuracy", options.weights.accuracy},
            {"memory", options.weights.memory},
            {"speed", options.weights.speed}}},
          {"correction",
           {{"loss", options.correction.loss},
            {"memory", options.correction.memory},
            {"speed", options.correction.speed}}}};
}

Options options_read(const Json& json) {
  Options options;
  options.methods = json.at("methods").get<std::set<std::string>>();
  const Json& weights = json.at("weights");
  options.weights = {weights.at("accuracy"), weights.at("memory"), weights.at("speed")};
  const Json& correction = json.at("correction");
  options.correction = {correction.at("loss"), correction.at("memory"), correction.at("speed")};
  return options;
}

Json attempt_json(const Attempt& attempt) {
  return {{"id", attempt.id},
          {"predicted", to_json(attempt.predicted)},
          {"measured",
           {{"loss_percent", optional(attempt.loss_percent)},
            {"memory_gb", optional(attempt.memory_gb)},
            {"tokens_per_s", optional(attempt.tokens_per_s)}}}};
}

Attempt attempt_read(const Json& json) {
  const Json& measured = json.at("measured");
  return {json.at("id"),
          optional(measured, "loss_percent"),
          optional(measured, "memory_gb"),
          optional(measured, "tokens_per_s"),
          {}};
}

Json assessed_json(const Assessed& a, const Strategy& strategy) {
  Json steps = Json::array(), violations = Json::array(), risks = Json::array();
  for (const Step& step : a.candidate.steps) steps.push_back(to_json(step));
  for (const Violation& v : a.violations) {
    violations.push_back(
        {{"limit", v.limit}, {"allowed", v.allowed}, {"predicted", v.predicted}, {"excess", v.excess}});
  }
  for (const Risk& risk : risks_of(a, strategy.subject, strategy.limits)) risks.push_back(to_json(risk));
  Json json = {{"id", a.candidate.id},
               {"from_guide", a.candidate.from_guide},
               {"compression_methods", steps},
               {"guide_accuracy_impact", guide_accuracy_impact(a.candidate)},
               {"predicted", to_json(a.prediction)},
               {"meets_limits", a.feasible()},
               {"violations", violations},
               {"score", a.score},
               {"executable", a.executable},
               {"pareto", a.pareto},
               {"risks", risks}};
  if (!a.executable) put(json, "obstacle", a.obstacle);
  return json;
}

// By the guide's formula and its base rule; null without a limit of memory.
Json guide_json(const Strategy& strategy) {
  if (!strategy.limits.memory_gb) return nullptr;
  const GuideChoice choice = guide_rule(strategy.subject.guide_memory_gb(), *strategy.limits.memory_gb);
  const auto all = candidates();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Candidate& c) { return c.id == choice.id; });
  return {{"strategy", choice.id},
          {"band", choice.band},
          {"target_compression_ratio", choice.required_ratio},
          {"target_memory_gb", *strategy.limits.memory_gb},
          {"estimated_accuracy_impact", guide_accuracy_impact(*found)}};
}

Json document_of(const Strategy& strategy, const std::vector<Assessed>& all) {
  Json ranking = Json::array(), pareto = Json::array(), tried = Json::array();
  for (const Assessed& a : all) {
    ranking.push_back(assessed_json(a, strategy));
    if (a.pareto) pareto.push_back(a.candidate.id);
  }
  for (const Attempt& attempt : strategy.tried) tried.push_back(attempt_json(attempt));
  Json document = {
      {"presswork_strategy", 1},
      {"limits", to_json(strategy.limits)},
      {"current",
       {{"memory_gb", strategy.subject.guide_memory_gb()},
        {"memory_refined_gb", strategy.subject.memory_gb()},
        {"bytes", strategy.subject.bytes}}},
      {"guide", guide_json(strategy)},
      {"objective",
       "accuracy * loss / limit + memory * memory / limit + speed / speedup, by weights; candidates "
       "within the "
       "limits first"},
      {"candidates", ranking},
      {"pareto", pareto},
      {"recommended", strategy.choice},
      {"exhausted", strategy.exhausted},
      {"tried", tried},
      {"subject", subject_json(strategy.subject)},
      {"options", options_json(strategy.options)},
      {"catalogue", strategy.catalogue}};
  put(document, "why", strategy.why);
  return document;
}

// What a workflow gives to the stages that carry the candidate out.
struct Execution {
  std::string method = "none", type = "int";
  int bits = 16, group_size = 0;
  bool symmetric = true;
};

Execution execution_of(const Candidate& candidate, const Subject& subject) {
  const Step* step = candidate.quantization();
  if (step == nullptr || (step->method == "ptq" && changes_nothing({candidate.id, {*step}}, subject)))
    return {};
  return {.method = to_integers(*step) ? step->method : "rtn",
          .type = to_integers(*step) ? "int" : step->target_precision,
          .bits = width_of(*step),
          .group_size = step->group_size,
          .symmetric = step->symmetric};
}

void tell(const Context& context, const Strategy& strategy, const Assessed& chosen, std::size_t candidates) {
  const Json guide = guide_json(strategy);
  if (!guide.is_null()) {
    context.metric("required_ratio", guide.at("target_compression_ratio"));
    context.metric("guide_strategy", guide.at("strategy"));
    context.metric("estimated_accuracy_impact", guide.at("estimated_accuracy_impact"));
  }
  const Step* pruning = chosen.candidate.pruning();
  const Execution how = execution_of(chosen.candidate, strategy.subject);
  context.metric("recommended", chosen.candidate.id);
  context.metric("why", strategy.why.text());
  context.metric("method", how.method);
  context.metric("type", how.type);
  context.metric("bits", how.bits);
  context.metric("group_size", how.group_size);
  context.metric("symmetric", how.symmetric);
  context.metric("prune", pruning == nullptr ? "none" : pruning->method);
  context.metric("sparsity", pruning == nullptr ? 0.0 : pruning->sparsity);
  context.metric("meets_limits", chosen.feasible());
  context.metric("predicted_memory_gb", chosen.prediction.memory_gb);
  context.metric("predicted_bytes", chosen.prediction.bytes);
  context.metric("predicted_loss_percent", chosen.prediction.loss_percent);
  context.metric("predicted_speedup", chosen.prediction.speedup);
  context.metric("candidates", candidates);
  context.metric("attempts", strategy.tried.size());
  context.metric("exhausted", strategy.exhausted);
}

}  // namespace

void publish(const Context& context, const Strategy& strategy) {
  const auto all =
      ranked(strategy.subject, strategy.limits, GpuCatalogue::load(strategy.catalogue), strategy.options);
  const auto chosen = std::find_if(all.begin(), all.end(),
                                   [&](const Assessed& a) { return a.candidate.id == strategy.choice; });
  const auto path = context.work_dir() / "strategy.json";
  write_file_atomically(path, document_of(strategy, all).dump(2) + "\n");
  context.output("strategy", path);
  tell(context, strategy, *chosen, all.size());
}

Strategy read_strategy(const std::filesystem::path& path) {
  try {
    const Json json = parse_json(read_text_file(path, kLargestFile), path.string());
    Strategy strategy;
    strategy.subject = subject_read(json.at("subject"));
    strategy.limits = limits_from(json.at("limits"));
    strategy.options = options_read(json.at("options"));
    strategy.catalogue = json.at("catalogue");
    for (const Json& attempt : json.at("tried")) strategy.tried.push_back(attempt_read(attempt));
    strategy.choice = json.at("recommended");
    strategy.why = Message::from(json, "why");
    strategy.exhausted = json.at("exhausted");
    return strategy;
  } catch (const Json::exception& error) {
    throw Error("invalid_input", std::string("is no strategy: ") + error.what(), path.string(),
                "connect the output strategy of strategy/plan or strategy/adjust");
  }
}

Json describe_metrics() {
  return Json::parse(R"json({
    "recommended": {"type": "string", "headline": true, "description": "Name of the recommended candidate."},
    "why": {"type": "string", "description": "The reason, in a sentence or two."},
    "required_ratio": {"type": "number", "unit": "x", "description": "Memory now, by the guide's formula, divided by the limit. Only with a limit of memory."},
    "guide_strategy": {"type": "string", "description": "What the guide's base rule takes: over 4 guide-gptq-int4-pruned, over 2 guide-awq-int8, else guide-ptq-fp16."},
    "estimated_accuracy_impact": {"type": "number", "unit": "%", "description": "The guide's estimate for that one."},
    "method": {"type": "string", "description": "Quantization of the recommended candidate, by its stage: rtn, gptq, awq, mixed, w8a8; none: the weights stay as they are."},
    "type": {"type": "string", "description": "What quantize/rtn makes of a weight: int, fp8, nf4, fp16; int for the other stages."},
    "bits": {"type": "integer", "description": "Bits of a weight; 16 without quantization."},
    "group_size": {"type": "integer", "description": "Inputs that share a scale; 0: a whole row."},
    "symmetric": {"type": "boolean", "description": "Whether its grid is symmetric about zero."},
    "prune": {"type": "string", "description": "Pruning of the recommended candidate: none, n_m, structured."},
    "sparsity": {"type": "number", "description": "Share of the weights that it removes."},
    "meets_limits": {"type": "boolean", "description": "Whether the prediction keeps to all limits."},
    "predicted_memory_gb": {"type": "number", "unit": "GiB", "description": "Memory of inference."},
    "predicted_bytes": {"type": "number", "unit": "B", "description": "Size of the weights."},
    "predicted_loss_percent": {"type": "number", "unit": "%", "description": "Rise of the perplexity."},
    "predicted_speedup": {"type": "number", "unit": "x", "description": "Of decoding."},
    "candidates": {"type": "integer", "description": "Candidates that were compared."},
    "attempts": {"type": "integer", "description": "Strategies that were carried out and failed before this one."},
    "exhausted": {"type": "boolean", "description": "Nothing was left to try; the recommended candidate was tried before."}
  })json");
}

}  // namespace presswork::strategy
