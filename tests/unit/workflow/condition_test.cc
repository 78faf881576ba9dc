// Which reads are safe: the node's own conditions must imply those of what it reads.
#include <gtest/gtest.h>

#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {
namespace {

// The messages of the faults in a workflow in which "d" and "e" decide and "x" (d.yes) and "y" (d.no) work.
std::string faults(const std::string& stages) {
  const std::string yaml = R"(presswork: 1
name: job
params: {p: {type: boolean, default: true}}
stages:
  a: {uses: s/t}
  d: {decide: [{when: params.p, then: yes}, {default: no}]}
  x: {uses: s/t, after: [d.yes], inputs: {m: a.m}}
  y: {uses: s/t, after: [d.no], inputs: {m: a.m}}
  e: {after: [d.yes], decide: [{when: params.p, then: up}, {default: down}]}
  u: {uses: s/t, after: [e.up]}
  v: {uses: s/t, after: [e.down]}
)" + stages;
  try {
    parse(yaml, "job.yaml");
  } catch (const base::Error& error) {
    std::string all = error.message;
    for (const base::Error& other : error.others) all += "\n" + other.message;
    return all;
  }
  return "";
}

TEST(ConditionTest, ANodeMayReadWhatIsUnderTheSameBranch) {
  EXPECT_EQ(faults("  r: {uses: s/t, after: [d.yes], inputs: {m: x.m}}\n"), "");
  EXPECT_EQ(faults("  r: {uses: s/t, after: [x], inputs: {m: x.m}}\n"), "");
  EXPECT_EQ(faults("  r: {uses: s/t, after: [u], inputs: {m: x.m}}\n"), "") << "e.up is under d.yes";
  EXPECT_EQ(faults("  r: {uses: s/t, join: all_success, inputs: {m: x.m, n: a.m}}\n"), "");
}

TEST(ConditionTest, OtherwiseReadingItIsAnError) {
  EXPECT_EQ(faults("  r: {uses: s/t, inputs: {m: x.m}}\n"),
            "\"r\" reads x.m, but \"x\" runs only after d.yes");
  EXPECT_EQ(faults("  r: {uses: s/t, after: [d.no], inputs: {m: x.m}}\n"),
            "\"r\" reads x.m, but \"x\" runs only after d.yes");
  EXPECT_EQ(faults("  r: {uses: s/t, after: [x], inputs: {m: u.m}}\n"),
            "\"r\" reads u.m, but \"u\" runs only after d.yes and e.up");
  EXPECT_EQ(faults("  r: {uses: s/t, after: [x, a], inputs: {m: x.m}}\n"),
            "\"r\" reads x.m, but \"x\" runs only after d.yes");
}

TEST(ConditionTest, OneFaultDoesNotMakeMore) {
  EXPECT_EQ(faults("  r: {uses: s/t, inputs: {m: x.m}}\n  s: {uses: s/t, after: [r], inputs: {m: r.m}}\n"),
            "\"r\" reads x.m, but \"x\" runs only after d.yes");
}

TEST(ConditionTest, BranchesThatMeetAgainCoverEverything) {
  EXPECT_EQ(faults("  r: {uses: s/t, inputs: {m: \"first(x.m, y.m)\"}}\n"), "");
  EXPECT_EQ(faults("  r: {uses: s/t, inputs: {m: \"first(x.m, a.m)\"}}\n"), "");
  EXPECT_EQ(faults("  r: {uses: s/t, inputs: {m: \"first(u.m, v.m, y.m)\"}}\n"), "");
  EXPECT_EQ(faults("  r: {uses: s/t, after: [x, y]}\n  s: {uses: s/t, inputs: {m: r.m}}\n"), "");
  EXPECT_EQ(faults("  r: {uses: s/t, inputs: {m: \"first(u.m, y.m)\"}}\n"),
            "\"r\" may find none of these: they exist only after d.no, or d.yes and e.up");
}

TEST(ConditionTest, ExpressionsReadToo) {
  EXPECT_EQ(faults("  r: {uses: s/t, with: {k: \"${{ x.metrics.q }}\"}}\n"),
            "\"r\" reads x.metrics.q, but \"x\" runs only after d.yes");
  EXPECT_EQ(faults("  r: {uses: s/t, with: {k: \"${{ first(x.metrics.q, 0) }}\"}}\n"), "");
  EXPECT_EQ(faults("  r: {decide: [{when: \"e.branch == 'up'\", then: a}]}\n"),
            "\"r\" reads e.branch, but \"e\" runs only after d.yes");
  EXPECT_EQ(faults("checklist: [{title: T, check: x.metrics.ok}]\n"),
            "the check \"T\" reads x.metrics.ok, but \"x\" runs only after d.yes");
  EXPECT_EQ(faults("checklist: [{title: T, check: \"!has(x.metrics.ok) || x.metrics.ok\"}]\n"), "");
}

TEST(ConditionTest, AHandlerOfFailuresMayNotRun) {
  EXPECT_EQ(faults("  h: {uses: s/t, after: [a], join: on_failure}\n  r: {uses: s/t, inputs: {m: h.m}}\n"),
            "\"r\" reads h.m, but \"h\" runs only after a failure before h");
  EXPECT_EQ(
      faults(
          "  h: {uses: s/t, after: [a], join: on_failure}\n  r: {uses: s/t, after: [h], inputs: {m: h.m}}\n"),
      "");
}

