#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <set>

#include "orchestrator/base/units.h"
#include "orchestrator/report/drawing.h"
#include "orchestrator/report/event_fields.h"
#include "orchestrator/report/instance_id.h"
#include "orchestrator/report/moment.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

using store::InstanceRow;

// The later stands for the node when its instances differ.
constexpr const char* kDrawnStates[] = {"pending",   "skipped",   "cached", "succeeded", "interrupted",
                                        "cancelled", "timed_out", "failed", "running"};

int weight_of(const std::string& state) {
  const auto it = std::find(std::begin(kDrawnStates), std::end(kDrawnStates), state);
  return static_cast<int>(it - std::begin(kDrawnStates));
}

// Of work done in this run: a cached stage took none. What has no checkpoint, or not yet, took as long as it
// was under way.
double seconds_of(const InstanceRow& row, const RunToDraw& run) {
  if (row.started.empty() || row.state == "cached" || row.state == "pending" || row.state == "interrupted")
    return 0;
  if (const auto known = run.seconds.find(row.id); known != run.seconds.end()) return known->second;
  return seconds_between(row.started, row.ended.empty() ? run.now : row.ended).value_or(0);
}

class Run {
 public:
  explicit Run(const RunToDraw& run) : run_(run) {
    for (const store::DecisionRow& row : run.decisions) decisions_[row.id] = &row;
    for (const store::AttemptRow& row : run.attempts) attempts_[row.instance] = &row;
    for (const InstanceRow& row : run.instances) {
      for (std::size_t at = 0; (at = row.id.find("]/", at + 1)) != std::string::npos;) {
        const std::string iteration = row.id.substr(0, at + 1);
        iterations_[node_of(iteration)].insert(iteration);
      }
    }
  }

  // Of a loop, as a node: "2 iterations".
  std::string iterations(const std::string& node) const {
    const auto it = iterations_.find(node);
    if (it == iterations_.end()) return {};
    return std::to_string(it->second.size()) + (it->second.size() == 1 ? " iteration" : " iterations");
  }

  const std::string& branch(const std::string& instance) const {
    static const std::string none;
    const auto it = decisions_.find(instance);
    return it == decisions_.end() ? none : it->second->branch;
  }

  void describe(DrawnNode& node, const InstanceRow& row) const {
    const auto add = [&](const char* name, const std::string& value) {
      if (!value.empty()) node.details.emplace_back(name, value);
    };
    add("state", row.state);
    if (const double seconds = seconds_of(row, run_); seconds > 0) add("time", base::format_seconds(seconds));
    add(row.kind == "select" ? "chosen" : "branch", branch(row.id));
    add_values(node, decision_inputs(row));
    if (row.attempts > 1) add("attempts", std::to_string(row.attempts));
    add("why", row.cause);
    const auto it = attempts_.find(row.id);
    if (it != attempts_.end() && weight_of(row.state) >= weight_of("cancelled")) {
      add("hint", it->second->hint);
      add("log", it->second->log);
    }
    const bool control = row.kind == "loop" || row.kind == "select";
    add_values(node, control ? value_of(row.with, "metrics") : row.with);
    add("key", row.key.substr(0, 12));
  }

  const RunToDraw& run_;

 private:
  static void add_values(DrawnNode& node, const base::Json& values) {
    if (!values.is_object()) return;
    for (const auto& [name, value] : values.items()) {
      const std::string text = value.dump(-1, ' ', false, base::Json::error_handler_t::replace);
      node.details.emplace_back(name, truncate(one_line(text), 80));
    }
  }

  // A decision's values; of a selection, those that it chose from.
  base::Json decision_inputs(const InstanceRow& row) const {
    const auto it = decisions_.find(row.id);
    if (it == decisions_.end()) return nullptr;
    return row.kind == "select" ? value_of(it->second->inputs, "candidates") : it->second->inputs;
  }

  std::map<std::string, std::set<std::string>> iterations_;  // by loop, as a node
  std::map<std::string, const store::DecisionRow*> decisions_;
  std::map<std::string, const store::AttemptRow*> attempts_;  // the last of each instance
};

// "3 succeeded, 1 failed"
std::string tally(const std::vector<const InstanceRow*>& rows) {
  std::map<std::string, std::size_t> counts;
  for (const InstanceRow* row : rows) ++counts[row->state];
  std::string text;
  for (const auto& [state, count] : counts)
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + state;
  return text;
}

std::string cell_of(const std::string& id) {
  const std::size_t open = id.rfind('[');
  return open == std::string::npos || !id.ends_with(']') ? id : id.substr(open + 1, id.size() - open - 2);
}

// "2 of 12 failed" or "5 of 12 done" while that says more than the time.
std::string progress_of(const std::vector<const InstanceRow*>& rows, std::size_t all) {
  std::map<std::string, std::size_t> counts;
  for (const InstanceRow* row : rows) ++counts[row->state];
  const std::size_t failed = counts["failed"] + counts["timed_out"], open = counts["running"];
  if (failed > 0) return std::to_string(failed) + " of " + std::to_string(all) + " failed";
  if (open == 0) return {};
  const std::size_t done = counts["succeeded"] + counts["cached"];
  return std::to_string(done) + " of " + std::to_string(all) + " done";
}

