#include "plugins/report/markdown.h"

#include "plugins/report/number_text.h"
#include "plugins/report/wording.h"

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

class Writer {
 public:
  Writer(const Json& model, const Phrases& say) : model_(model), say_(say) {}

  std::string write() {
    out_ = "# " + cell(text_of(model_, "title")) + "\n\n";
    out_ += say_("Workflow") + ": " + code(text_of(model_, "workflow")) + "\n";
    summary();
    grades();
    effects();
    accuracy();
    path();
    steps();
    sizes();
    tradeoff();
    errors("Errors by layer", "layer_errors", kAfterOfWeights);
    if (!model_.at("output_errors").is_null())
      errors("Errors of the outputs by layer", "output_errors", kAfterOfOutputs);
    diagnostics();
    if (begin("Sensitivity by layer", "sensitivity")) grid("sensitivity", 2);
    histograms();
    predictions();
    checklists();
    list("Deployment advice", model_.at("advice"), "");
    recommendations();
    hardware();
    list("Monitoring points", model_.at("monitoring"), "");
    risks();
    timeline();
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
  void header(const std::vector<std::string>& names) {
    row(names);
    row(std::vector<std::string>(names.size(), "---"));
  }
  void columns(const std::vector<const char*>& names) {
    std::vector<std::string> cells;
    for (const char* name : names) cells.push_back(say_(name));
    header(cells);
  }
  // The heading of a section; false when all there is to say is why it is empty.
  bool begin(const char* title, const char* section) {
    heading(title);
    const char* reason = missing_reason(model_, section);
    if (reason != nullptr) line(say_(reason));
    return reason == nullptr;
  }
  void list(const char* title, const Json& sentences, const char* none) {
    heading(title);
    for (const Json& sentence : sentences) line("- " + cell(sentence.get<std::string>()));
    if (sentences.empty()) line(say_(none));
  }

  std::string model_line(const Json& model) {
    const std::string path = text_of(model, "path");
    return (path.empty() ? "" : code(path) + ", ") + say_("from stage") + " " +
           code(text_of(model, "stage")) + ", " + code(text_of(model, "digest"));
  }

  void summary() {
    heading("Summary");
    const Json& found = model_.at("summary");
    // First of all: what a run was refused for must not stand below what it did well.
    for (const Json& check : found.at("failed_checks")) {
      const std::string why = text_of(check, "why");
      item("**" + say_("Required check not met") + "**",
           "**" + cell(text_of(check, "title")) + "**" + (why.empty() ? "" : " (" + cell(why) + ")"));
    }
    const Json& grade = model_.at("grade");
    item("**" + say_("Overall grade") + "**",
         grade == "not_measured"
             ? say_("not measured")
             : "**" + grade_text(grade, say_) + "** (" + say_("worst of the measured metrics") + ")");
    if (!found.at("original").is_null()) item(say_("Original model"), model_line(found["original"]));
    if (found.at("result").is_null()) {
      line("- " + say_("No step of this run made another model out of the one that came in."));
    } else {
      item(say_("Compressed model"), model_line(found["result"]));
    }
    size("Original size", found.at("original"));
    size("Compressed size", found.at("result"));
    if (!found.at("compression_ratio").is_number()) return;
    item(say_("Compression ratio"), value_text(found["compression_ratio"], "x"));
    item(say_("Storage saving"), fixed(found.at("storage_saving_percent").get<double>(), 1) + " %");
  }
  void size(const char* name, const Json& model) {
    const auto bytes = number_of(model, "bytes");
    if (bytes) item(say_(name), bytes_text(*bytes) + " (" + count_text(*bytes) + " B)");
  }

  void grades() {
    heading("Grades");
    columns({"Metric", "Value", "Grade", "How it was measured"});
    for (const Json& metric : model_.at("grades")) {
      row({say_(metric.at("metric")),
           metric.at("value").is_null() ? say_("not measured")
                                        : value_text(metric["value"], metric.at("unit")),
           grade_text(metric.at("grade"), say_), say_(metric.at("how"))});
    }
  }

  void effects() {
    heading("Before and after");
    columns({"Metric", "Before", "Predicted", "Measured", "Error of the prediction"});
    for (const Json& effect : model_.at("effects")) {
      const std::string unit = effect.at("unit");
      row({say_(effect.at("metric")), value_text(effect.at("before"), unit),
           value_text(effect.at("predicted"), unit), value_text(effect.at("after"), unit),
           prediction_error_text(effect, say_)});
    }
    out_ += "\n" + say_("– is what was not predicted, or not measured.") + "\n";
  }

  void accuracy() {
    if (!begin("Accuracy", "accuracy")) return;
    columns({"Measured by", "Text", "Window", "Perplexity before", "Perplexity after", "Change"});
    for (const Json& a : model_.at("accuracy")) {
      const Json& window = a.at("window");
      row({code(a.at("stages").at(0)) + ", " + code(a.at("stages").at(1)), code(a.at("text")),
           window.is_null() ? "–" : window.dump(), with_error(a.at("before"), a.at("before_stderr")),
           with_error(a.at("after"), a.at("after_stderr")), percent_text(a.at("change_percent"), 2)});
    }
    out_ += "\n" + say_("± is the standard error.") + "\n";
    if (!model_.at("evaluation_speedup").is_number()) return;
    line(
        say_("The evaluation pass itself ran at {0} times the original's speed; it is no inference service "
             "and is not graded.",
             {fixed(model_["evaluation_speedup"].get<double>(), 2)}));
  }

  void path() {
    if (begin("Decision path", "decisions")) {
      std::size_t number = 0;
      for (const Json& decision : model_.at("decisions")) {
        std::string reasons;
        for (const auto& input : decision.at("because").items())
          reasons += (reasons.empty() ? "" : ", ") + code(input.key()) + " = " + json_code(input.value());
        line(std::to_string(++number) + ". " + code(decision.at("id")) + " → **" +
             cell(decision.at("branch")) + "**" +
             (reasons.empty() ? "" : " (" + say_("because") + " " + reasons + ")"));
      }
    }
    if (!model_.at("tree").is_null()) {
      out_ += "\n" + say_("The way through the tree:") + "\n\n";
      for (const std::string& walk : walks(model_["tree"], say_)) line("- " + cell(walk));
      if (const char* note = pruning_note(model_)) line("\n" + say_(note));
    }
    strategies();
  }

  void strategies() {
    if (model_.at("strategies").empty()) return;
    out_ += "\n";
    columns({"Stage", "Strategy", "Why"});
    for (const Json& one : model_.at("strategies"))
      row({code(one.at("stage")), code(one.at("recommended")), cell(one.at("why"))});
  }

  void steps() {
    heading("Steps");
    columns({"Stage", "Uses", "State", "Time", "Effect"});
    for (const Json& step : model_.at("steps")) {
      row({code(step.at("stage")), code(step.at("uses")), say_.known(step.at("state")),
           step.at("seconds").is_null() ? "–" : seconds_text(step["seconds"].get<double>()),
           cell(step.at("effect"))});
    }
  }

  void sizes() {
    if (!begin("Size by step", "sizes")) return;
    columns({"Stage", "Size", "Change"});
    for (const Json& step : model_.at("sizes")) {
      const double change = step.at("change").get<double>();
      row({code(step.at("stage")), value_text(step.at("bytes"), "B"),
           change == 0 ? "–" : (change > 0 ? "+" : "") + bytes_text(change)});
    }
  }

  void tradeoff() {
    if (!begin("Perplexity against size", "tradeoff")) return;
    columns({"Model", "Size", "Perplexity", "Loss", "How it is known"});
    const Json& found = model_.at("tradeoff");
    for (const Json& one : found.at("measured"))
      row({code(one.at("name")), value_text(one.at("bytes"), "B"), value_text(one.at("perplexity"), ""), "–",
           say_("measured")});
    for (const Json& one : found.at("candidates")) {
      row({code(one.at("name")), value_text(one.at("bytes"), "B"), "–",
           value_text(one.at("loss_percent"), "%"),
           say_(one.at("recommended") == true ? "predicted, recommended" : "predicted")});
    }
  }

  void errors(const char* title, const char* section, const char* after) {
    if (!begin(title, section)) return;
    line(cell(errors_text(model_.at(section), after, say_)) + "\n");
    grid(section, 4);
  }

  void grid(const char* section, int digits) {
    const Json& found = model_.at(section);
    const int shown = digits_of(found, digits);
    std::vector<std::string> names{say_("Layer")};
    for (const Json& name : found.at("columns")) names.push_back(code(name));
    header(names);
    for (const Json& one : found.at("rows")) {
      std::vector<std::string> cells{one.at("layer").dump()};
      for (std::size_t i = 0; i < one.at("values").size(); ++i) {
        const Json& value = one.at("values")[i];
        cells.push_back(value.is_number() ? before_text(one, i, shown) + fixed(value.get<double>(), shown)
                                          : "–");
      }
      row(cells);
    }
  }

  void diagnostics() {
    const Json& found = model_.at("diagnostics");
    if (found.is_null()) return;
    heading("Diagnostics of the quantization");
    std::vector<std::string> names;
    for (const char* name : diagnostics_columns()) names.push_back(say_(name + 1));  // without "#"
    header(names);
    for (const Json& one : found.at("rows")) row(diagnostics_row(one));
    const std::string phases = phases_text(found.at("phases"));
    if (!phases.empty()) out_ += "\n" + say_("Time by phase") + ": " + cell(phases) + "\n";
  }

  void histograms() {
    if (!begin("Weights", "histograms")) return;
    columns({"Modules", "Layers", "Minimum", "Maximum", "Largest kurtosis"});
    for (const Json& one : model_.at("histograms")) {
      row({code(one.at("modules")), one.at("layers").dump(), fixed(one.at("minimum").get<double>(), 4),
           fixed(one.at("maximum").get<double>(), 4), fixed(one.at("largest_kurtosis").get<double>(), 2)});
    }
  }

  void predictions() {
    if (!begin("Predicted and measured", "predictions")) return;
    columns({"Stage", "Metric", "Predicted", "Measured", "Error of the prediction"});
    for (const Json& p : model_.at("predictions")) {
      const std::string metric = p.at("metric");
      row({code(p.at("stage")), cell(metric), metric_text(metric, p.at("predicted")),
           metric_text(metric, p.at("measured")), percent_text(p.at("error_percent"), 1)});
    }
  }

  void checklists() {
    if (!begin("Checklists", "checklists")) return;
    for (const Json& checklist : model_.at("checklists")) {
      const std::string stage = checklist.at("stage");
      out_ +=
          "\n### " + say_(checklist.at("name")) + (stage.empty() ? "" : " (" + code(stage) + ")") + "\n\n";
      columns({"Item", "Required", "Result", "Why"});
      for (const Json& entry : checklist.at("items")) {
        row({cell(entry.at("title")), say_(entry.at("required") == true ? "yes" : "no"),
             say_.known(entry.at("state")), cell(entry.at("why"))});
      }
    }
  }

  void recommendations() {
    if (!begin("Recommendations of the analysis", "recommendations")) return;
    for (const Json& one : model_.at("recommendations")) item(cell(one.at("advice")), cell(one.at("reason")));
  }

  void hardware() {
    if (!begin("Hardware", "hardware")) return;
    const Json& found = model_.at("hardware");
    item(say_("Target"), cell(say_.known(found.at("target"))));
    item(say_("Compatibility score"), value_text(found.at("score"), ""));
    out_ += "\n";
    columns({"Part", "Score", "Weight", "Why"});
    for (const Json& part : found.at("parts")) {
      row({cell(say_.known(part.at("part"))), value_text(part.at("score"), ""),
           value_text(part.at("weight"), ""), cell(part.at("reason"))});
    }
  }

  void risks() {
    const Json& found = model_.at("risks");
    list("Risks", found.at("found"), "No risk is known from the facts of this run.");
    if (found.at("assessed").empty()) return;
    out_ += "\n" + say_("Of the strategy:") + "\n\n";
    columns({"Risk", "Likelihood", "Impact", "Early sign", "Mitigation", "Way back"});
    for (const Json& risk : found["assessed"]) {
      std::vector<std::string> cells;
      for (const char* key : {"risk", "likelihood", "impact", "early_sign", "mitigation", "rollback_point"})
        cells.push_back(cell(say_.known(risk.at(key))));
      row(cells);
    }
  }

  void timeline() {
    if (!begin("Time line", "timeline")) return;
    columns({"Stage", "Begins after", "Takes"});
    for (const Json& span : model_.at("timeline")) {
      const double start = span.at("start").get<double>(), end = span.at("end").get<double>();
      row({code(span.at("stage")), seconds_text(start),
           span.at("cached") == true ? say_("cached") : seconds_text(end - start)});
    }
  }

  void provenance() {
    heading("Provenance");
    const Json& found = model_.at("provenance");
    line(say_(
        "Digests are SHA-256 of the artifacts' contents; a run with the same ones gives the same result."));
    out_ += "\n";
    item(say_("Version of Presswork"), code(found.at("version")));
    if (found.at("device") != "") item(say_("Device class"), code(found["device"]));
    if (!found.at("parameters").empty())
      item(say_("Parameters of the workflow"), json_code(found["parameters"]));
    out_ += "\n" + say_("To repeat it and look at it:") + "\n\n```sh\n";
    for (const Json& command : found.at("commands")) out_ += fenced(command) + "\n";
    out_ += "```\n\n";
    columns({"Stage", "Parameters", "Outputs", "Key", "Plugin", "Seed"});
    for (const Json& stage : found.at("stages")) {
      std::string outputs;
      for (const auto& [name, digest] : stage.at("outputs").items())
        outputs += (outputs.empty() ? "" : ", ") + cell(name) + " " + code(digest);
      row({code(stage.at("stage")), json_code(stage.at("parameters")), outputs, code(stage.at("key")),
           code(stage.at("plugin")), stage.at("seed").is_null() ? "–" : stage["seed"].dump()});
    }
  }
  // A command cannot end its block.
  static std::string fenced(const std::string& command) {
    std::string safe;
    for (const char c : command) safe += c == '`' || c == '\n' || c == '\r' ? ' ' : c;
    return safe;
  }

  const Json& model_;
  const Phrases& say_;
  std::string out_;
};

}  // namespace

std::string to_markdown(const Json& model, const Phrases& say) { return Writer(model, say).write(); }

}  // namespace presswork::summary
