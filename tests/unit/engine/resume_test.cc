// A resume after a failure that is mended: what the failure led to is judged anew, and nothing that is
// committed is done again where it comes to the same.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

namespace presswork::testing {
namespace {

class ResumeTest : public EngineTest {
 protected:
  engine::RunResult resume_mended() {
    open();
    executor->mended = true;
    return resume("r1");
  }
  std::vector<std::string> started() const {
    std::vector<std::string> ids;
    for (const engine::Event& event : recorder.events) {
      if (event.kind == "stage_started") ids.push_back(event.instance);
    }
    return ids;
  }
  std::string state(const std::string& instance) {
    const auto row = ledger->instance("r1", instance);
    return row ? row->state : "(none)";
  }
};

constexpr char choice[] = R"yaml(stages:
  fan:
    uses: test/work
    matrix: {i: [1, 2]}
    with: {text: "t${{ matrix.i }}", value: "${{ matrix.i }}", fails: "${{ matrix.i == 1 ? 'failed' : '' }}"}
  best: {select: {from: fan, minimize: fan.metrics.value}}
  chosen: {uses: test/work, inputs: {x: best.out}, with: {text: chosen}}
)yaml";

TEST_F(ResumeTest, ASelectionIsMadeAnewWhenACandidateThatFailedSucceeds) {
  EXPECT_EQ(run(choice).state, "failed");
  EXPECT_EQ(text("r1", "chosen"), "chosent2");
  EXPECT_EQ(resume_mended().state, "succeeded");
  EXPECT_EQ(text("r1", "chosen"), "chosent1");
}

TEST_F(ResumeTest, WhatComesToTheSameAfterAFailureIsNotDoneAgainEvenWithTheCacheOff) {
  options.use_cache = false;
  const std::string maximum =
      std::string(choice).replace(std::string(choice).find("minimize"), 8, "maximize");
  EXPECT_EQ(run(maximum).state, "failed");
  EXPECT_EQ(resume_mended().state, "succeeded");
  EXPECT_THAT(started(), ElementsAre("fan[i=1]"));
  EXPECT_EQ(text("r1", "chosen"), "chosent2");
}

TEST_F(ResumeTest, ACrashBetweenTheRecoveryAndTheJudgementAnewLosesNothing) {
  EXPECT_EQ(run(choice).state, "failed");
  open();
  executor->mended = true;
  struct Death {};
  executor->on_outcome = [](const executor::StageRequest& request) {
    if (request.parameters.at("text") == "chosen") throw Death();
  };
  EXPECT_THROW(resume("r1"), Death);
  EXPECT_EQ(resume_mended().state, "succeeded");
  EXPECT_EQ(text("r1", "chosen"), "chosent1");
}

TEST_F(ResumeTest, AFirstThatFellBackGoesToWhatIsThereNow) {
  EXPECT_EQ(
      run("stages:\n"
          "  a: {uses: test/work, with: {text: A, fails: failed}, on_failure: continue}\n"
          "  b: {uses: test/work, with: {text: B}}\n"
          "  c: {uses: test/work, join: all_done, after: [a, b], inputs: {x: \"first(a.out, b.out)\"}}\n")
          .state,
      "succeeded");
  EXPECT_EQ(text("r1", "c"), "B");
  EXPECT_EQ(resume_mended().state, "succeeded");
  EXPECT_EQ(text("r1", "c"), "A");
}

TEST_F(ResumeTest, WhatRanBecauseOfAFailureIsSkippedWhenThereIsNone) {
  EXPECT_EQ(run("stages:\n"
                "  a: {uses: test/work, with: {text: A, fails: failed}}\n"
                "  mend: {uses: test/work, join: on_failure, after: [a], with: {text: M}}\n")
                .state,
            "failed");
  EXPECT_EQ(state("mend"), "succeeded");
  EXPECT_EQ(resume_mended().state, "succeeded");
  EXPECT_EQ(state("mend"), "skipped");
}

TEST_F(ResumeTest, ADecisionOnWhatFailedIsMadeAnew) {
  EXPECT_EQ(run("stages:\n"
                "  a: {uses: test/work, with: {value: 1, fails: failed}, on_failure: continue}\n"
                "  d: {join: all_done, after: [a], decide: [{when: \"has(a.metrics.value)\", then: with}, "
                "{default: without}]}\n"
                "  one: {uses: test/work, after: [d.with], with: {text: one}}\n"
                "  other: {uses: test/work, after: [d.without]}\n")
                .state,
            "succeeded");
  EXPECT_EQ(state("other"), "succeeded");
  EXPECT_EQ(resume_mended().state, "succeeded");
  EXPECT_EQ(state("one"), "succeeded");
  EXPECT_EQ(state("other"), "skipped");
}

// Counts up by what a fragile stage says, and by one where it says nothing; ends at three or more.
constexpr char counting[] = R"yaml(stages:
  count:
    loop:
      max: 5
      state: {i: {type: number, initial: 1}}
      body:
        fragile: {uses: test/work, with: {value: 5, text: fragile, fails: failed, times: 9}, on_failure: continue}
        body: {uses: test/work, with: {value: "${{ state.i }}", text: "t${{ state.i }}"}}
      decide:
        - {when: "body.metrics.value >= 3", then: break}
        - {when: "has(fragile.metrics.value)", then: continue, set: {i: "${{ state.i + fragile.metrics.value }}"}}
        - {default: continue, set: {i: "${{ state.i + 1 }}"}}
      outputs: {out: body.out}
  after: {uses: test/work, inputs: {x: count.out}, with: {text: A}}
)yaml";

