#include "plugins/report/html.h"

#include "plugins/report/html_parts.h"
#include "plugins/report/html_text.h"

namespace presswork::summary {

namespace {

std::string contents(const Phrases& say) {
  static constexpr std::pair<const char*, const char*> kSections[] = {
      {"summary", "Summary"},
      {"effects", "Before and after"},
      {"advice", "Deployment advice"},
      {"risks", "Risks"},
      {"path", "Decision path"},
      {"steps", "Steps"},
      {"sizes", "Size by step"},
      {"timeline", "Time line"},
      {"tradeoff", "Perplexity against size"},
      {"layers", "Errors by layer"},
      {"weights", "Weights"},
      {"hardware", "Hardware"},
      {"checklists", "Checklists"},
      {"predictions", "Predicted and measured"},
      {"provenance", "Provenance"}};
  std::string out = "<nav aria-label=\"" + escape(say("Sections")) + "\"><ul>\n";
  for (const auto& [id, title] : kSections)
    out += std::string("<li><a href=\"#") + id + "\">" + escape(say(title)) + "</a></li>\n";
  return out + "</ul></nav>\n";
}

}  // namespace

std::string to_html(const Json& model, const Phrases& say) {
  const std::string title = text_of(model, "title"), run = text_of(model, "run"),
                    started = text_of(model, "started");
  std::string body = "<a class=\"skip\" href=\"#content\">" + escape(say("To the content")) +
                     "</a>\n<header>\n<h1>" + escape(title) + "</h1>\n<p class=\"about\">" +
                     escape(say("Workflow")) + ": " + code_html(text_of(model, "workflow"));
  if (!run.empty()) body += ", " + escape(say("run")) + " " + code_html(run);
  if (!started.empty())
    body += ", " +
            escape(started.substr(0, 10) + " " + (started.size() > 16 ? started.substr(11, 5) : "") + " UTC");
  body += "</p>\n" + contents(say) + "</header>\n<main id=\"content\">\n" + results_html(model, say) +
          path_html(model, say) + findings_html(model, say) + evidence_html(model, say) +
          "</main>\n<footer>" +
          escape(say("Written by Presswork {0} from what the run recorded.",
                     {text_of(model.at("provenance"), "version")})) +
          "</footer>\n";
  return html_page(title, body, say);
}

}  // namespace presswork::summary
