// evaluate/compare: a model and a baseline in one table.
#include <cstdio>

#include "plugins/evaluation/comparison.h"
#include "plugins/modelkit/evaluate/parameter_counts.h"
#include "plugins/modelkit/formats/safetensors_writer.h"

namespace presswork {
namespace {

std::string number(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string with_error(double value, double error) {
  return number("%.4g", value) + " ± " + number("%.2g", error);
}

}  // namespace

class EvaluateCompare : public Stage {
 public:
  static constexpr const char* id = "evaluate/compare";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Compare two models",
      "description": "Size, perplexity, divergence and agreement of a model and a baseline on one text, as a table. What is measured and how: evaluate/divergence.",
      "parameters": {"type": "object", "additionalProperties": false, "properties": {}},
      "inputs": {},
      "outputs": {"table": {"type": "comparison", "description": "The table in Markdown."}},
      "metrics": {
        "bytes": {"type": "integer", "unit": "B", "headline": true, "description": "Size of the model's tensors on disk."},
        "baseline_bytes": {"type": "integer", "unit": "B", "description": "Size of the baseline's tensors on disk."},
        "size_ratio": {"type": "number", "unit": "x", "description": "baseline_bytes / bytes."}
      },
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
    const evaluation::Comparison comparison = evaluation::compare(context, model, baseline);
    evaluation::report(context, comparison);
    const std::uint64_t bytes = model.checkpoint().total_bytes();
    const std::uint64_t baseline_bytes = baseline.checkpoint().total_bytes();
    const double ratio = static_cast<double>(baseline_bytes) / static_cast<double>(bytes);
    context.metric("bytes", bytes);
    context.metric("baseline_bytes", baseline_bytes);
    context.metric("size_ratio", ratio);
    const auto path = context.work_dir() / "comparison.md";
    modelkit::write_file_atomically(path, table(comparison.result, bytes, baseline_bytes));
    context.output("table", path);
  }

 private:
  static std::string table(const modelkit::ModelDivergence& d, std::uint64_t bytes,
                           std::uint64_t baseline_bytes) {
    const double perplexity = std::exp(d.nll.value), baseline = std::exp(d.baseline_nll.value);
    const auto megabytes = [](std::uint64_t value) {
      return number("%.2f MB", static_cast<double>(value) / 1e6);
    };
    std::string text = "| | baseline | model | change |\n|---|---|---|---|\n";
    text += "| size | " + megabytes(baseline_bytes) + " | " + megabytes(bytes) + " | " +
            number("%.2f × smaller", static_cast<double>(baseline_bytes) / static_cast<double>(bytes)) +
            " |\n";
    text += "| perplexity | " + with_error(baseline, baseline * d.baseline_nll.standard_error) + " | " +
            with_error(perplexity, perplexity * d.nll.standard_error) + " | " +
            number("%+.2f %%", 100.0 * std::expm1(d.log_ratio.value)) + " |\n";
    text += "| KL divergence (nat), mean | 0 | " + with_error(d.kl.value, d.kl.standard_error) + " | |\n";
    text += "| KL divergence, p50 / p90 / p99 / max | 0 | " + number("%.3g", d.kl_p50) + " / " +
            number("%.3g", d.kl_p90) + " / " + number("%.3g", d.kl_p99) + " / " + number("%.3g", d.kl_max) +
            " | |\n";
    text += "| same most likely token | 100 % | " +
            with_error(100.0 * d.top1_agreement.value, 100.0 * d.top1_agreement.standard_error) +
            " % | |\n\n";
    text += std::to_string(d.tokens) + " positions in " + std::to_string(d.windows) +
            " windows; errors are standard errors over windows.\n";
    return text;
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-evaluation", "0.1.0", presswork::EvaluateCompare);
