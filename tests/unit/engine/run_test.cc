#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <thread>

#include "orchestrator/store/approvals.h"
#include "unit/engine/harness.h"
#include "unit/store/support.h"

namespace presswork::testing {
namespace {

const char* const chain = R"(
stages:
  a: {uses: test/work, with: {text: "A"}}
  b: {uses: test/work, with: {text: "B"}, inputs: {x: a.out}}
  c: {uses: test/work, with: {text: "C"}, inputs: {x: b.out}}
)";

TEST_F(EngineTest, RunsStagesInTheOrderOfTheirNeedsAndPassesOutputsOn) {
  const auto result = run(chain);
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_THAT(recorder.lines, ElementsAre("run_started", "stage_started a", "stage_succeeded a",
                                          "stage_started b", "stage_succeeded b", "stage_started c",
                                          "stage_succeeded c", "run_ended succeeded"));
  EXPECT_EQ(text(result.run, "c"), "CBA");
}

TEST_F(EngineTest, TakesEverythingFromTheCacheTheSecondTime) {
  run(chain);
  open();
  const auto result = run(chain);
  EXPECT_THAT(recorder.lines, ElementsAre("run_started", "stage_cached a", "stage_cached b", "stage_cached c",
                                          "run_ended succeeded"));
  EXPECT_TRUE(executor->started.empty());
  EXPECT_EQ(text(result.run, "c"), "CBA");
}

TEST_F(EngineTest, RunsOnlyWhatAChangeReaches) {
  run(chain);
  std::string changed = chain;
  changed.replace(changed.find("\"B\""), 3, "\"b\"");
  const auto result = run(changed);
  EXPECT_THAT(recorder.lines,
              ElementsAre("run_started", "stage_cached a", "stage_started b", "stage_succeeded b",
                          "stage_started c", "stage_succeeded c", "run_ended succeeded"));
  EXPECT_EQ(text(result.run, "c"), "CbA");
}

TEST_F(EngineTest, AnotherPluginFileIsOtherWork) {
  run(chain);
  plugins::StageDescription rebuilt = fake_stage("test/work");
  rebuilt.plugin_digest = "d2";
  catalogue = plugins::make_catalogue({rebuilt});
  run(chain);
  EXPECT_EQ(executor->started.size(), 6u);
}

TEST_F(EngineTest, AnInputFileThatChangedIsOtherWork) {
  std::ofstream(folder / "data.txt") << "one";
  const char* const yaml = "stages: {a: {uses: test/work, with: {path: data.txt}}}\n";
  run(yaml);
  EXPECT_EQ(executor->started.at(0).parameters.at("path"), (folder / "data.txt").string());
  std::ofstream(folder / "data.txt") << "other";
  run(yaml);
  EXPECT_EQ(executor->started.size(), 2u);
}

TEST_F(EngineTest, AMissingInputFileIsFoundBeforeAnythingRuns) {
  try {
    run("stages: {a: {uses: test/work, with: {path: nowhere.txt}}}\n");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::ErrorCode::invalid_input);
    EXPECT_THAT(error.message, HasSubstr("nowhere.txt"));
  }
  EXPECT_TRUE(ledger->runs().empty());
}

TEST_F(EngineTest, AParameterThatTheStageRefusesIsFoundBeforeAnythingRuns) {
  EXPECT_THROW(run("params: {n: {type: list, default: []}}\n"
                   "stages: {a: {uses: test/work}, b: {uses: test/work, after: [a], with: {times: \"${{ "
                   "params.n }}\"}}}\n"),
               base::Error);
  EXPECT_TRUE(executor->started.empty());
}

