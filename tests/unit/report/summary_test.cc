#include "orchestrator/report/summary.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>

#include "support/fakes.h"

namespace presswork::report {
namespace {

namespace fs = std::filesystem;
using base::Json;

// Stages whose descriptions say which metrics are headlines.
class Stages : public plugins::Catalogue {
 public:
  explicit Stages(bool headlines) {
    add("test/measure", "loss", "", headlines);
    add("test/shrink", "ratio", "x", headlines);
  }
  const plugins::StageDescription* find(const std::string& id) const override {
    const auto it = stages_.find(id);
    return it == stages_.end() ? nullptr : &it->second;
  }
  std::vector<std::string> ids() const override { return {}; }

 private:
  void add(const std::string& id, const std::string& metric, const std::string& unit, bool headline) {
    plugins::StageDescription& stage = stages_[id];
    stage.id = id;
    stage.parameters = {{"type", "object"}};
    stage.metrics[metric] = {"number", unit, ""};
    stage.document = {{"metrics", {{metric, {{"type", "number"}, {"headline", headline}}}}}};
  }
  std::map<std::string, plugins::StageDescription> stages_;
};

class SummaryOfARun : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/presswork-summary-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    artifacts = std::make_unique<store::ArtifactStore>(base::real_file_system(), folder / "store");
    ledger = store::Ledger::open(folder / "ledger.db");
    store::RunRow run;
    run.workflow = "demo";
    run.state = "succeeded";
    run.plan = Json::object();
    run.started = "2026-11-22T07:36:49.500Z";
    run.ended = "2026-11-22T07:36:53.800Z";
    ledger->begin();
    ASSERT_EQ(ledger->create_run(run), "r1");
    ledger->set_run_state("r1", "succeeded", run.ended, "");
    ledger->commit();
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string model(const std::string& name, std::size_t bytes) {
    fs::create_directories(folder / name);
    std::ofstream(folder / name / "weights") << std::string(bytes, name[0]);
    return artifacts->publish(folder / name).digest;
  }

  void put(const std::string& id, const std::string& uses, const std::string& state, const Json& metrics,
           const std::string& model_digest = {}) {
    store::InstanceRow instance;
    instance.run = "r1";
    instance.id = id;
    instance.uses = uses;
    instance.state = state;
    instance.key = "key-" + id;
    instance.inputs = Json::object();
    instance.with = Json::object();
    instance.attempts = 1;
    store::CheckpointRow checkpoint;
    checkpoint.key = instance.key;
    checkpoint.uses = uses;
    checkpoint.metrics = metrics;
    checkpoint.seconds = 1.5;
    checkpoint.run = "r1";
    checkpoint.instance = id;
    if (!model_digest.empty()) checkpoint.outputs["model"] = {"model", model_digest};
    ledger->begin();
    ledger->put(instance);
    ledger->put(checkpoint);
    ledger->commit();
  }

  void put_failed(const std::string& id, int attempts) {
    store::InstanceRow instance;
    instance.run = "r1";
    instance.id = id;
    instance.uses = "test/shrink";
    instance.state = "failed";
    instance.cause = "crashed_signal: died of signal 11";
    instance.inputs = Json::object();
    instance.with = Json::object();
    instance.attempts = attempts;
    ledger->begin();
    ledger->put(instance);
    for (int i = 1; i <= attempts; ++i) {
      store::AttemptRow attempt;
      attempt.run = "r1";
      attempt.instance = id;
      attempt.number = i;
      attempt.id = id + "." + std::to_string(i);
      attempt.outcome = "crashed";
      attempt.code = "crashed_signal";
      attempt.message = "died of signal 11";
      attempt.hint = "look";
      attempt.log = "/w/" + id + ".log";
      ledger->put(attempt);
    }
    ledger->commit();
  }

  void put_control(const std::string& id, const std::string& kind, const std::string& state,
                   const Json& values, const Json& outputs, const std::string& cause = {}) {
    store::InstanceRow instance;
    instance.run = "r1";
    instance.id = id;
    instance.kind = kind;
    instance.state = state;
    instance.cause = cause;
    instance.with = values;
    instance.inputs = outputs;
    instance.started = instance.ended = "2026-11-22T07:36:50.000Z";
    ledger->put(instance);
  }

