// What was found: perplexity against size, errors by layer, the weights, the hardware.
#include <algorithm>
#include <cmath>

#include "plugins/report/chart.h"
#include "plugins/report/html_parts.h"
#include "plugins/report/html_text.h"
#include "plugins/report/number_text.h"
#include "plugins/report/wording.h"

namespace presswork::summary {

namespace {

std::string tradeoff_table(const Json& found, const Phrases& say) {
  Table table({"Model", "#Size", "#Perplexity", "#Loss", "How it is known"}, say);
  for (const Json& one : found.at("measured")) {
    table.row({code_html(one.at("name")), escape(value_text(one.at("bytes"), "B")),
               escape(value_text(one.at("perplexity"), "")), "–", escape(say("measured"))});
  }
  for (const Json& one : found.at("candidates")) {
    table.row({code_html(one.at("name")), escape(value_text(one.at("bytes"), "B")), "–",
               escape(value_text(one.at("loss_percent"), "%")),
               escape(say(one.at("recommended") == true ? "predicted, recommended" : "predicted"))});
  }
  return "<details><summary>" + escape(say("All of them as a table")) + "</summary>\n" + table.end() +
         "</details>\n";
}

std::string tradeoff(const Json& model, const Phrases& say) {
  const char* reason = missing_reason(model, "tradeoff");
  if (reason != nullptr)
    return section_html("tradeoff", say("Perplexity against size"), paragraph(say(reason), "none"));
  const std::string chart = tradeoff_chart(model.at("tradeoff"), say);
  return section_html(
      "tradeoff", say("Perplexity against size"),
      (chart.empty()
           ? ""
           : figure_html(chart, say("Circles are predicted, filled ones measured; the dashed line joins the "
                                    "candidates that no other one beats in both."))) +
          tradeoff_table(model.at("tradeoff"), say));
}

// A map of heat that is a table, so that each value can be read.
std::string heat_map(const char* title, const Json& grid, int digits, const Phrases& say) {
  const double most = largest(grid);
  const int shown = digits_of(grid, digits);
  std::string out =
      wide_html(say(title)) + "<table>\n<thead><tr><th scope=\"col\">" + escape(say("Layer")) + "</th>";
  for (const Json& name : grid.at("columns"))
    out += "<th scope=\"col\" class=\"n\">" + code_html(name) + "</th>";
  out += "</tr></thead>\n<tbody>\n";
  for (const Json& row : grid.at("rows")) {
    out += "<tr><th scope=\"row\">" + row.at("layer").dump() + "</th>";
    for (std::size_t i = 0; i < row.at("values").size(); ++i) {
      const Json& value = row.at("values")[i];
      if (!value.is_number()) {
        out += "<td class=\"n\">–</td>";
        continue;
      }
      // The square root lets small differences be seen beside one large value.
      const double share = most > 0 ? std::sqrt(std::max(0.0, value.get<double>()) / most) : 0;
      const std::string before = before_text(row, i, shown);
      out += "<td class=\"heat\"><i style=\"opacity:" + coordinate(share * 0.55) + "\"></i><span>" +
             (before.empty() ? "" : "<small>" + before + "</small>") + fixed(value.get<double>(), shown) +
             "</span></td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table></div>\n";
}

std::string diagnostics(const Json& model, const Phrases& say) {
  const Json& found = model.at("diagnostics");
  if (found.is_null()) return "";
  Table table(diagnostics_columns(), say);
  for (const Json& row : found.at("rows")) table.row(diagnostics_row(row));
  std::string body =
      "<h3>" + escape(say("Diagnostics of the quantization")) + "</h3>\n" +
      paragraph(say("Made by {0}. Error of the output: relative, of the whole layer; largest input: "
                    "in RMS of the median input; clipped weights: of the worst linear.",
                    {found.at("of").get<std::string>()}),
                "about") +
      table.end();
  const std::string phases = phases_text(found.at("phases"));
  return phases.empty() ? body : body + paragraph(say("Time by phase") + ": " + phases, "about");
}

std::string layers(const Json& model, const Phrases& say) {
  std::string body;
  if (const char* reason = missing_reason(model, "layer_errors")) {
    body += paragraph(say(reason), "none");
  } else {
    const Json& errors = model.at("layer_errors");
    body += paragraph(errors_text(errors, kAfterOfWeights, say), "about") +
            heat_map("Errors by layer", errors, 4, say);
  }
  if (const Json& errors = model.at("output_errors"); !errors.is_null()) {
    body += "<h3>" + escape(say("Errors of the outputs by layer")) + "</h3>\n" +
            paragraph(errors_text(errors, kAfterOfOutputs, say), "about") +
            heat_map("Errors of the outputs by layer", errors, 4, say);
  }
  body += diagnostics(model, say);
  body += "<h3>" + escape(say("Sensitivity by layer")) + "</h3>\n";
  if (const char* reason = missing_reason(model, "sensitivity")) {
    body += paragraph(say(reason), "none");
  } else {
    body += paragraph(say("How much the perplexity rises, in percent, when only this layer takes that form."),
                      "about") +
            heat_map("Sensitivity by layer", model.at("sensitivity"), 2, say);
  }
  return section_html("layers", say("Errors by layer"), body);
}

std::string weights(const Json& model, const Phrases& say) {
  const char* reason = missing_reason(model, "histograms");
  if (reason != nullptr) return section_html("weights", say("Weights"), paragraph(say(reason), "none"));
  std::string body = "<div class=\"small\">\n";
  Table table({"Modules", "#Layers", "#Minimum", "#Maximum", "#Largest kurtosis"}, say);
  for (const Json& one : model.at("histograms")) {
    body += histogram_chart(one, say) + "\n";
    table.row({code_html(one.at("modules")), one.at("layers").dump(),
               fixed(one.at("minimum").get<double>(), 4), fixed(one.at("maximum").get<double>(), 4),
               fixed(one.at("largest_kurtosis").get<double>(), 2)});
  }
  return section_html("weights", say("Weights"), body + "</div>\n" + table.end());
}

std::string hardware(const Json& model, const Phrases& say) {
  const char* reason = missing_reason(model, "hardware");
  if (reason != nullptr) return section_html("hardware", say("Hardware"), paragraph(say(reason), "none"));
  const Json& found = model.at("hardware");
  Table table({"Part", "#Score", "#Weight", "~Why"}, say);
  for (const Json& part : found.at("parts")) {
    table.row({escape(say.known(part.at("part"))), escape(value_text(part.at("score"), "")),
               escape(value_text(part.at("weight"), "")), escape(part.at("reason"))});
  }
  return section_html("hardware", say("Hardware"),
                      paragraph(say("Target") + ": " + say.known(found.at("target")) + "; " +
                                say("Compatibility score") + ": " + value_text(found.at("score"), "")) +
                          table.end());
}

}  // namespace

std::string findings_html(const Json& model, const Phrases& say) {
  return tradeoff(model, say) + layers(model, say) + weights(model, say) + hardware(model, say);
}

}  // namespace presswork::summary