TEST_F(EngineTest, AValueThatAWorkflowCannotTakeIsFoundBeforeAnythingRuns) {
  const auto code = [&](const Json& params) {
    try {
      run("params: {n: {type: integer, default: 0}}\n"
          "stages: {t: {loop: {max: \"${{ params.n }}\", body: {b: {uses: test/work}}, decide: [{default: "
          "break}]}}}\n",
          params);
    } catch (const base::Error& error) {
      return error.code;
    }
    return base::ErrorCode::internal;
  };
  EXPECT_EQ(code({}), base::ErrorCode::invalid_workflow);
  EXPECT_EQ(code({{"n", 20000}}), base::ErrorCode::invalid_input);
  EXPECT_TRUE(ledger->runs().empty());
}

TEST_F(EngineTest, EqualWorkIsDoneOnceEvenWhenBothStagesAreReadyTogether) {
  const auto result =
      run("stages: {a: {uses: test/work, with: {text: x}}, b: {uses: test/work, with: {text: x}}}\n");
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_EQ(executor->started.size(), 1u);
  EXPECT_THAT(recorder.lines, Contains("stage_cached b"));
}

TEST_F(EngineTest, AnInputThatChangesWhileItsStageRunsIsNotTakenForTheOldOne) {
  std::ofstream(folder / "data.txt") << "one";
  executor->on_outcome = [this](const executor::StageRequest&) {
    std::ofstream(folder / "data.txt") << "other";
  };
  const auto result = run("stages: {a: {uses: test/work, with: {path: data.txt}}}\n");
  EXPECT_EQ(result.state, "failed");
  EXPECT_THAT(ledger->run(result.run)->message, HasSubstr("changed while the stage ran"));
}

TEST_F(EngineTest, AnObjectDamagedInPlaceIsMendedByRunningAgain) {
  run(chain);
  for (const auto& entry : fs::recursive_directory_iterator(workspace.store() / "objects")) {
    if (!entry.is_regular_file() || base::real_file_system().read(entry.path()) != "BA") continue;
    fs::permissions(entry.path(), fs::perms::owner_all);
    std::ofstream(entry.path(), std::ios::in | std::ios::out) << "XX";
  }
  open();
  options.use_cache = false;
  const auto result = run(chain);
  EXPECT_EQ(text(result.run, "b"), "BA");
  EXPECT_EQ(text(result.run, "c"), "CBA");
}

TEST_F(EngineTest, AStageThatIsNotCacheableRunsEachTime) {
  const char* const yaml = "stages: {a: {uses: test/restless}}\n";
  run(yaml);
  run(yaml);
  EXPECT_EQ(executor->started.size(), 2u);
}

TEST_F(EngineTest, WithTheCacheOffEverythingRunsAgain) {
  run(chain);
  options.use_cache = false;
  run(chain);
  EXPECT_EQ(executor->started.size(), 6u);
}

TEST_F(EngineTest, StartsIndependentStagesTogetherWithinTheCores) {
  options.limits.cores = 2;
  run("stages: {a: {uses: test/work, with: {text: a}}, b: {uses: test/work, with: {text: b}}, "
      "c: {uses: test/work, with: {text: c}}}\n");
  EXPECT_EQ(executor->most_at_once, 2u);
}

TEST_F(EngineTest, AParallelStageGetsAllCores) {
  options.limits.cores = 4;
  run("stages: {a: {uses: test/wide, with: {text: a}}, b: {uses: test/wide, with: {text: b}}}\n");
  EXPECT_EQ(executor->most_at_once, 1u);
  EXPECT_EQ(executor->started.at(0).threads, 4u);
}

TEST_F(EngineTest, KeepsWithinTheMemory) {
  options.limits = {4, 3ull << 30};
  run("stages: {a: {uses: test/work, with: {text: a}, resources: {memory: 2GiB}}, "
      "b: {uses: test/work, with: {text: b}, resources: {memory: 2GiB}}}\n");
  EXPECT_EQ(executor->most_at_once, 1u);
}

TEST_F(EngineTest, RefusesAStageThatCanNeverFitBeforeAnythingRuns) {
  options.limits.memory = 1ull << 30;
  try {
    run("stages: {a: {uses: test/work, resources: {memory: 2GiB}}}\n");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::ErrorCode::cannot_fit);
    EXPECT_THAT(error.message, HasSubstr("stage a asks for 2.00 GiB"));
  }
  EXPECT_TRUE(executor->started.empty());
  EXPECT_TRUE(ledger->runs().empty());
}

