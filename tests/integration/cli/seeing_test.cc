// What a run came to and why, from outside: status, explain, graph, events and the metrics file.
#include <algorithm>

#include "command.h"

namespace presswork::testing {
namespace {

using base::Json;

class Seeing : public Command {
 protected:
  // A matrix, a selection from it, a decision on that, and a loop that breaks in its second iteration.
  std::string search() const {
    return file(
        "search.yaml",
        "presswork: 1\n"
        "name: search\n"
        "params: {fail: {type: string, default: \"\"}}\n"
        "stages:\n"
        "  make: {uses: test/echo, matrix: {n: [3, 1, 2]}, with: {value: \"${{ matrix.n }}\"}}\n"
        "  best: {select: {from: make, where: make.metrics.value > 1, minimize: make.metrics.value}}\n"
        "  small: {decide: [{when: best.metrics.value < 3, then: yes}, {default: no}]}\n"
        "  tune:\n"
        "    after: small.yes\n"
        "    loop:\n"
        "      max: 5\n"
        "      state: {i: {type: integer, initial: 10}, text: {type: artifact, initial: best.text}}\n"
        "      body:\n"
        "        step:\n"
        "          uses: test/echo\n"
        "          inputs: {model: best.text}\n"
        "          with: {value: \"${{ state.i }}\", fail: \"${{ params.fail }}\"}\n"
        "      decide:\n"
        "        - {when: step.metrics.value > 10, then: break}\n"
        "        - {default: continue, set: {i: \"${{ state.i + 1 }}\", text: step.text}}\n"
        "      outputs: {text: step.text}\n"
        "  last: {uses: test/echo, after: tune, inputs: {model: tune.text}}\n");
  }
  static bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
};

TEST_F(Seeing, ExplainTellsHowALoopASelectionAndADecisionCameOut) {
  ASSERT_EQ(presswork({"run", search()}).code, 0);
  const Json loop = presswork({"explain", "r1", "tune", "--json"}).json();
  ASSERT_EQ(loop["iterations"].size(), 2u);
  EXPECT_EQ(loop["iterations"][0]["outcome"], "continue");
  EXPECT_EQ(loop["iterations"][1]["outcome"], "break");
  EXPECT_EQ(loop["iterations"][1]["state"], (Json{{"i", 11}}));
  EXPECT_EQ(loop["iterations"][1]["inputs"], (Json{{"step.metrics.value", 11}}));
  const std::string text = presswork({"explain", "r1", "tune"}).out;
  EXPECT_TRUE(has(text,
                  "ITERATIONS\n"
                  "  1  i = 10, text = make[n=2].text     continue  by step.metrics.value = 10\n"
                  "  2  i = 11, text = tune[1]/step.text  break     by step.metrics.value = 11\n"))
      << text;

  const std::string best = presswork({"explain", "r1", "best"}).out;
  EXPECT_TRUE(has(best, "chosen   make[n=2]\n")) << best;
  EXPECT_TRUE(has(best, "minimize make.metrics.value\n")) << best;
  EXPECT_TRUE(has(best, "CANDIDATES\n  >  make[n=2]  2\n     make[n=3]  3\n")) << best;

  const std::string small = presswork({"explain", "r1", "small"}).out;
  EXPECT_TRUE(has(small, "BRANCHES\n  >  yes  when best.metrics.value < 3\n")) << small;
}

TEST_F(Seeing, ExplainFindsAStageInAnIteration) {
  ASSERT_EQ(presswork({"run", search()}).code, 0);
  const Finished finished = presswork({"explain", "r1", "tune[2]/step"});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_TRUE(has(finished.out, "model  make[n=2].text")) << finished.out;
  EXPECT_TRUE(has(finished.out, "\nOUTPUTS\n  text  text ")) << finished.out;
  EXPECT_TRUE(presswork({"explain", "r1", "tune[2]/step", "--json"}).json()["key"]["confirmed"]);
}

TEST_F(Seeing, StatusRepeatsAFailureWithItsHintAndLogOnce) {
  ASSERT_EQ(presswork({"run", search(), "-p", "fail=no_luck"}).code, 1);
  const std::string text = presswork({"status", "r1"}).out;
  EXPECT_TRUE(has(text,
                  "! tune[1]/step failed: the stage was told to fail [no_luck]\n"
                  "    where: /fail\n"
                  "    hint: tell it otherwise\n"
                  "    log: "))
      << text;
  EXPECT_FALSE(has(text, "! tune failed")) << "for no other reason";
  const Json failures = presswork({"status", "r1", "--json"}).json()["failures"];
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(failures[0]["log"].get<std::string>()));
}

TEST_F(Seeing, ExplainAndLogsTakeShortSpellings) {
  ASSERT_EQ(presswork({"run", search()}).code, 0);
  EXPECT_EQ(presswork({"explain", "r1", "step@2", "--json"}).json()["id"], "tune[2]/step");
  EXPECT_EQ(presswork({"logs", "r1", "step@2", "--json"}).json()["stage"], "tune[2]/step");
  for (const char* verb : {"explain", "logs"}) {
    const Finished several = presswork({verb, "r1", "step"});
    EXPECT_EQ(several.code, 2);
    EXPECT_TRUE(has(several.err, "step could be any of 2 instances of r1: tune[1]/step, tune[2]/step"))
        << several.err;
  }
}

TEST_F(Seeing, GraphShowsCellsIterationsAndTheChoice) {
  ASSERT_EQ(presswork({"run", search()}).code, 0);
  const std::string svg = presswork({"graph", "r1", "--format", "svg"}).out;
  for (const char* part : {"×3", ">n=2<", "2 iterations", "until step.metrics.value &gt; 10, at most 5"})
    EXPECT_TRUE(has(svg, part)) << part;
  const std::string all = presswork({"graph", "r1", "--expand", "--format", "dot"}).out;
  for (const char* part : {"make[n=1]", "tune[1] (continue)", "tune[2] (break)"})
    EXPECT_TRUE(has(all, part)) << part << " in " << all;
}

TEST_F(Seeing, EventsTellEachTurnOfALoop) {
  ASSERT_EQ(presswork({"run", search()}).code, 0);
  std::istringstream lines(presswork({"events", "r1"}).out);
  std::vector<std::string> turns;
  for (std::string line; std::getline(lines, line);) {
    const Json event = Json::parse(line);
    if (event["kind"] == "loop_decided") turns.push_back(event["way"]);
    if (event["kind"] == "selected") turns.push_back(event["chosen"]);
    if (event["kind"] == "loop_ended") turns.push_back(event["outcome"]);
  }
  EXPECT_EQ(turns, (std::vector<std::string>{"make[n=2]", "continue", "break", "break"}));
}

TEST_F(Seeing, TheMetricsFileHasTheRunAsItEnded) {
  const std::string path = (folder.path() / "run.prom").string();
  ASSERT_EQ(presswork({"run", search(), "--metrics-file", path}).code, 0);
  const std::string text = slurp(path);
  EXPECT_TRUE(has(text, "presswork_run_state{workflow=\"search\",state=\"succeeded\"} 1\n")) << text;
  EXPECT_TRUE(has(text, "presswork_instances{workflow=\"search\",state=\"succeeded\"} 6\n")) << text;
  EXPECT_TRUE(has(text, "stage=\"tune[2]/step\",uses=\"test/echo\"")) << text;
}

TEST_F(Seeing, PsSaysWhenNothingRuns) {
  const Finished finished = presswork({"ps"});
  EXPECT_EQ(finished.code, 0);
  EXPECT_TRUE(has(finished.err, "nothing runs in ")) << finished.err;
  EXPECT_EQ(presswork({"ps", "--json"}).json(), (Json{{"runs", Json::array()}}));
}

}  // namespace
}  // namespace presswork::testing
