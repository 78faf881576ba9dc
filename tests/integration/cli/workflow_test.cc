#include <regex>

#include "command.h"
#include "orchestrator/base/units.h"

namespace presswork::testing {
namespace {

class Workflow : public Command {
 protected:
  std::string two_stages() const {
    return file("two.yaml",
                "presswork: 1\n"
                "name: two\n"
                "params:\n"
                "  number: {type: integer, default: 7}\n"
                "stages:\n"
                "  first: {uses: test/echo, with: {value: \"${{ params.number }}\", file: two.yaml}}\n"
                "  second:\n"
                "    uses: test/echo\n"
                "    inputs: {model: first.text}\n"
                "    with: {file: two.yaml}\n");
  }
  std::string failing() const {
    return file("failing.yaml",
                "presswork: 1\n"
                "name: failing\n"
                "stages:\n"
                "  good: {uses: test/echo, with: {file: failing.yaml}}\n"
                "  bad: {uses: test/echo, after: [good], with: {fail: broken, file: failing.yaml}}\n");
  }
};

TEST_F(Workflow, RunsAndTakesTheResultFromTheCacheTheNextTime) {
  const Finished first = presswork({"run", two_stages()});
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_NE(first.out.find("run r1 of two succeeded"), std::string::npos) << first.out;
  EXPECT_TRUE(std::filesystem::exists(workspace() / "cache" / "plugins.json")) << "plugins are asked again";
  const Finished again = presswork({"run", two_stages(), "--json"});
  EXPECT_EQ(again.code, 0) << again.err;
  const base::Json json = again.json();
  EXPECT_EQ(json["run"], "r2");
  for (const auto& stage : json["stages"]) EXPECT_EQ(stage["state"], "cached") << stage;
  EXPECT_EQ(json["stages"][0]["metrics"]["value"], 7);
  EXPECT_TRUE(std::filesystem::exists(json["stages"][0]["outputs"]["text"]["path"].get<std::string>()));
  const Finished fresh = presswork({"run", two_stages(), "--no-cache", "--json"});
  for (const auto& stage : fresh.list("stages")) EXPECT_EQ(stage["state"], "succeeded") << stage;
}

// --rehash has the run evaluated whole.
TEST_F(Workflow, ARunWithNothingToDoSaysWhatAWholeOneSays) {
  const std::string flat =
      file("flat.yaml",
           "presswork: 1\n"
           "name: flat\n"
           "params: {number: {type: integer, default: 7}}\n"
           "stages:\n"
           "  second: {uses: test/echo, inputs: {model: first.text}}\n"
           "  first: {uses: test/echo, with: {value: \"${{ params.number }}\"}}\n"
           "checklist: [{title: seven, check: first.metrics.value == 7, required: true}]\n");
  const auto said = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"run", flat});
    const Finished finished = presswork(more);
    EXPECT_EQ(finished.code, 0) << finished.err;
    std::string text = std::regex_replace(finished.out, std::regex("\\br[0-9]+\\b"), "RUN");
    text = std::regex_replace(text, std::regex("in [0-9.]+ m?s"), "in TIME");
    return std::regex_replace(text, std::regex("\"(started|ended|seconds)\": [^,]*"), "");
  };
  ASSERT_EQ(presswork({"run", flat}).code, 0);
  EXPECT_EQ(said({}), said({"--rehash"}));
  EXPECT_EQ(said({"--json"}), said({"--json", "--rehash"}));
  EXPECT_EQ(presswork({"status", "r2", "--json"}).list("stages"),
            presswork({"status", "r3", "--json"}).list("stages"));
  EXPECT_EQ(presswork({"run", flat, "--set", "first.with.value=8", "--json"}).code, 1)
      << "is another question";
  EXPECT_EQ(presswork({"run", flat, "-p", "number=8"}).code, 1);
  std::ofstream(flat, std::ios::app) << "  # another text\n";
  EXPECT_NE(presswork({"run", flat}).out.find("cached"), std::string::npos);
}