TEST_F(EngineTest, AFailureSkipsWhatNeedsItAndNothingElse) {
  const auto result = run(R"(
stages:
  a: {uses: test/work, with: {fails: failed}}
  b: {uses: test/work, with: {text: b}, inputs: {x: a.out}}
  c: {uses: test/work, with: {text: c}}
)");
  EXPECT_EQ(result.state, "failed");
  EXPECT_THAT(result.failed, ElementsAre("a"));
  EXPECT_THAT(recorder.lines, Contains("stage_failed a failed"));
  EXPECT_THAT(recorder.lines, Contains("stage_skipped b: needs a, which failed"));
  EXPECT_THAT(recorder.lines, Contains("stage_succeeded c"));
  EXPECT_EQ(ledger->run(result.run)->message, "a: told_to: as its parameters say");
}

TEST_F(EngineTest, RetriesTheFailureClassesThatAreNamedWithGrowingPauses) {
  const auto result = run(R"(
stages:
  a: {uses: test/work, with: {fails: crashed, times: 2}, retry: {attempts: 3, backoff: 10s, on: [crashed]}}
)");
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_THAT(recorder.lines,
              ElementsAre("run_started", "stage_started a", "stage_failed a crashed retry in 10000 ms",
                          "stage_started a", "stage_failed a crashed retry in 20000 ms", "stage_started a",
                          "stage_succeeded a", "run_ended succeeded"));
  ASSERT_EQ(ledger->attempts(result.run).size(), 3u);
  EXPECT_EQ(executor->started.at(0).scratch_dir, executor->started.at(2).scratch_dir);
  EXPECT_NE(executor->started.at(0).work_dir, executor->started.at(2).work_dir);
}

TEST_F(EngineTest, DoesNotRetryOtherFailures) {
  const auto result = run(R"(
stages:
  a: {uses: test/work, with: {fails: failed}, retry: {attempts: 3}}
)");
  EXPECT_EQ(result.state, "failed");
  EXPECT_EQ(executor->started.size(), 1u);
  EXPECT_THAT(ledger->attempts(result.run).at(0).hint,
              HasSubstr("it is not tried again: \"retry\" is for crashed, infrastructure; to retry this, "
                        "add failed to its \"on\""));
}

TEST_F(EngineTest, AnAttemptThatNoHostWroteALogForNamesNone) {
  const auto result = run("stages: {a: {uses: test/work, with: {fails: failed}}}");
  ASSERT_EQ(ledger->attempts(result.run).size(), 1u);
  EXPECT_EQ(ledger->attempts(result.run)[0].log, "");
}

void lose_objects(const store::Workspace& workspace) {
  std::vector<fs::path> objects;
  for (const auto& entry : fs::recursive_directory_iterator(workspace.store() / "objects")) {
    if (entry.is_regular_file()) objects.push_back(entry.path());
  }
  for (const fs::path& object : objects) fs::remove(object);
}

// "first" and "second" come to one artifact, and what was seen of it for the one is soon old news.
TEST_F(EngineTest, AnArtifactIsLookedAtAgainForAStageThatIsJudgedLater) {
  const char* const yaml = R"(
stages:
  first: {uses: test/work, with: {text: "X"}}
  between: {uses: test/restless, with: {text: "Y"}}
  second: {uses: test/work, with: {text: "X", value: 2}, after: [between]}
)";
  run(yaml);
  executor->on_start = [&](const executor::StageRequest& request) {
    if (request.stage != "test/restless") return;
    lose_objects(workspace);
  };
  const auto result = run(yaml);
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_THAT(recorder.lines, ElementsAre("run_started", "stage_cached first", "stage_started between",
                                          "stage_succeeded between", "stage_started second",
                                          "stage_succeeded second", "run_ended succeeded"));
  EXPECT_EQ(text(result.run, "second"), "X");
}

