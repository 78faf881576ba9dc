#include "orchestrator/engine/downstream.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "orchestrator/engine/instance_name.h"

namespace presswork::engine {

namespace {

// `end`: the decision of an iteration, or the result of a loop, is to be found anew; `whole`: all of it goes.
enum class Taken : char { no, end, whole };

// The ids of a run and how they stand in each other: iterations in their loop, instances in their iteration.
// A loop that has no row yet has a node all the same, so that what is around it hears of what is inside.
class Tree {
 public:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  struct Node {
    std::size_t parent = none;
    int iteration = 0;                    // of the loop `parent`, if it is one
    std::vector<std::size_t> children;    // of a loop its iterations, the first first
    std::vector<std::size_t> dependents;  // instances that need it
  };

  explicit Tree(const History& history) {
    // What has a row of its own is no iteration, though a cell may be called "sweep[1]".
    for (const store::InstanceRow& row : history.instances) add_instance(row.id);
    for (const store::IterationRow& row : history.iterations) add_iteration({row.loop, row.number});
    for (const store::DecisionRow& row : history.decisions) add(row.id);
    for (const store::InstanceRow& row : history.instances) add_needs(row);
    for (const store::InstanceRow& row : history.former_loops) add_needs(row);
    for (Node& node : nodes_) {
      std::stable_sort(node.children.begin(), node.children.end(), [this](std::size_t a, std::size_t b) {
        return nodes_[a].iteration < nodes_[b].iteration;
      });
    }
  }

  std::size_t find(const std::string& id) const {
    const auto found = index_.find(id);
    return found == index_.end() ? none : found->second;
  }
  std::size_t size() const { return nodes_.size(); }
  const Node& operator[](std::size_t node) const { return nodes_[node]; }

  bool is_inside(std::size_t node, std::size_t other) const {
    while (node != none && node != other) node = nodes_[node].parent;
    return node == other;
  }

 private:
  std::size_t add(const std::string& id) {
    if (const std::size_t known = find(id); known != none) return known;
    const auto iteration = as_iteration(id);
    return iteration ? add_iteration(*iteration) : add_instance(id);
  }

  std::size_t add_instance(const std::string& id) {
    if (const std::size_t known = find(id); known != none) return known;
    const auto around = enclosing_loop(id);
    return insert(id, around ? add_iteration(*around) : none, 0);
  }

  std::size_t add_iteration(const Enclosing& iteration) {
    const std::string id = iteration_id(iteration.loop, iteration.iteration);
    if (const std::size_t known = find(id); known != none) return known;
    return insert(id, add_instance(iteration.loop), iteration.iteration);
  }

  void add_needs(const store::InstanceRow& row) {
    const std::size_t node = add(row.id);
    for (const std::string& need : row.needs) nodes_[add(need)].dependents.push_back(node);
  }

  std::size_t insert(const std::string& id, std::size_t parent, int iteration) {
    const std::size_t node = nodes_.size();
    nodes_.push_back({parent, iteration, {}, {}});
    index_.emplace(id, node);
    if (parent != none) nodes_[parent].children.push_back(node);
    return node;
  }

  std::vector<Node> nodes_;
  std::unordered_map<std::string, std::size_t> index_;
};

// Goes from node to node until nothing more is taken.
class Wave {
 public:
  explicit Wave(const Tree& tree) : tree_(tree), taken_(tree.size(), Taken::no) {}

  void start(std::size_t node, bool with_itself) {
    if (node == Tree::none) return;
    if (with_itself) {
      take(node, Taken::whole);
    } else {
      spread(node, Taken::end);
    }
    while (!open_.empty()) {
      const std::size_t next = open_.back();
      open_.pop_back();
      spread(next, taken_[next]);
    }
  }

  Taken taken(std::size_t node) const { return taken_[node]; }
  std::size_t steps() const { return steps_; }

 private:
  void take(std::size_t node, Taken how) {
    ++steps_;
    if (taken_[node] >= how) return;
    taken_[node] = how;
    open_.push_back(node);
  }

  void spread(std::size_t at, Taken how) {
    const Tree::Node& node = tree_[at];
    for (const std::size_t dependent : node.dependents) {
      // The body of a loop keeps what went in.
      if (how == Taken::whole || !tree_.is_inside(dependent, at)) take(dependent, Taken::whole);
    }
    if (how == Taken::whole) {
      for (const std::size_t child : node.children) take(child, Taken::whole);
    }
    if (node.parent == Tree::none) return;
    if (node.iteration > 0) take_later(node.parent, node.iteration);
    take(node.parent, Taken::end);
  }

  void take_later(std::size_t loop, int iteration) {
    const std::vector<std::size_t>& all = tree_[loop].children;
    std::size_t& left = kept_.emplace(loop, all.size()).first->second;
    for (; left > 0 && tree_[all[left - 1]].iteration > iteration; --left) {
      take(all[left - 1], Taken::whole);
    }
  }

  const Tree& tree_;
  std::vector<Taken> taken_;
  std::unordered_map<std::size_t, std::size_t> kept_;  // by loop: so many iterations take_later() has left
  std::vector<std::size_t> open_;
  std::size_t steps_ = 0;
};

}  // namespace

std::vector<std::string> History::ids() const {
  std::vector<std::string> ids;
  std::set<std::string> seen;
  std::map<std::string, std::size_t> last_inside;  // iteration -> index of the last instance of its body
  for (const store::InstanceRow& row : instances) {
    for (auto around = enclosing_loop(row.id); around; around = enclosing_loop(around->loop)) {
      last_inside[iteration_id(around->loop, around->iteration)] = ids.size();
    }
    ids.push_back(row.id);
    seen.insert(row.id);
  }
  std::multimap<std::size_t, std::string> after;
  const auto add = [&](const std::string& id) {
    if (!seen.insert(id).second) return;
    const auto found = last_inside.find(id);
    after.emplace(found == last_inside.end() ? ids.size() : found->second, id);
  };
  for (const store::DecisionRow& row : decisions) add(row.id);
  for (const store::IterationRow& row : iterations) add(iteration_id(row.loop, row.number));
  std::vector<std::string> all;
  for (std::size_t i = 0; i <= ids.size(); ++i) {
    if (i < ids.size()) all.push_back(ids[i]);
    for (auto [it, end] = after.equal_range(i); it != end; ++it) all.push_back(it->second);
  }
  return all;
}

History read_history(store::Ledger& ledger, const std::string& run) {
  History history{ledger.instances(run), ledger.decisions(run), ledger.iterations(run), {}};
  for (store::SupersededRow& row : ledger.history(run)) {
    if (row.instance && row.instance->kind == "loop")
      history.former_loops.push_back(std::move(*row.instance));
  }
  return history;
}

Downstream downstream(const History& history, const std::string& id, bool with_itself) {
  const Tree tree(history);
  Wave wave(tree);
  wave.start(tree.find(id), with_itself);
  Downstream result;
  result.steps = wave.steps();
  for (std::string& known : history.ids()) {
    if (wave.taken(tree.find(known)) != Taken::no) result.ids.push_back(std::move(known));
  }
  for (const store::IterationRow& row : history.iterations) {
    if (wave.taken(tree.find(iteration_id(row.loop, row.number))) != Taken::end) continue;
    result.begun_again.push_back(row);
    result.begun_again.back().outcome.clear();
  }
  return result;
}

}  // namespace presswork::engine
