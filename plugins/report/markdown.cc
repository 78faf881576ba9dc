#include "plugins/report/markdown.h"

#include "plugins/report/advice.h"
#include "plugins/report/number_text.h"

namespace presswork::summary {

namespace {

// Text from workflows and stages, safe inside a Markdown table: no line ends, no markup of its own.
std::string cell(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == '\t') {
      safe += ' ';
    } else {
      if (std::string_view("|\\`<>*_[]").find(c) != std::string_view::npos) safe += '\\';
      safe += c;
    }
  }
  return safe;
}

std::string code(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '|') safe += '\\';
    safe += c == '`' || c == '\n' || c == '\r' ? ' ' : c;
  }
  return safe.empty() ? "" : "`" + safe + "`";
}

std::string json_code(const Json& value) {
  return code(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string with_error(double value, std::optional<double> error) {
  return fixed(value, 4) + (error ? " ± " + fixed(*error, 4) : "");
}

class Writer {
 public:
  Writer(const Report& report, const Phrases& say) : report_(report), facts_(report.facts), say_(say) {}

  std::string write() {
    out_ = "# " + (report_.title.empty() ? say_("Model compression report") : cell(report_.title)) + "\n\n";
    out_ += say_("Workflow") + ": " + code(facts_.workflow()) + "\n";
    summary();
    grades();
    accuracy();
    steps();
    decisions();
    predictions();
    checklist();
    bullets("Deployment advice", deployment_advice(report_.figures, say_), "");
    bullets("Monitoring points", monitoring_points(report_.figures, say_), "");
    bullets("Risks", risks(facts_, report_.figures, say_), "No risk is known from the facts of this run.");
    provenance();
    return std::move(out_);
  }

 private:
  void heading(const char* english) { out_ += "\n## " + say_(english) + "\n\n"; }
  void line(const std::string& text) { out_ += text + "\n"; }
  void item(const std::string& name, const std::string& value) { line("- " + name + ": " + value); }
  void row(const std::vector<std::string>& cells) {
    out_ += "|";
    for (const std::string& text : cells) out_ += " " + text + " |";
    out_ += "\n";
  }
  void header(const std::vector<const char*>& names) {
    std::vector<std::string> cells;
    for (const char* name : names) cells.push_back(say_(name));
    row(cells);
    row(std::vector<std::string>(names.size(), "---"));
  }
  void bullets(const char* title, const std::vector<std::string>& sentences, const char* none) {
    heading(title);
    for (const std::string& sentence : sentences) line("- " + cell(sentence));
    if (sentences.empty()) line(say_(none));
  }

  std::string model_line(const Instance& instance) {
    const Json path = instance.with.is_object() ? instance.with.value("path", Json()) : Json();
    std::string text = path.is_string() ? code(path.get<std::string>()) + ", " : "";
    text += say_("from stage") + " " + code(instance.id);
    return text + ", " + code(instance.model_out());
  }

  void summary() {
    heading("Summary");
    failed_checks();
    const auto grade = overall(report_.grades);
    item("**" + say_("Overall grade") + "**",
         grade ? "**" + say_(name_of(*grade)) + "** (" + say_("worst of the measured metrics") + ")"
               : say_("not measured"));
    const Figures& figures = report_.figures;
    if (facts_.original() != nullptr) item(say_("Original model"), model_line(*facts_.original()));
    if (facts_.result() != nullptr) {
      item(say_("Compressed model"), model_line(*facts_.result()));
    } else {
      line("- " + say_("No step of this run made another model out of the one that came in."));
    }
    if (figures.original_bytes) item(say_("Original size"), size_text(*figures.original_bytes));
    if (figures.compressed_bytes) item(say_("Compressed size"), size_text(*figures.compressed_bytes));
    if (figures.compression_ratio) {
      item(say_("Compression ratio"), fixed(*figures.compression_ratio, 2) + "x");
      item(say_("Storage saving"), fixed(*figures.storage_saving_percent(), 1) + " %");
    }
  }

  // First of all: what a run was refused for must not stand below what it did well.
  void failed_checks() {
    for (const Json& entry : facts_.checklist()) {
      if (!entry.value("required", false) || entry.value("state", "") != "fail") continue;
      const std::string why = entry.value("why", "");
      item("**" + say_("Required check not met") + "**",
           "**" + cell(entry.value("title", "")) + "**" + (why.empty() ? "" : " (" + cell(why) + ")"));
    }
  }

  static std::string size_text(double bytes) { return bytes_text(bytes) + " (" + count_text(bytes) + " B)"; }

  void grades() {
    heading("Grades");
    header({"Metric", "Value", "Grade", "How it was measured"});
    for (const GradedMetric& metric : report_.grades) {
      const std::string unit = metric.unit == std::string("%") ? " %" : metric.unit;
      row({say_(metric.name), metric.value ? fixed(*metric.value, 2) + unit : say_("not measured"),
           metric.grade ? say_(name_of(*metric.grade)) : "–", say_(metric.how)});
    }
  }

  void accuracy() {
    if (report_.figures.accuracy.empty()) return;
    heading("Accuracy");
    header({"Measured by", "Text", "Window", "Perplexity before", "Perplexity after", "Change"});
    for (const Accuracy& a : report_.figures.accuracy) {
      const Json window = a.where.after->with.value("window", Json());
      row({code(a.where.before->id) + ", " + code(a.where.after->id), code(text_name(*a.where.after)),
           window.is_null() ? "–" : window.dump(), with_error(a.before, a.before_stderr),
           with_error(a.after, a.after_stderr), signed_fixed(a.loss_percent(), 2) + " %"});
    }
    out_ += "\n" + say_("± is the standard error.") + "\n";
    if (report_.figures.evaluation_speedup) {
      line(
          say_("The evaluation pass itself ran at {0} times the original's speed; it is no inference service "
               "and is "
               "not graded.",
               {fixed(*report_.figures.evaluation_speedup, 2)}));
    }
  }

  // The text's file name where a stage of the run brought it in, or else its digest.
  std::string text_name(const Instance& evaluation) const {
    const std::string digest = evaluation.digest_in("text");
    for (const Instance& instance : facts_.instances()) {
      for (const Json& output : instance.outputs) {
        const Json path = instance.with.value("path", Json());
        if (output.value("digest", "") != digest || !path.is_string()) continue;
        const auto text = path.get<std::string>();
        return text.substr(text.find_last_of('/') + 1);
      }
    }
    return digest.substr(0, 12);
  }

  // The few metrics of a stage that a reader looks for first.
  std::string effect(const Instance& instance) const {
    static constexpr const char* telling[] = {"compression_ratio",
                                              "sparsity",
                                              "mean_relative_error",
                                              "perplexity",
                                              "kl_mean",
                                              "top1_agreement",
                                              "prefill_tokens_per_s",
                                              "decode_tokens_per_s",
                                              "compatibility_score",
                                              "recommended",
                                              "ok",
                                              "grade",
                                              "inference_memory_gb",
                                              "parameters",
                                              "bytes",
                                              "lines",
                                              "tokens_per_s"};
    std::string text;
    int told = 0;
    for (const char* name : telling) {
      const auto found = instance.metrics.find(name);
      if (found == instance.metrics.end() || found->is_structured() || told == 3) continue;
      text += (told++ > 0 ? ", " : "") + cell(name) + " " + cell(metric_text(name, *found));
    }
    const bool is_step = !instance.model_in().empty() && !instance.model_out().empty();
    const Instance* judged = is_step ? facts_.measured_on(instance, "perplexity") : nullptr;
    if (judged != nullptr) {
      text += (told > 0 ? "; " : "") +
              say_("perplexity of its model {0}", {fixed(*judged->number("perplexity"), 4)});
    }
    if (!instance.cause.empty()) text += (text.empty() ? "" : "; ") + cell(instance.cause);
    return text;
  }

  void steps() {
    heading("Steps");
    header({"Stage", "Uses", "State", "Time", "Effect"});
    for (const Instance& instance : facts_.instances()) {
      row({code(instance.id), code(instance.uses), say_(instance.state),
           instance.seconds ? seconds_text(*instance.seconds) : "–", effect(instance)});
    }
  }

  void decisions() {
    heading("Decision path");
    if (facts_.decisions().empty()) line(say_("No decision was taken in this run."));
    std::size_t number = 0;
    for (const Json& decision : facts_.decisions()) {
      std::string text = std::to_string(++number) + ". " + code(decision.value("id", "")) + " → **" +
                         cell(decision.value("branch", "")) + "**";
      const Json inputs = decision.value("inputs", Json::object());
      std::string reasons;
      for (const auto& input : inputs.items()) {
        reasons += (reasons.empty() ? "" : ", ") + code(input.key()) + " = " + json_code(input.value());
      }
      if (!reasons.empty()) text += " (" + say_("because") + " " + reasons + ")";
      line(text);
    }
  }

  void predictions() {
    const std::vector<Prediction> found = find_predictions(facts_);
    if (found.empty()) return;
    heading("Predicted and measured");
    header({"Stage", "Metric", "Predicted", "Measured", "Error of the prediction"});
    for (const Prediction& prediction : found) {
      row({code(prediction.instance->id), cell(prediction.name),
           metric_text(prediction.name, prediction.predicted),
           metric_text(prediction.name, prediction.measured),
           signed_fixed(prediction.error_percent(), 1) + " %"});
    }
  }

  void checklist() {
    if (facts_.checklist().empty()) return;
    heading("Checklist");
    header({"Item", "Required", "Result", "Why"});
    for (const Json& entry : facts_.checklist()) {
      row({cell(entry.value("title", "")), say_(entry.value("required", false) ? "yes" : "no"),
           say_(entry.value("state", "not_run")), cell(entry.value("why", ""))});
    }
  }

  void provenance() {
    heading("Provenance");
    line(say_(
        "Digests are SHA-256 of the artifacts' contents; a run with the same ones gives the same result."));
    out_ += "\n";
    if (!facts_.parameters().empty()) {
      item(say_("Parameters of the workflow"), json_code(facts_.parameters()));
      out_ += "\n";
    }
    header({"Stage", "Parameters", "Outputs"});
    for (const Instance& instance : facts_.instances()) {
      std::string outputs;
      for (const auto& output : instance.outputs.items()) {
        if (output.key() == "metrics") continue;
        outputs += (outputs.empty() ? "" : ", ") + cell(output.key()) + " " +
                   code(output.value().value("digest", ""));
      }
      row({code(instance.id), json_code(instance.with), outputs});
    }
  }

  const Report& report_;
  const RunFacts& facts_;
  const Phrases& say_;
  std::string out_;
};

}  // namespace

std::string to_markdown(const Report& report, const Phrases& say) { return Writer(report, say).write(); }

}  // namespace presswork::summary