TEST_F(EngineTest, StagesThatShareALostArtifactAreAllDoneAgain) {
  const char* const yaml = R"(
stages:
  first: {uses: test/work, with: {text: "X"}}
  second: {uses: test/work, with: {text: "X", value: 2}}
)";
  run(yaml);
  open();
  lose_objects(workspace);
  const auto result = run(yaml);
  EXPECT_EQ(executor->started.size(), 2u);
  EXPECT_EQ(text(result.run, "first"), "X");
  EXPECT_EQ(text(result.run, "second"), "X");
}

TEST_F(EngineTest, TheEmptyLogOfAnAttemptThatEndedWellBecomesTheLogOfAnother) {
  options.limits.cores = 1;
  std::vector<fs::path> found;  // logs that were there before their attempt
  executor->on_start = [&](const executor::StageRequest& request) {
    if (fs::exists(request.log_path)) found.push_back(request.log_path.filename());
    std::ofstream log(request.log_path, std::ios::app);
    if (request.parameters.value("text", "") == "B") log << "b speaks\n";
  };
  const auto result = run(chain);
  const auto attempts = ledger->attempts(result.run);
  ASSERT_EQ(attempts.size(), 3u);
  EXPECT_THAT(found, ElementsAre("b.1.log"));
  EXPECT_EQ(attempts[0].log, "") << "a wrote nothing, and what it did not write is b's now";
  EXPECT_EQ(base::real_file_system().read(attempts[1].log), "b speaks\n");
  EXPECT_EQ(attempts[2].log, "");
}

TEST_F(EngineTest, TheLogOfAnAttemptThatFailedIsItsOwnThoughItIsEmpty) {
  options.limits.cores = 1;
  executor->on_start = [&](const executor::StageRequest& request) {
    EXPECT_FALSE(fs::exists(request.log_path));
    std::ofstream(request.log_path, std::ios::app).flush();
  };
  const auto result = run(R"(
stages:
  a: {uses: test/work, with: {fails: crashed}, on_failure: continue}
  b: {uses: test/work, after: [a], join: all_done}
)");
  const auto attempts = ledger->attempts(result.run);
  ASSERT_EQ(attempts.size(), 2u);
  EXPECT_TRUE(fs::exists(attempts[0].log));
}

TEST_F(EngineTest, WhatToDoIsKeptOfAStepThatFailsBeforeItsFirstAttempt) {
  const auto result = run(R"(
stages:
  e: {uses: test/work, matrix: {v: [1, 2]}, with: {value: "${{ matrix.v }}"}}
  best: {select: {from: e, where: "e.metrics.value < 1", minimize: "e.metrics.value"}}
)");
  EXPECT_EQ(result.state, "failed");
  std::vector<std::string> causes;
  for (const store::InstanceRow& row : ledger->instances(result.run)) causes.push_back(row.cause);
  EXPECT_THAT(causes, Contains(HasSubstr("fulfils the constraint (loosen \"where\", or widen the matrix)")));
}

TEST_F(EngineTest, MetricsThatAStageDoesNotDescribeAreWarnedOf) {
  plugins::StageDescription terse = fake_stage("test/terse");
  terse.metrics.clear();
  catalogue = plugins::make_catalogue({fake_stage("test/work"), terse});
  run("stages: {a: {uses: test/work, with: {value: 1}}, b: {uses: test/terse, with: {value: 2}}}");
  std::vector<std::string> warnings;
  for (const engine::Event& event : recorder.events) {
    if (event.kind == "stage_log")
      warnings.push_back(event.instance + ": " + event.data.at("text").get<std::string>());
  }
  EXPECT_THAT(warnings,
              ElementsAre(HasSubstr("b: metrics that the stage's description does not name: value")));
}

TEST_F(EngineTest, AStageThatWithholdsAnOutputFails) {
  const auto result = run("stages: {a: {uses: test/work, with: {silent: true}}}\n");
  EXPECT_EQ(result.state, "failed");
  EXPECT_THAT(ledger->run(result.run)->message, HasSubstr("without giving its output out"));
}

