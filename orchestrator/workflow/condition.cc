#include "orchestrator/workflow/condition.h"

#include <algorithm>
#include <optional>

namespace presswork::workflow {

namespace {

constexpr std::size_t most_ways = 64;
constexpr int most_steps = 10'000;

// The two ways together; nothing when they take different branches of one decision.
std::optional<Way> joined(const Way& a, const Way& b) {
  Way all;
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all));
  all.erase(std::unique(all.begin(), all.end()), all.end());
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].first == all[i - 1].first) return {};
  }
  return all;
}

bool includes(const Way& larger, const Way& smaller) {
  return std::includes(larger.begin(), larger.end(), smaller.begin(), smaller.end());
}

}  // namespace

Conditions::Conditions(const Scope& scope, const NeedGraph& graph)
    : scope_(scope), conditions_(graph.size(), Condition::always()) {
  for (const std::size_t node : topological_order(graph)) {
    conditions_[node] = control(node, graph[node]);
    // It also needs its inputs: one of the candidates of each.
    for (const Input* input : inputs(scope.nodes[node])) {
      if (input->candidates.empty()) continue;
      Condition any;
      for (const OutputName& candidate : input->candidates) any = either(any, of(candidate.node));
      conditions_[node] = both(conditions_[node], any);
    }
    if (const Select* select = scope.nodes[node].select()) {
      conditions_[node] = both(conditions_[node], of(select->from));
    }
    if (scope.nodes[node].may_fail())
      conditions_[node] = both(conditions_[node], Condition::has_result(node));
  }
}

std::optional<std::size_t> Conditions::index(const std::string& id) const {
  const Node* node = scope_.find(id);
  if (node == nullptr) return std::nullopt;
  return static_cast<std::size_t>(node - scope_.nodes.data());
}

Condition Conditions::of(const std::string& id) const {
  const auto node = index(id);
  return node ? conditions_[*node] : Condition::always();
}

Condition Conditions::taken(std::size_t node, std::size_t branch) const {
  return both(conditions_[node], Condition{{{{node, branch}}}, false});
}

Condition Conditions::of_edge(const After& after) const {
  const auto node = index(after.node);
  if (!node) return Condition::always();
  if (after.branch.empty()) return conditions_[*node];
  const std::vector<std::string> names = scope_.nodes[*node].decision()->branches();
  return taken(*node,
               static_cast<std::size_t>(std::find(names.begin(), names.end(), after.branch) - names.begin()));
}

Condition Conditions::control(std::size_t self, const std::vector<std::size_t>& needs) const {
  const Node& node = scope_.nodes[self];
  if (node.join == Join::all_done) return Condition::always();
  if (node.join == Join::on_failure) return Condition::has_result(self);
  if (node.join == Join::all_success) {
    Condition all = Condition::always();
    for (const After& after : node.after) all = both(all, of_edge(after));
    for (const std::size_t need : needs) all = both(all, conditions_[need]);
    return all;
  }
  if (node.after.empty()) return Condition::always();
  Condition any;
  for (const After& after : node.after) any = either(any, of_edge(after));
  if (node.join == Join::any_success) {
    for (const std::size_t need : needs) {
      const bool in_after = std::any_of(node.after.begin(), node.after.end(),
                                        [&](const After& after) { return index(after.node) == need; });
      if (!in_after) any = either(any, conditions_[need]);
    }
  }
  return any;
}

std::size_t Conditions::branches(std::size_t node) const {
  const Decision* decision = scope_.nodes[node].decision();
  return decision == nullptr ? 2 : decision->branches().size();
}

Condition Conditions::either(const Condition& a, const Condition& b) const {
  if (a.is_always() || b.is_always()) return Condition::always();
  Condition result{a.ways, a.too_large || b.too_large};
  result.ways.insert(result.ways.end(), b.ways.begin(), b.ways.end());
  simplify(result);
  return result;
}

Condition Conditions::both(const Condition& a, const Condition& b) const {
  if (a.is_always()) return b;
  if (b.is_always()) return a;
  Condition result{{}, a.too_large || b.too_large};
  for (const Way& x : a.ways) {
    for (const Way& y : b.ways) {
      if (auto way = joined(x, y)) result.ways.push_back(std::move(*way));
    }
  }
  simplify(result);
  return result;
}

// Drops ways that another one includes, and puts ways together that differ only in covering all branches of
// one decision.
void Conditions::simplify(Condition& condition) const {
  std::vector<Way>& ways = condition.ways;
  for (bool changed = true; changed;) {
    changed = false;
    std::sort(ways.begin(), ways.end(),
              [](const Way& a, const Way& b) { return a.size() != b.size() ? a.size() < b.size() : a < b; });
    std::vector<Way> kept;
    for (const Way& way : ways) {
      const bool included =
          std::any_of(kept.begin(), kept.end(), [&](const Way& less) { return includes(way, less); });
      if (!included) kept.push_back(way);
    }
    ways = std::move(kept);
    for (std::size_t i = 0; i < ways.size() && !changed; ++i) {
      for (std::size_t at = 0; at < ways[i].size() && !changed; ++at) {
        Way other = ways[i];
        std::size_t found = 0;
        const std::size_t count = branches(other[at].first);
        for (std::size_t branch = 0; branch < count; ++branch) {
          other[at].second = branch;
          found += static_cast<std::size_t>(std::count(ways.begin(), ways.end(), other));
        }
        if (found != count) continue;
        other.erase(other.begin() + static_cast<std::ptrdiff_t>(at));
        ways.push_back(std::move(other));
        changed = true;
      }
    }
  }
  if (ways.size() > most_ways) {
    condition.too_large = true;
    ways.resize(most_ways);
  }
}

bool Conditions::implies(const Condition& given, const Condition& needed) const {
  if (needed.is_always() || given.too_large || needed.too_large) return true;
  int steps = most_steps;
  return std::all_of(given.ways.begin(), given.ways.end(),
                     [&](const Way& way) { return covers(way, needed.ways, steps); });
}

// Whether one of `ways` is open once `given` is: tries every branch of a decision that is still undecided.
bool Conditions::covers(const Way& given, std::vector<Way> ways, int& steps) const {
  if (--steps < 0) return true;
  std::optional<Taken> undecided;
  bool possible = false;
  for (const Way& way : ways) {
    if (!joined(given, way)) continue;
    if (includes(given, way)) return true;
    possible = true;
    for (const Taken& step : way) {
      if (!undecided && !std::binary_search(given.begin(), given.end(), step)) undecided = step;
    }
  }
  if (!possible) return false;
  for (std::size_t branch = 0; branch < branches(undecided->first); ++branch) {
    if (!covers(*joined(given, {{undecided->first, branch}}), ways, steps)) return false;
  }
  return true;
}

std::string Conditions::text(const Condition& condition) const {
  std::string all;
  for (const Way& way : condition.ways) {
    if (!all.empty()) all += ", or ";
    for (std::size_t i = 0; i < way.size(); ++i) {
      const Node& node = scope_.nodes[way[i].first];
      if (i > 0) all += " and ";
      all += node.decision() != nullptr      ? node.id + "." + node.decision()->branches()[way[i].second]
             : node.join == Join::on_failure ? "a failure before " + node.id
                                             : "a success of " + node.id;
    }
  }
  return all.empty() ? "never" : all;
}

}  // namespace presswork::workflow
