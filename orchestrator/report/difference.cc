#include "orchestrator/report/difference.h"

#include <algorithm>
#include <cmath>

#include "orchestrator/report/event_fields.h"
#include "orchestrator/report/table.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

using base::Json;

std::vector<ValueDifference> compare_values(const Json& a, const Json& b) {
  std::map<std::string, std::pair<Json, Json>> values;
  if (a.is_object()) {
    for (const auto& [name, value] : a.items()) values[name].first = value;
  }
  if (b.is_object()) {
    for (const auto& [name, value] : b.items()) values[name].second = value;
  }
  std::vector<ValueDifference> differences;
  for (auto& [name, pair] : values) {
    if (pair.first != pair.second) differences.push_back({name, pair.first, pair.second});
  }
  return differences;
}

// What an input is: its digest; who made it does not matter.
Json digests_of(const Json& inputs) {
  Json digests = Json::object();
  if (!inputs.is_object()) return digests;
  for (const auto& [name, input] : inputs.items()) {
    digests[name] = input.is_object() ? value_of(input, "digest") : input;
  }
  return digests;
}

Json digests_of(const std::optional<store::CheckpointRow>& checkpoint) {
  Json digests = Json::object();
  if (!checkpoint) return digests;
  for (const auto& [name, output] : checkpoint->outputs) digests[name] = output.digest;
  return digests;
}

std::string plain_state(const std::string& state) { return state == "cached" ? "succeeded" : state; }

bool differs(const InstanceDifference& one) {
  return !one.in_a || !one.in_b || one.uses_a != one.uses_b || one.branch_a != one.branch_b ||
         plain_state(one.state_a) != plain_state(one.state_b) || !one.with.empty() || !one.inputs.empty() ||
         one.other_key || !one.outputs.empty() || !one.metrics.empty();
}

std::string branch_of(const RunRecord& record, const std::string& id) {
  const auto it = record.branches.find(id);
  return it == record.branches.end() ? std::string() : it->second;
}

InstanceDifference compare_instances(const RunRecord& a, const RunRecord::Entry* left, const RunRecord& b,
                                     const RunRecord::Entry* right) {
  InstanceDifference one;
  one.id = (left != nullptr ? left : right)->row.id;
  one.in_a = left != nullptr;
  one.in_b = right != nullptr;
  if (left != nullptr) {
    one.uses_a = left->row.uses;
    one.state_a = left->row.state;
    one.branch_a = branch_of(a, one.id);
  }
  if (right != nullptr) {
    one.uses_b = right->row.uses;
    one.state_b = right->row.state;
    one.branch_b = branch_of(b, one.id);
  }
  if (left == nullptr || right == nullptr) return one;
  one.outputs = compare_values(digests_of(left->checkpoint), digests_of(right->checkpoint));
  one.metrics = compare_values(left->checkpoint ? left->checkpoint->metrics : Json(),
                               right->checkpoint ? right->checkpoint->metrics : Json());
  if (left->row.key.empty() || right->row.key.empty() || left->row.key == right->row.key) return one;
  one.with = compare_values(left->row.with, right->row.with);
  one.inputs = compare_values(digests_of(left->row.inputs), digests_of(right->row.inputs));
  one.other_key = one.with.empty() && one.inputs.empty();
  return one;
}