TEST_F(EngineTest, MetricsFlowIntoParametersAndAsInputs) {
  const auto result = run(R"(
stages:
  a: {uses: test/work, with: {value: 2.5}}
  b: {uses: test/work, with: {value: "${{ a.metrics.value * 2 }}"}}
  c: {uses: test/work, inputs: {m: b.metrics}}
)");
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_EQ(executor->started.at(1).parameters.at("value"), Json(5.0));
  EXPECT_EQ(Json::parse(text(result.run, "c")), (Json{{"value", 5.0}}));
}

TEST_F(EngineTest, AReaderOfTheRunIsToldOfWhatItNeedsOnly) {
  run(R"(
stages:
  a: {uses: test/work, with: {value: 1}}
  unrelated: {uses: test/work, with: {value: 2}}
  r: {uses: test/reader, after: [a]}
)");
  const Json& facts = executor->started.back().run_facts;
  ASSERT_EQ(facts.at("instances").size(), 1u);
  EXPECT_EQ(facts["instances"][0]["id"], "a");
  EXPECT_EQ(facts["instances"][0]["metrics"]["value"], 1);
  EXPECT_EQ(facts["instances"][0]["seconds"], 1.5);
}

TEST_F(EngineTest, AReportOfACachedRunIsCachedToo) {
  const char* const yaml = R"(
stages:
  a: {uses: test/work, with: {value: 1}}
  r: {uses: test/reader, after: [a]}
)";
  run(yaml);
  run(yaml);
  EXPECT_THAT(recorder.lines, Contains("stage_cached r"));
}

TEST_F(EngineTest, AReaderOfTheRunIsToldWhenAndWhereThingsAre) {
  const auto result = run(R"(
stages:
  a: {uses: test/work, with: {value: 1}}
  r: {uses: test/reader, after: [a]}
)");
  const Json facts = executor->started.back().run_facts;
  const Json& evidence = facts.at("evidence");
  EXPECT_EQ(evidence.at("run"), result.run);
  EXPECT_FALSE(evidence.at("times").at("a").at("started").get<std::string>().empty());
  EXPECT_FALSE(evidence.at("times").contains("r")) << "only what it needs";
  const std::string digest = facts["instances"][0]["outputs"]["out"]["digest"];
  EXPECT_TRUE(fs::is_regular_file(evidence.at("files").at(digest).get<std::string>()));
}

TEST_F(EngineTest, AnApprovalOfWhatAReaderNeedsRunsItAgain) {
  const char* const yaml = R"(
stages:
  a: {uses: test/work, with: {value: 1}}
  r: {uses: test/reader, after: [a]}
)";
  run(yaml);
  const std::string digest = executor->started.back().run_facts["instances"][0]["outputs"]["out"]["digest"];
  store::Approvals(workspace.ledger()).put({"r1", "item", "Ann", "", {"of something else"}, "now"});
  run(yaml);
  EXPECT_THAT(recorder.lines, Contains("stage_cached r"));
  store::Approvals(workspace.ledger()).put({"r1", "item", "Ann", "", {digest}, "now"});
  recorder.lines.clear();
  run(yaml);
  EXPECT_THAT(recorder.lines, Not(Contains("stage_cached r")));
  EXPECT_EQ(executor->started.back().run_facts.at("approvals").at(0).at("by"), "Ann");
}

TEST_F(EngineTest, ARequiredCheckThatDoesNotHoldFailsTheRun) {
  const auto result = run(R"(
stages: {a: {uses: test/work, with: {value: 3}}}
checklist:
  - {title: small, check: "a.metrics.value < 2", required: true}
  - {title: positive, check: "a.metrics.value > 0"}
)");
  EXPECT_EQ(result.state, "failed");
  ASSERT_EQ(result.checklist.size(), 2u);
  EXPECT_EQ(result.checklist[0].state, "fail");
  EXPECT_EQ(result.checklist[0].why, "a.metrics.value = 3");
  EXPECT_EQ(result.checklist[1].state, "pass");
  EXPECT_EQ(ledger->run(result.run)->message, "required check not met: small");
}

