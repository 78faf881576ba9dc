#include "orchestrator/engine/choice.h"

#include <optional>

namespace presswork::engine {

using base::Error;
using base::ErrorCode;
using base::Json;

namespace {

// Goes through candidates in order and keeps the best.
class Contest {
 public:
  explicit Contest(const workflow::Choice& choice) : choice_(choice) {}

  // Whether the candidate fulfils the constraint; it may be the best then.
  bool enter(std::size_t candidate, const workflow::ValueOf& value_of) {
    if (choice_.where && choice_.where->evaluate(value_of) != Json(true)) return false;
    Json value = choice_.objective ? choice_.objective->evaluate(value_of) : Json();
    if (choice_.objective && !value.is_number()) {
      throw Error(ErrorCode::stage_failed, "the objective is " + value.dump() + ", and no number", "",
                  choice_.objective->where());
    }
    const bool better = !best_ || (choice_.objective && (choice_.maximize ? value > value_ : value < value_));
    if (better) {
      best_ = candidate;
      value_ = value;
    }
    last_ = std::move(value);
    return true;
  }

  std::optional<std::size_t> best() const { return best_; }
  const Json& value() const { return value_; }
  const Json& last() const { return last_; }

 private:
  const workflow::Choice& choice_;
  std::optional<std::size_t> best_;
  Json value_, last_;
};

// Whether everything of the lineage that the selection reads is good in this cell.
bool is_complete(const Standing& standing, const Step& step, const Place& place) {
  for (const std::string& id : workflow::needs(*step.node)) {
    const Group group = standing.graph.seen(place, id);
    const bool in_cell = group.count == 1 && !group.many && standing.graph[group.first].cell >= 0;
    if (in_cell && !is_good(standing.instances[group.first].state)) return false;
  }
  return true;
}

}  // namespace

Selected select(const Standing& standing, std::size_t index) {
  const Step& step = standing.graph[index];
  const workflow::Select& node = *step.node->select();
  Place place = standing.graph.place_of(index);
  Contest contest(node.choice);
  Selected selected;
  Json candidates = Json::object();
  std::size_t complete = 0;
  const std::size_t cells = standing.graph.cells(place.lineage);
  for (std::size_t cell = 0; cell < cells; ++cell) {
    place.cell = static_cast<std::int32_t>(cell);
    if (!is_complete(standing, step, place)) continue;
    ++complete;
    if (!contest.enter(cell, values_of(standing, place))) continue;
    ++selected.among;
    if (selected.among <= 1000) {
      candidates[standing.graph[standing.graph.seen(place, node.from).first].id] = contest.last();
    }
  }
  if (!contest.best()) {
    throw Error(
        ErrorCode::stage_failed,
        "none of " + std::to_string(complete) + " instances of " + node.from + " fulfils the constraint",
        "loosen \"where\", or widen the matrix",
        node.choice.where ? node.choice.where->where() : node.from_where);
  }
  place.cell = static_cast<std::int32_t>(*contest.best());
  const std::size_t chosen = standing.graph.seen(place, node.from).first;
  const store::CheckpointRow* checkpoint = standing.instances.checkpoint(chosen);
  if (checkpoint == nullptr) {
    throw Error(ErrorCode::corrupt, "the checkpoint of " + standing.graph[chosen].id + " is gone",
                "start a new run; what is finished is taken from the cache");
  }
  Json metrics = checkpoint->metrics;
  selected.outputs = bind_exports(standing, place, node.exports, metrics);
  for (const auto& [name, output] : checkpoint->outputs) {
    selected.outputs.try_emplace(name,
                                 BoundInput{standing.graph[chosen].id, name, output.type, output.digest});
  }
  selected.chosen = standing.graph[chosen].id;
  selected.value = contest.value();
  selected.inputs = {{"candidates", std::move(candidates)}};
  selected.values = {{"metrics", std::move(metrics)},
                     {"matrix", standing.graph.cell(place.lineage, place.cell)}};
  return selected;
}

std::uint32_t best_iteration(const Standing& standing, const workflow::Loop& loop,
                             const std::vector<std::uint32_t>& iterations) {
  Contest contest(loop.best);
  for (std::size_t i = 0; i < iterations.size(); ++i) {
    contest.enter(i, values_of(standing, standing.graph.place_in(iterations[i])));
  }
  if (contest.best()) return iterations[*contest.best()];
  throw Error(ErrorCode::stage_failed,
              "none of " + std::to_string(iterations.size()) + " iterations fulfils the loop's \"where\"",
              "loosen it, or raise \"max\"", loop.best.where ? loop.best.where->where() : loop.max_where);
}

}  // namespace presswork::engine