std::string shown(const Json& value) {
  if (value.is_null()) return "–";
  if (value.is_number_float()) return format_number(value.get<double>());
  if (value.is_number_integer()) return format_integer(value.get<long long>());
  if (value.is_string()) return one_line(value.get<std::string>());
  return one_line(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string short_digest(const Json& value) {
  return value.is_string() ? shown(value).substr(0, 12) : shown(value);
}

// (b / a - 1) in percent; nothing where that says nothing.
std::optional<double> relative(const ValueDifference& value) {
  if (!value.a.is_number() || !value.b.is_number()) return std::nullopt;
  const double a = value.a.get<double>(), b = value.b.get<double>();
  const double change = (b / a - 1) * 100;
  if (a == 0 || !std::isfinite(change)) return std::nullopt;
  return a < 0 ? -change : change;
}

std::string state_text(const std::string& state, const std::string& branch, const Style& style) {
  return style.state(state) + (branch.empty() ? "" : " → " + one_line(branch));
}

void add_instance(std::string& out, const Difference& difference, const InstanceDifference& one,
                  const Style& style) {
  out += "\n" + style.bold(one_line(one.id));
  if (!one.in_a || !one.in_b) {
    const std::string& run = one.in_a ? difference.a.id : difference.b.id;
    out += "  only in " + run + ", " + style.state(one.in_a ? one.state_a : one.state_b) + "\n";
    return;
  }
  out += "\n";
  Table table({{""}, {""}, {""}, {""}, {""}});
  const auto add = [&](const std::string& what, const std::string& name, const std::string& a,
                       const std::string& b, const std::string& change = "") {
    table.add({style.dim(what), one_line(name), truncate(a, 40), truncate(b, 40), change});
  };
  if (one.uses_a != one.uses_b) add("uses", "", one_line(one.uses_a), one_line(one.uses_b));
  if (plain_state(one.state_a) != plain_state(one.state_b) || one.branch_a != one.branch_b) {
    add("state", "", state_text(one.state_a, one.branch_a, style),
        state_text(one.state_b, one.branch_b, style));
  }
  for (const ValueDifference& value : one.with) add("with", value.name, shown(value.a), shown(value.b));
  for (const ValueDifference& value : one.inputs)
    add("input", value.name, short_digest(value.a), short_digest(value.b));
  if (one.other_key) add("key", "plugin, seed, salt, facts or device", "", "", "differ");
  for (const ValueDifference& value : one.outputs)
    add("output", value.name, short_digest(value.a), short_digest(value.b));
  for (const ValueDifference& value : one.metrics) {
    const auto change = relative(value);
    add("metric", value.name, shown(value.a), shown(value.b), change ? format_signed_percent(*change) : "");
  }
  out += table.text(2);
}

Json values_json(const std::vector<ValueDifference>& values) {
  Json list = Json::array();
  for (const ValueDifference& value : values) {
    Json json = {{"name", value.name}, {"a", value.a}, {"b", value.b}};
    if (const auto change = relative(value)) json["change_percent"] = *change;
    list.push_back(std::move(json));
  }
  return list;
}

Json run_json(const store::RunRow& run) {
  return {{"run", run.id}, {"workflow", run.workflow}, {"state", run.state}};
}

}  // namespace

RunRecord read_record(const store::RunRow& run, store::Ledger& ledger) {
  RunRecord record;
  record.run = run;
  std::map<std::string, store::CheckpointRow> checkpoints;
  for (auto& [brief, checkpoint] : ledger.instances_with_checkpoints(run.id)) {
    if (checkpoint) checkpoints.emplace(brief.id, std::move(*checkpoint));
  }
  for (store::InstanceRow& row : ledger.instances(run.id)) {
    const auto it = checkpoints.find(row.id);
    record.entries.push_back(
        {std::move(row), it == checkpoints.end() ? std::nullopt : std::optional(std::move(it->second))});
  }
  for (const store::DecisionRow& row : ledger.decisions(run.id)) record.branches[row.id] = row.branch;
  return record;
}

Difference compare(const RunRecord& a, const RunRecord& b) {
  Difference difference;
  difference.a = a.run;
  difference.b = b.run;
  difference.same_workflow =
      a.run.workflow == b.run.workflow && value_of(a.run.plan, "text") == value_of(b.run.plan, "text");
  difference.params = compare_values(value_of(a.run.plan, "params"), value_of(b.run.plan, "params"));
  std::map<std::string, const RunRecord::Entry*> in_b;
  for (const RunRecord::Entry& entry : b.entries) in_b[entry.row.id] = &entry;
  const auto add = [&](InstanceDifference one) {
    if (differs(one)) {
      difference.instances.push_back(std::move(one));
    } else {
      ++difference.same;
    }
  };
  for (const RunRecord::Entry& entry : a.entries) {
    const auto it = in_b.find(entry.row.id);
    add(compare_instances(a, &entry, b, it == in_b.end() ? nullptr : it->second));
    if (it != in_b.end()) in_b.erase(it);
  }
  for (const RunRecord::Entry& entry : b.entries) {
    if (in_b.contains(entry.row.id)) add(compare_instances(a, nullptr, b, &entry));
  }
  return difference;
}

std::string to_text(const Difference& difference, const Style& style) {
  const auto name = [&](const store::RunRow& run) {
    return style.bold(run.id) + " of " + one_line(run.workflow) + " " + style.state(run.state);
  };
  std::string out = "a  " + name(difference.a) + "\nb  " + name(difference.b) + "\n";
  if (!difference.any())
    return out + "\nno difference in " + format_integer(static_cast<long long>(difference.same)) +
           " instances\n";
  if (!difference.same_workflow) out += "\nthe workflows differ\n";
  if (!difference.params.empty()) {
    Table table({{style.bold("PARAMETER")}, {style.bold("A")}, {style.bold("B")}});
    for (const ValueDifference& value : difference.params)
      table.add({one_line(value.name), truncate(shown(value.a), 50), truncate(shown(value.b), 50)});
    out += "\n" + table.text();
  }
  for (const InstanceDifference& one : difference.instances) add_instance(out, difference, one, style);
  if (difference.same > 0)
    out += "\n" + format_integer(static_cast<long long>(difference.same)) + " more are the same\n";
  return out;
}

Json to_json(const Difference& difference) {
  Json json = {{"a", run_json(difference.a)},
               {"b", run_json(difference.b)},
               {"differ", difference.any()},
               {"same_workflow", difference.same_workflow},
               {"params", values_json(difference.params)},
               {"same_instances", difference.same},
               {"instances", Json::array()}};
  for (const InstanceDifference& one : difference.instances) {
    const auto side = [](bool there, const std::string& uses, const std::string& state,
                         const std::string& branch) {
      if (!there) return Json();
      Json json_side = {{"uses", uses}, {"state", state}};
      if (!branch.empty()) json_side["branch"] = branch;
      return json_side;
    };
    json["instances"].push_back(
        {{"id", one.id},
         {"a", side(one.in_a, one.uses_a, one.state_a, one.branch_a)},
         {"b", side(one.in_b, one.uses_b, one.state_b, one.branch_b)},
         {"key",
          {{"with", values_json(one.with)}, {"inputs", values_json(one.inputs)}, {"other", one.other_key}}},
         {"outputs", values_json(one.outputs)},
         {"metrics", values_json(one.metrics)}});
  }
  return json;
}

}  // namespace presswork::report