  void put_compression() {
    put("load", "test/load", "cached", {{"tensors", 10}}, model("original", 4096));
    put("before", "test/measure", "succeeded", {{"loss", 20.0}, {"tokens", 100}});
    put("shrink", "test/shrink", "succeeded", {{"ratio", 4.0}}, model("small", 1024));
    put("after", "test/measure", "succeeded", {{"loss", 21.0}, {"tokens", 100}});
  }

  fs::path folder;
  std::unique_ptr<store::ArtifactStore> artifacts;
  std::unique_ptr<store::Ledger> ledger;
  testing::FakeClock clock;
};

TEST_F(SummaryOfARun, ComparesHeadlinesAndTheSizesOfTheFirstAndTheLastModel) {
  put_compression();
  Summary summary = summarize("r1", *ledger, *artifacts, Stages(true), clock);
  summary.checklist.push_back({"loss within 10 %", "x < 1.1", true, "pass", "x = 1.05"});
  summary.report = "/w/report.md";
  const std::string model = summary.model.string();
  EXPECT_EQ(fs::file_size(summary.model / "weights"), 1024u);
  EXPECT_EQ(to_text(summary, {}),
            "run r1 of demo succeeded in 4.3 s\n"
            "\n"
            "STAGE   USES          STATE         TIME  RESULT\n"
            "load    test/load     cached     (1.5 s)\n"
            "before  test/measure  succeeded    1.5 s  loss 20\n"
            "shrink  test/shrink   succeeded    1.5 s  ratio 4x\n"
            "after   test/measure  succeeded    1.5 s  loss 21\n"
            "\n"
            "                BEFORE     AFTER         CHANGE\n"
            "model folder  4.00 KiB  1.00 KiB  4.00x smaller\n"
            "loss                20        21        +5.00 %\n"
            "\n"
            "CHECKLIST\n"
            "pass  loss within 10 % (required)\n"
            "\n"
            "model   " +
                model + "\n" + "report  /w/report.md\n");
}

TEST_F(SummaryOfARun, CutsTheTableOfStagesToTheTerminal) {
  put_compression();
  const std::string text = to_text(summarize("r1", *ledger, *artifacts, Stages(true), clock), {}, false, 40);
  EXPECT_NE(text.find("\nbefore  test/measure  succeeded    1.5 …\n"), std::string::npos) << text;
}

TEST_F(SummaryOfARun, ComparesEveryNumberThatChangedWhenNoStageNamesAHeadline) {
  put_compression();
  const Summary summary = summarize("r1", *ledger, *artifacts, Stages(false), clock);
  ASSERT_EQ(summary.changes.size(), 2u);
  EXPECT_EQ(summary.changes[1].name, "loss");
  EXPECT_EQ(summary.changes[1].before_stage, "before");
  EXPECT_EQ(summary.changes[1].after_stage, "after");
}

TEST_F(SummaryOfARun, SaysTheSameInJson) {
  put_compression();
  const Json json = to_json(summarize("r1", *ledger, *artifacts, Stages(true), clock, nullptr, true));
  EXPECT_EQ(json["run"], "r1");
  EXPECT_EQ(json["state"], "succeeded");
  EXPECT_NEAR(json["seconds"].get<double>(), 4.3, 1e-6);
  EXPECT_EQ(json["stages"].size(), 4u);
  EXPECT_EQ(json["stages"][1]["metrics"]["loss"], 20.0);
  EXPECT_EQ(json["stages"][2]["outputs"]["model"]["bytes"], 1024);
  EXPECT_NEAR(json["changes"][1]["change_percent"].get<double>(), 5, 1e-9);
  EXPECT_TRUE(json["report"].is_null());
}

TEST_F(SummaryOfARun, PutsFailuresFirstWithHintAndLog) {
  put("good", "test/measure", "succeeded", {{"loss", 1.0}});
  put_failed("bad", 2);
  const std::string text = to_text(summarize("r1", *ledger, *artifacts, Stages(true), clock), {});
  EXPECT_NE(text.find("\nFAILED\n"
                      "! bad crashed after 2 attempts: died of signal 11 [crashed_signal]\n"
                      "    hint: look\n"
                      "    log: /w/bad.log\n"
                      "\nSTAGE "),
            std::string::npos)
      << text;
}

TEST_F(SummaryOfARun, SaysOnceWhyItFailed) {
  put_failed("bad", 1);
  ledger->set_run_state("r1", "failed", "2026-11-22T07:36:53.800Z", "bad: crashed_signal: died of signal 11");
  std::string text = to_text(summarize("r1", *ledger, *artifacts, Stages(true), clock), {});
  EXPECT_EQ(text.find("bad: crashed"), std::string::npos) << text;
  EXPECT_NE(text.find("! bad crashed: died of signal 11"), std::string::npos) << text;
  ledger->set_run_state("r1", "failed", "2026-11-22T07:36:53.800Z", "a required check failed: size");
  text = to_text(summarize("r1", *ledger, *artifacts, Stages(true), clock), {});
  EXPECT_NE(text.find("a required check failed: size\n"), std::string::npos) << text;
}

TEST(SummaryText, TellsWhyACheckFailedInFull) {
  const std::string values(150, 'x');
  Summary summary;
  summary.checklist.push_back({"small", "a < b", true, "fail", values + " = 1"});
  summary.checklist.push_back({"fast", "c < d", true, "not_run", values + " does not exist"});
  const std::string text = to_text(summary, {});
  EXPECT_NE(text.find(values + " = 1"), std::string::npos) << text;
  EXPECT_EQ(text.find(" does not exist"), std::string::npos) << text;
}

TEST_F(SummaryOfARun, ShowsTheCellsOfALargeMatrixAndTheIterationsOfALoopAsOneLineEach) {
  for (int i = 1; i <= 300; ++i) {
    put("quantize[bits=" + std::to_string(i) + "]", "test/shrink", i < 10 ? "cached" : "succeeded",
        {{"ratio", i}});
    put("tune[" + std::to_string(i) + "]/measure", "test/measure", "succeeded", {{"loss", 400.0 - i}});
  }
  for (int i = 1; i <= 40; ++i) put_failed("prune[n=" + std::to_string(i) + "]", 1);
  for (int i = 1; i <= 500; ++i)
    put("plain_" + std::to_string(i), "test/measure", "succeeded", {{"loss", 1.0}});
  const Summary summary = summarize("r1", *ledger, *artifacts, Stages(true), clock);
  const std::string text = to_text(summary, {});
  EXPECT_NE(text.find("! prune[n=1] and 39 more like it crashed: died of signal 11"), std::string::npos)
      << text;
  EXPECT_NE(
      text.find("quantize[*]      test/shrink   291 succeeded, 9 cached  7 min 16 s  ratio 1x … 300x\n"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("tune[*]/measure  test/measure  300 succeeded"), std::string::npos) << text;
  EXPECT_NE(text.find("loss 100 … 399"), std::string::npos) << text;
  EXPECT_NE(text.find("1,140 in all; `presswork status r1 --all` shows each"), std::string::npos) << text;
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 60) << text;
  const std::string all = to_text(summary, {}, true);
  EXPECT_GT(std::count(all.begin(), all.end(), '\n'), 1140);
}

TEST_F(SummaryOfARun, TellsWhatWasChosenAndTakesTheModelFromThere) {
  put("load", "test/load", "succeeded", Json::object(), model("original", 4096));
  put("before", "test/measure", "succeeded", {{"loss", 20.0}});
  const std::string four = model("4bits", 1024), eight = model("8bits", 2048);
  put("quantize[bits=4]", "test/shrink", "succeeded", {{"ratio", 4.0}}, four);
  put("quantize[bits=8]", "test/shrink", "succeeded", {{"ratio", 2.0}}, eight);
  put("after[bits=4]", "test/measure", "succeeded", {{"loss", 30.0}});
  put("after[bits=8]", "test/measure", "succeeded", {{"loss", 21.0}});
  put_control(
      "best", "select", "succeeded", {{"metrics", {{"loss", 21.0}}}, {"matrix", {{"bits", 8}}}},
      {{"model",
        {{"instance", "quantize[bits=8]"}, {"output", "model"}, {"type", "model"}, {"digest", eight}}}});
  ledger->put(store::DecisionRow{"r1",
                                 "best",
                                 "after[bits=8]",
                                 {{"candidates", {{"after[bits=8]", 21.0}, {"after[bits=4]", 30.0}}}},
                                 ""});
  const Summary summary = summarize("r1", *ledger, *artifacts, Stages(true), clock);
  EXPECT_EQ(fs::file_size(summary.model / "weights"), 2048u);
  ASSERT_EQ(summary.changes.size(), 2u) << "cells are no measure of the run";
  EXPECT_EQ(summary.changes[0].after, summary.changes[0].before / 2) << "the model's folder";
  EXPECT_EQ(summary.changes[1].after, 21);
  EXPECT_EQ(summary.changes[1].after_stage, "best");
  EXPECT_NE(to_text(summary, {}).find("after[bits=8], the best of 2, loss 21\n"), std::string::npos)
      << to_text(summary, {});
}

TEST_F(SummaryOfARun, TellsHowFarALoopWent) {
  put_control("done", "loop", "succeeded",
              {{"metrics", {{"outcome", "break"}, {"iteration", 3}, {"iterations", 3}}}}, {});
  put_control("best", "loop", "succeeded",
              {{"metrics", {{"outcome", "exhausted"}, {"iteration", 2}, {"iterations", 5}}}}, {});
  put_control("open", "loop", "running", Json::object(), {});
  for (int i = 1; i <= 4; ++i) ledger->put(store::IterationRow{"r1", "open", i, Json::object(), "", ""});
  const Summary summary = summarize("r1", *ledger, *artifacts, Stages(true), clock);
  EXPECT_EQ(summary.nodes[0].result, "done with iteration 3");
  EXPECT_EQ(summary.nodes[1].result, "took iteration 2 of 5, where its limit is");
  EXPECT_EQ(summary.nodes[2].result, "in iteration 4");
}

TEST_F(SummaryOfARun, TellsAFailureInALoopOnce) {
  put_failed("tune[2]/work", 1);
  put_control("tune", "loop", "failed", Json::object(), {}, "loop_failed: tune[2]/work failed: crashed");
  put_control("other", "loop", "failed", Json::object(), {}, "loop_exhausted: after 5 iterations");
  const Summary summary = summarize("r1", *ledger, *artifacts, Stages(true), clock);
  ASSERT_EQ(summary.failures.size(), 2u);
  EXPECT_EQ(summary.failures[0].id, "tune[2]/work");
  EXPECT_EQ(summary.failures[1].id, "other");
}

TEST_F(SummaryOfARun, PutsIterationsBelowTheirLoopAndPendingNodesInTheirPlace) {
  const std::string yaml = R"yaml(presswork: 1
name: order
stages:
  tune:
    loop: {max: 3, body: {work: {uses: test/measure}}, decide: [{default: break}]}
  last: {uses: test/measure, after: tune}
  cells: {uses: test/measure, after: last, matrix: {n: [1, 2]}}
)yaml";
  const Stages stages(true);
  const engine::Plan plan = engine::make_plan(yaml, folder / "order.yaml", Json::object(), folder, stages);
  put("tune[1]/work", "test/measure", "succeeded", {{"loss", 2.0}});
  put_control("tune", "loop", "running", Json::object(), {});
  put("cells[n=2]", "test/measure", "succeeded", {{"loss", 2.0}});
  std::string order;
  for (const NodeSummary& node : summarize("r1", *ledger, *artifacts, stages, clock, &plan).nodes)
    order += node.id + " " + node.state + "\n";
  EXPECT_EQ(order,
            "tune running\ntune[1]/work succeeded\nlast pending\ncells[n=1] pending\ncells[n=2] succeeded\n");
}

TEST_F(SummaryOfARun, NamesTheRunThatIsNotThere) {
  EXPECT_THROW(summarize("r7", *ledger, *artifacts, Stages(true), clock), base::Error);
}

TEST(Metrics, AreWrittenWithTheirUnits) {
  EXPECT_EQ(format_metric(3.5, "x"), "3.5x");
  EXPECT_EQ(format_metric(1048576, "B"), "1.00 MiB");
  EXPECT_EQ(format_metric(1234567, ""), "1,234,567");
  EXPECT_EQ(format_metric(12.5, "%"), "12.5 %");
  EXPECT_EQ(format_metric("int4", ""), "int4");
  EXPECT_EQ(format_metric(Json{{"a", 1}}, ""), "{\"a\":1}");
}

}  // namespace
}  // namespace presswork::report
