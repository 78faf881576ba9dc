// report/summary: what a run did to a model, for whoever signs it off.
#include "plugins/report/compare.h"
#include "plugins/report/html.h"
#include "plugins/report/markdown.h"
#include "plugins/report/model.h"
#include "presswork/stage.hpp"

namespace presswork {

class ReportSummary : public Stage {
 public:
  static constexpr const char* id = "report/summary";

  static Json describe() {
    return Json::parse(R"json({
      "title": "Write the report",
      "description": "Writes what the stages before it did, as Markdown, as one HTML page that loads nothing, and as JSON: original and compressed model, each figure before, as predicted and as measured, grades, the way through the decision tree, every step with its time and effect, sizes, perplexity against size, errors by layer, distributions of the weights, checklists, deployment advice, risks, monitoring points, and the digests of everything. It reads the analysis, strategy, hardware and checklists that those stages wrote. Connect it with inputs: or after: so that it runs last.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "lang": {"type": "string", "enum": ["en", "zh-TW"], "default": "en", "description": "Language of the report."},
          "title": {"type": "string", "default": "", "description": "Heading of the report; empty: the usual one."},
          "baseline": {"type": "string", "default": "", "description": "Instance whose model is the original; empty: where the result's chain of models begins."},
          "result": {"type": "string", "default": "", "description": "Instance whose model is the compressed one; empty: the last that made one model of another."}
        }
      },
      "inputs": {},
      "additional_inputs": {"type": "any"},
      "outputs": {"report": {"type": "report", "description": "Folder with report.md, report.html and report.json (schemas/report.schema.json)."}},
      "metrics": {
        "grade": {"type": "string", "headline": true, "description": "excellent, good, acceptable, needs_improvement: the worst of the measured metrics; not_measured when there are none."},
        "compression_ratio": {"type": "number", "unit": "x", "description": "Size of the weights before, divided by after, over all steps."},
        "storage_saving_percent": {"type": "number", "unit": "%", "description": "The same as a share of the original size."},
        "original_bytes": {"type": "number", "unit": "B", "description": "Size of the original model's weights."},
        "compressed_bytes": {"type": "number", "unit": "B", "description": "Size of the result's weights."},
        "perplexity_before": {"type": "number", "description": "Of the original model, on the first text that both were measured on."},
        "perplexity_after": {"type": "number", "description": "Of the result, on the same text and window."},
        "accuracy_loss_percent": {"type": "number", "unit": "%", "description": "Rise of the perplexity."},
        "inference_speedup": {"type": "number", "unit": "x", "description": "Decoding speed after, divided by before (benchmark/inference)."},
        "memory_saving_percent": {"type": "number", "unit": "%", "description": "Fall of the peak memory (benchmark/inference)."},
        "grades": {"type": "object", "description": "Grade of each measured metric."}
      },
      "cacheable": true,
      "reads_run": true
    })json");
  }

  void run(const Context& context) override {
    const summary::Phrases say(context.parameter<std::string>("lang"));
    const summary::RunFacts facts(context.run_facts(), context.parameter<std::string>("baseline"),
                                  context.parameter<std::string>("result"));
    const summary::Documents documents(facts);
    const summary::Figures figures = summary::find_figures(facts);
    const summary::Report report{facts, documents, figures, summary::grade_all(figures),
                                 context.parameter<std::string>("title")};
    const Json model = summary::build_model(report, say);
    const auto folder = context.work_dir() / "report";
    std::filesystem::create_directory(folder);
    write_text(folder / "report.md", summary::to_markdown(model, say));
    write_text(folder / "report.html", summary::to_html(model, say));
    write_text(folder / "report.json", detail::to_text(model) + "\n");
    context.output("report", folder);
    tell(context, report);
  }

 private:
  static void tell(const Context& context, const summary::Report& report) {
    const summary::Figures& figures = report.figures;
    const auto metric = [&](const char* name, std::optional<double> value) {
      if (value) context.metric(name, *value);
    };
    Json grades = Json::object();
    static constexpr const char* names[] = {"compression_ratio", "accuracy_loss", "inference_speedup",
                                            "memory_saving"};
    for (std::size_t i = 0; i < report.grades.size(); ++i) {
      if (report.grades[i].grade) grades[names[i]] = summary::code_of(*report.grades[i].grade);
    }
    const auto grade = summary::overall(report.grades);
    context.metric("grade", grade ? summary::code_of(*grade) : "not_measured");
    context.metric("grades", grades);
    metric("compression_ratio", figures.compression_ratio);
    metric("storage_saving_percent", figures.storage_saving_percent());
    metric("original_bytes", figures.original_bytes);
    metric("compressed_bytes", figures.compressed_bytes);
    metric("accuracy_loss_percent", figures.loss_percent());
    metric("inference_speedup", figures.speedup);
    metric("memory_saving_percent", figures.memory_saving_percent);
    if (figures.accuracy.empty()) return;
    context.metric("perplexity_before", figures.accuracy.front().before);
    context.metric("perplexity_after", figures.accuracy.front().after);
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-report", "0.1.0", presswork::ReportSummary, presswork::ReportCompare);