TEST_F(ResumeTest, ALoopGoesItsWayAnewFromTheIterationWhoseStageRecovered) {
  struct Death {};
  executor->on_outcome = [](const executor::StageRequest& request) {
    if (request.parameters.at("text") == "A") throw Death();
  };
  EXPECT_THROW(run(counting), Death);
  EXPECT_EQ(state("count[3]/body"), "succeeded");
  EXPECT_EQ(resume_mended().state, "succeeded");
  EXPECT_EQ(text("r1", "after"), "At3") << "the loop had ended: it is kept whole";
}

TEST_F(ResumeTest, AnOpenLoopDropsTheIterationsThatItNoLongerComesTo) {
  struct Death {};
  executor->on_outcome = [](const executor::StageRequest& request) {
    if (request.parameters.at("text") == "t3") throw Death();
  };
  EXPECT_THROW(run(counting), Death);
  EXPECT_EQ(state("count[2]/body"), "succeeded");
  EXPECT_EQ(resume_mended().state, "succeeded");
  EXPECT_EQ(text("r1", "after"), "At6");  // 1, then 6
  EXPECT_EQ(state("count[3]/body"), "(none)");
  EXPECT_EQ(ledger->iterations("r1").size(), 2u);
  EXPECT_THAT(started(), Not(Contains("count[1]/body")));
}

TEST_F(ResumeTest, ALoopOnWhatFailedBeginsAnew) {
  EXPECT_EQ(run("stages:\n"
                "  a: {uses: test/work, with: {value: 3, fails: failed}, on_failure: continue}\n"
                "  count:\n"
                "    join: all_done\n"
                "    after: [a]\n"
                "    loop:\n"
                "      max: 2\n"
                "      state: {i: {type: integer, initial: \"${{ has(a.metrics.value) ? 3 : 1 }}\"}}\n"
                "      body: {b: {uses: test/work, with: {text: \"t${{ state.i }}\"}}}\n"
                "      decide: [{default: continue, set: {i: \"${{ state.i + 1 }}\"}}]\n"
                "      on_exhausted: last\n"
                "      outputs: {out: b.out}\n"
                "  after: {uses: test/work, inputs: {x: count.out}, with: {text: A}}\n")
                .state,
            "succeeded");
  EXPECT_EQ(text("r1", "after"), "At2");
  EXPECT_EQ(resume_mended().state, "succeeded");
  EXPECT_EQ(text("r1", "after"), "At4");
}

// As after a crash that cost the ledger its last pages.
TEST_F(EngineTest, AProcessOfAnAttemptThatTheLedgerDoesNotKnowIsEndedByTheNextStart) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t stray = ::fork();
  if (stray == 0) {
    ::dup2(ends[0], 0);
    ::close(ends[1]);
    const char* const arguments[] = {"cat", nullptr};
    const char* const environment[] = {"PRESSWORK_ATTEMPT=0123456789abcdef0123456789abcdef", nullptr};
    ::execve("/bin/cat", const_cast<char**>(arguments), const_cast<char**>(environment));
    ::_exit(1);
  }
  ::close(ends[0]);
  fs::create_directories(workspace.attempts() / "0123456789abcdef0123456789abcdef");
  // The environment is that of cat once it runs.
  while (base::real_file_system().read("/proc/" + std::to_string(stray) + "/cmdline").substr(0, 3) != "cat") {
  }
  EXPECT_EQ(run("stages: {a: {uses: test/work}}\n").state, "succeeded");
  EXPECT_EQ(::waitpid(stray, nullptr, WNOHANG), -1) << "its end has been waited for";
  ::close(ends[1]);  // of which cat ends, if nothing else ended it
  EXPECT_FALSE(fs::exists(workspace.attempts() / "0123456789abcdef0123456789abcdef"));
}

}  // namespace
}  // namespace presswork::testing