// What stands beside the label: what was chosen, how far it is, how long it took.
std::string note_of(const DrawnNode& node, const std::vector<const InstanceRow*>& rows, const Run& run) {
  const std::string time = node.seconds > 0 ? base::format_seconds(node.seconds) : "";
  if (node.shape == DrawnNode::Shape::loop) {
    const std::string iterations = run.iterations(node.id);
    return iterations + (iterations.empty() || time.empty() ? "" : ", ") + time;
  }
  const std::string& branch = run.branch(rows.back()->id);
  if (!branch.empty()) return node.shape == DrawnNode::Shape::select ? cell_of(branch) : branch;
  const std::string progress =
      rows.size() > 1 ? progress_of(rows, std::max(node.count, rows.size())) : std::string();
  return progress.empty() ? time : progress;
}

void show(DrawnNode& node, const std::vector<const InstanceRow*>& rows, const Run& run) {
  node.state = rows.front()->state;
  double longest = 0, sum = 0;
  for (const InstanceRow* row : rows) {
    if (weight_of(row->state) > weight_of(node.state)) node.state = row->state;
    longest = std::max(longest, seconds_of(*row, run.run_));
    sum += seconds_of(*row, run.run_);
  }
  if (node.uses.empty()) node.uses = rows.front()->uses;
  // Cells run side by side, iterations one after the other.
  node.seconds = node.parent == kNoNode ? longest : sum;
  node.note = note_of(node, rows, run);
  if (rows.size() == 1) return run.describe(node, *rows.front());
  node.count = std::max(node.count, rows.size());
  node.details.emplace_back("instances", tally(rows));
  if (sum > 0) node.details.emplace_back("time in all", base::format_seconds(sum));
  for (const InstanceRow* row : rows) {
    if (row->cause.empty() || row->state == "skipped") continue;
    node.details.emplace_back(row->id, row->cause);
    if (node.details.size() > 8) break;
  }
}

// Everything between "[" and "]" of the last part says which cell or iteration it is.
std::string last_part(const std::string& id) {
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (id[i] == '[') ++depth;
    if (id[i] == ']' && depth > 0) --depth;
    if (id[i] == '/' && depth == 0) start = i + 1;
  }
  return id.substr(start);
}

std::string before_last_part(const std::string& id) {
  const std::string last = last_part(id);
  return last.size() == id.size() ? std::string() : id.substr(0, id.size() - last.size() - 1);
}

DrawnNode::Shape shape_of(const InstanceRow& row) {
  if (row.kind == "decision") return DrawnNode::Shape::decision;
  if (row.kind == "loop") return DrawnNode::Shape::loop;
  return row.kind == "select" ? DrawnNode::Shape::select : DrawnNode::Shape::stage;
}

std::set<std::string> needs_of(const InstanceRow& row) {
  std::set<std::string> needs(row.needs.begin(), row.needs.end());
  if (row.inputs.is_object()) {
    for (const auto& [name, input] : row.inputs.items()) {
      const std::string made_by = text_of(input, "instance");
      if (!made_by.empty() && made_by != row.id) needs.insert(made_by);
    }
  }
  return needs;
}

std::string label_of(const InstanceRow& row, const std::string& from) {
  std::string label;
  if (!row.inputs.is_object()) return label;
  for (const auto& [name, input] : row.inputs.items()) {
    if (text_of(input, "instance") != from) continue;
    const std::string output = text_of(input, "output");
    if (!output.empty() && label.find(output) == std::string::npos)
      label += (label.empty() ? "" : ", ") + output;
  }
  return label;
}

void set_title(Drawing& drawing, const RunToDraw& run) {
  drawing.title = run.run.workflow + " " + run.run.id;
  drawing.subtitle = run.run.state;
  const std::string end = run.run.ended.empty() ? run.now : run.run.ended;
  const auto took = seconds_between(run.run.started, end);
  if (took && (run.run.state == "running" || !run.run.ended.empty()))
    drawing.subtitle += (run.run.ended.empty() ? ", for " : " in ") + base::format_seconds(*took);
  if (run.run.started.size() >= 16)
    drawing.subtitle +=
        ", started " + run.run.started.substr(0, 10) + " " + run.run.started.substr(11, 5) + " UTC";
  if (!run.run.message.empty()) drawing.subtitle += ": " + run.run.message;
}

}  // namespace