TEST_F(Workflow, ParametersComeFromTheCommandLineAndFromFiles) {
  file("params.yaml", "number: 8\n");
  const auto value = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {"run", two_stages(), "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return presswork(words).json()["stages"][0]["metrics"]["value"];
  };
  EXPECT_EQ(value({"--params-file", "params.yaml"}), 8);
  EXPECT_EQ(value({"--params-file", "params.yaml", "-p", "number=9"}), 9);
  EXPECT_EQ(presswork({"run", two_stages(), "-p", "number=many"}).code, 2);
  const Finished wrong = presswork({"run", two_stages(), "-p", "numbr=9"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("number"), std::string::npos) << wrong.err;
}

TEST_F(Workflow, AFailedStageIsExitCodeOneAndSaysWhy) {
  const Finished finished = presswork({"run", failing()});
  EXPECT_EQ(finished.code, 1);
  EXPECT_NE(finished.err.find("the stage was told to fail [broken]"), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("hint: tell it otherwise"), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("presswork resume r1 --workspace"), std::string::npos) << finished.err;
  EXPECT_EQ(presswork({"status", "--json"}).json()["state"], "failed");
  const Finished again = presswork({"resume", "--json"});
  EXPECT_EQ(again.code, 1);
  EXPECT_EQ(again.json()["run"], "r1");
}

TEST_F(Workflow, ARunUpToAStageSaysHowToDoTheRest) {
  const Finished part = presswork({"run", two_stages(), "--until", "first"});
  EXPECT_EQ(part.code, 0) << part.err;
  EXPECT_NE(part.err.find("do the rest with: presswork resume r1"), std::string::npos) << part.err;
  EXPECT_EQ(presswork({"runs", "--state", "partial", "--json"}).list("runs").size(), 1u);
  ASSERT_EQ(presswork({"gc", "--keep-last", "0"}).code, 0);
  EXPECT_EQ(presswork({"resume", "r1"}).code, 0) << "what can be resumed is kept";
  EXPECT_EQ(presswork({"status", "r1", "--json"}).json()["state"], "succeeded");
}

TEST_F(Workflow, AFailureOfTheWorkflowItselfIsMendedByANewRun) {
  const std::string stuck = file("stuck.yaml",
                                 "presswork: 1\n"
                                 "name: stuck\n"
                                 "stages:\n"
                                 "  tune:\n"
                                 "    loop:\n"
                                 "      max: 2\n"
                                 "      body: {q: {uses: test/noop}}\n"
                                 "      decide: [{default: continue}]\n");
  const Finished failed = presswork({"run", stuck});
  EXPECT_EQ(failed.code, 1);
  EXPECT_NE(failed.err.find("presswork run " + stuck + " --workspace"), std::string::npos) << failed.err;
  EXPECT_EQ(failed.err.find("go on with"), std::string::npos) << failed.err;
}

TEST_F(Workflow, ResumeWithNothingToDoIsNoError) {
  ASSERT_EQ(presswork({"run", two_stages()}).code, 0);
  EXPECT_EQ(presswork({"resume"}).code, 0);
  EXPECT_EQ(presswork({"resume", "r1"}).code, 0);
  EXPECT_EQ(presswork({"resume", "r9"}).code, 2);
}

TEST_F(Workflow, AnInvalidWorkflowIsExitCodeThreeWithThePlace) {
  const std::string wrong = file("wrong.yaml",
                                 "presswork: 1\n"
                                 "name: wrong\n"
                                 "stages:\n"
                                 "  first: {uses: test/ecko}\n");
  for (const char* verb : {"run", "plan", "validate"}) {
    const Finished finished = presswork({verb, wrong});
    EXPECT_EQ(finished.code, 3) << verb << finished.err;
    EXPECT_NE(finished.err.find("wrong.yaml:4:"), std::string::npos) << finished.err;
    EXPECT_NE(finished.err.find("test/echo"), std::string::npos) << finished.err;
  }
  const Finished both = presswork({"validate", two_stages(), wrong, "--json"});
  EXPECT_EQ(both.code, 3);
  EXPECT_TRUE(both.json()["files"][0]["valid"].get<bool>());
  EXPECT_EQ(both.json()["files"][1]["error"]["line"], 4);
}

TEST_F(Workflow, PlanSaysWhatWouldRunAndLeavesNothingBehind) {
  const Finished before = presswork({"plan", two_stages(), "--json"});
  EXPECT_EQ(before.code, 0) << before.err;
  EXPECT_EQ(before.json()["stages"][0]["action"], "run");
  EXPECT_EQ(before.json()["stages"][1]["action"], "unknown");
  EXPECT_FALSE(std::filesystem::exists(workspace()));
  ASSERT_EQ(presswork({"run", two_stages()}).code, 0);
  const Finished after = presswork({"plan", two_stages(), "--json"});
  EXPECT_EQ(after.json()["stages"][1]["action"], "cached");
  EXPECT_NE(presswork({"plan", two_stages()}).out.find("2 cached"), std::string::npos);
}

TEST_F(Workflow, PlanShowsWhichModulesPatternsMatchAndRefusesOnesThatMatchNothing) {
  const auto workflow = [&](const std::string& pattern) {
    return file(
        "quantize.yaml",
        "presswork: 1\n"
        "name: quantize\n"
        "stages:\n"
        "  load: {uses: model/load, with: {path: " PRESSWORK_SOURCE_DIR
        "/examples/models/tiny-llama}}\n"
        "  small: {uses: quantize/rtn, inputs: {model: load.model}, with: {group_size: 32, ignore: [\"" +
            pattern + "\"]}}\n");
  };
  ASSERT_EQ(presswork({"run", workflow("lm_head"), "--until", "load"}).code, 0);  // the model is known by now
  const Finished plan = presswork({"plan", workflow("lm_head")});
  EXPECT_EQ(plan.code, 0) << plan.err;
  EXPECT_NE(plan.out.find("quantizes 28 modules: model.layers.*.self_attn.q_proj (4)"), std::string::npos)
      << plan.out;
  EXPECT_NE(plan.out.find("ignore \"lm_head\" matches 1 module"), std::string::npos) << plan.out;
  const base::Json json = presswork({"plan", workflow("lm_head"), "--json"}).json();
  EXPECT_EQ(json["stages"][1]["estimate"]["notes"].size(), 3u) << json;

  const Finished refused = presswork({"plan", workflow("lm_haed")});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.out.find("would fail: /ignore/0: the pattern \"lm_haed\" matches no module"),
            std::string::npos)
      << refused.out;
}

