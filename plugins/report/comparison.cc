#include "plugins/report/comparison.h"

#include <map>
#include <set>

#include "plugins/report/html.h"
#include "plugins/report/html_parts.h"
#include "plugins/report/html_text.h"
#include "plugins/report/number_text.h"
#include "plugins/report/wording.h"
#include "presswork/error.h"

namespace presswork::summary {

namespace {

Json by_metric(const Json& list, const char* value) {
  Json found = Json::object();
  for (const Json& one : list) found[text_of(one, "metric")] = member(one, value, nullptr);
  return found;
}

Json figures(const Json& a, const Json& b) {
  Json list = Json::array();
  const Json second = by_metric(b.at("effects"), "after");
  for (const Json& effect : a.at("effects")) {
    const std::string metric = text_of(effect, "metric");
    const auto first = number_of(effect, "after"), other = number_of(second, metric.c_str());
    const bool both = first && other && *first != 0;
    list.push_back({{"metric", metric},
                    {"unit", text_of(effect, "unit")},
                    {"values", {to_json(first), to_json(other)}},
                    {"difference_percent", both ? Json((*other / *first - 1) * 100) : Json()}});
  }
  return list;
}

Json grades(const Json& a, const Json& b) {
  Json list = Json::array();
  const Json second = by_metric(b.at("grades"), "grade");
  for (const Json& grade : a.at("grades")) {
    const std::string metric = text_of(grade, "metric");
    list.push_back({{"metric", metric},
                    {"values", {member(grade, "grade", nullptr), member(second, metric.c_str(), nullptr)}}});
  }
  return list;
}

Json differing_parameters(const Json& a, const Json& b) {
  const Json first = a.at("provenance").at("parameters"), second = b.at("provenance").at("parameters");
  std::set<std::string> names;
  for (const Json* parameters : {&first, &second}) {
    for (const auto& [name, value] : parameters->items()) names.insert(name);
  }
  Json list = Json::array();
  for (const std::string& name : names) {
    const Json one = member(first, name.c_str(), nullptr), other = member(second, name.c_str(), nullptr);
    if (one != other) list.push_back({{"name", name}, {"values", {one, other}}});
  }
  return list;
}

std::string run_name(const Json& comparison, std::size_t which) {
  const std::string run = text_of(comparison.at("runs").at(which), "run");
  return run.empty() ? std::string(which == 0 ? "A" : "B") : run;
}

// One table of the comparison: its title, and rows of a name, the two values and a difference.
struct Part {
  const char* title;
  std::vector<std::vector<std::string>> rows;
};

std::vector<Part> parts_of(const Json& comparison, const Phrases& say) {
  Part overview{"Summary", {}}, figures{"Before and after", {}}, parameters{"Parameters", {}};
  const Json& runs = comparison.at("runs");
  overview.rows.push_back({say("Workflow"), text_of(runs[0], "workflow"), text_of(runs[1], "workflow"), ""});
  overview.rows.push_back(
      {say("Overall grade"), grade_text(runs[0].at("grade"), say), grade_text(runs[1].at("grade"), say), ""});
  for (const Json& grade : comparison.at("grades"))
    overview.rows.push_back({say(text_of(grade, "metric")), grade_text(grade.at("values")[0], say),
                             grade_text(grade.at("values")[1], say), ""});
  for (const Json& walk : comparison.at("walks"))
    overview.rows.push_back({say("Decision path"), walk[0], walk[1], ""});
  for (const Json& figure : comparison.at("figures")) {
    const std::string unit = text_of(figure, "unit");
    figures.rows.push_back({say(text_of(figure, "metric")), value_text(figure.at("values")[0], unit),
                            value_text(figure.at("values")[1], unit),
                            percent_text(figure.at("difference_percent"), 1)});
  }
  for (const Json& parameter : comparison.at("parameters"))
    parameters.rows.push_back(
        {text_of(parameter, "name"), parameter.at("values")[0].dump(), parameter.at("values")[1].dump(), ""});
  return {overview, figures, parameters};
}

std::string markdown_cell(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (std::string_view("|\\`<>*_[]").find(c) != std::string_view::npos) safe += '\\';
    safe += c == '\n' || c == '\r' ? ' ' : c;
  }
  return safe;
}

std::string path_text(const Json& tree) {
  std::string text;
  for (const std::string& walk : walks(tree, Phrases("en"))) text += (text.empty() ? "" : "; ") + walk;
  return text;
}

}  // namespace

Json compare(const Json& a, const Json& b) {
  for (const Json* report : {&a, &b}) {
    if (!report->is_object() || !report->contains("presswork_report") || !report->contains("effects"))
      throw Error("invalid_input", "is no report of this version", "report.json", "write the report anew");
  }
  Json runs = Json::array(), ways = Json::array();
  for (const Json* report : {&a, &b})
    runs.push_back({{"run", text_of(*report, "run")},
                    {"workflow", text_of(*report, "workflow")},
                    {"grade", report->at("grade")}});
  if (!a.at("tree").is_null() || !b.at("tree").is_null())
    ways.push_back({path_text(a.at("tree")), path_text(b.at("tree"))});
  return {{"presswork_comparison", 1},
          {"runs", runs},
          {"figures", figures(a, b)},
          {"grades", grades(a, b)},
          {"parameters", differing_parameters(a, b)},
          {"walks", ways}};
}

std::string comparison_markdown(const Json& comparison, const Phrases& say) {
  std::string out = "# " + say("Comparison of two runs") + "\n";
  for (const Part& part : parts_of(comparison, say)) {
    if (part.rows.empty()) continue;
    out += "\n## " + say(part.title) + "\n\n|  | " + markdown_cell(run_name(comparison, 0)) + " | " +
           markdown_cell(run_name(comparison, 1)) + " | " + say("Difference") +
           " |\n| --- | --- | --- | --- |\n";
    for (const auto& row : part.rows) {
      out += "|";
      for (const std::string& text : row) out += " " + markdown_cell(text) + " |";
      out += "\n";
    }
  }
  return out;
}

std::string comparison_html(const Json& comparison, const Phrases& say) {
  const std::string title =
      say("Comparison of two runs") + ": " + run_name(comparison, 0) + ", " + run_name(comparison, 1);
  std::string body = "<header><h1>" + escape(title) + "</h1></header>\n<main>\n";
  int number = 0;
  for (const Part& part : parts_of(comparison, say)) {
    if (part.rows.empty()) continue;
    std::string table = wide_html(say(part.title)) + "<table>\n<thead><tr><td></td>";
    for (const std::string& name : {run_name(comparison, 0), run_name(comparison, 1), say("Difference")})
      table += "<th scope=\"col\">" + escape(name) + "</th>";
    table += "</tr></thead>\n<tbody>\n";
    for (const auto& row : part.rows) {
      table += "<tr><th scope=\"row\">" + escape(row[0]) + "</th>";
      for (std::size_t i = 1; i < row.size(); ++i) table += "<td>" + escape(row[i]) + "</td>";
      table += "</tr>\n";
    }
    body += section_html(("part" + std::to_string(++number)).c_str(), say(part.title),
                         table + "</tbody>\n</table></div>\n");
  }
  return html_page(title, body + "</main>\n", say);
}

}  // namespace presswork::summary
