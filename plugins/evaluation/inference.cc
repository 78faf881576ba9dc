// benchmark/inference: how fast a model runs on this machine.
#include <chrono>
#include <vector>

#include "plugins/evaluation/text_options.h"
#include "plugins/evaluation/weight_form.h"
#include "plugins/modelkit/evaluate/statistics.h"
#include "plugins/modelkit/inference/timing.h"

namespace presswork {
namespace {

using namespace modelkit;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Median, and the distance between the quartiles as a share of it.
void report_rate(const Context& context, const std::string& name, std::vector<double> rates) {
  const double median = percentile(rates, 0.5);
  context.metric(name + "_tokens_per_s", median);
  context.metric(name + "_spread", (percentile(rates, 0.75) - percentile(rates, 0.25)) / median);
}

}  // namespace

class BenchmarkInference : public Stage {
 public:
  static constexpr const char* id = "benchmark/inference";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Measure inference speed",
      "description": "Loads the whole model and measures one sequence on this machine's CPU: prefill of a prompt of random tokens, then greedy decoding with a key/value cache. Gives medians over the repeats after one warm-up that does not count. Weights of 8 and 4 bits are multiplied as integers with activations that are quantized to 8 bits as the folder says, or in blocks of 32, as llama.cpp does for Q8_0 and Q4_0; that costs accuracy beyond the weights' own, about 0.1 % of the perplexity with 8 bits.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "prompt_tokens": {"type": "integer", "minimum": 1, "maximum": 1048576, "default": 128, "description": "Tokens of the prompt."},
          "new_tokens": {"type": "integer", "minimum": 1, "maximum": 1048576, "default": 64, "description": "Tokens to decode after it."},
          "repeats": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 5, "description": "Measured repeats."}
        }
      },
      "inputs": {"model": {"type": "model", "required": true, "description": "Hugging Face model folder, dense or quantized."}},
      "outputs": {},
      "metrics": {
        "prefill_tokens_per_s": {"type": "number", "unit": "tokens/s", "headline": true, "description": "Median speed of the prompt."},
        "prefill_spread": {"type": "number", "description": "Distance between its quartiles as a share of the median."},
        "decode_tokens_per_s": {"type": "number", "unit": "tokens/s", "headline": true, "description": "Median speed of decoding."},
        "decode_spread": {"type": "number", "description": "Distance between its quartiles as a share of the median."},
        "time_to_first_token_s": {"type": "number", "unit": "s", "description": "Median time from the prompt to the logits of the first new token."},
        "load_s": {"type": "number", "unit": "s", "description": "Time to load and pack the weights."},
        "weight_bytes": {"type": "integer", "unit": "B", "description": "Memory of linears and head as they are held."},
        "cache_bytes": {"type": "integer", "unit": "B", "description": "Memory of the key/value cache (float32)."},
        "peak_memory_bytes": {"type": "integer", "unit": "B", "description": "Peak resident memory of the stage's process, loading included."},
        "predicted_peak_memory_bytes": {"type": "integer", "unit": "B", "description": "The same as predicted before the model was loaded."},
        "threads": {"type": "integer", "description": "Threads used."}
      },
      "cacheable": false,
      "reads_run": false,
      "parallel": true
    })json");
    evaluation::describe_weights(description, "stored");
    return description;
  }

  Json plan(const Context& context) override {
    const auto model = context.optional_input("model");
    if (!model) return nullptr;
    const ModelSource source = ModelSource::open(*model);
    const std::uint64_t bytes =
        InferenceModel::predicted_bytes(source, evaluation::weight_form(context, source), capacity(context));
    return {{"memory_bytes", evaluation::kProcessBytes + bytes}, {"cores", context.threads()}};
  }

  void run(const Context& context) override {
    const auto prompt_tokens = context.parameter<std::size_t>("prompt_tokens");
    const auto new_tokens = context.parameter<std::size_t>("new_tokens");
    const ModelSource source = evaluation::open_model(context, "model", capacity(context));
    const WeightForm form = evaluation::weight_form(context, source);
    const CostMeter meter(InferenceModel::predicted_bytes(source, form, capacity(context)));
    const auto compute = make_cpu_compute(context.threads(), form);
    const double start = now();
    InferenceModel model(*compute, source, [&](double share) {
      context.progress(share, 1.0, "model loaded");
      context.check_cancelled();
    });
    context.metric("load_s", now() - start);
    Session session(model, capacity(context));
    const auto prompt = random_tokens(prompt_tokens, source.config().vocab, context.seed());
    const auto repeats = context.parameter<std::size_t>("repeats");
    std::vector<double> prefill, decode, first;
    for (std::size_t i = 0; i <= repeats; ++i) {
      context.progress(static_cast<double>(i), static_cast<double>(repeats + 1), "repeats");
      context.check_cancelled();
      const Times times = time_once(session, prompt, new_tokens);
      if (i == 0) continue;  // the warm-up
      prefill.push_back(static_cast<double>(prompt_tokens) / times.prefill);
      decode.push_back(static_cast<double>(new_tokens) / times.decode);
      first.push_back(times.prefill);
    }
    report_rate(context, "prefill", prefill);
    report_rate(context, "decode", decode);
    context.metric("time_to_first_token_s", percentile(first, 0.5));
    context.metric("weight_bytes", model.weight_bytes());
    context.metric("cache_bytes", Session::cache_bytes(source.config(), session.capacity()));
    const PassCost cost = meter.finish(repeats * capacity(context));
    context.metric("peak_memory_bytes", cost.peak_bytes);
    context.metric("predicted_peak_memory_bytes", cost.predicted_bytes);
    context.metric("threads", compute->threads());
  }

 private:
  // Tokens of a repeat.
  static std::size_t capacity(const Context& context) {
    return context.parameter<std::size_t>("prompt_tokens") + context.parameter<std::size_t>("new_tokens");
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-evaluation", "0.1.0", presswork::BenchmarkInference);