TEST_F(Workflow, PlanAndRunRefuseWhatCanNeverFit) {
  const std::string declared = file("declared.yaml",
                                    "presswork: 1\n"
                                    "name: declared\n"
                                    "stages:\n"
                                    "  a: {uses: test/noop, resources: {memory: 2GiB}}\n"
                                    "  b: {uses: test/noop, resources: {tokens: {licence: 2}}}\n");
  const Finished refused = presswork({"plan", declared, "--memory", "1GiB", "--token", "licence=1"});
  EXPECT_EQ(refused.code, 5) << refused.err;
  EXPECT_NE(refused.out.find("can never fit: stage a asks for 2.00 GiB of memory, and the limit is 1.00 GiB"),
            std::string::npos)
      << refused.out;
  const Finished json = presswork({"plan", declared, "--memory", "1GiB", "--json"});
  EXPECT_EQ(json.code, 5);
  EXPECT_EQ(json.json()["cannot_fit"].size(), 2u) << json.out;
  const Finished run = presswork({"run", declared, "--memory", "1GiB"});
  EXPECT_EQ(run.code, 5);
  EXPECT_NE(run.err.find("2 of the tokens \"licence\""), std::string::npos) << "both are told: " << run.err;
  EXPECT_EQ(presswork({"plan", declared, "--memory", "4GiB", "--token", "licence=2"}).code, 0);
}

// quantize/rtn says itself how much memory it needs.
TEST_F(Workflow, PlanAndRunRefuseWhatExpectsMoreThanThereIs) {
  const std::string workflow =
      file("expects.yaml",
           "presswork: 1\n"
           "name: expects\n"
           "stages:\n"
           "  load: {uses: model/load, with: {path: " PRESSWORK_SOURCE_DIR
           "/examples/models/tiny-llama}}\n"
           "  other: {uses: test/noop}\n"
           "  small: {uses: quantize/rtn, inputs: {model: load.model}, with: {group_size: 32}}\n");
  ASSERT_EQ(presswork({"run", workflow, "--until", "load"}).code, 0);
  const Finished plan = presswork({"plan", workflow, "--memory", "1KiB"});
  EXPECT_EQ(plan.code, 5) << plan.err;
  EXPECT_NE(plan.out.find("can never fit: stage small expects to need"), std::string::npos) << plan.out;
  const Finished run = presswork({"run", workflow, "--memory", "1KiB", "--json"});
  EXPECT_EQ(run.code, 5) << run.err;
  EXPECT_EQ(run.json()["stages"][1]["state"], "pending") << "nothing is run: " << run.out;
  EXPECT_EQ(presswork({"resume", run.json()["run"]}).code, 0);
}

