#include "orchestrator/report/summary_tables.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "orchestrator/base/units.h"
#include "orchestrator/report/instance_id.h"
#include "orchestrator/report/table.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

constexpr std::size_t kMostRows = 40;
constexpr std::size_t kMostAlike = 8;  // instances of one stage that are shown one by one
constexpr std::size_t kMostFailures = 10;

using Row = std::vector<const NodeSummary*>;  // one instance, or many that are alike

std::string counted(std::size_t count) { return format_integer(static_cast<long long>(count)); }

std::string result_of(const NodeSummary& node) {
  if (!node.cause.empty()) return one_line(node.cause);
  std::string text = one_line(node.branch);
  for (const std::string& part : {node.result, headlines_text(node.headlines)}) {
    if (!part.empty()) text += (text.empty() ? "" : ", ") + part;
  }
  return text;
}

std::string time_of(const NodeSummary& node) {
  if (!node.seconds) return {};
  return node.state == "cached" ? "(" + base::format_seconds(*node.seconds) + ")"
                                : base::format_seconds(*node.seconds);
}

// "60 succeeded, 4 cached": what went wrong first.
std::string states_of(const Row& row, const Style& style) {
  std::map<std::string, std::size_t> counts;
  for (const NodeSummary* node : row) ++counts[node->state];
  std::string text;
  for (const char* state : {"failed", "timed_out", "running", "succeeded", "cached", "skipped", "cancelled",
                            "interrupted", "pending"}) {
    if (counts.find(state) == counts.end()) continue;
    text += (text.empty() ? "" : ", ") + counted(counts[state]) + " " + style.state(state);
  }
  return text;
}

// "loss 18.2 … 36.9" for each headline, over the row.
std::string ranges_of(const Row& row) {
  std::vector<std::string> order;
  std::map<std::string, std::pair<const Metric*, const Metric*>> ranges;
  for (const NodeSummary* node : row) {
    for (const Metric& metric : node->headlines) {
      if (!metric.value.is_number()) continue;
      const auto [it, first] = ranges.emplace(metric.name, std::pair(&metric, &metric));
      if (first) order.push_back(metric.name);
      const double value = metric.value.get<double>();
      if (value < it->second.first->value.get<double>()) it->second.first = &metric;
      if (value > it->second.second->value.get<double>()) it->second.second = &metric;
    }
  }
  std::string text;
  for (const std::string& name : order) {
    const auto& [least, most] = ranges[name];
    text += (text.empty() ? "" : ", ") + words(name) + " " + format_metric(least->value, least->unit);
    if (least->value != most->value) text += " … " + format_metric(most->value, most->unit);
  }
  return text;
}

// All instances of a pattern as one row where there are many of them, at the place of the first.
std::vector<Row> rows_of(const Summary& summary, bool all) {
  std::map<std::string, std::size_t> sizes;
  for (const NodeSummary& node : summary.nodes) ++sizes[pattern_of(node.id)];
  const bool many = summary.nodes.size() > kMostRows;
  std::vector<Row> rows;
  std::map<std::string, std::size_t> place;
  for (const NodeSummary& node : summary.nodes) {
    const std::string pattern = pattern_of(node.id);
    const std::size_t size = sizes[pattern];
    if (all || size < 2 || (!many && size <= kMostAlike)) {
      rows.push_back({&node});
      continue;
    }
    const auto [it, first] = place.emplace(pattern, rows.size());
    if (first) rows.emplace_back();
    rows[it->second].push_back(&node);
  }
  return rows;
}

// Which rows to leave out so that the rest is readable: those of single instances that went well, from the
// middle of the run.
std::set<std::size_t> left_out(const std::vector<Row>& rows, bool all) {
  std::set<std::size_t> out;
  if (all || rows.size() <= kMostRows) return out;
  const std::size_t wanted = rows.size() - kMostRows + 1;
  const std::size_t keep = kMostRows / 2;
  for (std::size_t i = keep; i < rows.size() && out.size() < wanted; ++i) {
    const std::string& state = rows[i].front()->state;
    if (rows[i].size() == 1 && !is_bad(state) && state != "running") out.insert(i);
  }
  return out;
}

