// What compression came to: the cards at the top, grades, before and after, advice.
#include "plugins/report/html_parts.h"
#include "plugins/report/html_text.h"
#include "plugins/report/number_text.h"
#include "plugins/report/wording.h"

namespace presswork::summary {

namespace {

std::string card(const std::string& name, const std::string& value, const std::string& grade_code,
                 const std::string& note) {
  return "<div class=\"card " + escape(grade_code) + "\"><dt>" + escape(name) + "</dt><dd>" + escape(value) +
         (note.empty() ? "" : "<small>" + escape(note) + "</small>") + "</dd></div>\n";
}

std::string grade_code(const Json& grade) { return grade.is_string() ? grade.get<std::string>() : ""; }

std::string cards(const Json& model, const Phrases& say) {
  std::string out = "<dl class=\"cards\">\n";
  out += card(say("Overall grade"), grade_text(model.at("grade"), say), grade_code(model.at("grade")),
              model.at("grade") == "not_measured" ? "" : say("worst of the measured metrics"));
  for (const Json& metric : model.at("grades")) {
    const bool measured = metric.at("value").is_number();
    out += card(say(metric.at("metric")),
                measured ? value_text(metric["value"], metric.at("unit")) : say("not measured"),
                grade_code(metric.at("grade")), measured ? grade_text(metric["grade"], say) : "");
  }
  return out + "</dl>\n";
}

std::string model_row(const char* name, const Json& model, const Phrases& say) {
  if (model.is_null()) return "";
  const std::string path = text_of(model, "path");
  const auto bytes = number_of(model, "bytes");
  return "<li>" + escape(say(name)) + ": " + (path.empty() ? "" : code_html(path) + ", ") +
         escape(say("from stage")) + " " + code_html(text_of(model, "stage")) +
         (bytes ? ", " + escape(bytes_text(*bytes)) : "") + ", <code title=\"" +
         escape(text_of(model, "digest")) + "\">" + escape(digest_text(text_of(model, "digest"))) +
         "</code></li>\n";
}

std::string summary(const Json& model, const Phrases& say) {
  const Json& found = model.at("summary");
  std::string out;
  for (const Json& check : found.at("failed_checks")) {
    const std::string why = text_of(check, "why");
    out += "<p class=\"alert\"><strong>" +
           escape(say("Required check not met") + ": " + text_of(check, "title")) + "</strong>" +
           (why.empty() ? "" : " (" + escape(why) + ")") + "</p>\n";
  }
  out += cards(model, say) + "<ul>\n" + model_row("Original model", found.at("original"), say) +
         model_row("Compressed model", found.at("result"), say);
  if (found.at("result").is_null())
    out += "<li>" + escape(say("No step of this run made another model out of the one that came in.")) +
           "</li>\n";
  if (found.at("storage_saving_percent").is_number())
    out += "<li>" +
           escape(say("Storage saving") + ": " + fixed(found["storage_saving_percent"].get<double>(), 1) +
                  " %") +
           "</li>\n";
  return section_html("summary", say("Summary"), out + "</ul>\n");
}

std::string effects(const Json& model, const Phrases& say) {
  Table table({"Metric", "#Before", "#Predicted", "#Measured", "#Error of the prediction"}, say);
  for (const Json& effect : model.at("effects")) {
    const std::string unit = effect.at("unit");
    table.row({escape(say(effect.at("metric"))), escape(value_text(effect.at("before"), unit)),
               escape(value_text(effect.at("predicted"), unit)), escape(value_text(effect.at("after"), unit)),
               escape(prediction_error_text(effect, say))});
  }
  return section_html("effects", say("Before and after"),
                      table.end() + paragraph(say("– is what was not predicted, or not measured."), "about"));
}

std::string grades(const Json& model, const Phrases& say) {
  Table table({"Metric", "#Value", "Grade", "~How it was measured"}, say);
  for (const Json& metric : model.at("grades")) {
    table.row({escape(say(metric.at("metric"))), escape(value_text(metric.at("value"), metric.at("unit"))),
               escape(grade_text(metric.at("grade"), say)), escape(say(metric.at("how")))});
  }
  return section_html("grades", say("Grades"), table.end());
}

std::string accuracy(const Json& model, const Phrases& say) {
  const char* reason = missing_reason(model, "accuracy");
  if (reason != nullptr) return section_html("accuracy", say("Accuracy"), paragraph(say(reason), "none"));
  Table table({"Measured by", "Text", "#Window", "#Perplexity before", "#Perplexity after", "#Change"}, say);
  for (const Json& a : model.at("accuracy")) {
    const Json& window = a.at("window");
    table.row({code_html(a.at("stages").at(0)) + ", " + code_html(a.at("stages").at(1)),
               code_html(a.at("text")), window.is_null() ? "–" : escape(window.dump()),
               escape(with_error(a.at("before"), a.at("before_stderr"))),
               escape(with_error(a.at("after"), a.at("after_stderr"))),
               escape(percent_text(a.at("change_percent"), 2))});
  }
  return section_html("accuracy", say("Accuracy"),
                      table.end() + paragraph(say("± is the standard error."), "about"));
}

std::string risks(const Json& model, const Phrases& say) {
  const Json& found = model.at("risks");
  std::string body = found.at("found").empty()
                         ? paragraph(say("No risk is known from the facts of this run."), "none")
                         : list_html(found["found"]);
  if (!found.at("assessed").empty()) {
    body += "<h3>" + escape(say("Of the strategy:")) + "</h3>\n";
    Table table({"~Risk", "Likelihood", "Impact", "~Early sign", "~Mitigation", "~Way back"}, say);
    for (const Json& risk : found["assessed"]) {
      std::vector<std::string> cells;
      for (const char* key : {"risk", "likelihood", "impact", "early_sign", "mitigation", "rollback_point"})
        cells.push_back(escape(say.known(risk.at(key))));
      table.row(cells);
    }
    body += table.end();
  }
  return section_html("risks", say("Risks"), body);
}

std::string recommendations(const Json& model, const Phrases& say) {
  const char* reason = missing_reason(model, "recommendations");
  std::string body;
  if (reason != nullptr) {
    body = paragraph(say(reason), "none");
  } else {
    body = "<ul>\n";
    for (const Json& one : model.at("recommendations"))
      body +=
          "<li><strong>" + escape(one.at("advice")) + "</strong>: " + escape(one.at("reason")) + "</li>\n";
    body += "</ul>\n";
  }
  return section_html("recommendations", say("Recommendations of the analysis"), body);
}

}  // namespace

std::string results_html(const Json& model, const Phrases& say) {
  return summary(model, say) + effects(model, say) + grades(model, say) + accuracy(model, say) +
         section_html("advice", say("Deployment advice"), list_html(model.at("advice"))) + risks(model, say) +
         section_html("monitoring", say("Monitoring points"), list_html(model.at("monitoring"))) +
         recommendations(model, say);
}

}  // namespace presswork::summary
