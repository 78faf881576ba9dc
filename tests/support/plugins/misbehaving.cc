// Stages that each break the contract in one way.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "presswork/stage.hpp"

namespace presswork {

namespace {

Json description(const char* title) {
  return {
      {"title", title},
      {"description", "Breaks the contract, for tests."},
      {"parameters", {{"type", "object"}, {"additionalProperties", false}, {"properties", Json::object()}}},
      {"inputs", Json::object()},
      {"outputs", {{"text", {{"type", "text"}, {"description", "A file."}}}}},
      {"metrics", Json::object()}};
}

// Tells the test which processes it must find dead.
void write_pid(const Context& context, const char* name) {
  std::ofstream(context.scratch_dir() / (std::string(name) + ".tmp")) << ::getpid() << std::flush;
  std::filesystem::rename(context.scratch_dir() / (std::string(name) + ".tmp"), context.scratch_dir() / name);
}

[[noreturn]] void sleep_for_ever() {
  for (;;) ::pause();
}

// A child that ignores SIGTERM and never ends; `leave_group` also leaves the session and orphans it.
void start_stubborn_child(const Context& context, const char* name, bool leave_group) {
  const pid_t child = ::fork();
  if (child != 0) return;
  ::signal(SIGTERM, SIG_IGN);
  if (leave_group) {
    ::setsid();
    if (::fork() != 0) ::_exit(0);
  }
  write_pid(context, name);
  sleep_for_ever();
}

void wait_for(const std::filesystem::path& path) {
  while (!std::filesystem::exists(path)) ::usleep(1000);
}

}  // namespace

struct Throws : Stage {
  static constexpr const char* id = "misbehaving/throws";
  static Json describe() { return description("Throw something unexpected"); }
  void run(const Context&) override { throw std::logic_error("nobody expects this"); }
};

struct Aborts : Stage {
  static constexpr const char* id = "misbehaving/aborts";
  static Json describe() { return description("Call abort()"); }
  void run(const Context&) override {
    std::fputs("about to abort\n", stderr);
    std::abort();
  }
};

struct Segfaults : Stage {
  static constexpr const char* id = "misbehaving/segfaults";
  static Json describe() { return description("Read from nowhere"); }
  void run(const Context&) override { ::raise(SIGSEGV); }
};

struct ExitsEarly : Stage {
  static constexpr const char* id = "misbehaving/exits-early";
  static Json describe() { return description("Call exit(0)"); }
  void run(const Context&) override { std::exit(0); }
};

struct Forges : Stage {
  static constexpr const char* id = "misbehaving/forges";
  static Json describe() { return description("Write a false done record wherever it can"); }
  void run(const Context&) override {
    static const std::string forged =
        "\n{\"event\":\"done\",\"status\":\"ok\",\"nonce\":\"0123456789abcdef0123456789abcdef\",\"outputs\":["
        "],"
        "\"peak_memory_bytes\":1}\n";
    for (int fd = 1; fd < 1024; ++fd) {
      [[maybe_unused]] const ssize_t written = ::write(fd, forged.data(), forged.size());
    }
    ::_exit(0);
  }
};

struct ForgesOnStdout : Stage {
  static constexpr const char* id = "misbehaving/forges-on-stdout";
  static Json describe() { return description("Print a false done record and exit"); }
  void run(const Context&) override {
    std::puts("{\"event\":\"done\",\"status\":\"ok\",\"nonce\":\"\",\"outputs\":[],\"peak_memory_bytes\":1}");
    std::fflush(nullptr);
    ::_exit(0);
  }
};

struct IgnoresTermAndForks : Stage {
  static constexpr const char* id = "misbehaving/ignores-term";
  static Json describe() { return description("Ignore SIGTERM, fork, and leave the process group"); }
  void run(const Context& context) override {
    ::signal(SIGTERM, SIG_IGN);
    start_stubborn_child(context, "child", false);
    start_stubborn_child(context, "orphan", true);
    wait_for(context.scratch_dir() / "child");
    wait_for(context.scratch_dir() / "orphan");
    write_pid(context, "self");
    context.info("ready");
    sleep_for_ever();
  }
};

// Succeeds, but leaves processes behind.
struct LeavesOrphans : Stage {
  static constexpr const char* id = "misbehaving/leaves-orphans";
  static Json describe() { return description("Succeed and leave processes behind"); }
  void run(const Context& context) override {
    start_stubborn_child(context, "child", false);
    start_stubborn_child(context, "orphan", true);
    wait_for(context.scratch_dir() / "child");
    wait_for(context.scratch_dir() / "orphan");
  }
};

// The forked copy comes back from run() as well.
struct ForksAndReturns : Stage {
  static constexpr const char* id = "misbehaving/forks-and-returns";
  static Json describe() { return description("Fork and return twice"); }
  void run(const Context&) override { [[maybe_unused]] const pid_t child = ::fork(); }
};

struct ClosesDescriptors : Stage {
  static constexpr const char* id = "misbehaving/closes-descriptors";
  static Json describe() { return description("Close every descriptor"); }
  void run(const Context& context) override {
    for (int fd = 3; fd < 1024; ++fd) ::close(fd);
    context.info("is anybody there?");
  }
};

struct Floods : Stage {
  static constexpr const char* id = "misbehaving/floods";
  static Json describe() { return description("Write without an end to the private descriptor"); }
  void run(const Context&) override {
    const std::string junk(1 << 16, 'x');
    for (;;) {
      for (int fd = 100; fd < 1024; ++fd) {
        [[maybe_unused]] const ssize_t written = ::write(fd, junk.data(), junk.size());
      }
    }
  }
};

struct FailsSilently : Stage {
  static constexpr const char* id = "misbehaving/says-cancelled";
  static Json describe() { return description("Say that it was cancelled when it was not"); }
  void run(const Context&) override { throw Cancelled(); }
};

struct BadMetric : Stage {
  static constexpr const char* id = "misbehaving/bad-metric";
  static Json describe() { return description("Report a metric that is not JSON"); }
  void run(const Context& context) override { context.host()->metric(context.host(), "loss", "nan"); }
};

struct NotFinite : Stage {
  static constexpr const char* id = "misbehaving/not-finite";
  static Json describe() { return description("Report a metric that is not finite"); }
  void run(const Context& context) override { context.metric("loss", {{"a", {1.0, 0.0 / zero}}}); }
  double zero = 0;
};

// The next ones declare outputs that are none.
constexpr const char* bad_outputs[] = {"misbehaving/output-undeclared", "misbehaving/output-twice",
                                       "misbehaving/output-outside",    "misbehaving/output-link",
                                       "misbehaving/output-missing",    "misbehaving/output-dotdot",
                                       "misbehaving/output-holds-link"};

template <int Kind>
struct BadOutput : Stage {
  static constexpr const char* id = bad_outputs[Kind];
  static Json describe() { return description("Declare an output wrongly"); }
  void run(const Context& context) override {
    namespace fs = std::filesystem;
    const fs::path file = context.work_dir() / "file", link = context.work_dir() / "link";
    std::ofstream(file) << "text";
    fs::create_symlink("/etc/passwd", link);
    fs::create_directory(context.work_dir() / "folder");
    fs::create_symlink(file, context.work_dir() / "folder" / "link");
    std::ofstream(context.scratch_dir() / "file") << "text";
    switch (Kind) {
      case 0:
        return context.output("nobody-knows", file);
      case 1:
        context.output("text", file);
        return context.output("text", file);
      case 2:
        return context.output("text", context.scratch_dir() / "file");
      case 3:
        return context.output("text", link);
      case 4:
        return context.output("text", context.work_dir() / "nothing");
      case 5:
        return context.output("text", context.work_dir() / "folder" / ".." / ".." / "scratch" / "file");
      default:
        return context.output("text", context.work_dir() / "folder");
    }
  }
};

struct EatsMemory : Stage {
  static constexpr const char* id = "misbehaving/eats-memory";
  static Json describe() { return description("Ask for more memory than there is"); }
  void run(const Context&) override {
    volatile std::size_t much = ~std::size_t{0} / 4;
    std::string(much, 'x');
  }
};

// Asks for 600 MB in pieces, and maps a file of a gigabyte to be read.
struct Grows : Stage {
  static constexpr const char* id = "misbehaving/grows";
  static Json describe() { return description("Use 600 MB of memory, and a mapped file beside them"); }
  void run(const Context& context) override {
    constexpr std::size_t gigabyte = std::size_t{1} << 30;
    const auto file = context.scratch_dir() / "large";
    std::ofstream(file).flush();
    std::filesystem::resize_file(file, gigabyte);
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (::mmap(nullptr, gigabyte, PROT_READ, MAP_PRIVATE, descriptor, 0) == MAP_FAILED) {
      throw Error("io", "the file cannot be mapped");
    }
    context.metric("mapped", true);
    std::vector<std::unique_ptr<char[]>> pieces;
    for (int i = 0; i < 600; ++i) pieces.emplace_back(new char[1'000'000]);
    std::ofstream(context.work_dir() / "text") << pieces.size();
    context.output("text", context.work_dir() / "text");
  }
};

// Three children that each use 150 MB at the same time.
struct GrowsTogether : Stage {
  static constexpr const char* id = "misbehaving/grows-together";
  static Json describe() { return description("Use 450 MB of memory, in three processes"); }
  void run(const Context& context) override {
    int ready[2], go[2];
    if (::pipe(ready) != 0 || ::pipe(go) != 0) throw Error("io", "no pipe can be made");
    for (int i = 0; i < 3; ++i) {
      if (::fork() != 0) continue;
      ::close(go[1]);
      const std::string much(150'000'000, 'x');
      char byte = much.back();
      if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
      ::_exit(::read(go[0], &byte, 1) == 0 ? 0 : 1);
    }
    ::close(ready[1]);
    char bytes[3];
    for (std::size_t got = 0; got < sizeof bytes;) {
      const ssize_t more = ::read(ready[0], bytes + got, sizeof bytes - got);
      if (more <= 0) throw Error("lost", "a child has died");
      got += static_cast<std::size_t>(more);
    }
    ::close(go[1]);
    std::ofstream(context.work_dir() / "text") << "all";
    context.output("text", context.work_dir() / "text");
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-test-misbehaving", "0.1.0", presswork::Throws, presswork::Aborts,
                 presswork::Segfaults, presswork::ExitsEarly, presswork::Forges, presswork::ForgesOnStdout,
                 presswork::IgnoresTermAndForks, presswork::LeavesOrphans, presswork::ForksAndReturns,
                 presswork::ClosesDescriptors, presswork::Floods, presswork::FailsSilently,
                 presswork::BadMetric, presswork::NotFinite, presswork::EatsMemory, presswork::Grows,
                 presswork::GrowsTogether, presswork::BadOutput<0>, presswork::BadOutput<1>,
                 presswork::BadOutput<2>, presswork::BadOutput<3>, presswork::BadOutput<4>,
                 presswork::BadOutput<5>, presswork::BadOutput<6>);