void add_row(Table& table, const Row& row, const Style& style) {
  const NodeSummary& node = *row.front();
  const std::string uses = node.uses.empty() ? node.kind : one_line(node.uses);
  if (row.size() == 1) {
    std::string state = style.state(node.state);
    if (node.attempts > 1) state += " (attempt " + std::to_string(node.attempts) + ")";
    table.add({one_line(node.id), uses, state, time_of(node), truncate(result_of(node), 72)});
    return;
  }
  double seconds = 0;
  for (const NodeSummary* one : row) seconds += one->state == "cached" ? 0 : one->seconds.value_or(0);
  table.add({one_line(pattern_of(node.id)), uses, states_of(row, style),
             seconds > 0 ? base::format_seconds(seconds) : "", truncate(ranges_of(row), 72)});
}

std::string cut(const std::string& lines, std::size_t columns) {
  if (columns == 0) return lines;
  std::string text;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = lines.find('\n', at);
    text += truncate(std::string_view(lines).substr(at, end - at), columns) + "\n";
    at = end + 1;
  }
  return text;
}

}  // namespace

std::string headlines_text(const std::vector<Metric>& headlines) {
  std::string text;
  for (const Metric& metric : headlines) {
    text += (text.empty() ? "" : ", ") + words(metric.name) + " " + format_metric(metric.value, metric.unit);
  }
  return text;
}

std::string words(std::string name) {
  if (name == "bytes") return "size";
  std::replace(name.begin(), name.end(), '_', ' ');
  return one_line(name);
}

std::string stages_text(const Summary& summary, const Style& style, bool all, std::size_t columns) {
  using Align = Table::Align;
  Table table({{style.bold("STAGE")},
               {style.bold("USES")},
               {style.bold("STATE")},
               {style.bold("TIME"), Align::right},
               {style.bold("RESULT")}});
  const std::vector<Row> rows = rows_of(summary, all);
  const std::set<std::size_t> out = left_out(rows, all);
  Row hidden;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!out.contains(i)) {
      add_row(table, rows[i], style);
      continue;
    }
    hidden.push_back(rows[i].front());
    if (hidden.size() == out.size()) {
      table.add({style.dim("and " + counted(hidden.size()) + " more"), "", states_of(hidden, style)});
    }
  }
  std::string text = cut(table.text(), columns);
  if (rows.size() < summary.nodes.size() || !out.empty()) {
    text += style.dim(counted(summary.nodes.size()) + " in all; `presswork status " + summary.run.id +
                      " --all` shows each") +
            "\n";
  }
  return text;
}

std::string failures_text(const Summary& summary, const Style& style, bool all) {
  if (summary.failures.empty()) return {};
  // Alike: another cell or iteration of one stage that failed for the same reason.
  std::vector<std::vector<const Failure*>> groups;
  std::map<std::pair<std::string, std::string>, std::size_t> place;
  for (const Failure& failure : summary.failures) {
    const auto key = std::pair(all ? failure.id : pattern_of(failure.id), failure.code + failure.message);
    const auto [it, first] = place.emplace(key, groups.size());
    if (first) groups.emplace_back();
    groups[it->second].push_back(&failure);
  }
  std::string out = "\n" + style.bold("FAILED") + "\n";
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!all && i == kMostFailures) {
      out += style.dim("  and " + counted(groups.size() - i) + " more") + "\n";
      break;
    }
    const Failure& failure = *groups[i].front();
    out += style.red(style.glyph("✗", "!")) + " " + style.bold(one_line(failure.id));
    if (groups[i].size() > 1) out += " and " + counted(groups[i].size() - 1) + " more like it";
    out += " " + style.red(failure.state);
    if (failure.attempts > 1) out += " after " + std::to_string(failure.attempts) + " attempts";
    out += ": " + one_line(failure.message);
    if (!failure.code.empty() && failure.code != failure.state)
      out += style.dim(" [" + one_line(failure.code) + "]");
    out += "\n";
    if (!failure.where.empty()) out += "    where: " + one_line(failure.where) + "\n";
    if (!failure.hint.empty()) out += "    hint: " + one_line(failure.hint) + "\n";
    if (!failure.log.empty()) out += "    log: " + one_line(failure.log) + "\n";
  }
  return out;
}

}  // namespace presswork::report