TEST_F(EngineTest, TheFirstStopRequestEndsChildrenAndLeavesAResumableRun) {
  executor->on_outcome = [this](const executor::StageRequest&) {
    executor->hold = true;  // b will be running when the request comes
    stop = 0;
  };
  struct StopAtB : Recorder {
    EngineTest* test;
    engine::StopRequest* stop;
    void on_event(const engine::Event& event) override {
      Recorder::on_event(event);
      if (event.kind == "stage_started" && event.instance == "b") *stop = 1;
    }
  } observer;
  observer.stop = &stop;
  const engine::Plan made = plan(chain);
  const engine::Surroundings around{workspace, *ledger, *artifacts, *executor, clock, observer, stop};
  const auto result = engine::start_run(made, around, options);
  EXPECT_EQ(result.state, "interrupted");
  EXPECT_THAT(observer.lines, Contains("stage_cancelled b"));
  EXPECT_EQ(executor->running(), 0u);

  open();
  const auto resumed = resume(result.run);
  EXPECT_EQ(resumed.state, "succeeded");
  EXPECT_EQ(executor->started.size(), 2u);  // b and c
  EXPECT_EQ(text(result.run, "c"), "CBA");
}

TEST_F(EngineTest, TheFirstStopRequestLetsAResultBeKeptAndTheSecondDoesNotWaitForIt) {
  for (const int requests : {1, 2}) {
    open();
    executor->on_outcome = [this, requests](const executor::StageRequest&) { stop = requests; };
    const std::string text = "text " + std::to_string(requests);
    const auto result = run("stages: {a: {uses: test/work, with: {text: " + text + "}}}\n");
    EXPECT_EQ(ledger->instances(result.run)[0].state, requests == 1 ? "succeeded" : "pending");
    EXPECT_EQ(ledger->attempts(result.run)[0].outcome, requests == 1 ? "succeeded" : "cancelled");
    open();
    EXPECT_EQ(resume(result.run).state, "succeeded");
  }
}

TEST_F(EngineTest, AStopRequestDoesNotWaitForTheDigestOfAnInputFile) {
  std::ofstream(folder / "data.txt") << "data";
  struct StopsWhileItHashes : store::testing::FaultyFileSystem {
    std::string sha256(const fs::path& path, const std::function<void(std::size_t)>& progress) override {
      *stop = 1;
      const std::string digest = FaultyFileSystem::sha256(path, progress);
      ++hashed;
      return digest;
    }
    engine::StopRequest* stop;
    int hashed = 0;
  } file_system;
  file_system.stop = &stop;
  artifacts = std::make_unique<store::ArtifactStore>(file_system, workspace.store());
  const auto result = run("stages: {a: {uses: test/work, with: {path: data.txt}}}\n");
  EXPECT_EQ(result.state, "interrupted");
  EXPECT_EQ(file_system.hashed, 0);
  open();
  EXPECT_EQ(resume(result.run).state, "succeeded");
}

TEST_F(EngineTest, ARunWhoseOrchestratorDiedIsResumedWithoutRedoingWhatIsCommitted) {
  struct Death {};
  executor->on_outcome = [](const executor::StageRequest& request) {
    if (request.parameters.at("text") == "B") throw Death();  // as kill -9 would: nothing more is recorded
  };
  EXPECT_THROW(run(chain), Death);
  open();
  const auto runs = ledger->runs();
  ASSERT_EQ(runs.size(), 1u);
  const auto result = resume(runs[0].id);
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_THAT(recorder.lines, ElementsAre("run_started", "stage_started b", "stage_succeeded b",
                                          "stage_started c", "stage_succeeded c", "run_ended succeeded"));
  EXPECT_EQ(recorder.events.front().data.at("kept"), 1);
  const auto attempts = ledger->attempts(result.run);
  ASSERT_EQ(attempts.size(), 4u);
  EXPECT_EQ(attempts[1].outcome, "interrupted");
}

