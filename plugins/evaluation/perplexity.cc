// evaluate/perplexity: how well a model predicts a text.
#include "plugins/evaluation/text_options.h"

namespace presswork {

using namespace modelkit;

class EvaluatePerplexity : public Stage {
 public:
  static constexpr const char* id = "evaluate/perplexity";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Measure perplexity",
      "description": "Tokenizes the text without special tokens, cuts it into non-overlapping windows (the incomplete tail is dropped), runs each window through the model by itself, and gives exp of the mean negative log-likelihood of all tokens but the first of each window. Reads dense and quantized folders, one layer at a time; hidden states beyond a quarter of the stage's memory (at most 256 MiB) wait in a file.",
      "parameters": {"type": "object", "additionalProperties": false, "properties": {}},
      "inputs": {
        "model": {"type": "model", "required": true, "description": "Hugging Face model folder."},
        "text": {"type": "text", "required": true, "description": "UTF-8 text, or JSON Lines with a text field."}
      },
      "outputs": {},
      "metrics": {
        "perplexity": {"type": "number", "headline": true, "description": "exp of mean_nll."},
        "stderr": {"type": "number", "description": "Standard error of the perplexity (delta method; windows count as the independent draws)."},
        "mean_nll": {"type": "number", "unit": "nat", "description": "Mean negative log-likelihood of a scored token."},
        "tokens": {"type": "integer", "description": "Tokens scored: windows times (window - 1)."},
        "windows": {"type": "integer", "description": "Windows evaluated."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    evaluation::describe_sampling(description);
    evaluation::describe_cost(description);
    return description;
  }

  Json plan(const Context& context) override {
    const auto model = context.optional_input("model"), text = context.optional_input("text");
    if (!model || !text) return nullptr;
    const Sampling sampling = evaluation::sampling_of(context);
    constexpr std::uint64_t kBase = 64u << 20;
    const std::uint64_t pass =
        predicted_pass_bytes(ModelSource::open(*model), evaluation::most_windows(*text, sampling),
                             sampling.length, evaluation::pass_options(context).states);
    return {{"memory_bytes", kBase + pass}, {"cores", context.threads()}};
  }

  void run(const Context& context) override {
    const Sampling sampling = evaluation::sampling_of(context);
    const ModelSource model = evaluation::open_model(context, "model", sampling.length);
    const TextEvaluation e = evaluate_text(model, context.input("text"), sampling, context.threads(),
                                           evaluation::pass_options(context));
    context.metric("perplexity", e.result.perplexity);
    context.metric("stderr", e.result.standard_error);
    context.metric("mean_nll", e.result.mean_nll);
    context.metric("tokens", e.result.tokens);
    context.metric("windows", e.result.windows);
    context.metric("token_digest", e.digest);
    evaluation::report_cost(context, e.cost);
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-evaluation", "0.1.0", presswork::EvaluatePerplexity);
