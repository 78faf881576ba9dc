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
      "description": "Tokenizes the text without special tokens, cuts it into non-overlapping windows (the incomplete tail is dropped), runs each window through the model by itself, and gives exp of the mean negative log-likelihood of all tokens but the first of each window. Reads dense and quantized folders, one layer at a time; inputs of linears become 8-bit integers where the folder says so; hidden states beyond a quarter of the stage's memory (at most 256 MiB) wait in a file.",
      "parameters": {"type": "object", "additionalProperties": false, "properties": {}},
      "inputs": {
        "model": {"type": "model", "required": true, "description": "Hugging Face model folder."}
      },
      "outputs": {},
      "metrics": {
        "perplexity": {"type": "number", "headline": true, "description": "exp of mean_nll."},
        "stderr": {"type": "number", "description": "Standard error of the perplexity (delta method; windows count as the independent draws)."},
        "mean_nll": {"type": "number", "unit": "nat", "description": "Mean negative log-likelihood of a scored token."},
        "tokens": {"type": "integer", "description": "Tokens scored: windows times (window - 1)."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    evaluation::describe_sampling(description);
    evaluation::describe_cost(description);
    return description;
  }

  Json plan(const Context& context) override { return evaluation::pass_plan(context); }

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
