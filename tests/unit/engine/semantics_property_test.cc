// Random workflows with random outcomes, against a few lines that say what each join rule means; then a
// resume in which nothing fails any more, against the same lines.
#include <random>
#include <set>

#include "harness.h"

namespace presswork::testing {
namespace {

enum class End { good, failed, skipped };

struct Entry {
  std::size_t node;
  std::string branch;  // of a decision
};

struct ModelNode {
  std::string id, join = "standard";
  bool decision = false, left = false;  // and which branch it chooses
  bool fails = false, tolerated = false;
  bool conditional = false;  // may be skipped though nothing failed
  std::vector<Entry> after;
  std::vector<std::size_t> inputs;
};

struct Expected {
  End end = End::skipped;
  std::string content;  // of the output
};

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::vector<ModelNode> workflow() {
    std::vector<ModelNode> nodes(3 + below(9));
    for (std::size_t i = 0; i < nodes.size(); ++i) fill(nodes, i);
    return nodes;
  }

 private:
  std::size_t below(std::size_t end) { return random_() % end; }
  bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }

  void fill(std::vector<ModelNode>& nodes, std::size_t i) {
    ModelNode& node = nodes[i];
    node.id = "n" + std::to_string(i);
    node.decision = i > 0 && chance(20);
    node.left = chance(50);
    node.fails = !node.decision && chance(25);
    node.tolerated = node.fails && chance(40);
    for (std::size_t k = 0; k < i && node.after.size() < 3; ++k) {
      if (chance(25)) node.after.push_back({k, nodes[k].decision ? (chance(50) ? "left" : "right") : ""});
    }
    // Only what always runs may be read without saying what is to happen where it does not.
    for (std::size_t k = 0; k < i && !node.decision && node.inputs.size() < 3; ++k) {
      if (!nodes[k].conditional && !nodes[k].decision && chance(30)) node.inputs.push_back(k);
    }
    if (!node.after.empty() && chance(60)) {
      const char* const rules[] = {"all_success", "any_success", "all_done", "on_failure"};
      node.join = rules[below(4)];
    }
    node.conditional = node.tolerated || !node.after.empty();
  }

  std::mt19937 random_;
};

std::string yaml_of(const std::vector<ModelNode>& nodes) {
  std::string yaml = "stages:\n";
  for (const ModelNode& node : nodes) {
    yaml += "  " + node.id + ":\n";
    if (node.join != "standard") yaml += "    join: " + node.join + "\n";
    std::string after;
    for (const Entry& entry : node.after) {
      after += (after.empty() ? "" : ", ") + nodes[entry.node].id +
               (entry.branch.empty() ? "" : "." + entry.branch);
    }
    if (!after.empty()) yaml += "    after: [" + after + "]\n";
    if (node.decision) {
      yaml += std::string("    decide: [{when: \"1 ") + (node.left ? "<" : ">") +
              " 2\", then: left}, {default: right}]\n";
      continue;
    }
    yaml +=
        "    uses: test/work\n    with: {text: " + node.id + (node.fails ? ", fails: failed" : "") + "}\n";
    if (node.tolerated) yaml += "    on_failure: continue\n";
    std::string inputs;
    for (const std::size_t input : node.inputs) {
      const std::string name = nodes[input].id;
      inputs += (inputs.empty() ? "" : ", ") + name + ": " + name + ".out";
    }
    if (!inputs.empty()) yaml += "    inputs: {" + inputs + "}\n";
  }
  return yaml;
}

// What the documentation of the join rules says, once more.
bool starts(const std::vector<ModelNode>& nodes, const std::vector<Expected>& all, const ModelNode& node) {
  std::vector<End> after, inputs;
  bool failed = false;
  const auto end_of = [&](std::size_t need) {
    const bool fell = all[need].end == End::failed;
    failed = failed || fell;
    return fell && nodes[need].tolerated ? End::skipped : all[need].end;
  };
  for (const Entry& entry : node.after) {
    End end = end_of(entry.node);
    const std::string chosen = nodes[entry.node].left ? "left" : "right";
    if (end == End::good && !entry.branch.empty() && entry.branch != chosen) end = End::skipped;
    after.push_back(end);
  }
  for (const std::size_t input : node.inputs) inputs.push_back(end_of(input));
  std::vector<End> both = after;
  both.insert(both.end(), inputs.begin(), inputs.end());
  const auto count = [](const std::vector<End>& ends, End end) {
    return std::count(ends.begin(), ends.end(), end);
  };
  const auto total = static_cast<std::ptrdiff_t>(both.size());
  if (node.join == "all_success") return count(both, End::good) == total;
  if (node.join == "any_success") return total == 0 || count(both, End::good) > 0;
  if (node.join == "all_done") return true;
  if (node.join == "on_failure") return failed;
  return count(both, End::failed) == 0 && count(inputs, End::skipped) == 0 &&
         (after.empty() || count(after, End::good) > 0);
}

std::vector<Expected> expected(const std::vector<ModelNode>& nodes, bool mended) {
  std::vector<Expected> all(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!starts(nodes, all, nodes[i])) continue;
    all[i].end = nodes[i].fails && !mended ? End::failed : End::good;
    all[i].content = nodes[i].id;
    std::map<std::string, std::string> read;  // in the order of the inputs' names
    for (const std::size_t input : nodes[i].inputs) {
      if (all[input].end == End::good) read[nodes[input].id] = all[input].content;
    }
    for (const auto& [name, content] : read) all[i].content += content;
  }
  return all;
}

class SemanticsProperty : public EngineTest, public ::testing::WithParamInterface<unsigned> {
 protected:
  void compare(const std::vector<ModelNode>& nodes, const std::vector<Expected>& all) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const std::string state = ledger->instance("r1", nodes[i].id)->state;
      const char* const name = all[i].end == End::good     ? "succeeded"
                               : all[i].end == End::failed ? "failed"
                                                           : "skipped";
      EXPECT_EQ(state == "cached" ? "succeeded" : state, name) << nodes[i].id;
      if (all[i].end == End::good && !nodes[i].decision) {
        EXPECT_EQ(text("r1", nodes[i].id), all[i].content) << nodes[i].id;
      }
    }
  }
  std::set<std::string> started() const {
    std::set<std::string> ids;
    for (const engine::Event& event : recorder.events) {
      if (event.kind == "stage_started") ids.insert(event.instance);
    }
    return ids;
  }
};

TEST_P(SemanticsProperty, ARunAndItsResumeComeToWhatTheRulesSay) {
  const std::vector<ModelNode> nodes = Generator(GetParam()).workflow();
  const std::string yaml = yaml_of(nodes);
  SCOPED_TRACE(yaml);
  options.use_cache = GetParam() % 2 == 0;
  const std::vector<Expected> broken = expected(nodes, false), whole = expected(nodes, true);
  run(yaml);
  compare(nodes, broken);

  open();
  executor->mended = true;
  EXPECT_EQ(resume("r1").state, "succeeded");
  compare(nodes, whole);
  std::set<std::string> to_do;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].decision || whole[i].end != End::good) continue;
    if (broken[i].end != End::good || broken[i].content != whole[i].content) to_do.insert(nodes[i].id);
  }
  EXPECT_EQ(started(), to_do);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SemanticsProperty, ::testing::Range(0u, 40u));

}  // namespace
}  // namespace presswork::testing
