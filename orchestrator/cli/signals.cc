#include "orchestrator/cli/signals.h"

#include <signal.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "orchestrator/cli/exit_code.h"

namespace presswork::cli {

namespace {

constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};

std::atomic<engine::StopRequest*> g_stop{nullptr};
std::atomic<executor::Executor*> g_executor{nullptr};
std::atomic<int> g_first{0};
std::array<struct sigaction, kSignals.size()> g_before;

void on_signal(int signal) {
  const int saved = errno;
  int none = 0;
  g_first.compare_exchange_strong(none, signal);
  if (engine::StopRequest* stop = g_stop.load()) stop->fetch_add(1);
  if (executor::Executor* executor = g_executor.load()) executor->wake();
  errno = saved;
}

}  // namespace

Signals::Signals(engine::StopRequest& stop, executor::Executor& executor) {
  g_first = 0;
  g_stop = &stop;
  g_executor = &executor;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &g_before[i]);
    if (kSignals[i] == SIGHUP && g_before[i].sa_handler == SIG_IGN) continue;
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(kSignals[i], &action, nullptr);
  }
}

Signals::~Signals() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &g_before[i], nullptr);
  g_stop = nullptr;
  g_executor = nullptr;
}

int Signals::first() const { return g_first; }

int Signals::exit_code() const {
  if (g_first == 0) return 0;
  return g_first == SIGINT ? kInterrupted : kTerminated;
}

void ignore_broken_pipes() { ::signal(SIGPIPE, SIG_IGN); }

}  // namespace presswork::cli