void add_run(Drawing& drawing, const RunToDraw& run) {
  const Run index(run);
  set_title(drawing, run);
  std::map<std::string, std::vector<const InstanceRow*>> by_node;
  std::vector<std::string> order;
  for (const InstanceRow& row : run.instances) {
    std::vector<const InstanceRow*>& rows = by_node[node_of(row.id)];
    if (rows.empty()) order.push_back(node_of(row.id));
    rows.push_back(&row);
  }
  for (const std::string& id : order) {
    if (drawing.find(id) != kNoNode) continue;
    DrawnNode node;
    node.id = id;
    node.label = last_part(id);
    node.shape = shape_of(*by_node[id].front());
    node.parent = drawing.find(parent_of(id));
    node.stacked = by_node[id].size() > 1;
    drawing.add(std::move(node));
  }
  for (DrawnNode& node : drawing.nodes) {
    const auto it = by_node.find(node.id);
    if (it == by_node.end()) {
      node.state = "pending";
      continue;
    }
    show(node, it->second, index);
    node.stacked = node.stacked || (it->second.size() > 1 && node.parent == kNoNode);
  }
  for (DrawnEdge& edge : drawing.edges) {
    if (!edge.branch || drawing.nodes[edge.from].parent != kNoNode) continue;
    const std::string& branch = index.branch(drawing.nodes[edge.from].id);
    edge.taken = branch.empty() ? drawing.nodes[edge.from].state != "skipped"
                                : (", " + edge.label + ",").find(", " + branch + ",") != std::string::npos;
  }
  mark_critical_path(drawing);
}

Drawing drawing_of(const RunToDraw& run) {
  const Run index(run);
  Drawing drawing;
  set_title(drawing, run);
  const std::function<std::size_t(const std::string&)> frame = [&](const std::string& id) -> std::size_t {
    if (id.empty()) return kNoNode;
    if (const std::size_t known = drawing.find(id); known != kNoNode) {
      drawing.nodes[known].shape = DrawnNode::Shape::loop;
      return known;
    }
    // "tune[2]" lies in the loop "tune", which has a row of its own.
    const std::string loop = id.ends_with(']') ? id.substr(0, id.rfind('[')) : before_last_part(id);
    DrawnNode node;
    node.id = id;
    node.label = last_part(id);
    node.shape = DrawnNode::Shape::loop;
    node.parent = loop == id ? kNoNode : frame(loop);
    node.note = index.branch(id);  // the way that the loop went then
    return drawing.add(std::move(node));
  };
  for (const InstanceRow& row : run.instances) {
    const std::size_t parent = frame(before_last_part(row.id));
    std::size_t at = drawing.find(row.id);
    if (at == kNoNode) {
      DrawnNode node;
      node.id = row.id;
      node.label = last_part(row.id);
      node.shape = shape_of(row);
      node.parent = parent;
      at = drawing.add(std::move(node));
    }
    show(drawing.nodes[at], {&row}, index);
  }
  for (const InstanceRow& row : run.instances) {
    for (const std::string& need : needs_of(row)) {
      const std::size_t from = drawing.find(need);
      if (from == kNoNode || row.id.starts_with(need + "[")) continue;  // the loop that it is in
      const std::string label = label_of(row, need);
      const bool branch = label.empty() && drawing.nodes[from].shape == DrawnNode::Shape::decision;
      drawing.edges.push_back({from, drawing.find(row.id), branch || !label.empty(), label});
    }
  }
  mark_critical_path(drawing);
  return drawing;
}

void mark_critical_path(Drawing& drawing) {
  // The bodies of loops count as their loops.
  const auto outermost = [&](std::size_t node) {
    while (drawing.nodes[node].parent != kNoNode) node = drawing.nodes[node].parent;
    return node;
  };
  const std::size_t count = drawing.nodes.size();
  std::vector<std::vector<std::size_t>> into(count), out_of(count);
  std::vector<std::size_t> missing(count, 0);
  for (std::size_t i = 0; i < drawing.edges.size(); ++i) {
    const std::size_t from = outermost(drawing.edges[i].from), to = outermost(drawing.edges[i].to);
    if (from == to) continue;
    into[to].push_back(i);
    out_of[from].push_back(to);
    ++missing[to];
  }
  std::vector<double> until(count, 0);
  std::vector<std::size_t> through(count, kNoNode), ready;
  for (std::size_t i = 0; i < count; ++i) {
    if (missing[i] == 0 && outermost(i) == i) ready.push_back(i);
  }
  std::size_t last = kNoNode;
  while (!ready.empty()) {
    const std::size_t node = ready.back();
    ready.pop_back();
    for (const std::size_t edge : into[node]) {
      const std::size_t from = outermost(drawing.edges[edge].from);
      if (until[from] > until[node]) until[node] = until[from], through[node] = edge;
    }
    until[node] += drawing.nodes[node].seconds;
    if (last == kNoNode || until[node] > until[last]) last = node;
    for (const std::size_t next : out_of[node]) {
      if (--missing[next] == 0) ready.push_back(next);
    }
  }
  if (last == kNoNode || until[last] <= 0) return;
  while (last != kNoNode) {
    drawing.nodes[last].critical = true;
    if (through[last] == kNoNode) break;
    drawing.edges[through[last]].critical = true;
    last = outermost(drawing.edges[through[last]].from);
  }
}

}  // namespace presswork::report
