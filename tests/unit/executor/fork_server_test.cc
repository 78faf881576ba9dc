// Hosts that are copies of a process which has the plugin loaded: what copies share, what they do not, and
// that the end of a server is the end of nothing else.
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <thread>

#include "unit/executor/harness.h"

namespace presswork::executor {
namespace {

using ::testing::HasSubstr;

class ForkServerTest : public ExecutorTest {
 protected:
  StageRequest at_load(const std::string& kind) {
    return of_plugin(plugin("misbehaving-plugins/test-at_load_" + kind));
  }
  StageRequest of_plugin(const fs::path& file) {
    StageRequest result = request("", "test/at-load");
    result.plugin = file;
    result.output_names = {};
    return result;
  }
  std::map<std::string, base::Json> told(StageRequest request) {
    Outcome outcome = run(std::move(request));
    EXPECT_EQ(outcome.ending, Ending::succeeded) << outcome.message;
    return std::move(outcome.metrics);
  }
  // A sanitizer's thread makes every process unfit to be copied.
  void skip_where_nothing_is_copied() {
    if (!told(at_load("nothing"))["copied"].get<bool>()) GTEST_SKIP() << "skipped: a sanitizer's thread runs";
  }
  static bool is_alive(pid_t process) { return ::kill(process, 0) == 0; }
  static std::size_t servers() {
    std::size_t count = 0;
    std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    for (pid_t child = 0; children >> child;) {
      std::ostringstream arguments;
      arguments << std::ifstream("/proc/" + std::to_string(child) + "/cmdline").rdbuf();
      count += arguments.str().find("--serve") != std::string::npos ? 1 : 0;
    }
    return count;
  }
};

TEST_P(ForkServerTest, a_copy_is_a_process_of_its_own_and_a_child_of_this_one) {
  skip_where_nothing_is_copied();
  StageRequest request = at_load("nothing");
  const std::string attempt = request.attempt;
  events_.clear();
  auto first = told(request);
  EXPECT_EQ(first["parent"], ::getpid());
  EXPECT_EQ(first["pid"], events_[0].pid);
  EXPECT_EQ(first["group"], first["pid"]);
  EXPECT_EQ(first["thread_id"], first["pid"]);
  EXPECT_EQ(first["thread_says"], first["pid"]);
  EXPECT_NE(first["loaded_by"], first["pid"]);
  EXPECT_EQ(first["PRESSWORK_ATTEMPT"], attempt);
  EXPECT_EQ(first["HOME"], (root_ / "work").string());
  EXPECT_EQ(first["TMPDIR"], (root_ / "work").string());
}

TEST_P(ForkServerTest, what_a_stage_does_to_its_memory_stays_in_its_copy) {
  skip_where_nothing_is_copied();
  auto first = told(at_load("nothing")), second = told(at_load("nothing"));
  EXPECT_EQ(second["loaded_by"], first["loaded_by"]);
  EXPECT_EQ(first["runs"], 1);
  EXPECT_EQ(second["runs"], 1);
}

TEST_P(ForkServerTest, each_number_of_threads_has_a_server_that_was_loaded_with_it) {
  skip_where_nothing_is_copied();
  StageRequest two = at_load("nothing"), three = at_load("nothing");
  two.threads = 2;
  three.threads = 3;
  auto first = told(two), second = told(three);
  EXPECT_EQ(first["OMP_NUM_THREADS"], "2");
  EXPECT_EQ(second["OMP_NUM_THREADS"], "3");
  EXPECT_NE(first["loaded_by"], second["loaded_by"]);
}

TEST_P(ForkServerTest, a_plugin_that_made_more_than_memory_when_it_was_loaded_is_not_copied) {
  for (const std::string kind : {"thread", "descriptor", "child", "shared_memory", "exit"}) {
    SCOPED_TRACE(kind);
    auto first = told(at_load(kind)), second = told(at_load(kind));
    EXPECT_EQ(first["copied"], false);
    EXPECT_EQ(second["copied"], false);
    EXPECT_EQ(servers(), 0u);
  }
}

TEST_P(ForkServerTest, what_a_constructor_left_behind_in_the_server_ends_with_it) {
  told(at_load("child"));
  executor_.reset();
  std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  std::string all;
  std::getline(children, all);
  EXPECT_EQ(all, "");
}

TEST_P(ForkServerTest, a_plugin_that_was_replaced_on_disk_is_loaded_anew) {
  skip_where_nothing_is_copied();
  const fs::path file = root_ / "plugin.so", next = root_ / "next.so";
  fs::copy_file(plugin("misbehaving-plugins/test-at_load_nothing"), file);
  auto first = told(of_plugin(file));
  EXPECT_EQ(told(of_plugin(file))["loaded_by"], first["loaded_by"]);
  fs::copy_file(plugin("misbehaving-plugins/test-at_load_thread"), next);
  fs::rename(next, file);
  EXPECT_EQ(told(of_plugin(file))["copied"], false) << "the new one starts a thread";
  EXPECT_FALSE(is_alive(first["loaded_by"].get<pid_t>()));
}

TEST_P(ForkServerTest, a_plugin_that_is_gone_is_refused_though_a_server_had_it) {
  const fs::path file = root_ / "plugin.so";
  fs::copy_file(plugin("misbehaving-plugins/test-at_load_nothing"), file);
  told(of_plugin(file));
  fs::remove(file);
  EXPECT_EQ(run(of_plugin(file)).code, "plugin_refused");
}

TEST_P(ForkServerTest, a_server_that_was_killed_is_replaced_and_after_three_no_more) {
  skip_where_nothing_is_copied();
  for (int i = 0; i < 3; ++i) {
    auto served = told(at_load("nothing"));
    ASSERT_EQ(served["copied"], true);
    const auto server = served["loaded_by"].get<pid_t>();
    ::kill(server, SIGKILL);
    siginfo_t info;
    ::waitid(P_PID, static_cast<id_t>(server), &info, WEXITED | WNOWAIT);
    EXPECT_EQ(told(at_load("nothing"))["copied"], false) << "it is noticed when a copy is asked for";
  }
  EXPECT_EQ(told(at_load("nothing"))["copied"], false);
  EXPECT_EQ(servers(), 0u);
}

TEST_P(ForkServerTest, a_running_copy_outlives_its_server) {
  skip_where_nothing_is_copied();
  executor_->start(echo({{"milliseconds", 600'000}}));
  events_.clear();
  wait_for_event(HostEvent::Kind::metric);
  const HostEvent started = events_.front();
  std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
  for (pid_t child = 0; children >> child;) {
    if (child != started.pid) ::kill(child, SIGKILL);
  }
  executor_->cancel(next_token_ - 1);
  const Outcome outcome = wait();
  EXPECT_EQ(outcome.ending, Ending::cancelled);
  EXPECT_THAT(outcome.message, HasSubstr("stopped when asked"));
}

TEST_P(ForkServerTest, no_more_than_four_servers_are_kept) {
  skip_where_nothing_is_copied();
  for (int i = 0; i < 6; ++i) {
    const fs::path file = root_ / ("plugin" + std::to_string(i) + ".so");
    fs::copy_file(plugin("misbehaving-plugins/test-at_load_nothing"), file);
    EXPECT_EQ(told(of_plugin(file))["copied"], true);
  }
  EXPECT_EQ(servers(), 4u);
  executor_.reset();
  EXPECT_EQ(servers(), 0u);
}

TEST_P(ForkServerTest, a_server_whose_orchestrator_was_killed_ends) {
  skip_where_nothing_is_copied();
  const pid_t orchestrator = ::fork();
  if (orchestrator == 0) {
    executor_ = make_local_executor(host(), base::system_clock(), GetParam());
    const auto server = told(at_load("nothing"))["loaded_by"].get<pid_t>();
    std::ofstream(root_ / "server.tmp") << server;
    fs::rename(root_ / "server.tmp", root_ / "server");
    for (;;) ::pause();
  }
  while (!fs::exists(root_ / "server")) std::this_thread::yield();
  ::kill(orchestrator, SIGKILL);
  ::waitpid(orchestrator, nullptr, 0);
  // This process is the reaper of orphans, so that its end can be waited for.
  const pid_t server = std::stoi(text("server"));
  EXPECT_EQ(::waitpid(server, nullptr, 0), server);
}

// Without SA_RESTART, so that the calls of this process end early.
class Interruptions {
 public:
  Interruptions() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, &before_);
    const itimerval often{{0, 200}, {0, 200}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
  }
  ~Interruptions() {
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::sigaction(SIGALRM, &before_, nullptr);
  }

 private:
  struct sigaction before_ {};
};

TEST_P(ForkServerTest, signals_to_this_process_do_not_make_it_give_a_server_up) {
  skip_where_nothing_is_copied();
  const Interruptions interruptions;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(told(at_load("nothing"))["copied"], true) << i;
}

INSTANTIATE_TEST_SUITE_P(hosts, ForkServerTest, ::testing::Values(WarmHosts::always), path_name);

}  // namespace
}  // namespace presswork::executor
