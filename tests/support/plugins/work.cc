// test/work does work that the fault campaign can check from outside: its result follows from the bytes of
// its inputs, and a journal file outside the workspace says when it started, finished, and left children
// behind.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "presswork/stage.hpp"

namespace presswork {

namespace {

Json property(const char* type, const Json& fallback, const char* description) {
  return {{"type", type}, {"default", fallback}, {"description", description}};
}

// FNV-1a.
std::uint64_t hash(std::string_view text, std::uint64_t state) {
  for (const char c : text) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return state;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The time of a process's start, in ticks: with its pid it names the process for good.
std::string start_of(pid_t pid) {
  const std::string stat = read("/proc/" + std::to_string(pid) + "/stat");
  std::size_t at = stat.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
  return at == std::string::npos ? "0" : stat.substr(at + 1, stat.find(' ', at + 1) - at - 1);
}

// One line of the journal in one write: those of several processes do not mix.
void note(const std::string& journal, const std::string& word, const std::string& name) {
  const int file = ::open(journal.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const std::string line =
      word + " " + name + " " + std::to_string(::getpid()) + " " + start_of(::getpid()) + "\n";
  if (file < 0 || ::write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    throw Error("io", "the journal cannot be written", journal);
  }
  ::close(file);
}

// Ignores SIGTERM, tells the journal of itself, and never ends; `far`: also leaves the session and is
// orphaned.
void leave_child(const std::string& journal, const std::string& name, bool far) {
  int ends[2];
  if (::pipe(ends) != 0) throw Error("io", "no pipe");
  if (::fork() == 0) {
    ::signal(SIGTERM, SIG_IGN);
    if (far) {
      ::setsid();
      if (::fork() != 0) ::_exit(0);
    }
    note(journal, "child", name);
    ::close(ends[0]);
    ::close(ends[1]);
    for (;;) ::pause();
  }
  ::close(ends[1]);
  char none = 0;
  while (::read(ends[0], &none, 1) < 0) {
  }  // until the child has told the journal
  ::close(ends[0]);
}

}  // namespace

struct Work : Stage {
  static constexpr const char* id = "test/work";

  static Json describe() {
    return {{"title", "Work"},
            {"description", "Mixes the bytes of its inputs, and tells a journal."},
            {"parameters",
             {{"type", "object"},
              {"additionalProperties", false},
              {"properties",
               {{"name", property("string", "work", "What the journal calls it.")},
                {"journal", property("string", "", "The journal's path.")},
                {"milliseconds", property("integer", 0, "How long the work takes.")},
                {"crashes", property("integer", 0, "So many attempts end by abort().")},
                {"children", property("boolean", false, "Leave processes behind that ignore SIGTERM.")},
                {"bytes", property("integer", 16, "Size of the output.")}}}}},
            {"inputs", Json::object()},
            {"additional_inputs", {{"type", "any"}}},
            {"outputs", {{"text", {{"type", "text"}, {"description", "The mixed bytes."}}}}},
            {"metrics", {{"value", {{"type", "integer"}, {"description", "From 0 to 99, by the bytes."}}}}},
            {"cacheable", true}};
  }

  void run(const Context& context) override {
    const auto name = context.parameter<std::string>("name");
    const auto journal = context.parameter<std::string>("journal");
    note(journal, "start", name);
    crash_as_often_as_told(context);
    if (context.parameter<bool>("children")) {
      leave_child(journal, name, false);
      leave_child(journal, name, true);
    }
    take_time(context);
    write_output(context, mix(context, name));
    note(journal, "finish", name);
  }

 private:
  static void crash_as_often_as_told(const Context& context) {
    const int crashes = context.parameter<int>("crashes");
    if (crashes == 0) return;
    const auto path = context.scratch_dir() / "attempts";
    int attempts = 0;
    std::ifstream(path) >> attempts;
    std::ofstream(path) << attempts + 1 << std::flush;
    if (attempts < crashes) std::abort();
  }

  static void take_time(const Context& context) {
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(context.parameter<int>("milliseconds"));
    while (std::chrono::steady_clock::now() < end) {
      context.check_cancelled();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  static std::uint64_t mix(const Context& context, const std::string& name) {
    std::uint64_t state = hash(name, 0xcbf29ce484222325u);
    const Json inputs = context.inputs();
    for (const auto& [input, facts] : inputs.items()) {
      state = hash(read(facts.at("path").template get<std::string>()), hash(input, state));
    }
    context.metric("value", state % 100);
    return state;
  }

  static void write_output(const Context& context, std::uint64_t state) {
    std::string bytes = std::to_string(state) + "\n";
    while (bytes.size() < context.parameter<std::size_t>("bytes")) {
      state = hash("next", state);
      bytes.append(reinterpret_cast<const char*>(&state), sizeof state);
    }
    const auto path = context.work_dir() / "text.bin";
    std::ofstream file(path, std::ios::binary);
    if (!file.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush()) {
      throw Error("io", "the output cannot be written", path.string());
    }
    context.output("text", path);
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-test-work", "0.1.0", presswork::Work);
