#include "plugins/strategy/plan.h"

#include <algorithm>

#include "plugins/modelkit/formats/json_text.h"
#include "plugins/strategy/strategy_file.h"

namespace presswork {

using namespace strategy;

namespace {

constexpr std::uint64_t kLargestFile = 64u << 20;

Subject read_subject(const Context& context) {
  const auto analysis = context.optional_input("analysis");
  Subject subject = analysis
                        ? subject_of(modelkit::parse_json(modelkit::read_text_file(*analysis, kLargestFile),
                                                          analysis->string()),
                                     analysis->string())
                        : subject_from(context.parameters());
  const Json speed = context.parameters().at("baseline_tokens_per_s");
  if (speed.is_number()) subject.tokens_per_s = speed.get<double>();
  return subject;
}

Options read_options(const Context& context) {
  Options options;
  for (const std::string& method : context.parameter<std::vector<std::string>>("methods"))
    options.methods.insert(method);
  const Json& weights = context.parameters().at("weights");
  options.weights = {weights.value("accuracy", 0.5), weights.value("memory", 0.3),
                     weights.value("speed", 0.2)};
  return options;
}

modelkit::Message reason(const Assessed& best, const std::vector<Assessed>& all) {
  using modelkit::Message;
  const auto within =
      std::count_if(all.begin(), all.end(), [](const Assessed& a) { return a.feasible() && a.executable; });
  if (!best.feasible()) {
    return Message(
        "no candidate that this workflow can carry out is predicted to keep to all limits; this one misses "
        "them "
        "least ({0})",
        {Message::verbatim(best.violations.front().limit)});
  }
  return Message("of {0} candidates within the limits it has the best objective",
                 {Message::verbatim(std::to_string(within))});
}

void choose(const Context& context, Strategy& strategy) {
  const auto all = ranked(strategy.subject, strategy.limits, modelkit::GpuCatalogue::load(strategy.catalogue),
                          strategy.options);
  if (context.parameter<std::string>("choose") == "guide") {
    if (!strategy.limits.memory_gb) {
      throw Error("invalid_parameter", "the guide's rule goes by the limit of memory", "/memory_gb",
                  "give memory_gb, or choose by the objective");
    }
    strategy.choice = guide_rule(strategy.subject.guide_memory_gb(), *strategy.limits.memory_gb).id;
    strategy.why = modelkit::Message("the guide's base rule for this ratio");
    return;
  }
  strategy.choice = all.front().candidate.id;
  strategy.why = reason(all.front(), all);
}

}  // namespace

Json PlanStrategy::describe() {
  Json description = Json::parse(R"json({
    "title": "Plan a compression strategy",
    "description": "Takes the limits, predicts for every candidate (the guide's three always among them) the memory, size, accuracy loss, speed and cost, ranks them by the objective, and recommends one; with the Pareto set and the risks of each. Subject is an analysis, or plain numbers.",
    "parameters": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "choose": {"type": "string", "enum": ["objective", "guide"], "default": "objective", "description": "objective: the best rank among what the workflow can carry out. guide: the guide's base rule, by the required ratio of memory alone."},
        "methods": {"type": "array", "items": {"type": "string", "enum": ["keep", "ptq", "rtn", "fp8", "nf4", "gptq", "awq", "mixed", "w8a8", "n_m", "structured"]}, "default": ["keep", "ptq", "rtn", "fp8", "nf4", "gptq", "awq", "mixed", "w8a8", "n_m"], "description": "What the workflow can carry out. keep: the model stays as it is; ptq: sixteen bits for a model that has more; rtn: rounding to integers, fp8 and nf4 to those; n_m: 2:4 pruning; structured: removing channels, which no stage does yet. Other candidates are listed with what stands in their way, and never recommended by the objective."},
        "weights": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}, "default": {"accuracy": 0.5, "memory": 0.3, "speed": 0.2}, "description": "Of the objective: accuracy * loss / (the limit, or 5 %) + memory * memory / (the limit, or the memory now) + speed / speedup. Less is better."},
        "baseline_tokens_per_s": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": null, "description": "Measured speed of the original; without it limits of speed cannot be predicted."},
        "catalogue": {"type": "string", "default": "", "description": "File with further cards, in the form of the shipped gpus.json."},
        "params": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": null, "description": "Parameters of the model, when no analysis is connected."},
        "d_model": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": null, "description": "Width of the hidden states, when no analysis is connected."},
        "n_layers": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": null, "description": "Decoder layers, when no analysis is connected."},
        "n_heads": {"type": ["number", "null"], "exclusiveMinimum": 0, "default": null, "description": "Attention heads, when no analysis is connected."},
        "batch_size": {"type": "integer", "minimum": 1, "default": 1, "description": "Sequences at once, when no analysis is connected."},
        "seq_len": {"type": "integer", "minimum": 1, "default": 2048, "description": "Tokens of a sequence, when no analysis is connected."},
        "precision": {"type": "string", "enum": ["fp32", "fp16", "bf16", "int8", "int4", "nf4"], "default": "fp16", "description": "Of the weights, when no analysis is connected."}
      }
    },
    "inputs": {
      "analysis": {"type": "analysis", "required": false, "description": "Of analyze/model."},
      "hardware": {"type": "hardware", "required": false, "description": "Of analyze/hardware: names the card, when the limits do not."}
    },
    "outputs": {"strategy": {"type": "strategy", "description": "Limits, candidates with predictions and risks, ranking, Pareto set and recommendation, as JSON."}},
    "cacheable": true,
    "reads_run": false
  })json");
  describe_limits(description["parameters"]["properties"]);
  description["metrics"] = describe_metrics();
  return description;
}

void PlanStrategy::run(const Context& context) {
  Strategy strategy;
  strategy.subject = read_subject(context);
  strategy.limits = limits_from(context.parameters());
  strategy.options = read_options(context);
  strategy.catalogue = context.parameter<std::string>("catalogue");
  if (const auto hardware = context.optional_input("hardware"); hardware && strategy.limits.gpu.empty()) {
    const Json facts =
        modelkit::parse_json(modelkit::read_text_file(*hardware, kLargestFile), hardware->string());
    strategy.limits.gpu = facts.value("target_gpu", "");
  }
  choose(context, strategy);
  publish(context, strategy);
}

}  // namespace presswork
