#include "orchestrator/engine/downstream.h"

#include <algorithm>

#include "orchestrator/engine/instance_name.h"

namespace presswork::engine {

namespace {

// `end`: the decision of an iteration, or the result of a loop, is to be found anew; `whole`: all of it goes.
enum class Taken { end, whole };

class Wave {
 public:
  explicit Wave(const History& history) {
    for (const std::string& id : history.ids()) known_.insert(id);
    for (const store::InstanceRow& row : history.instances) {
      for (const std::string& need : row.needs) dependents_[need].push_back(row.id);
    }
  }

  void start(const std::string& id, bool with_itself) {
    if (with_itself) {
      take(id, Taken::whole);
    } else {
      spread(id, true);
    }
    while (!open_.empty()) {
      const auto [next, how] = open_.back();
      open_.pop_back();
      if (how == Taken::whole) take_contents(next);
      spread(next, how == Taken::end);
    }
  }

  const std::map<std::string, Taken>& taken() const { return taken_; }

 private:
  void take(const std::string& id, Taken how) {
    if (!known_.contains(id)) return;
    const auto [found, fresh] = taken_.emplace(id, how);
    if (!fresh && (found->second == Taken::whole || how == Taken::end)) return;
    found->second = how;
    open_.emplace_back(id, how);
  }

  // What stands inside a loop, or inside an iteration.
  void take_contents(const std::string& id) {
    for (auto inside = known_.lower_bound(id + "["); inside != known_.end(); ++inside) {
      if (!inside->starts_with(id + "[")) break;
      if (is_inside(*inside, id)) take(*inside, Taken::whole);
    }
    if (!as_iteration(id)) return;
    for (auto inside = known_.lower_bound(id + "/"); inside != known_.end(); ++inside) {
      if (!inside->starts_with(id + "/")) break;
      take(*inside, Taken::whole);
    }
  }

  // Whether it is an iteration of `loop`, or in one: a cell "x[bits=4]" is not inside "x".
  static bool is_inside(const std::string& id, const std::string& loop) {
    const std::size_t close = id.find(']', loop.size());
    return close != std::string::npos && as_iteration(id.substr(0, close + 1)).has_value();
  }

  void spread(const std::string& id, bool only_its_end) {
    if (const auto found = dependents_.find(id); found != dependents_.end()) {
      for (const std::string& dependent : found->second) {
        if (only_its_end && is_inside(dependent, id)) continue;  // the body keeps what went in
        take(dependent, Taken::whole);
      }
    }
    const auto itself = as_iteration(id);
    const auto around = itself ? itself : enclosing_loop(id);
    if (!around) return;
    if (!itself) take(iteration_id(around->loop, around->iteration), Taken::end);
    take_later(around->loop, around->iteration);
    take(around->loop, Taken::end);
    // Where the loop has no row yet, what is around it still has to hear of it.
    if (!known_.contains(around->loop) && heard_.insert(around->loop).second) spread(around->loop, true);
  }

  void take_later(const std::string& loop, int iteration) {
    const auto [first, fresh] = later_than_.emplace(loop, iteration);
    if (!fresh && first->second <= iteration) return;
    first->second = iteration;
    for (auto inside = known_.lower_bound(loop + "["); inside != known_.end(); ++inside) {
      if (!inside->starts_with(loop + "[")) break;
      const std::size_t close = inside->find(']', loop.size());
      if (close == std::string::npos) continue;
      const auto of = as_iteration(inside->substr(0, close + 1));
      if (of && of->iteration > iteration) take(*inside, Taken::whole);
    }
  }

  std::set<std::string> known_;
  std::map<std::string, std::vector<std::string>> dependents_;
  std::map<std::string, Taken> taken_;
  std::map<std::string, int> later_than_;
  std::set<std::string> heard_;
  std::vector<std::pair<std::string, Taken>> open_;
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
  return {ledger.instances(run), ledger.decisions(run), ledger.iterations(run)};
}

Downstream downstream(const History& history, const std::string& id, bool with_itself) {
  Wave wave(history);
  wave.start(id, with_itself);
  Downstream result;
  for (std::string& known : history.ids()) {
    if (wave.taken().contains(known)) result.ids.push_back(std::move(known));
  }
  for (const store::IterationRow& row : history.iterations) {
    const auto found = wave.taken().find(iteration_id(row.loop, row.number));
    if (found == wave.taken().end() || found->second == Taken::whole) continue;
    result.begun_again.push_back(row);
    result.begun_again.back().outcome.clear();
  }
  return result;
}

}  // namespace presswork::engine