TEST_F(EngineTest, AnAttemptThatDiedWithTheOrchestratorDoesNotCountAgainstTheRetries) {
  const char* const yaml =
      "stages: {a: {uses: test/work, with: {fails: crashed}, retry: {attempts: 2, on: [crashed]}}}\n";
  struct Death {};
  executor->on_outcome = [](const executor::StageRequest&) { throw Death(); };
  EXPECT_THROW(run(yaml), Death);
  open();
  const auto result = resume(ledger->runs()[0].id);
  EXPECT_EQ(result.state, "succeeded");  // fails once, and has one retry left
}

TEST_F(EngineTest, AResumeKeepsItsOwnWorkEvenWithTheCacheOff) {
  options.use_cache = false;
  struct Death {};
  executor->on_outcome = [](const executor::StageRequest& request) {
    if (request.parameters.at("text") == "C") throw Death();
  };
  EXPECT_THROW(run(chain), Death);
  open();
  resume(ledger->runs()[0].id);
  EXPECT_EQ(executor->started.size(), 1u);
}

TEST_F(EngineTest, ADamagedCheckpointIsRebuilt) {
  const auto first = run(chain);
  for (const auto& entry : fs::recursive_directory_iterator(workspace.store() / "objects")) {
    if (!entry.is_regular_file()) continue;
    if (base::real_file_system().read(entry.path()) != "BA") continue;
    fs::permissions(entry.path(), fs::perms::owner_all);
    std::ofstream(entry.path(), std::ios::trunc) << "B";
  }
  open();
  const auto result = run(chain);
  EXPECT_EQ(result.state, "succeeded");
  EXPECT_THAT(recorder.lines, Contains("stage_succeeded b"));
  EXPECT_EQ(text(result.run, "c"), "CBA");
}

// Of the same size, so that only reading it tells.
TEST_F(EngineTest, AStageNeverReadsADamagedResult) {
  run(chain);
  for (const auto& entry : fs::recursive_directory_iterator(workspace.store() / "objects")) {
    if (!entry.is_regular_file()) continue;
    if (base::real_file_system().read(entry.path()) != "BA") continue;
    fs::permissions(entry.path(), fs::perms::owner_all);
    std::ofstream(entry.path(), std::ios::trunc) << "BB";
  }
  open();
  options.force = {"c"};
  const auto result = run(chain);
  EXPECT_EQ(result.state, "failed");
  EXPECT_THAT(message(result), HasSubstr("its input x (out of b) is damaged in the store"));
  EXPECT_TRUE(executor->started.empty());
  EXPECT_EQ(resume(result.run).state, "succeeded");
  EXPECT_THAT(recorder.lines, Contains("stage_succeeded b"));
  EXPECT_EQ(text(result.run, "c"), "CBA");
}

TEST_F(EngineTest, ALaterRunLeavesTheResultsOfEarlierOnesAsTheyWere) {
  executor->chance = "1";
  run(chain);
  options.use_cache = false;
  executor->chance = "2";
  run(chain);
  EXPECT_EQ(text("r1", "c"), "C1B1A1");
  EXPECT_EQ(text("r2", "c"), "C2B2A2");
  options.use_cache = true;
  run(chain);
  EXPECT_TRUE(recorder.lines.size() > 2 && executor->started.size() == 6);
  EXPECT_EQ(text("r3", "c"), "C2B2A2") << "the cache gives the latest";
}

TEST_F(EngineTest, AResumedRunGoesOnWithWhatItCameToItself) {
  executor->chance = "1";
  const std::string yaml = R"(
stages:
  a: {uses: test/work, with: {text: "A"}}
  b: {uses: test/work, with: {text: "B", fails: failed, times: 1}, inputs: {x: a.out}}
  c: {uses: test/work, with: {text: "C"}, inputs: {x: a.out, y: b.out}}
)";
  EXPECT_EQ(run(yaml).state, "failed");
  options.use_cache = false;
  executor->chance = "2";
  EXPECT_EQ(run(yaml).state, "succeeded");
  options.use_cache = true;
  EXPECT_EQ(resume("r1").state, "succeeded");
  EXPECT_EQ(text("r1", "a"), "A1");
  EXPECT_EQ(text("r1", "c"), "C2A1B2A1");
}

