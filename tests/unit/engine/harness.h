// Engine tests: a workflow as YAML text goes in, what happened comes out as lines, in order.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "orchestrator/engine/run.h"
#include "support/fakes.h"

namespace presswork::testing {

namespace fs = std::filesystem;
using base::Json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// The events that matter to the order of things, a line each.
class Recorder : public engine::Observer {
 public:
  void on_event(const engine::Event& event) override {
    std::string line = event.kind;
    if (!event.instance.empty()) line += " " + event.instance;
    if (event.kind == "decision_made") line += " " + event.data.at("branch").get<std::string>();
    if (event.kind == "stage_skipped") line += ": " + event.data.at("cause").get<std::string>();
    if (event.kind == "stage_failed") {
      line += " " + event.data.at("state").get<std::string>();
      if (event.data.contains("retry_in_ms")) line += " retry in " + event.data["retry_in_ms"].dump() + " ms";
    }
    if (event.kind == "run_ended") line += " " + event.data.at("state").get<std::string>();
    lines.push_back(line);
    events.push_back(event);
  }
  void on_tick() override {
    if (tick) tick();
  }
  std::vector<std::string> lines;
  std::vector<engine::Event> events;
  std::function<void()> tick;
};

inline plugins::StageDescription fake_stage(const std::string& id) {
  plugins::StageDescription stage;
  stage.id = id;
  stage.title = id;
  stage.parameters = Json::parse(R"({"type": "object", "additionalProperties": false, "properties": {
      "text": {"type": "string", "default": ""}, "value": {"type": "number"}, "fails": {"type": "string"},
      "times": {"type": "integer"}, "expects": {"type": "number"}, "silent": {"type": "boolean"},
      "path": {"type": "string", "format": "input-path"}}})");
  stage.additional_inputs = "any";
  stage.outputs["out"] = {"text", ""};
  stage.metrics["value"] = {"number", "", ""};
  stage.plugin = "/plugins/test.so";
  stage.plugin_digest = "d1";
  return stage;
}

class EngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "presswork-engine-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    plugins::StageDescription restless = fake_stage("test/restless");
    restless.cacheable = false;
    plugins::StageDescription reader = fake_stage("test/reader");
    reader.reads_run = true;
    plugins::StageDescription wide = fake_stage("test/wide");
    wide.parallel = true;
    plugins::StageDescription many = fake_stage("test/many");
    many.inputs["x"] = {"text", true, "", true};
    plugins::StageDescription undoable = fake_stage("test/undoable");
    undoable.rollback = true;
    plugins::StageDescription weighed = fake_stage("test/weighed");
    weighed.estimates = true;
    catalogue =
        plugins::make_catalogue({fake_stage("test/work"), restless, reader, wide, many, undoable, weighed});
    open();
  }
  void TearDown() override {
    artifacts.reset();
    ledger.reset();
    std::error_code ignored;
    for (const auto& entry : fs::recursive_directory_iterator(folder, ignored)) {
      if (entry.is_directory()) fs::permissions(entry.path(), fs::perms::owner_all, ignored);
    }
    fs::remove_all(folder, ignored);
  }

  // A new process, as far as the engine can tell.
  void open() {
    ledger.reset();
    workspace = store::open_workspace(folder / ".presswork");
    ledger = store::Ledger::open(workspace.ledger());
    artifacts = std::make_unique<store::ArtifactStore>(base::real_file_system(), workspace.store());
    executor = std::make_unique<FakeExecutor>(clock);
    recorder = {};
    stop = 0;
  }

  engine::Plan plan(const std::string& yaml, const Json& params = Json::object()) {
    return engine::make_plan("presswork: 1\nname: test\n" + yaml, folder / "test.yaml", params, folder,
                             *catalogue);
  }
  engine::Surroundings surroundings() {
    return {workspace, *ledger, *artifacts, *executor, clock, recorder, stop};
  }
  engine::RunResult run(const std::string& yaml, const Json& params = Json::object()) {
    recorder = {};
    const engine::Plan made = plan(yaml, params);
    return engine::start_run(made, surroundings(), options);
  }
  engine::RunResult resume(const std::string& id) {
    recorder = {};
    const engine::Plan made = engine::restore_plan(ledger->run(id)->plan, *catalogue);
    return engine::resume_run(id, made, surroundings(), options);
  }
  std::string message(const engine::RunResult& result) { return ledger->run(result.run)->message; }
  // The text that output `out` of an instance holds.
  std::string text(const std::string& run, const std::string& instance) {
    for (const store::InstanceRow& row : ledger->instances(run)) {
      if (row.id != instance) continue;
      const auto checkpoint = ledger->checkpoint(row.key, row.checkpoint);
      if (!checkpoint) return "(no checkpoint)";
      return base::real_file_system().read(artifacts->locate(checkpoint->outputs.at("out").digest));
    }
    return "(no instance)";
  }

  fs::path folder;
  FakeClock clock;
  std::unique_ptr<plugins::Catalogue> catalogue;
  store::Workspace workspace;
  std::unique_ptr<store::Ledger> ledger;
  std::unique_ptr<store::ArtifactStore> artifacts;
  std::unique_ptr<FakeExecutor> executor;
  Recorder recorder;
  engine::StopRequest stop{0};
  engine::RunOptions options{{2, 0}, true, false, ""};
};

}  // namespace presswork::testing
