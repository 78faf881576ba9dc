// test/at-load tells what its process is like, and how it came to be. AT_LOAD, 0 to 5, is what a constructor
// of this library does when it is loaded: nothing, or something that a copy of the process would not do
// justice.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "presswork/stage.hpp"

namespace presswork {

namespace {

struct Loader {
  Loader() {
    if (AT_LOAD == 1)
      std::thread([] {
        for (;;) ::pause();
      }).detach();
    if (AT_LOAD == 2) descriptor = ::open("/dev/null", O_RDONLY);
    if (AT_LOAD == 3) start_child();
    if (AT_LOAD == 4) ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (AT_LOAD == 5 && is_server()) ::_exit(3);
  }

  void start_child() {
    child = ::fork();
    if (child != 0) return;
    ::signal(SIGTERM, SIG_IGN);
    for (;;) ::pause();
  }

  static bool is_server() {
    std::ifstream file("/proc/self/cmdline");
    const std::string arguments((std::istreambuf_iterator<char>(file)), {});
    return arguments.find("--serve") != std::string::npos;
  }

  pid_t loaded_by = ::getpid();
  pid_t child = 0;
  int descriptor = -1;
} loader;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// What a thread of its own says, so that the C library must know which process it is in.
pid_t said_by_a_thread() {
  pid_t pid = 0;
  std::thread([&pid] { pid = ::getpid(); }).join();
  return pid;
}

}  // namespace

struct AtLoad : Stage {
  static constexpr const char* id = "test/at-load";
  static Json describe() {
    return {
        {"title", "Tell what the process is like"},
        {"description", "For tests of how hosts are made."},
        {"parameters", {{"type", "object"}, {"additionalProperties", false}, {"properties", Json::object()}}},
        {"inputs", Json::object()},
        {"outputs", Json::object()},
        {"metrics", Json::object()}};
  }

  void run(const Context& context) override {
    static int runs = 0;
    context.metric("runs", ++runs);
    context.metric("copied", Loader::is_server());
    context.metric("loaded_by", loader.loaded_by);
    context.metric("child_at_load", loader.child);
    context.metric("parent", ::getppid());
    context.metric("pid", ::getpid());
    context.metric("group", ::getpgrp());
    context.metric("thread_says", said_by_a_thread());
    context.metric("thread_id", ::gettid());
    for (const char* name : {"HOME", "TMPDIR", "PRESSWORK_ATTEMPT", "OMP_NUM_THREADS"}) {
      context.metric(name, variable(name));
    }
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-test-at-load", "0.1.0", presswork::AtLoad);
