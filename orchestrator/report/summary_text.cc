#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "orchestrator/base/units.h"
#include "orchestrator/report/summary.h"
#include "orchestrator/report/summary_tables.h"
#include "orchestrator/report/table.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

using base::Json;

std::string change_of(const Change& change) {
  if (change.before == 0) return {};
  if (is_bytes(change.unit) && change.after > 0) {
    const bool smaller = change.after <= change.before;
    char text[48];
    std::snprintf(text, sizeof text, "%.2fx %s",
                  smaller ? change.before / change.after : change.after / change.before,
                  smaller ? "smaller" : "larger");
    return text;
  }
  return format_signed_percent((change.after / change.before - 1) * 100);
}

// Both with as many decimals as the larger one needs for four digits, so that they can be compared by eye.
std::pair<std::string, std::string> pair_of(const Change& change) {
  const bool whole = std::floor(change.before) == change.before && std::floor(change.after) == change.after;
  if (whole || is_bytes(change.unit)) {
    return {format_metric(change.before, change.unit), format_metric(change.after, change.unit)};
  }
  const double larger = std::max(std::fabs(change.before), std::fabs(change.after));
  const int decimals = std::clamp(3 - static_cast<int>(std::floor(std::log10(larger))), 0, 6);
  const auto text = [&](double value) {
    char digits[400];
    std::snprintf(digits, sizeof digits, "%.*f", decimals, value);
    return format_metric(Json(digits), "") + (change.unit.empty() ? "" : " " + one_line(change.unit));
  };
  return {text(change.before), text(change.after)};
}

std::string changes_text(const Summary& summary, const Style& style) {
  using Align = Table::Align;
  Table table({{""},
               {style.bold("BEFORE"), Align::right},
               {style.bold("AFTER"), Align::right},
               {style.bold("CHANGE"), Align::right}});
  for (const Change& change : summary.changes) {
    const auto [before, after] = pair_of(change);
    table.add({words(change.name), before, after, change_of(change)});
  }
  return table.empty() ? "" : "\n" + table.text();
}

std::string checklist_text(const Summary& summary, const Style& style) {
  if (summary.checklist.empty()) return {};
  Table table({{""}, {""}, {""}});
  for (const engine::ChecklistResult& item : summary.checklist) {
    const std::string state = item.state == "not_run" ? "not run" : item.state;
    // Why a check failed is what its reader came for, however long it is.
    const std::string why = item.state == "pass"   ? ""
                            : item.state == "fail" ? one_line(item.why)
                                                   : truncate(one_line(item.why), 80);
    table.add({style.state(state), one_line(item.title) + (item.required ? " (required)" : ""),
               why.empty() ? "" : style.dim(why)});
  }
  return "\n" + style.bold("CHECKLIST") + "\n" + table.text();
}

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json change_json(const Change& change) {
  Json json = {{"name", change.name},     {"unit", change.unit},
               {"before", change.before}, {"before_stage", change.before_stage},
               {"after", change.after},   {"after_stage", change.after_stage}};
  json["change_percent"] =
      change.before == 0 ? Json() : number_or_null((change.after / change.before - 1) * 100);
  return json;
}

Json node_json(const NodeSummary& node) {
  Json json = {{"id", node.id},
               {"uses", node.uses},
               {"kind", node.kind},
               {"state", node.state},
               {"attempts", node.attempts}};
  if (!node.cause.empty()) json["cause"] = node.cause;
  if (!node.branch.empty()) json["branch"] = node.branch;
  if (!node.result.empty()) json["result"] = node.result;
  if (node.kind == "decision") return json;
  json["seconds"] = node.seconds ? Json(*node.seconds) : Json();
  json["metrics"] = node.metrics;
  json["outputs"] = Json::object();
  for (const auto& [name, output] : node.outputs) {
    json["outputs"][name] = {{"type", output.type},
                             {"digest", output.digest},
                             {"bytes", output.bytes},
                             {"path", output.path.empty() ? Json() : Json(output.path.string())}};
  }
  return json;
}

// A run's message that is the cause of one of its instances, "quantize: crashed_signal: …".
bool is_told_below(const Summary& summary) {
  return std::any_of(summary.nodes.begin(), summary.nodes.end(), [&](const NodeSummary& node) {
    return !node.cause.empty() && summary.run.message.starts_with(node.id + ": ") &&
           !summary.failures.empty();
  });
}

}  // namespace

bool is_bytes(const std::string& unit) { return unit == "B" || unit == "bytes"; }

std::string format_metric(const Json& value, const std::string& unit) {
  if (value.is_string()) return one_line(value.get<std::string>());
  if (!value.is_number()) return one_line(value.dump(-1, ' ', false, Json::error_handler_t::replace));
  const double number = value.get<double>();
  if (is_bytes(unit) && number >= 0 && number < 1e18)
    return base::format_bytes(static_cast<std::uint64_t>(number));
  const std::string text =
      value.is_number_integer() ? format_integer(value.get<long long>()) : format_number(number);
  if (unit.empty() || unit == "1") return text;
  return unit == "x" ? text + "x" : text + " " + one_line(unit);
}

std::string to_text(const Summary& summary, const Style& style, bool all, std::size_t columns) {
  std::string out = "run " + style.bold(one_line(summary.run.id)) + " of " + one_line(summary.run.workflow) +
                    " " + style.state(summary.run.state);
  // An interrupted run has no end, and waits without working.
  if (!summary.run.ended.empty()) out += " in " + base::format_seconds(summary.seconds);
  if (summary.run.state == "running") out += ", for " + base::format_seconds(summary.seconds);
  out += "\n";
  if (!summary.run.message.empty() && !is_told_below(summary)) out += printable(summary.run.message) + "\n";
  out += failures_text(summary, style, all) + "\n" + stages_text(summary, style, all, columns) +
         changes_text(summary, style) + checklist_text(summary, style);
  Table paths({{""}, {""}});
  if (!summary.model.empty()) paths.add({"model", summary.model.string()});
  if (!summary.report.empty()) paths.add({"report", summary.report.string()});
  if (!paths.empty()) out += "\n" + paths.text();
  return out;
}

Json to_json(const Summary& summary) {
  Json json = {
      {"run", summary.run.id},          {"workflow", summary.run.workflow}, {"state", summary.run.state},
      {"started", summary.run.started}, {"ended", summary.run.ended},       {"seconds", summary.seconds},
      {"message", summary.run.message}, {"stages", Json::array()},          {"failures", Json::array()},
      {"changes", Json::array()},       {"checklist", Json::array()}};
  for (const NodeSummary& node : summary.nodes) json["stages"].push_back(node_json(node));
  for (const Failure& failure : summary.failures) {
    json["failures"].push_back({{"id", failure.id},
                                {"state", failure.state},
                                {"code", failure.code},
                                {"message", failure.message},
                                {"where", failure.where},
                                {"hint", failure.hint},
                                {"log", failure.log},
                                {"attempts", failure.attempts}});
  }
  for (const Change& change : summary.changes) json["changes"].push_back(change_json(change));
  for (const engine::ChecklistResult& item : summary.checklist) {
    json["checklist"].push_back({{"title", item.title},
                                 {"expression", item.expression},
                                 {"required", item.required},
                                 {"state", item.state},
                                 {"why", item.why}});
  }
  json["model"] = summary.model.empty() ? Json() : Json(summary.model.string());
  json["report"] = summary.report.empty() ? Json() : Json(summary.report.string());
  return json;
}

}  // namespace presswork::report
