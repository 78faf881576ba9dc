// checkpoints, export, rollback and retry, from outside.
#include <map>

#include "command.h"

namespace presswork::testing {
namespace {

namespace fs = std::filesystem;

class Rollback : public Command {
 protected:
  // first -> second -> third, and one beside.
  std::string chain() const {
    return file("chain.yaml",
                "presswork: 1\n"
                "name: chain\n"
                "stages:\n"
                "  first: {uses: test/echo, with: {value: 1}}\n"
                "  second: {uses: test/echo, inputs: {model: first.text}, with: {value: 2}}\n"
                "  third: {uses: test/echo, inputs: {model: second.text}, with: {value: 3}}\n"
                "  beside: {uses: test/echo, with: {value: 4}}\n");
  }
  std::string marks() const {
    return file("marks.yaml",
                "presswork: 1\n"
                "name: marks\n"
                "stages:\n"
                "  first: {uses: test/noop}\n"
                "  one: {uses: test/undoable, inputs: {after: first.text}, with: {mark: " +
                    at("one") + ", journal: " + at("journal") + ", crash_while: " + at("crash") +
                    "}}\n"
                    "  two: {uses: test/undoable, inputs: {after: one.text}, with: {mark: " +
                    at("two") + ", journal: " + at("journal") + "}}\n");
  }
  std::string at(const std::string& name) const { return (folder.path() / name).string(); }
  std::map<std::string, std::string> states(const std::string& run) const {
    std::map<std::string, std::string> states;
    for (const auto& stage : presswork({"status", run, "--json"}).list("stages")) {
      states[stage["id"]] = stage["state"];
    }
    return states;
  }
};

TEST_F(Rollback, TakesARunBackAndAResumeGoesOnFromThere) {
  ASSERT_EQ(presswork({"run", chain()}).code, 0);
  const Finished dry = presswork({"rollback", "r1", "--to", "first", "--dry-run"});
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_NE(dry.out.find("  second\n  third\n"), std::string::npos) << dry.out;
  EXPECT_EQ(states("r1")["third"], "succeeded");

  const Finished back = presswork({"rollback", "r1", "--to", "first", "--json"});
  EXPECT_EQ(back.code, 0) << back.err;
  EXPECT_EQ(back.json()["superseded"], (base::Json{"second", "third"}));
  const Finished status = presswork({"status", "r1", "--json", "--all"});
  EXPECT_EQ(status.json()["state"], "interrupted") << status.out;
  EXPECT_EQ(status.json()["superseded"].size(), 2u);
  EXPECT_EQ(status.json()["superseded"][0]["reason"], "rolled back to first");
  const Finished logs = presswork({"logs", "r1", "second"});
  EXPECT_EQ(logs.code, 0) << logs.err;
  EXPECT_NE(logs.out.find("echoed"), std::string::npos) << logs.out;

  const Finished resumed = presswork({"resume", "r1"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  const Finished checkpoints = presswork({"checkpoints", "r1", "--all", "--json"});
  std::map<std::string, std::size_t> generations;
  for (const auto& row : checkpoints.list("checkpoints")) ++generations[row["instance"]];
  EXPECT_EQ(generations,
            (std::map<std::string, std::size_t>{{"first", 1}, {"second", 2}, {"third", 2}, {"beside", 1}}));
  EXPECT_EQ(presswork({"logs", "r1", "second", "--attempt", "1"}).code, 0);
  EXPECT_NE(presswork({"status", "r1", "--all"}).out.find("superseded second (generation 1)"),
            std::string::npos);
}

TEST_F(Rollback, RetryDoesTheStageAndWhatFollowsAnewAtOnce) {
  ASSERT_EQ(presswork({"run", chain()}).code, 0);
  const Finished retried = presswork({"retry", "r1", "--from", "second", "--json"});
  EXPECT_EQ(retried.code, 0) << retried.err;
  for (const auto& row : presswork({"checkpoints", "r1", "--json"}).list("checkpoints")) {
    const bool anew = row["instance"] == "second" || row["instance"] == "third";
    EXPECT_EQ(row["generation"], anew ? 2 : 1) << row;
  }
}

TEST_F(Rollback, NamesTheStagesThatThereAreWhenItIsGivenAnother) {
  ASSERT_EQ(presswork({"run", chain()}).code, 0);
  const Finished wrong = presswork({"rollback", "r1", "--to", "secnod"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("did you mean second?"), std::string::npos) << wrong.err;
  EXPECT_EQ(presswork({"rollback", "r7", "--to", "first"}).code, 2);
  EXPECT_EQ(presswork({"rollback", "r1"}).code, 2);
}

TEST_F(Rollback, TakesAMatrixByItsName) {
  const std::string sweep =
      file("sweep.yaml",
           "presswork: 1\nname: sweep\nstages:\n"
           "  first: {uses: test/echo}\n"
           "  cells: {uses: test/echo, matrix: {n: [1, 2]}, inputs: {model: first.text},\n"
           "          with: {value: \"${{ matrix.n }}\"}}\n");
  ASSERT_EQ(presswork({"run", sweep}).code, 0);
  const Finished dry = presswork({"retry", "r1", "--from", "cells", "--dry-run", "--json"});
  EXPECT_EQ(dry.json()["superseded"], (base::Json{"cells[n=1]", "cells[n=2]"})) << dry.err;
  const Finished back = presswork({"rollback", "r1", "--to", "cells"});
  EXPECT_EQ(back.code, 0) << back.err;
  EXPECT_NE(back.out.find("nothing of r1 follows cells (2 cells)"), std::string::npos) << back.out;
}

// A loop, a selection, and metrics, also as the output of a loop.
TEST_F(Rollback, ExportsWhateverAStageCouldRead) {
  const std::string all =
      file("all.yaml",
           "presswork: 1\nname: all\nstages:\n"
           "  cells: {uses: test/echo, matrix: {n: [1, 2]}, with: {value: \"${{ matrix.n }}\"}}\n"
           "  best: {select: {from: cells, maximize: cells.metrics.value, outputs: {other: cells.text}}}\n"
           "  tune:\n    loop:\n      max: 2\n      state: {n: {type: integer, initial: 1}}\n"
           "      body: {q: {uses: test/echo, with: {value: \"${{ state.n }}\"}}}\n"
           "      decide: [{when: \"state.n >= 2\", then: break}, {default: continue, set: {n: 2}}]\n"
           "      outputs: {text: q.text, measured: q.metrics}\n"
           "      metrics: {n: q.metrics.value}\n"
           "  reader: {uses: test/echo, inputs: {model: tune.measured}}\n");
  ASSERT_EQ(presswork({"run", all}).code, 0);
  const auto exported = [&](const std::string& stage, const std::string& output, const std::string& to) {
    const Finished finished = presswork({"export", "r1", stage, output, at(to), "--json"});
    EXPECT_EQ(finished.code, 0) << finished.err;
    return finished.code == 0 ? finished.json() : base::Json::object();
  };
  const auto digest_of = [&](const std::string& stage) {
    return presswork({"explain", "r1", stage, "--json"}).json()["outputs"]["text"]["digest"];
  };
  EXPECT_EQ(exported("best", "text", "a")["digest"], digest_of("cells[n=2]"));
  EXPECT_EQ(exported("best", "other", "b")["digest"], digest_of("cells[n=2]"));
  EXPECT_EQ(exported("tune", "text", "c")["digest"], digest_of("tune[2]/q"));
  EXPECT_EQ(slurp(at("c")), slurp(at("a")));

  const base::Json read = presswork({"explain", "r1", "reader", "--json"}).json()["inputs"]["model"];
  EXPECT_EQ(exported("tune", "measured", "d")["digest"], read["digest"]);
  EXPECT_EQ(exported("q@2", "metrics", "e")["digest"], read["digest"])
      << "it is the file that the reader was given";
  EXPECT_EQ(base::Json::parse(slurp(at("e")))["value"], 2);
  EXPECT_EQ(exported("tune", "metrics", "f")["type"], "metrics");
  EXPECT_EQ(base::Json::parse(slurp(at("f")))["n"], 2);

  EXPECT_EQ(presswork({"export", "r1", "tune", "metrics", at("f")}).code, 2) << "nothing is replaced";
  EXPECT_EQ(presswork({"export", "r1", "tune", "metrics", at("g"), "--hard-link"}).code, 2);
  const Finished wrong = presswork({"export", "r1", "tune", "modle", at("g")});
  EXPECT_NE(wrong.err.find("it has text, measured, metrics"), std::string::npos) << wrong.err;

  ASSERT_EQ(presswork({"retry", "r1", "--from", "q@2"}).code, 0);
  EXPECT_EQ(exported("tune", "text", "h")["generation"], 2);
  ASSERT_EQ(presswork({"export", "r1", "tune", "text", at("i"), "--generation", "1"}).code, 0);
  EXPECT_EQ(slurp(at("i")), slurp(at("h")));
}

// The first takes the loop's row; the second still has to find what stands on what the loop needed.
TEST_F(Rollback, OfALoopCanBeRepeatedFurtherBack) {
  const std::string loop =
      file("loop.yaml",
           "presswork: 1\nname: loop\nstages:\n"
           "  first: {uses: test/echo}\n"
           "  tune:\n    loop:\n      max: 3\n"
           "      state: {n: {type: integer, initial: 1}, m: {type: artifact, initial: first.text}}\n"
           "      body: {q: {uses: test/echo, inputs: {model: state.m}, with: {value: \"${{ state.n }}\"}}}\n"
           "      decide: [{when: \"state.n >= 3\", then: break},\n"
           "               {default: continue, set: {n: \"${{ state.n + 1 }}\", m: q.text}}]\n");
  ASSERT_EQ(presswork({"run", loop}).code, 0);
  const base::Json before = presswork({"checkpoints", "--json"}).json()["checkpoints"];
  ASSERT_EQ(before.size(), 4u);
  EXPECT_EQ(presswork({"rollback", "r1", "--to", "q@2", "--json"}).json()["superseded"],
            (base::Json{"tune", "tune[2]", "tune[3]/q", "tune[3]"}));
  EXPECT_EQ(presswork({"rollback", "r1", "--to", "first", "--json"}).json()["superseded"],
            (base::Json{"tune[1]/q", "tune[1]", "tune[2]/q", "tune[2]"}));
  ASSERT_EQ(presswork({"resume"}).code, 0);
  const base::Json after = presswork({"checkpoints", "--json"}).json()["checkpoints"];
  ASSERT_EQ(after.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(after[i]["outputs"], before[i]["outputs"]);
}

TEST_F(Rollback, RefusesAStageThatCameToNothing) {
  const std::string failing = file("failing.yaml",
                                   "presswork: 1\nname: f\nstages:\n"
                                   "  bad: {uses: test/echo, with: {fail: broken}}\n"
                                   "  next: {uses: test/echo, inputs: {model: bad.text}}\n");
  EXPECT_EQ(presswork({"run", failing}).code, 1);
  const Finished refused = presswork({"rollback", "r1", "--to", "bad"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("bad of r1 is failed"), std::string::npos) << refused.err;
}

TEST_F(Rollback, RefusesALiveRunAndLeavesItAlone) {
  const std::string slow =
      file("slow.yaml",
           "presswork: 1\nname: slow\nstages:\n"
           "  quick: {uses: test/echo}\n"
           "  slow: {uses: test/echo, inputs: {model: quick.text}, with: {milliseconds: 60000}}\n");
  const fs::path log = folder.path() / "log";
  const pid_t pid = spawn(command({"run", slow}), log);
  while (slurp(log).find("slow started") == std::string::npos) usleep(5'000);
  const Finished refused = presswork({"rollback", "r1", "--to", "quick"});
  EXPECT_EQ(refused.code, 4) << refused.err;
  EXPECT_EQ(presswork({"retry", "r1", "--from", "quick"}).code, 4);
  EXPECT_EQ(presswork({"gc"}).code, 4);
  EXPECT_EQ(presswork({"verify", "--repair"}).code, 4);
  EXPECT_EQ(presswork({"verify"}).code, 0) << "looking is possible";
  ::kill(pid, SIGTERM);
  EXPECT_EQ(wait_for(pid), 143);
}

TEST_F(Rollback, HasStagesUndoTheirEffectsNewestFirst) {
  ASSERT_EQ(presswork({"run", marks()}).code, 0);
  EXPECT_TRUE(fs::exists(at("one")) && fs::exists(at("two")));
  const Finished back = presswork({"rollback", "r1", "--to", "first", "--json"});
  EXPECT_EQ(back.code, 0) << back.err;
  EXPECT_EQ(back.json()["undone"], (base::Json{"two", "one"}));
  EXPECT_FALSE(fs::exists(at("one")) || fs::exists(at("two")));
  EXPECT_EQ(slurp(at("journal")), at("two") + "\n" + at("one") + "\n");
  // What was undone is no known result for any other run.
  EXPECT_EQ(presswork({"run", marks()}).code, 0);
  EXPECT_TRUE(fs::exists(at("one")) && fs::exists(at("two")));
}

TEST_F(Rollback, ThatFailsInTheMiddleIsCompletedByRepeatingIt) {
  ASSERT_EQ(presswork({"run", marks()}).code, 0);
  file("crash", "");
  const Finished failed = presswork({"rollback", "r1", "--to", "first"});
  EXPECT_EQ(failed.code, 1);
  EXPECT_NE(failed.err.find("the rollback of one (test/undoable) failed"), std::string::npos) << failed.err;
  EXPECT_NE(presswork({"status", "r1", "--all"}).out.find("undo pending"), std::string::npos);
  // A resume has to undo first, too.
  EXPECT_EQ(presswork({"resume", "r1"}).code, 1);
  fs::remove(at("crash"));
  const Finished again = presswork({"rollback", "r1", "--to", "first", "--json"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.json()["undone"], base::Json{"one"});
  EXPECT_EQ(slurp(at("journal")), at("two") + "\n" + at("one") + "\n");
  EXPECT_EQ(presswork({"resume", "r1"}).code, 0);
}

TEST_F(Rollback, CanGoOnWithoutTheStagesOwnRollback) {
  ASSERT_EQ(presswork({"run", marks()}).code, 0);
  EXPECT_EQ(presswork({"rollback", "r1", "--to", "first", "--no-undo"}).code, 0);
  EXPECT_TRUE(fs::exists(at("one")) && fs::exists(at("two")));
  EXPECT_FALSE(fs::exists(at("journal")));
}

TEST_F(Rollback, CheckpointsShowWhatThereIs) {
  ASSERT_EQ(presswork({"run", chain()}).code, 0);
  const Finished table = presswork({"checkpoints"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_NE(table.out.find("INSTANCE"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("third"), std::string::npos) << table.out;
  const base::Json row = presswork({"checkpoints", "r1", "--json"}).json()["checkpoints"][0];
  EXPECT_EQ(row["instance"], "first");
  EXPECT_EQ(row["uses"], "test/echo");
  EXPECT_EQ(row["metrics"]["value"], 1);
  EXPECT_EQ(row["metrics_digest"].get<std::string>().size(), 64u);
  EXPECT_GT(row["outputs"]["text"]["bytes"].get<int>(), 0);
}

TEST_F(Rollback, ExportPutsAnOutputWhereItIsAskedFor) {
  ASSERT_EQ(presswork({"run", chain()}).code, 0);
  const Finished exported = presswork({"export", "r1", "first", "text", "here.txt"});
  EXPECT_EQ(exported.code, 0) << exported.err;
  EXPECT_NE(slurp(at("here.txt")).find("1"), std::string::npos);
  EXPECT_EQ(presswork({"export", "r1", "first", "text", "here.txt"}).code, 2) << "it is there already";
  EXPECT_NE(presswork({"export", "r1", "first", "txt", "x"}).err.find("it has text"), std::string::npos);
  EXPECT_EQ(presswork({"export", "r1", "nobody", "text", "x"}).code, 2);
  const Finished linked = presswork({"export", "r1", "first", "text", "linked.txt", "--hard-link"});
  EXPECT_EQ(linked.code, 0) << linked.err;
  EXPECT_EQ(fs::status(at("linked.txt")).permissions() & fs::perms::owner_write, fs::perms::none);
}

TEST_F(Rollback, ExportReachesASupersededGeneration) {
  // The stage says another thing each time, as its file says.
  file("word", "old");
  const std::string flow = file("flow.yaml",
                                "presswork: 1\nname: flow\nstages:\n"
                                "  load: {uses: test/noop}\n"
                                "  say: {uses: test/echo, inputs: {model: load.text}, with: {file: word}}\n");
  ASSERT_EQ(presswork({"run", flow}).code, 0);
  file("word", "something new");
  ASSERT_EQ(presswork({"retry", "r1", "--from", "say", "--rehash"}).code, 0);
  ASSERT_EQ(presswork({"gc"}).code, 0);  // history is not garbage
  EXPECT_EQ(presswork({"export", "r1", "say", "text", "new"}).code, 0);
  EXPECT_EQ(presswork({"export", "r1", "say", "text", "old", "--generation", "1"}).code, 0);
  EXPECT_EQ(presswork({"export", "r1", "say", "text", "latest", "--generation", "2"}).code, 0);
  EXPECT_EQ(slurp(at("new")), slurp(at("latest")));
  const Finished none = presswork({"export", "r1", "say", "text", "x", "--generation", "3"});
  EXPECT_EQ(none.code, 2);
  EXPECT_NE(none.err.find("it has 2, 1"), std::string::npos) << none.err;
}

}  // namespace
}  // namespace presswork::testing
