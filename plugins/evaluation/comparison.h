// The divergence of a model from a baseline, as two stages measure it: inputs model, baseline, text, and
// optionally the baseline's states.
#pragma once

#include <cmath>

#include "plugins/evaluation/text_options.h"
#include "plugins/modelkit/evaluate/baseline_file.h"
#include "plugins/modelkit/evaluate/divergence.h"

namespace presswork::evaluation {

inline void describe_comparison(Json& description) {
  describe_sampling(description);
  description["parameters"]["properties"]["context"] = {
      {"type", "integer"},
      {"minimum", 0},
      {"default", 0},
      {"description",
       "Leading tokens of each window that are not scored. llama.cpp's tool takes half of the window."}};
  description["inputs"].update(Json::parse(R"json({
    "model": {"type": "model", "required": true, "description": "The model to judge: a Hugging Face folder, dense or quantized."},
    "baseline": {"type": "model", "required": true, "description": "The model that it is compared with, of the same tokenizer."},
    "states": {"type": "baseline", "required": false, "description": "The baseline's states on the same text, window and sampling, from evaluate/baseline; without them the baseline is run here."}
  })json"));
  description["metrics"].update(Json::parse(R"json({
    "kl_mean": {"type": "number", "unit": "nat", "headline": true, "description": "Mean Kullback-Leibler divergence KL(baseline || model) of a scored position."},
    "kl_stderr": {"type": "number", "unit": "nat", "description": "Its standard error (windows count as the independent draws)."},
    "kl_p50": {"type": "number", "unit": "nat", "description": "Median of the divergences."},
    "kl_p90": {"type": "number", "unit": "nat", "description": "90th percentile of the divergences."},
    "kl_p99": {"type": "number", "unit": "nat", "description": "99th percentile of the divergences."},
    "kl_max": {"type": "number", "unit": "nat", "description": "Largest divergence."},
    "top1_agreement": {"type": "number", "headline": true, "description": "Share of positions at which both models find the same token most likely."},
    "top1_stderr": {"type": "number", "description": "Its standard error."},
    "perplexity": {"type": "number", "headline": true, "description": "Perplexity of the model at the scored positions."},
    "stderr": {"type": "number", "description": "Standard error of the perplexity (delta method)."},
    "baseline_perplexity": {"type": "number", "description": "Perplexity of the baseline at the same positions."},
    "baseline_stderr": {"type": "number", "description": "Its standard error."},
    "log_perplexity_ratio": {"type": "number", "description": "ln(perplexity / baseline_perplexity)."},
    "log_perplexity_ratio_stderr": {"type": "number", "description": "Its standard error, from the paired differences: far smaller than those of the two perplexities."},
    "tokens": {"type": "integer", "description": "Positions scored: windows times (window - 1 - context)."}
  })json"));
  describe_cost(description);
}

struct Comparison {
  modelkit::ModelDivergence result;
  modelkit::PassCost cost;
  std::string digest;
};

// Both models must cut the text into the same tokens.
inline modelkit::TokenWindows common_windows(const modelkit::ModelSource& model,
                                             const modelkit::ModelSource& baseline,
                                             const std::filesystem::path& text,
                                             const modelkit::Sampling& sampling) {
  using modelkit::Tokenizer;
  auto windows = read_windows(Tokenizer::open(model.checkpoint().folder()), text, sampling);
  const auto theirs = read_windows(Tokenizer::open(baseline.checkpoint().folder()), text, sampling);
  if (windows.digest() == theirs.digest()) return windows;
  throw Error("invalid_input", "the baseline's tokenizer cuts the text into other tokens than the model's",
              "baseline", "compare models of one tokenizer");
}

// What comparing will need; null while its inputs are not there.
inline Json comparison_plan(const Context& context) {
  const auto model = context.optional_input("model"), baseline = context.optional_input("baseline"),
             text = context.optional_input("text");
  if (!model || !baseline || !text) return nullptr;
  const modelkit::Sampling sampling = sampling_of(context);
  modelkit::StateLimit limit = pass_options(context).states;
  limit.bytes /= 2;  // there are two sets
  const std::uint64_t pass = modelkit::predicted_divergence_bytes(
      modelkit::ModelSource::open(*model), modelkit::ModelSource::open(*baseline),
      most_windows(*text, sampling), sampling.length, limit);
  return {{"memory_bytes", kProcessBytes + pass}, {"cores", context.threads()}};
}

inline Comparison compare(const Context& context, const modelkit::ModelSource& model_source,
                          const modelkit::ModelSource& baseline_source) {
  using namespace modelkit;
  const Sampling sampling = sampling_of(context);
  const TokenWindows windows = common_windows(model_source, baseline_source, context.input("text"), sampling);
  const auto compute = make_cpu_compute(context.threads());
  Transformer model(*compute, model_source), baseline(*compute, baseline_source);
  DivergenceOptions options{.pass = pass_options(context),
                            .context = context.parameter<std::size_t>("context")};
  options.pass.states.bytes /= 2;  // there are two sets
  const auto kept = context.optional_input("states");
  const CostMeter meter(predicted_divergence_bytes(model_source, baseline_source, windows.count(),
                                                   windows.length(), options.pass.states));
  const auto total = static_cast<double>(windows.count());
  const auto progress = options.pass.progress;
  // Without kept states half of the work is the baseline's.
  const double before = kept ? 0.0 : 0.5;
  HiddenStates states = kept ? read_baseline(*kept, baseline_source, windows, options.pass.states, *compute)
                             : run_layers(baseline, windows, options.pass.states,
                                          [&](double share) { progress(before * share * total, total); });
  options.pass.progress = [&](double done, double all) {
    progress(before * all + (1.0 - before) * done, all);
  };
  const ModelDivergence result = divergence(model, baseline, states, windows, options);
  const std::uint64_t tokens = std::uint64_t{windows.count()} * windows.length();
  return {.result = result, .cost = meter.finish(tokens), .digest = windows.digest()};
}

inline void report(const Context& context, const Comparison& comparison) {
  const modelkit::ModelDivergence& d = comparison.result;
  const double perplexity = std::exp(d.nll.value), baseline = std::exp(d.baseline_nll.value);
  context.metric("kl_mean", d.kl.value);
  context.metric("kl_stderr", d.kl.standard_error);
  context.metric("kl_p50", d.kl_p50);
  context.metric("kl_p90", d.kl_p90);
  context.metric("kl_p99", d.kl_p99);
  context.metric("kl_max", d.kl_max);
  context.metric("top1_agreement", d.top1_agreement.value);
  context.metric("top1_stderr", d.top1_agreement.standard_error);
  context.metric("perplexity", perplexity);
  context.metric("stderr", perplexity * d.nll.standard_error);
  context.metric("baseline_perplexity", baseline);
  context.metric("baseline_stderr", baseline * d.baseline_nll.standard_error);
  context.metric("log_perplexity_ratio", d.log_ratio.value);
  context.metric("log_perplexity_ratio_stderr", d.log_ratio.standard_error);
  context.metric("tokens", d.tokens);
  context.metric("windows", d.windows);
  context.metric("token_digest", comparison.digest);
  report_cost(context, comparison.cost);
}

}  // namespace presswork::evaluation
