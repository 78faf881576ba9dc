// evaluate/divergence: how far a model's predictions are from a baseline's.
#include "plugins/evaluation/comparison.h"

namespace presswork {

class EvaluateDivergence : public Stage {
 public:
  static constexpr const char* id = "evaluate/divergence";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Measure the divergence from a baseline",
      "description": "Runs a model and a baseline over the same windows of a text and compares their predictions at every scored position: the Kullback-Leibler divergence of the two distributions over the whole vocabulary, in nats, as llama.cpp's perplexity tool defines it with --kl-divergence (which scores the second half of each window; set context to half of the window for that), and whether their most likely tokens agree. Both models pass layer by layer; no logits are stored.",
      "parameters": {"type": "object", "additionalProperties": false, "properties": {}},
      "inputs": {},
      "outputs": {},
      "metrics": {},
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    evaluation::describe_comparison(description);
    return description;
  }

  Json plan(const Context& context) override { return evaluation::comparison_plan(context); }

  void run(const Context& context) override {
    const auto window = context.parameter<std::size_t>("window");
    const auto model = evaluation::open_model(context, "model", window);
    const auto baseline = evaluation::open_model(context, "baseline", window);
    evaluation::report(context, evaluation::compare(context, model, baseline));
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-evaluation", "0.1.0", presswork::EvaluateDivergence);
