// evaluate/perplexity: how well a model predicts a text.
#include <algorithm>

#include "plugins/modelkit/checkpoint/verify.h"
#include "plugins/modelkit/evaluate/text_evaluation.h"
#include "presswork/stage.hpp"

namespace presswork {

using namespace modelkit;

class EvaluatePerplexity : public Stage {
 public:
  static constexpr const char* id = "evaluate/perplexity";

  static Json describe() {
    return Json::parse(R"json({
      "title": "Measure perplexity",
      "description": "Tokenizes the whole text without special tokens, cuts it into non-overlapping windows (the incomplete tail is dropped), runs each window through the model by itself, and gives exp of the mean negative log-likelihood of all tokens but the first of each window. Reads dense and quantized folders, one layer at a time.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "window": {"type": "integer", "minimum": 2, "default": 512, "description": "Tokens in a window. Perplexities compare only at the same window and tokenizer."}
        }
      },
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
        "windows": {"type": "integer", "description": "Windows evaluated."},
        "tokens_per_s": {"type": "number", "unit": "tokens/s", "description": "Measured speed of the forward pass."},
        "peak_memory_bytes": {"type": "integer", "unit": "B", "description": "Measured peak resident memory of the stage's process during the pass."},
        "predicted_peak_memory_bytes": {"type": "integer", "unit": "B", "description": "The same as predicted before the pass."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
  }

  Json plan(const Context& context) override {
    const auto model = context.optional_input("model"), text = context.optional_input("text");
    if (!model || !text) return nullptr;
    const PerplexityOptions options = options_of(context);
    // A token is at least a byte.
    const auto tokens = static_cast<std::size_t>(std::filesystem::file_size(*text));
    constexpr std::uint64_t kBase = 64u << 20;
    return {{"memory_bytes", kBase + predicted_perplexity_bytes(ModelSource::open(*model), tokens, options)},
            {"cores", context.threads()}};
  }

  void run(const Context& context) override {
    const ModelSource model = ModelSource::open(context.input("model"));
    require_structure(model.checkpoint(), model.config(), model.quantization());
    PerplexityOptions options = options_of(context);
    if (static_cast<std::int64_t>(options.window) > model.config().max_position &&
        model.config().max_position > 0) {
      context.warning("the window is longer than the " + std::to_string(model.config().max_position) +
                      " positions that the model was made for");
    }
    options.progress = [&](double done, double total) {
      context.progress(done, total, "windows");
      context.check_cancelled();
    };
    const TextEvaluation e =
        evaluate_text(model, context.input("text"), context.threads(), context.memory(), options);
    context.metric("perplexity", e.result.perplexity);
    context.metric("stderr", e.result.standard_error);
    context.metric("mean_nll", e.result.mean_nll);
    context.metric("tokens", e.result.tokens);
    context.metric("windows", e.result.windows);
    context.metric("tokens_per_s", e.tokens_per_second);
    context.metric("peak_memory_bytes", e.peak_bytes);
    context.metric("predicted_peak_memory_bytes", e.predicted_bytes);
  }

 private:
  static PerplexityOptions options_of(const Context& context) {
    PerplexityOptions options;
    options.window = context.parameter<std::size_t>("window");
    return options;
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-evaluation", "0.1.0", presswork::EvaluatePerplexity);