TEST_F(Workflow, PlanSaysWhatItsSumsLeaveOut) {
  const std::string workflow = file("unknown.yaml",
                                    "presswork: 1\n"
                                    "name: unknown\n"
                                    "stages:\n"
                                    "  a: {uses: test/echo}\n"
                                    "  b: {uses: test/echo, inputs: {model: a.text}}\n"
                                    "  c: {uses: test/echo, inputs: {model: b.text}}\n"
                                    "  tune:\n"
                                    "    loop:\n"
                                    "      max: 3\n"
                                    "      body: {q: {uses: test/echo}}\n"
                                    "      decide: [{default: break}]\n");
  EXPECT_EQ(presswork({"plan", workflow, "--json"}).json()["total"]["not_counted"],
            base::Json({{"stages", 2}, {"loops", 1}}));
  const std::string said = presswork({"plan", workflow}).out;
  EXPECT_NE(
      said.find("\nnot counted: 2 stages waiting for what is not known yet, 1 loop whose iterations are"),
      std::string::npos)
      << said;
}

TEST_F(Workflow, GraphDrawsEveryStage) {
  EXPECT_NE(presswork({"graph", two_stages()}).out.find("second"), std::string::npos);
  EXPECT_EQ(presswork({"graph", two_stages(), "--format", "dot"}).out.rfind("digraph", 0), 0u);
}

TEST_F(Workflow, StatusAndGraphTellTheSameTimes) {
  ASSERT_EQ(presswork({"run", two_stages()}).code, 0);
  const base::Json stages = presswork({"status", "--json"}).json()["stages"];
  const std::string drawn = presswork({"graph", "r1", "--format", "dot"}).out;
  for (const base::Json& stage : stages) {
    const std::string time = base::format_seconds(stage["seconds"].get<double>());
    const std::string label = stage["id"].get<std::string>() + "\\ntest/echo\\n" + time + "\"";
    EXPECT_NE(drawn.find(label), std::string::npos) << label << " is not in " << drawn;
  }
}