// After a ledger was set aside, say: the numbers of runs begin anew.
TEST_F(EngineTest, ARunBeginsWithNothingOfAFormerOneOfItsName) {
  fs::create_directories(workspace.logs("r1"));
  std::ofstream(workspace.logs("r1").parent_path() / "events.jsonl") << "{}";
  EXPECT_EQ(run(chain).run, "r1");
  EXPECT_FALSE(fs::exists(workspace.logs("r1").parent_path() / "events.jsonl"));
  EXPECT_TRUE(fs::exists(workspace.root / "runs" / "r1.former-1" / "events.jsonl"));
}

TEST_F(EngineTest, NothingIsHashedOnTheThreadThatListensToTheChildren) {
  std::ofstream(folder / "data.txt") << "data";
  const char* const yaml = R"(
stages:
  a: {uses: test/work, with: {path: data.txt, text: "A"}}
  b: {uses: test/work, with: {text: "B"}, inputs: {x: a.out}}
)";
  run(yaml);
  for (const auto& entry : fs::recursive_directory_iterator(workspace.store() / "objects")) {
    if (!entry.is_regular_file()) continue;
    fs::permissions(entry.path(), fs::perms::owner_all);
    std::ofstream(entry.path(), std::ios::app) << "damage";
  }
  struct Watch : store::testing::FaultyFileSystem {
    std::string sha256(const fs::path& path, const std::function<void(std::size_t)>& progress) override {
      ++(std::this_thread::get_id() == engine ? here : elsewhere);
      return FaultyFileSystem::sha256(path, progress);
    }
    std::thread::id engine = std::this_thread::get_id();
    std::atomic<int> here{0}, elsewhere{0};
  } file_system;
  open();
  artifacts = std::make_unique<store::ArtifactStore>(file_system, workspace.store());
  options.rehash = true;
  EXPECT_EQ(run(yaml).state, "succeeded");
  EXPECT_EQ(executor->started.size(), 2u);
  EXPECT_EQ(file_system.here, 0);
  EXPECT_GT(file_system.elsewhere, 0);
  artifacts.reset();
}

// What a stage of another user left, for example.
TEST_F(EngineTest, AWorkFolderThatCannotBeRemovedDoesNotStopTheNextRun) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: needs root to become another user";
  fs::create_directories(workspace.attempts() / "a-stuck/inner");
  fs::create_directories(workspace.attempts() / "b-dead/inner");
  std::ofstream(workspace.attempts() / "a-stuck/inner/file") << "x";
  artifacts.reset();
  ledger.reset();
  constexpr ::uid_t nobody = 65534;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().string().find("a-stuck") != std::string::npos) continue;
    ASSERT_EQ(::chown(entry.path().c_str(), nobody, nobody), 0);
  }
  ASSERT_EQ(::chown(folder.c_str(), nobody, nobody), 0);
  const ::pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(nobody) != 0 || ::setuid(nobody) != 0) ::_exit(9);
    try {
      open();
      ::_exit(run(chain).state == "succeeded" ? 0 : 8);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      ::_exit(7);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(fs::exists(workspace.attempts() / "a-stuck"));
  EXPECT_FALSE(fs::exists(workspace.attempts() / "b-dead"));
}

TEST_F(EngineTest, NothingIsLeftInTheWorkFoldersAfterARun) {
  run(chain);
  EXPECT_TRUE(fs::is_empty(workspace.attempts()));
  EXPECT_TRUE(!fs::exists(workspace.root / "scratch") || fs::is_empty(workspace.root / "scratch"));
}

}  // namespace
}  // namespace presswork::testing
