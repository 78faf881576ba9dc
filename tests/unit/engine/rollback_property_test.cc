// Random workflows with loops, cells and gathered lists; random rollbacks and retries of their runs, several
// before a resume too, and resumes that are stopped. However it was disturbed, a run comes to the digests
// that it came to undisturbed, and does again what was taken back and nothing else.
#include <random>

#include "orchestrator/engine/rollback.h"
#include "tests/unit/engine/harness.h"

namespace presswork::testing {
namespace {

using engine::TakeBack;

class RandomWorkflow {
 public:
  explicit RandomWorkflow(unsigned seed) : random_(seed) {}

  std::string yaml() {
    std::vector<std::string> seen;
    return "stages:\n" + scope("  ", seen, 0);
  }

 private:
  int pick(int from, int to) { return std::uniform_int_distribution<int>(from, to)(random_); }
  const std::string& any_of(const std::vector<std::string>& all) {
    return all[static_cast<std::size_t>(pick(0, static_cast<int>(all.size()) - 1))];
  }

  // `seen`: the artifacts that can be read; the last one after it is the last stage's.
  std::string scope(const std::string& indent, std::vector<std::string>& seen, int depth) {
    std::string yaml;
    for (int i = 0, count = pick(1, 3); i < count; ++i) {
      const int kind = pick(0, 5);
      if (kind == 0 && depth < 2 && !seen.empty()) {
        yaml += loop(indent, seen, depth);
      } else if (kind == 1) {
        yaml += cells(indent, seen);
      } else {
        yaml += stage(indent, seen);
      }
    }
    return yaml + stage(indent, seen);
  }

  std::string name() { return "n" + std::to_string(++names_); }

  std::string inputs(const std::vector<std::string>& seen) {
    std::string text;
    for (int i = 0, count = seen.empty() ? 0 : pick(0, 2); i < count; ++i) {
      text += (i == 0 ? "x: " : ", y: ") + any_of(seen);
    }
    return "inputs: {" + text + "}";
  }

  std::string stage(const std::string& indent, std::vector<std::string>& seen) {
    const std::string id = name();
    std::string yaml = indent + id + ": {uses: test/work, with: {text: " + id + "}, " + inputs(seen) + "}\n";
    seen.push_back(id + ".out");
    return yaml;
  }

  std::string cells(const std::string& indent, std::vector<std::string>& seen) {
    const std::string id = name(), all = name();
    std::string yaml =
        indent + id + ": {uses: test/work, matrix: {c: [1, 2]}, with: {text: \"${{ string(matrix.c) }}\"}, " +
        inputs(seen) + "}\n" + indent + all + ": {uses: test/many, with: {text: " + all +
        "}, inputs: {x: " + id + ".out}}\n";
    seen.push_back(all + ".out");
    return yaml;
  }

  std::string loop(const std::string& indent, std::vector<std::string>& seen, int depth) {
    const std::string id = name();
    std::vector<std::string> inside = seen;
    const std::string initial = any_of(seen);
    inside.push_back("state.m");
    const std::string body = scope(indent + "      ", inside, depth + 1);
    const std::string in = "\n" + indent;
    std::string yaml = indent + id + ":" + in + "  loop:" + in + "    max: 5" + in + "    state:" + in +
                       "      i: {type: integer, initial: 1}" + in +
                       "      m: {type: artifact, initial: " + initial + "}" + in + "    body:\n" + body +
                       indent + "    decide:" + in +
                       "      - {when: \"state.i >= " + std::to_string(pick(1, 4)) + "\", then: break}" + in +
                       "      - {default: continue, set: {i: \"${{ state.i + 1 }}\", m: " + inside.back() +
                       "}}" + in + "    outputs: {out: " + inside.back() + "}\n";
    seen.push_back(id + ".out");
    return yaml;
  }

  std::mt19937 random_;
  int names_ = 0;
};

class RollbackProperty : public EngineTest {
 protected:
  // What every instance came to, and which way every decision went.
  std::map<std::string, std::string> results() {
    std::map<std::string, std::string> results;
    for (const store::InstanceRow& row : ledger->instances("r1")) {
      results[row.id] = row.state == "cached" ? "succeeded" : row.state;
      const auto checkpoint = row.key.empty() ? std::nullopt : ledger->checkpoint(row.key, row.checkpoint);
      if (checkpoint) results[row.id] += " " + checkpoint->outputs.at("out").digest;
    }
    for (const store::DecisionRow& row : ledger->decisions("r1")) results[row.id] += " " + row.branch;
    return results;
  }

  std::set<std::string> stages_in(const std::vector<std::string>& ids) {
    std::set<std::string> stages;
    for (const store::InstanceRow& row : ledger->instances("r1")) {
      if (row.kind == "stage" && std::find(ids.begin(), ids.end(), row.id) != ids.end())
        stages.insert(row.id);
    }
    return stages;
  }

  // Takes the run back once or twice; gives the stages that are to be done again.
  std::set<std::string> disturb(std::mt19937& random) {
    std::set<std::string> gone;
    for (unsigned turn = 0, turns = 1 + random() % 2; turn < turns; ++turn) {
      const auto rows = ledger->instances("r1");
      const store::InstanceRow& row = rows[random() % rows.size()];
      const TakeBack how = random() % 2 == 0 ? TakeBack::from_it : TakeBack::what_follows;
      const auto plan = engine::plan_take_back(*ledger, *catalogue, "r1", {row.id}, how, true);
      gone.merge(stages_in(plan.ids));
      if (!plan.ids.empty()) engine::take_back(plan, "taken back", surroundings());
      if (ledger->instances("r1").empty()) break;
    }
    return gone;
  }

  // Resumes, stopping now and then, until the run has succeeded; gives the stages that ended.
  std::set<std::string> go_on(std::mt19937& random) {
    std::set<std::string> done;
    for (int session = 0; session < 100; ++session) {
      int left = 1 + static_cast<int>(random() % 6);
      const bool stops = session < 3 && random() % 2 == 0;
      executor->on_outcome = [&, stops](const executor::StageRequest&) {
        if (stops && --left == 0) stop = 1;
      };
      const engine::RunResult result = resume("r1");
      for (const engine::Event& event : recorder.events) {
        if (event.kind == "stage_succeeded" || event.kind == "stage_cached") done.insert(event.instance);
      }
      if (result.state == "succeeded") return done;
      EXPECT_EQ(result.state, "interrupted") << message(result);
      open();  // a new process
    }
    ADD_FAILURE() << "it never ended";
    return done;
  }
};

TEST_F(RollbackProperty, ComesToTheSameAsAnUndisturbedRun) {
  std::size_t done_again = 0;
  for (unsigned seed = 1; seed <= 16; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::string yaml = RandomWorkflow(seed).yaml();
    fs::remove_all(folder / ".presswork");
    open();
    ASSERT_EQ(run(yaml).state, "succeeded") << yaml;
    const auto undisturbed = results();
    std::mt19937 random(seed);
    for (int turn = 0; turn < 4; ++turn) {
      const std::set<std::string> gone = disturb(random);
      ASSERT_EQ(go_on(random), gone) << yaml;
      ASSERT_EQ(results(), undisturbed) << yaml;
      done_again += gone.size();
    }
  }
  EXPECT_GT(done_again, 100u);
}

}  // namespace
}  // namespace presswork::testing
