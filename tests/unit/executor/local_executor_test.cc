#include "unit/executor/harness.h"

namespace presswork::executor {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_P(ExecutorTest, a_stage_that_does_its_work_succeeds_with_its_outputs_and_metrics) {
  const Outcome outcome = run(echo({{"value", 2.5}}));
  EXPECT_EQ(outcome.ending, Ending::succeeded) << outcome.message;
  ASSERT_EQ(outcome.outputs.size(), 1u);
  EXPECT_EQ(outcome.outputs[0].name, "text");
  EXPECT_EQ(outcome.outputs[0].path, root_ / "work" / "echo.json");
  EXPECT_FALSE(outcome.outputs[0].reference);
  EXPECT_EQ(outcome.metrics.at("value"), 2.5);
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_GT(outcome.peak_memory_bytes, 100'000u);
  EXPECT_EQ(executor_->running(), 0u);
}

TEST_P(ExecutorTest, a_stage_sees_its_parameters_inputs_and_seed) {
  StageRequest request = echo(base::Json{{"value", "hello"}});
  request.inputs["model"] = {"/models/a", "model", "sha256:1", "load", "model"};
  request.seed = 18446744073709551615u;
  const Outcome outcome = run(request);
  EXPECT_EQ(outcome.ending, Ending::succeeded) << outcome.message;
  const auto seen = base::Json::parse(text("work/echo.json"));
  EXPECT_EQ(seen["parameters"]["value"], "hello");
  EXPECT_EQ(seen["inputs"]["model"], "sha256:1");
  EXPECT_EQ(seen["seed"], 18446744073709551615u);
}

TEST_P(ExecutorTest, events_come_in_order_before_the_outcome) {
  run(echo({{"steps", 1}}));
  std::vector<HostEvent::Kind> kinds;
  for (const HostEvent& event : events_) kinds.push_back(event.kind);
  using Kind = HostEvent::Kind;
  EXPECT_THAT(kinds,
              ::testing::ElementsAre(Kind::started, Kind::metric, Kind::progress, Kind::metric, Kind::log));
  EXPECT_GT(events_[0].pid, 0);
  EXPECT_EQ(events_[2].what, "steps");
  EXPECT_EQ(events_[4].level, "info");
  EXPECT_EQ(events_[4].text, "echoed");
}

TEST_P(ExecutorTest, a_reference_is_an_output_elsewhere) {
  std::ofstream(root_ / "elsewhere" / "model.bin") << "weights";
  const Outcome outcome = run(echo({{"reference", (root_ / "elsewhere").string()}}));
  EXPECT_EQ(outcome.ending, Ending::succeeded) << outcome.message;
  ASSERT_EQ(outcome.outputs.size(), 1u);
  EXPECT_TRUE(outcome.outputs[0].reference);
}

TEST_P(ExecutorTest, a_stage_that_fails_says_why_where_and_what_to_do) {
  const Outcome outcome = run(echo(base::Json{{"fail", "invalid_input"}}));
  EXPECT_EQ(outcome.ending, Ending::failed);
  EXPECT_EQ(outcome.code, "invalid_input");
  EXPECT_EQ(outcome.message, "the stage was told to fail");
  EXPECT_EQ(outcome.where, "/fail");
  EXPECT_EQ(outcome.hint, "tell it otherwise");
}

TEST_P(ExecutorTest, scratch_survives_a_crash_so_that_the_next_attempt_resumes) {
  EXPECT_EQ(run(echo({{"steps", 3}})).metrics.at("resumed_steps"), 0);
  EXPECT_EQ(run(echo({{"steps", 5}})).metrics.at("resumed_steps"), 3);
}

TEST_P(ExecutorTest, a_plugin_describes_all_its_stages) {
  StageRequest request;
  request.verb = Verb::describe;
  request.plugin = plugin("plugins/test-echo");
  request.nonce = random_id();
  const Outcome outcome = run(request);
  EXPECT_EQ(outcome.ending, Ending::succeeded) << outcome.message;
  EXPECT_EQ(outcome.document["name"], "presswork-test-echo");
  EXPECT_EQ(outcome.document["abi"], base::Json({1, 0}));
  EXPECT_EQ(outcome.document["stages"][0]["id"], "test/echo");
}

TEST_P(ExecutorTest, a_stage_estimates_without_running) {
  StageRequest request = echo({{"milliseconds", 1500}});
  request.verb = Verb::plan;
  const Outcome outcome = run(request);
  EXPECT_EQ(outcome.document, base::Json({{"seconds", 1.5}, {"cores", 1}}));
  EXPECT_FALSE(fs::exists(root_ / "work" / "echo.json"));
}

TEST_P(ExecutorTest, a_stage_that_cannot_estimate_says_nothing) {
  StageRequest request = this->request("plugins/test-noop", "test/noop");
  request.verb = Verb::plan;
  const Outcome outcome = run(request);
  EXPECT_EQ(outcome.ending, Ending::succeeded);
  EXPECT_EQ(outcome.code, "unsupported");
  EXPECT_TRUE(outcome.document.is_null());
}

TEST_P(ExecutorTest, many_stages_run_at_once_and_each_ends_once) {
  constexpr std::uint64_t count = 12;
  for (std::uint64_t i = 0; i < count; ++i) {
    StageRequest request = this->request("plugins/test-noop", "test/noop");
    request.parameters = {{"output", false}, {"salt", i}};
    executor_->start(request);
  }
  EXPECT_EQ(executor_->running(), count);
  std::vector<std::uint64_t> ended;
  while (ended.size() < count) {
    const Outcome outcome = wait();
    EXPECT_EQ(outcome.ending, Ending::succeeded) << outcome.message;
    ended.push_back(outcome.token);
  }
  std::sort(ended.begin(), ended.end());
  EXPECT_EQ(std::unique(ended.begin(), ended.end()), ended.end());
}

TEST_P(ExecutorTest, a_request_larger_than_the_socket_arrives_whole) {
  const std::string big(3'000'000, 'x');
  EXPECT_EQ(run(echo({{"value", big}})).ending, Ending::succeeded);
  EXPECT_THAT(text("work/echo.json"), HasSubstr(big));
}

TEST_P(ExecutorTest, a_cancelled_stage_stops_and_is_cancelled) {
  executor_->start(echo({{"milliseconds", 600'000}, {"steps", 1}}));
  wait_for_event(HostEvent::Kind::metric);
  executor_->cancel(1);
  const Outcome outcome = wait();
  EXPECT_EQ(outcome.ending, Ending::cancelled);
  EXPECT_THAT(outcome.message, HasSubstr("stopped when asked"));
}

TEST_P(ExecutorTest, a_cancellation_hot_on_the_heels_of_the_start_is_heard) {
  executor_->start(echo({{"milliseconds", 600'000}}));
  executor_->cancel(1);
  EXPECT_EQ(wait().ending, Ending::cancelled);
}

TEST_P(ExecutorTest, a_stage_past_its_timeout_is_timed_out) {
  StageRequest request = echo({{"milliseconds", 600'000}});
  request.timeout = milliseconds(1);
  const Outcome outcome = run(request);
  EXPECT_EQ(outcome.ending, Ending::timed_out);
  EXPECT_EQ(outcome.code, "timed_out");
  EXPECT_THAT(outcome.message, HasSubstr("1 ms"));
}

TEST_P(ExecutorTest, a_killed_stage_is_cancelled_at_once) {
  executor_->start(echo({{"milliseconds", 600'000}}));
  wait_for_event(HostEvent::Kind::metric);
  executor_->kill(1);
  EXPECT_EQ(wait().ending, Ending::cancelled);
}

TEST_P(ExecutorTest, wake_makes_poll_return) {
  executor_->start(echo({{"milliseconds", 600'000}}));
  wait_for_event(HostEvent::Kind::metric);
  executor_->wake();
  EXPECT_TRUE(executor_->poll(milliseconds(-1)).empty());
  executor_->kill(1);
  wait();
}

TEST_P(ExecutorTest, poll_without_anything_running_returns_at_its_time) {
  EXPECT_TRUE(executor_->poll(milliseconds(0)).empty());
}

TEST_P(ExecutorTest, a_host_that_cannot_be_started_is_an_outcome) {
  executor_ = make_local_executor("/nowhere/presswork-host", base::system_clock(), GetParam());
  const Outcome outcome = run(echo({}));
  EXPECT_EQ(outcome.ending, Ending::infrastructure);
  EXPECT_EQ(outcome.code, "cannot_start");
  EXPECT_THAT(outcome.message, HasSubstr("/nowhere/presswork-host"));
}

TEST_P(ExecutorTest, the_environment_is_fixed_and_holds_no_nonce) {
  ::setenv("PRESSWORK_TEST_SECRET", "from the shell", 1);
  StageRequest request = echo({{"milliseconds", 600'000}});
  executor_->start(request);
  wait_for_event(HostEvent::Kind::metric);
  const std::string proc = "/proc/" + std::to_string(events_[0].pid);
  std::ostringstream environment, arguments;
  environment << std::ifstream(proc + "/environ").rdbuf();
  arguments << std::ifstream(proc + "/cmdline").rdbuf();
  executor_->kill(1);
  wait();
  EXPECT_THAT(environment.str(), HasSubstr("PRESSWORK_ATTEMPT=" + request.attempt));
  EXPECT_THAT(environment.str(), HasSubstr("LANG=C.UTF-8"));
  EXPECT_THAT(environment.str(), Not(HasSubstr("from the shell")));
  EXPECT_THAT(environment.str() + arguments.str(), Not(HasSubstr(request.nonce)));
}

TEST_P(ExecutorTest, descriptors_that_presswork_was_started_with_do_not_reach_the_stage) {
  const int leaked = ::fcntl(STDIN_FILENO, F_DUPFD, 150);  // without close-on-exec
  executor_->start(echo({{"milliseconds", 600'000}}));
  wait_for_event(HostEvent::Kind::metric);
  std::vector<std::string> others;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(events_[0].pid) + "/fd")) {
    const std::string target = fs::read_symlink(entry.path()).string();
    if (std::stoi(entry.path().filename()) > 2 && !target.starts_with("socket:")) others.push_back(target);
  }
  EXPECT_THAT(others, ::testing::IsEmpty());
  executor_->kill(1);
  wait();
  ::close(leaked);
}

TEST_P(ExecutorTest, the_destructor_kills_what_still_runs) {
  executor_->start(echo({{"milliseconds", 600'000}}));
  wait_for_event(HostEvent::Kind::metric);
  const pid_t pid = events_[0].pid;
  executor_.reset();
  EXPECT_NE(::kill(pid, 0), 0);
}

INSTANTIATE_TEST_SUITE_P(hosts, ExecutorTest, ::testing::Values(WarmHosts::never, WarmHosts::always),
                         path_name);

}  // namespace
}  // namespace presswork::executor
