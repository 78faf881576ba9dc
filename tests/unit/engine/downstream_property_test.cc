// Random runs with loops and cells, against a model that knows nothing of ids and edges: every result is a
// number made of what it was made of. What is downstream of X is what comes to another number when X does.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "orchestrator/engine/downstream.h"

namespace presswork::engine {
namespace {

using Number = std::uint64_t;

Number mix(Number a, Number b) {  // splitmix64's finalizer, over both
  Number x = a * 0x9e3779b97f4a7c15u + b + 0x632be59bd9b4e019u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

struct Part;
struct Body {
  std::vector<Part> parts;
};

// A stage with its cells, or a loop with its iterations.
struct Part {
  std::vector<std::string> ids;    // of a loop one
  std::vector<std::string> needs;  // of each of the ids
  std::vector<Body> iterations;    // of a loop
  bool is_loop() const { return !iterations.empty(); }
};

// What X does not come to any more: its result; of a loop or an iteration also what it began with.
struct Change {
  std::string id;
  bool from_its_beginning = false;
};

class RandomRun {
 public:
  explicit RandomRun(unsigned seed) : random_(seed) { main_ = body("", {}, 0); }

  // As an engine would have recorded it.
  History record() {
    History history;
    record(main_, "", history);
    return history;
  }

  // By id; of an iteration "tune[2]" two numbers: what it began with, and how it was decided.
  std::map<std::string, std::pair<Number, Number>> results(const Change& change = {}) const {
    std::map<std::string, std::pair<Number, Number>> numbers;
    work_out(main_, 0, change, numbers);
    return numbers;
  }

 private:
  int pick(int from, int to) { return std::uniform_int_distribution<int>(from, to)(random_); }

  Body body(const std::string& prefix, std::vector<std::string> seen, int depth) {
    Body made;
    for (int i = 0, count = pick(1, 5); i < count; ++i) {
      Part part;
      const std::string name = prefix + std::string(1, static_cast<char>('a' + i));
      for (int k = pick(0, 3); k > 0 && !seen.empty(); --k) {
        part.needs.push_back(seen[static_cast<std::size_t>(pick(0, static_cast<int>(seen.size()) - 1))]);
      }
      if (depth < 2 && pick(0, 3) == 0) {
        part.ids = {name};
        part.iterations.resize(static_cast<std::size_t>(pick(1, 12)));
        for (std::size_t n = 0; n < part.iterations.size(); ++n) {
          // The body sees what the loop needs: an engine waits with the whole loop for all of it.
          part.iterations[n] = body(name + "[" + std::to_string(n + 1) + "]/", part.needs, depth + 1);
        }
      } else {
        const int cells = pick(0, 3) == 0 ? pick(1, 3) : 0;
        const bool numbered = pick(0, 1) == 0;
        for (int k = 0; k < cells; ++k) {
          part.ids.push_back(name + (numbered ? "[" : "[bits=") + std::to_string(k + 1) + "]");
        }
        if (cells == 0) part.ids = {name};
      }
      seen.insert(seen.end(), part.ids.begin(), part.ids.end());
      made.parts.push_back(std::move(part));
    }
    return made;
  }

  void record(const Body& body, const std::string& loop, History& history) {
    for (const Part& part : body.parts) {
      for (const std::string& id : part.ids) {
        store::InstanceRow row;
        row.id = id;
        row.kind = part.is_loop() ? "loop" : "stage";
        row.needs = part.needs;
        if (!loop.empty()) row.needs.push_back(loop);
        history.instances.push_back(row);
      }
      for (std::size_t n = 0; n < part.iterations.size(); ++n) {
        const int number = static_cast<int>(n) + 1;
        record(part.iterations[n], part.ids[0], history);
        history.iterations.push_back({"r1", part.ids[0], number, {}, "", ""});
        history.decisions.push_back(
            {"r1", part.ids[0] + "[" + std::to_string(number) + "]", "continue", {}, ""});
      }
    }
  }

  // The number of all of the body.
  static Number work_out(const Body& body, Number state, const Change& change,
                         std::map<std::string, std::pair<Number, Number>>& numbers) {
    Number all = state;
    for (const Part& part : body.parts) {
      for (const std::string& id : part.ids) {
        Number number = mix(state, std::hash<std::string>()(id));
        for (const std::string& need : part.needs) number = mix(number, numbers.at(need).second);
        if (change.id == id && change.from_its_beginning) number = mix(number, 1);
        if (part.is_loop()) number = iterate(part, number, change, numbers);
        if (change.id == id && !change.from_its_beginning) number = mix(number, 1);
        numbers[id] = {number, number};
        all = mix(all, number);
      }
    }
    return all;
  }

  static Number iterate(const Part& loop, Number state, const Change& change,
                        std::map<std::string, std::pair<Number, Number>>& numbers) {
    Number all = state;
    for (std::size_t n = 0; n < loop.iterations.size(); ++n) {
      const std::string id = loop.ids[0] + "[" + std::to_string(n + 1) + "]";
      if (change.id == id && change.from_its_beginning) state = mix(state, 1);
      Number decided = work_out(loop.iterations[n], state, change, numbers);
      if (change.id == id && !change.from_its_beginning) decided = mix(decided, 1);
      numbers[id] = {state, decided};
      all = mix(all, decided);
      state = mix(state, decided);
    }
    return all;
  }

  std::mt19937 random_;
  Body main_;
};

// Takes the ids away, and puts back the iterations that begin again, as the ledger does.
void take_away(History& history, const Downstream& gone) {
  const std::set<std::string> ids(gone.ids.begin(), gone.ids.end());
  for (const store::InstanceRow& row : history.instances) {
    if (ids.contains(row.id) && row.kind == "loop") history.former_loops.push_back(row);
  }
  std::erase_if(history.instances, [&](const auto& row) { return ids.contains(row.id); });
  std::erase_if(history.decisions, [&](const auto& row) { return ids.contains(row.id); });
  std::erase_if(history.iterations, [&](const auto& row) {
    return ids.contains(row.loop + "[" + std::to_string(row.number) + "]");
  });
  history.iterations.insert(history.iterations.end(), gone.begun_again.begin(), gone.begun_again.end());
}

// One take-back after the other, as a user does who changes their mind before resuming.
TEST(DownstreamProperty, IsWhatWouldComeToSomethingElse) {
  std::size_t compared = 0;
  for (unsigned seed = 1; seed <= 400; ++seed) {
    RandomRun run(seed);
    const auto before = run.results();
    History history = run.record();
    std::mt19937 random(seed);
    for (int turn = 0; turn < 4; ++turn) {
      const std::vector<std::string> present = history.ids();
      if (present.empty()) break;
      const std::string id = present[random() % present.size()];
      const bool with_itself = random() % 2 == 0;
      SCOPED_TRACE("seed " + std::to_string(seed) + ", turn " + std::to_string(turn) + ": " + id +
                   (with_itself ? " itself" : ""));
      const bool has_row = std::any_of(history.instances.begin(), history.instances.end(),
                                       [&](const auto& row) { return row.id == id && row.kind == "stage"; });
      const auto after = run.results({id, with_itself && !has_row});
      std::vector<std::string> expected, begun_again;
      for (const std::string& other : present) {
        const auto& was = before.at(other);
        const auto& is = after.at(other);
        if (was == is || (other == id && !with_itself)) continue;
        expected.push_back(other);
        if (was.first == is.first) begun_again.push_back(other);
      }
      const Downstream gone = downstream(history, id, with_itself);
      ASSERT_EQ(gone.ids, expected);
      std::vector<std::string> again;
      for (const auto& row : gone.begun_again)
        again.push_back(row.loop + "[" + std::to_string(row.number) + "]");
      std::sort(again.begin(), again.end());
      std::sort(begun_again.begin(), begun_again.end());
      ASSERT_EQ(again, begun_again);
      take_away(history, gone);
      compared += present.size();
    }
  }
  EXPECT_GT(compared, 10'000u);
}

}  // namespace
}  // namespace presswork::engine