TEST_F(Workflow, RunsStatusAndLogsLookBack) {
  ASSERT_EQ(presswork({"run", two_stages()}).code, 0);
  ASSERT_EQ(presswork({"run", two_stages(), "-p", "number=8"}).code, 0);
  const base::Json runs = presswork({"runs", "--json"}).json();
  EXPECT_EQ(runs["runs"].size(), 2u);
  EXPECT_EQ(runs["runs"][0]["run"], "r2");
  EXPECT_EQ(presswork({"status", "r1", "--json"}).json()["stages"].size(), 2u);
  EXPECT_NE(presswork({"logs", "r1", "first"}).out.find("echoed"), std::string::npos);
  const Finished wrong = presswork({"logs", "r1", "frist"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("first"), std::string::npos) << wrong.err;
}

TEST_F(Workflow, ValidateRefusesWhatPlanAndRunRefuse) {
  const std::string faulty =
      file("faulty.yaml",
           "presswork: 1\n"
           "name: faulty\n"
           "stages:\n"
           "  a: {uses: test/echo, matrix: {n: [x, 1]}, with: {fail: \"${{ matrix.n }}\"}}\n"
           "  b: {uses: test/noop, matrix: {n: [1], exclude: [{n: 1}]}}\n");
  for (const char* verb : {"validate", "plan", "run"}) {
    const Finished finished = presswork({verb, faulty});
    EXPECT_EQ(finished.code, 3) << verb;
    EXPECT_NE(finished.err.find("faulty.yaml:4:"), std::string::npos) << verb << finished.err;
    EXPECT_NE(finished.err.find("faulty.yaml:5:"), std::string::npos) << verb << finished.err;
  }
  EXPECT_FALSE(std::filesystem::exists(workspace() / "runs" / "r1"));
}

TEST_F(Workflow, AWorkflowThatIsNotValidYetIsDrawnWithAWarning) {
  const std::string draft = file("draft.yaml", "presswork: 1\nname: d\nstages: {a: {uses: test/nope}}\n");
  const Finished finished = presswork({"graph", draft});
  EXPECT_EQ(finished.code, 0);
  EXPECT_NE(finished.out.find("test/nope"), std::string::npos) << finished.out;
  EXPECT_NE(finished.err.find("warning: this workflow could not run; `presswork validate"), std::string::npos)
      << finished.err;
  EXPECT_EQ(presswork({"graph", two_stages()}).err, "");
}

TEST_F(Workflow, RunsLeavesOutTheTimeBeforeAResume) {
  ASSERT_EQ(presswork({"run", two_stages()}).code, 0);
  // A pause that is longer than all of the run.
  std::ofstream(workspace() / "runs/r1/events.jsonl")
      << R"({"kind":"run_ended","time":"2026-11-24T10:00:00.000Z"})" << '\n'
      << R"({"kind":"run_started","time":"2026-11-24T19:00:00.000Z"})" << '\n';
  EXPECT_NE(presswork({"runs"}).out.find(" 0 ms"), std::string::npos) << presswork({"runs"}).out;
}

TEST_F(Workflow, LogsOfACachedStageAreThoseOfTheRunThatDidTheWork) {
  ASSERT_EQ(presswork({"run", two_stages()}).code, 0);
  ASSERT_EQ(presswork({"run", two_stages()}).code, 0);
  EXPECT_EQ(presswork({"logs", "r2", "first"}).out, presswork({"logs", "r1", "first"}).out);
}

TEST_F(Workflow, AStageThatWritesNothingHasNoLog) {
  ASSERT_EQ(presswork({"run", file("quiet.yaml",
                                   "presswork: 1\n"
                                   "name: quiet\n"
                                   "stages: {only: {uses: test/noop}}\n")})
                .code,
            0);
  const Finished logs = presswork({"logs", "r1", "only"});
  EXPECT_EQ(logs.code, 0) << logs.err;
  EXPECT_EQ(logs.out, "");
  EXPECT_EQ(presswork({"logs", "r1", "only", "--json"}).json()["path"], "");
  const Finished path = presswork({"logs", "r1", "only", "--path"});
  EXPECT_EQ(path.code, 2);
  EXPECT_NE(path.err.find("it wrote nothing"), std::string::npos) << path.err;
}

TEST_F(Workflow, TheJournalHoldsEveryEvent) {
  ASSERT_EQ(presswork({"run", two_stages()}).code, 0);
  std::istringstream lines(slurp(workspace() / "runs/r1/events.jsonl"));
  std::vector<std::string> kinds;
  for (std::string line; std::getline(lines, line);) kinds.push_back(base::Json::parse(line)["kind"]);
  ASSERT_FALSE(kinds.empty());
  EXPECT_EQ(kinds.front(), "run_started");
  EXPECT_EQ(kinds.back(), "run_ended");
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "stage_succeeded"), 2);
}

TEST_F(Workflow, ResultsGoToStdoutAndProgressToStderr) {
  const Finished finished = presswork({"run", two_stages()});
  EXPECT_EQ(finished.out.find("started"), std::string::npos) << finished.out;
  EXPECT_NE(finished.err.find("Z > first started: test/echo"), std::string::npos) << finished.err;
  const Finished quiet = presswork({"run", two_stages(), "-q", "--no-cache"});
  EXPECT_EQ(quiet.err, "");
}

TEST_F(Workflow, AWorkspaceThatIsTakenIsExitCodeFour) {
  const std::string slow = file("slow.yaml",
                                "presswork: 1\nname: slow\nstages:\n"
                                "  slow: {uses: test/echo, with: {milliseconds: 600000, file: slow.yaml}}\n");
  const pid_t first = spawn(command({"run", slow}), folder.path() / "first");
  while (slurp(folder.path() / "first").find("slow started") == std::string::npos) usleep(10'000);
  const Finished second = presswork({"run", slow});
  EXPECT_EQ(second.code, 4) << second.err;
  EXPECT_EQ(presswork({"status"}).code, 0) << "looking is possible all the same";
  ::kill(first, SIGTERM);
  EXPECT_EQ(wait_for(first), 143);
}

}  // namespace
}  // namespace presswork::testing
