// What a reader checks and repeats: predictions, checklists, where everything came from.
#include "plugins/report/html_parts.h"
#include "plugins/report/html_text.h"
#include "plugins/report/number_text.h"
#include "plugins/report/wording.h"

namespace presswork::summary {

namespace {

std::string predictions(const Json& model, const Phrases& say) {
  const char* reason = missing_reason(model, "predictions");
  if (reason != nullptr)
    return section_html("predictions", say("Predicted and measured"), paragraph(say(reason), "none"));
  Table table({"Stage", "Metric", "#Predicted", "#Measured", "#Error of the prediction"}, say);
  for (const Json& p : model.at("predictions")) {
    const std::string metric = p.at("metric");
    table.row({code_html(p.at("stage")), code_html(metric), escape(metric_text(metric, p.at("predicted"))),
               escape(metric_text(metric, p.at("measured"))),
               escape(percent_text(p.at("error_percent"), 1))});
  }
  return section_html("predictions", say("Predicted and measured"), table.end());
}

std::string checklist(const Json& found, const Phrases& say) {
  const std::string stage = found.at("stage");
  std::string out = "<h3>" + escape(say(found.at("name"))) +
                    (stage.empty() ? "" : " (" + code_html(stage) + ")") + "</h3>\n";
  Table table({"~Item", "Required", "Result", "~Why"}, say);
  for (const Json& item : found.at("items")) {
    const std::string state = item.at("state");
    table.row({escape(item.at("title")), escape(say(item.at("required") == true ? "yes" : "no")),
               "<span class=\"" + escape(state) + "\">" + escape(state_text(state, say)) + "</span>",
               escape(item.at("why"))});
  }
  return out + table.end();
}

std::string checklists(const Json& model, const Phrases& say) {
  const char* reason = missing_reason(model, "checklists");
  std::string body = reason != nullptr ? paragraph(say(reason), "none") : "";
  for (const Json& one : model.at("checklists")) body += checklist(one, say);
  return section_html("checklists", say("Checklists"), body);
}

std::string parameters(const Json& found, const Phrases& say) {
  Table table({"Parameter", "~Value"}, say);
  for (const auto& [name, value] : found.items()) table.row({code_html(name), json_html(value)});
  return "<h3>" + escape(say("Parameters of the workflow")) + "</h3>\n" + table.end();
}

std::string stages(const Json& found, const Phrases& say) {
  Table table({"Stage", "~Parameters", "~Outputs", "Key", "Plugin", "#Seed"}, say);
  const auto digest = [](const std::string& text) {
    return text.empty() ? std::string("–")
                        : "<code title=\"" + escape(text) + "\">" + escape(digest_text(text)) + "</code>";
  };
  for (const Json& stage : found) {
    std::string outputs;
    for (const auto& [name, value] : stage.at("outputs").items())
      outputs += (outputs.empty() ? "" : ", ") + escape(name) + " " + code_html(value);
    table.row({code_html(stage.at("stage")), json_html(stage.at("parameters")), outputs,
               digest(stage.at("key")), digest(stage.at("plugin")),
               stage.at("seed").is_null() ? "–" : escape(stage["seed"].dump())});
  }
  return "<details><summary>" + escape(say("Every stage with its parameters and digests")) + "</summary>\n" +
         table.end() + "</details>\n";
}

std::string provenance(const Json& model, const Phrases& say) {
  const Json& found = model.at("provenance");
  const std::string device = text_of(found, "device");
  std::string body = paragraph(
      say("Digests are SHA-256 of the artifacts' contents; a run with the same ones gives the same result."),
      "about");
  body += paragraph(say("Version of Presswork") + ": " + text_of(found, "version") +
                    (device.empty() ? "" : "; " + say("Device class") + ": " + device));
  body += "<h3>" + escape(say("To repeat it and look at it:")) + "</h3>\n<pre tabindex=\"0\">";
  for (const Json& command : found.at("commands")) body += escape(command.get<std::string>()) + "\n";
  body += "</pre>\n";
  if (!found.at("parameters").empty()) body += parameters(found["parameters"], say);
  return section_html("provenance", say("Provenance"), body + stages(found.at("stages"), say));
}

}  // namespace

std::string evidence_html(const Json& model, const Phrases& say) {
  return checklists(model, say) + predictions(model, say) + provenance(model, say);
}

}  // namespace presswork::summary
