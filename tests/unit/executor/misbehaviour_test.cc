// Each stage here breaks the contract in one way, and must end as its own clearly named failure.
#include <sys/wait.h>

#include <thread>

#include "orchestrator/executor/control_group.h"
#include "unit/executor/harness.h"

namespace presswork::executor {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

class MisbehaviourTest : public ExecutorTest {
 protected:
  Outcome run_stage(const std::string& name) {
    return run(request("misbehaving-plugins/test-misbehaving", "misbehaving/" + name));
  }
  Outcome run_plugin(const std::string& name) {
    return run(request("misbehaving-plugins/test-" + name, "misbehaving/" + name));
  }
};

TEST_P(MisbehaviourTest, an_unexpected_exception_is_the_stages_failure) {
  const Outcome outcome = run_stage("throws");
  EXPECT_EQ(outcome.ending, Ending::failed);
  EXPECT_EQ(outcome.code, "threw");
  EXPECT_THAT(outcome.message, AllOf(HasSubstr("std::logic_error"), HasSubstr("nobody expects this")));
}

TEST_P(MisbehaviourTest, an_exception_that_crosses_the_c_border_is_stopped) {
  const Outcome outcome = run(request("misbehaving-plugins/test-throws_across", "misbehaving/throws-across"));
  EXPECT_EQ(outcome.ending, Ending::failed);
  EXPECT_EQ(outcome.code, "threw");
  EXPECT_THAT(outcome.message, HasSubstr("straight through"));
}

TEST_P(MisbehaviourTest, an_abort_is_a_crash_that_names_the_signal_and_the_log) {
  const Outcome outcome = run_stage("aborts");
  EXPECT_EQ(outcome.ending, Ending::crashed);
  EXPECT_EQ(outcome.code, "crashed_signal");
  EXPECT_EQ(outcome.signal, SIGABRT);
  EXPECT_THAT(outcome.message, AllOf(HasSubstr("misbehaving/aborts"), HasSubstr("SIGABRT")));
  EXPECT_THAT(outcome.hint, HasSubstr((root_ / "log").string()));
  EXPECT_THAT(text("log"), HasSubstr("about to abort"));
}

TEST_P(MisbehaviourTest, a_segmentation_fault_is_a_crash) {
  const Outcome outcome = run_stage("segfaults");
  EXPECT_EQ(outcome.ending, Ending::crashed);
  EXPECT_EQ(outcome.code, "crashed_signal");
  EXPECT_THAT(outcome.message, HasSubstr("SIGSEGV"));
}

TEST_P(MisbehaviourTest, exit_with_status_0_is_no_success) {
  const Outcome outcome = run_stage("exits-early");
  EXPECT_EQ(outcome.ending, Ending::crashed);
  EXPECT_EQ(outcome.code, "exited_early");
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_THAT(outcome.hint, HasSubstr("never calls exit()"));
}

TEST_P(MisbehaviourTest, a_forged_done_on_every_descriptor_is_a_protocol_violation) {
  const Outcome outcome = run_stage("forges");
  EXPECT_EQ(outcome.ending, Ending::failed);
  EXPECT_EQ(outcome.code, "protocol_violation");
  EXPECT_TRUE(outcome.outputs.empty());
}

TEST_P(MisbehaviourTest, a_forged_done_on_stdout_goes_to_the_log_only) {
  const Outcome outcome = run_stage("forges-on-stdout");
  EXPECT_EQ(outcome.code, "exited_early");
  EXPECT_THAT(text("log"), HasSubstr("\"event\":\"done\""));
}

TEST_P(MisbehaviourTest, a_stage_that_ignores_sigterm_is_killed_with_all_its_children) {
  StageRequest stubborn = request("misbehaving-plugins/test-misbehaving", "misbehaving/ignores-term");
  stubborn.grace = milliseconds(1);
  executor_->start(stubborn);
  wait_for_event(HostEvent::Kind::log);
  executor_->cancel(stubborn.token);
  const Outcome outcome = wait();
  EXPECT_EQ(outcome.ending, Ending::cancelled);
  EXPECT_THAT(outcome.message, HasSubstr("was killed"));
  EXPECT_FALSE(lives("self"));
  EXPECT_FALSE(lives("child"));
  EXPECT_FALSE(lives("orphan"));
}

TEST_P(MisbehaviourTest, a_stage_that_ignores_its_timeout_is_killed) {
  StageRequest stubborn = request("misbehaving-plugins/test-misbehaving", "misbehaving/ignores-term");
  stubborn.timeout = milliseconds(100);
  stubborn.grace = milliseconds(1);
  const Outcome outcome = run(stubborn);
  EXPECT_EQ(outcome.ending, Ending::timed_out);
  EXPECT_THAT(outcome.message, HasSubstr("was killed"));
}

TEST_P(MisbehaviourTest, what_a_successful_stage_left_behind_is_killed) {
  EXPECT_EQ(run_stage("leaves-orphans").ending, Ending::succeeded);
  EXPECT_FALSE(lives("child"));
  EXPECT_FALSE(lives("orphan"));
}

TEST_P(MisbehaviourTest, orphans_of_one_stage_are_killed_while_another_runs_on) {
  StageRequest other = echo({{"milliseconds", 600'000}});
  executor_->start(other);
  wait_for_event(HostEvent::Kind::metric);
  EXPECT_EQ(run_stage("leaves-orphans").ending, Ending::succeeded);
  EXPECT_FALSE(lives("orphan"));
  EXPECT_EQ(executor_->running(), 1u);
  executor_->kill(other.token);
  wait();
}

TEST_P(MisbehaviourTest, strays_of_a_dead_orchestrator_are_found_by_their_attempt) {
  StageRequest stubborn = request("misbehaving-plugins/test-misbehaving", "misbehaving/ignores-term");
  executor_->start(stubborn);
  wait_for_event(HostEvent::Kind::log);
  EXPECT_EQ(reap_strays({"another attempt"}), 0u);
  EXPECT_GE(reap_strays({stubborn.attempt}), 3u);
  EXPECT_FALSE(lives("orphan"));
  EXPECT_EQ(wait().ending, Ending::crashed);
}

TEST_P(MisbehaviourTest, a_host_whose_orchestrator_was_killed_ends_with_its_group) {
  StageRequest stubborn = request("misbehaving-plugins/test-misbehaving", "misbehaving/ignores-term");
  const pid_t orchestrator = ::fork();
  if (orchestrator == 0) {
    executor_ = make_local_executor(host(), base::system_clock(), GetParam());
    executor_->start(stubborn);
    wait_for_event(HostEvent::Kind::log);
    std::ofstream(root_ / "ready.tmp") << "ready";
    fs::rename(root_ / "ready.tmp", root_ / "ready");
    for (;;) ::pause();
  }
  while (!fs::exists(root_ / "ready")) std::this_thread::yield();
  ::kill(orchestrator, SIGKILL);
  ::waitpid(orchestrator, nullptr, 0);
  // The fixture made this process the reaper of orphans, so that their ends can be waited for.
  for (const char* name : {"self", "child"}) {
    const int pid = std::stoi(text(fs::path("scratch") / name));
    EXPECT_EQ(::waitpid(pid, nullptr, 0), pid) << name;
  }
  EXPECT_EQ(reap_strays({stubborn.attempt}), 1u) << "the one that left the group is for recovery";
  EXPECT_FALSE(lives("orphan"));
}

TEST_P(MisbehaviourTest, an_undefined_symbol_is_named) {
  const Outcome outcome = run_plugin("undefined_symbol");
  EXPECT_EQ(outcome.ending, Ending::failed);
  EXPECT_EQ(outcome.code, "undefined_symbol");
  EXPECT_THAT(outcome.message, HasSubstr("presswork_test_nobody_defines_this"));
}

TEST_P(MisbehaviourTest, a_plugin_of_another_abi_is_refused_with_both_versions_and_the_remedy) {
  const Outcome outcome = run_plugin("wrong_abi");
  EXPECT_EQ(outcome.ending, Ending::failed);
  EXPECT_EQ(outcome.code, "plugin_refused");
  EXPECT_THAT(outcome.message, AllOf(HasSubstr("ABI 2.3"), HasSubstr("speaks 1.0")));
  EXPECT_THAT(outcome.hint, HasSubstr("build the plugin with the SDK"));
}

TEST_P(MisbehaviourTest, a_library_without_the_entry_point_is_refused_by_its_name) {
  const Outcome outcome = run_plugin("no_entry_point");
  EXPECT_EQ(outcome.code, "plugin_refused");
  EXPECT_THAT(outcome.message, HasSubstr("pw_plugin_v1"));
}

TEST_P(MisbehaviourTest, a_file_that_is_no_library_is_refused_with_the_loaders_reason) {
  std::ofstream(root_ / "text.so") << "not a library at all, only text";
  StageRequest request = echo({});
  request.plugin = root_ / "text.so";
  const Outcome outcome = run(request);
  EXPECT_EQ(outcome.code, "plugin_refused");
  EXPECT_THAT(outcome.message, AllOf(HasSubstr("text.so"), ::testing::ContainsRegex("ELF|too short")));
}

TEST_P(MisbehaviourTest, a_plugin_without_the_stage_lists_those_it_has) {
  const Outcome outcome = run(request("plugins/test-echo", "test/eccho"));
  EXPECT_EQ(outcome.code, "no_such_stage");
  EXPECT_THAT(outcome.message, HasSubstr("test/echo"));
}

TEST_P(MisbehaviourTest, a_forked_copy_that_comes_back_does_not_speak_for_the_stage) {
  EXPECT_EQ(run_stage("forks-and-returns").ending, Ending::succeeded);
}

TEST_P(MisbehaviourTest, closing_the_private_descriptor_is_a_protocol_violation) {
  if (is_sanitized) GTEST_SKIP() << "skipped: a sanitizer's runtime dies without its own descriptors";
  const Outcome outcome = run_stage("closes-descriptors");
  EXPECT_EQ(outcome.ending, Ending::failed);
  EXPECT_EQ(outcome.code, "protocol_violation");
}

TEST_P(MisbehaviourTest, a_flood_on_the_private_descriptor_ends_the_stage) {
  const Outcome outcome = run_stage("floods");
  EXPECT_EQ(outcome.ending, Ending::failed);
  EXPECT_EQ(outcome.code, "protocol_violation");
  EXPECT_THAT(outcome.message, HasSubstr("bytes"));
}

TEST_P(MisbehaviourTest, a_stage_that_says_it_was_cancelled_when_it_was_not_has_failed) {
  const Outcome outcome = run_stage("says-cancelled");
  EXPECT_EQ(outcome.ending, Ending::failed);
  EXPECT_EQ(outcome.code, "protocol_violation");
}

TEST_P(MisbehaviourTest, a_metric_that_is_no_json_fails_the_stage) {
  const Outcome outcome = run_stage("bad-metric");
  EXPECT_EQ(outcome.code, "invalid_metric");
  EXPECT_EQ(outcome.where, "loss");
}

TEST_P(MisbehaviourTest, a_metric_that_is_not_finite_fails_the_stage) {
  const Outcome outcome = run_stage("not-finite");
  EXPECT_EQ(outcome.code, "not_finite");
  EXPECT_EQ(outcome.where, "loss");
}

TEST_P(MisbehaviourTest, running_out_of_memory_is_an_ending_of_its_own) {
  if (is_sanitized) GTEST_SKIP() << "skipped: a sanitizer's allocator ends the process instead of throwing";
  const Outcome outcome = run_stage("eats-memory");
  EXPECT_EQ(outcome.ending, Ending::out_of_memory) << outcome.code << outcome.message;
}

TEST_P(MisbehaviourTest, a_stage_is_held_to_its_memory_when_that_is_enforced) {
  if (is_sanitized) GTEST_SKIP() << "skipped: a sanitizer's shadow is larger than any limit";
  StageRequest grows = request("misbehaving-plugins/test-misbehaving", "misbehaving/grows");
  grows.memory = 300'000'000;
  EXPECT_EQ(run(grows).ending, Ending::succeeded) << "it is only told its limit";
  grows.token = next_token_++;
  grows.enforce_memory = true;
  fs::remove(root_ / "work" / "text");
  const Outcome held = run(grows);
  EXPECT_EQ(held.ending, Ending::out_of_memory) << held.code << held.message;
  EXPECT_EQ(held.metrics.at("mapped"), true) << "what is mapped to be read does not count";
  grows.token = next_token_++;
  grows.memory = 1'000'000'000;
  EXPECT_EQ(run(grows).ending, Ending::succeeded) << "it fits";
}

TEST_P(MisbehaviourTest, the_processes_of_a_stage_are_held_to_its_memory_together) {
  if (is_sanitized) GTEST_SKIP() << "skipped: a sanitizer's shadow is larger than any limit";
  if (!ControlGroups::open())
    GTEST_SKIP() << "skipped: no control groups (v2) here whose memory controller we may hand down";
  executor_->enforce_memory();
  StageRequest together = request("misbehaving-plugins/test-misbehaving", "misbehaving/grows-together");
  together.memory = 600'000'000;
  const Outcome fits = run(together);
  EXPECT_EQ(fits.ending, Ending::succeeded) << fits.message;
  together.token = next_token_++;
  together.memory = 250'000'000;  // enough for each
  fs::remove(root_ / "work" / "text");
  const Outcome held = run(together);
  EXPECT_EQ(held.ending, Ending::out_of_memory) << held.code << held.message;
  executor_.reset();
  for (const auto& entry : fs::directory_iterator("/sys/fs/cgroup" / *own_control_group(read_own_groups())))
    EXPECT_FALSE(entry.path().filename().native().starts_with("presswork-")) << entry.path();
}

TEST_P(MisbehaviourTest, a_stopped_stage_is_killed_when_its_grace_is_over) {
  StageRequest stopped = echo({{"milliseconds", 600'000}});
  stopped.grace = milliseconds(1);
  executor_->start(stopped);
  wait_for_event(HostEvent::Kind::metric);
  ::kill(events_[0].pid, SIGSTOP);
  executor_->cancel(stopped.token);
  const Outcome outcome = wait();
  EXPECT_EQ(outcome.ending, Ending::cancelled);
  EXPECT_THAT(outcome.message, HasSubstr("was killed"));
}

INSTANTIATE_TEST_SUITE_P(hosts, MisbehaviourTest, ::testing::Values(WarmHosts::never, WarmHosts::always),
                         path_name);

struct BadOutput {
  const char* stage;
  const char* message;
};

constexpr BadOutput bad_outputs[] = {
    {"output-undeclared", "not among those that the stage describes"},
    {"output-twice", "declared twice"},
    {"output-outside", "not inside"},
    {"output-link", "neither a file nor a folder"},
    {"output-missing", "does not exist"},
    {"output-dotdot", "not inside"},
    {"output-holds-link", "neither a file nor a folder"},
};

TEST_P(MisbehaviourTest, each_bad_output_is_refused) {
  for (const BadOutput& bad : bad_outputs) {
    SCOPED_TRACE(bad.stage);
    fs::remove_all(root_ / "work");
    fs::create_directories(root_ / "work");
    const Outcome outcome = run_stage(bad.stage);
    EXPECT_EQ(outcome.ending, Ending::failed);
    EXPECT_EQ(outcome.code, "invalid_output");
    EXPECT_THAT(outcome.message, HasSubstr(bad.message));
    EXPECT_TRUE(outcome.outputs.empty());
  }
}

}  // namespace
}  // namespace presswork::executor
