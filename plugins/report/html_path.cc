// What was done: the way through the tree, the steps, the sizes, the time.
#include "plugins/report/chart.h"
#include "plugins/report/html_parts.h"
#include "plugins/report/html_text.h"
#include "plugins/report/number_text.h"
#include "plugins/report/wording.h"

namespace presswork::summary {

namespace {

std::string decisions(const Json& model, const Phrases& say) {
  Table table({"Decision", "Branch", "~Because"}, say);
  for (const Json& decision : model.at("decisions")) {
    std::string because;
    for (const auto& [name, value] : decision.at("because").items())
      because += (because.empty() ? "" : ", ") + code_html(name) + " = " + json_html(value);
    table.row({code_html(decision.at("id")),
               "<strong>" + escape(say.known(decision.at("branch"))) + "</strong>", because});
  }
  return table.end();
}

// What was planned, and what each adjustment made of it.
std::string strategies(const Json& model, const Phrases& say) {
  if (model.at("strategies").empty()) return "";
  Table table({"Stage", "Strategy", "~Why"}, say);
  for (const Json& strategy : model.at("strategies"))
    table.row(
        {code_html(strategy.at("stage")), code_html(strategy.at("recommended")), escape(strategy.at("why"))});
  return table.end();
}

std::string path(const Json& model, const Phrases& say) {
  std::string body;
  if (const char* reason = missing_reason(model, "tree")) {
    body += paragraph(say(reason), "none");
  } else {
    body += figure_html(tree_chart(model.at("tree"), say),
                        say("The way that this run took; what it did not come to is pale."));
    body += "<ol>\n";
    for (const std::string& walk : walks(model.at("tree"), say)) body += "<li>" + escape(walk) + "</li>\n";
    body += "</ol>\n";
    if (const char* note = pruning_note(model)) body += paragraph(say(note));
  }
  body += strategies(model, say);
  const char* none = missing_reason(model, "decisions");
  body += none != nullptr ? paragraph(say(none), "none") : decisions(model, say);
  return section_html("path", say("Decision path"), body);
}

std::string steps(const Json& model, const Phrases& say) {
  Table table({"Stage", "Uses", "State", "#Time", "~Effect"}, say);
  for (const Json& step : model.at("steps")) {
    const std::string name = code_html(step.at("stage"));
    table.row({step.at("changes_model") == true ? "<strong>" + name + "</strong>" : name,
               code_html(step.at("uses")), escape(say.known(step.at("state"))),
               step.at("seconds").is_null() ? "–" : escape(seconds_text(step["seconds"].get<double>())),
               escape(step.at("effect"))});
  }
  return section_html("steps", say("Steps"), table.end());
}

std::string sizes(const Json& model, const Phrases& say) {
  const char* reason = missing_reason(model, "sizes");
  return section_html(
      "sizes", say("Size by step"),
      reason != nullptr
          ? paragraph(say(reason), "none")
          : figure_html(size_chart(model.at("sizes"), say),
                        say("The size of the weights, and what each step took away or added.")));
}

std::string timeline(const Json& model, const Phrases& say) {
  const char* reason = missing_reason(model, "timeline");
  return section_html("timeline", say("Time line"),
                      reason != nullptr
                          ? paragraph(say(reason), "none")
                          : figure_html(timeline_chart(model.at("timeline"), say),
                                        say("When each stage ran; pale: the result was known already.")));
}

}  // namespace

std::string path_html(const Json& model, const Phrases& say) {
  return path(model, say) + steps(model, say) + sizes(model, say) + timeline(model, say);
}

}  // namespace presswork::summary