TEST(ConditionTest, AStageWhoseFailureCountsAsASkipMayHaveNoResult) {
  const std::string c = "  c: {uses: s/t, on_failure: continue}\n";
  EXPECT_EQ(faults(c + "  r: {uses: s/t, inputs: {m: c.m}}\n"),
            "\"r\" reads c.m, but \"c\" may fail (on_failure: continue)");
  EXPECT_EQ(faults(c + "  r: {decide: [{when: c.metrics.q > 1, then: a}]}\n"),
            "\"r\" reads c.metrics.q, but \"c\" may fail (on_failure: continue)");
  EXPECT_EQ(faults(c + "  r: {uses: s/t, after: [c]}\n  s: {uses: s/t, inputs: {m: r.m}}\n"),
            "\"s\" reads r.m, but \"r\" runs only after a success of c");
  EXPECT_EQ(faults(c + "  r: {uses: s/t, after: [d.yes, c], inputs: {m: c.m}}\n"),
            "\"r\" reads c.m, but \"c\" may fail (on_failure: continue)");
  EXPECT_EQ(faults(c + "  r: {uses: s/t, after: [c], inputs: {m: c.m}}\n"), "");
  EXPECT_EQ(faults(c + "  r: {uses: s/t, inputs: {m: \"first(c.m, a.m)\"}}\n"), "");
  EXPECT_EQ(faults(c + "  r: {decide: [{when: \"has(c.metrics.q)\", then: a}, {default: b}]}\n"), "");
  EXPECT_EQ(faults("  c: {uses: s/t, on_failure: rollback}\n  r: {uses: s/t, inputs: {m: c.m}}\n"), "");
}

TEST(ConditionTest, ALoopOffersOnlyWhatItsBodyHasForSure) {
  const auto loop = [](const std::string& output, const std::string& metric) {
    return faults(
        "  t: {loop: {max: 2, body: {q: {uses: s/t, on_failure: continue}, z: {uses: s/t}}, decide: "
        "[{default: break}], outputs: {o: \"" +
        output + "\"}, metrics: {v: \"" + metric + "\"}}}\n");
  };
  EXPECT_EQ(loop("q.m", "1"),
            "the end of the iteration reads q.m, but \"q\" may fail (on_failure: continue)");
  EXPECT_EQ(loop("z.m", "q.metrics.v"),
            "the end of the iteration reads q.metrics.v, but \"q\" may fail (on_failure: continue)");
  EXPECT_EQ(loop("first(q.m, z.m)", "first(q.metrics.v, 0)"), "");
  EXPECT_EQ(faults("  t: {loop: {max: 2, state: {i: {type: number, initial: 1}}, body: {q: {uses: s/t, "
                   "on_failure: continue}}, decide: [{when: \"has(q.metrics.v)\", then: continue, set: {i: "
                   "\"${{ q.metrics.v }}\"}}, {default: break}]}}\n"),
            "");
}

TEST(ConditionTest, ASelectionReadsOnlyTheCellsThatHaveAllOfIt) {
  const std::string cells =
      "  q: {uses: s/t, matrix: {n: [1, 2]}, on_failure: continue}\n"
      "  f: {uses: s/t, matrix: {from: q}, after: [q], inputs: {m: q.m}, on_failure: continue}\n"
      "  best: {select: {from: f, minimize: q.metrics.v, outputs: {m: q.m}}}\n";
  EXPECT_EQ(faults(cells + "  r: {uses: s/t, after: [best], inputs: {m: best.m}}\n"), "");
  EXPECT_EQ(faults(cells + "  r: {uses: s/t, inputs: {m: best.m}}\n"),
            "\"r\" reads best.m, but \"best\" runs only after a success of q and a success of f");
  EXPECT_EQ(faults("  q: {uses: s/t, matrix: {n: [1]}, after: [d.yes]}\n"
                   "  best: {select: {from: q, minimize: q.metrics.v}}\n"),
            "")
      << "it is skipped with what it selects from";
  EXPECT_EQ(faults("  q: {uses: s/t, matrix: {n: [1]}}\n"
                   "  f: {uses: s/t, matrix: {from: q}, after: [d.yes]}\n"
                   "  best: {select: {from: q, minimize: f.metrics.v}}\n"),
            "\"best\" reads f.metrics.v, but \"f\" runs only after d.yes");
}

TEST(ConditionTest, AllDoneRunsWhateverWasSkipped) {
  EXPECT_EQ(faults("  r: {uses: s/t, after: [x], join: all_done}\n  s: {uses: s/t, inputs: {m: r.m}}\n"), "");
  EXPECT_EQ(faults("  r: {uses: s/t, after: [x], join: all_done, inputs: {m: x.m}}\n"),
            "\"r\" reads x.m, but \"x\" runs only after d.yes");
}

TEST(ConditionTest, ManyDecisionsStayQuick) {
  std::string stages;
  std::string candidates = "a.m";
  for (int i = 0; i < 200; ++i) {
    const std::string n = std::to_string(i);
    stages +=
        "  d" + n + ": {decide: [{when: params.p, then: l}, {when: params.p, then: m}, {default: r}]}\n";
    stages += "  w" + n + ": {uses: s/t, after: [d" + n + ".l]}\n";
    candidates = "w" + n + ".m, " + candidates;
  }
  stages += "  r: {uses: s/t, inputs: {m: \"first(" + candidates + ")\"}}\n";
  EXPECT_EQ(faults(stages), "");
}

}  // namespace
}  // namespace presswork::workflow
