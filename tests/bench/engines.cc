// Workflow engines side by side: many stages that do next to nothing, run, and run again with nothing to do.
// The peers are used where they are installed, and are no dependencies: ninja and Snakemake from Debian's
// packages, DVC from PyPI. Runs are interleaved; the figures are medians.
//
//   build/dev/bin/bench_engines [--presswork build/release/bin/presswork] [--stages 1000] [--repeats 3]
//                               [--jobs 2] [--snakemake PATH] [--dvc PATH] [--dvc-stages 100]
//                               [--only ninja,snakemake,greedy,dvc,shapes,plan,resume,start]
//
// --presswork: what users install; the build's own otherwise. Snakemake runs as it is installed, and (greedy)
// with the scheduler that is its fastest.
//
// Presswork's stages are isolated, each in a process of its own, and durable: hashed, in the store and in the
// ledger before the next depends on them. Those of the peers are `touch`. The wall clock is what counts; CPU
// time is shown because it says more on a machine that does other work besides.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

#include "bench/measure.h"

namespace fs = std::filesystem;
using namespace presswork::bench;
using presswork::testing::TemporaryFolder;

namespace {

struct Options {
  int stages = 1000, dvc_stages = 100, repeats = 3;
  unsigned jobs = std::max(1u, std::thread::hardware_concurrency());
  std::string presswork = PRESSWORK_BINARY_DIR "/bin/presswork";
  std::string ninja = "ninja", snakemake = "snakemake", dvc = "dvc", only;

  bool wants(const std::string& part) const {
    return only.empty() || ("," + only + ",").find("," + part + ",") != std::string::npos;
  }
};

// The program's path, or "" when it is not there.
std::string find(const std::string& program) {
  if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0 ? program : "";
  std::istringstream folders(std::getenv("PATH") == nullptr ? "" : std::getenv("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((folder + "/" + program).c_str(), X_OK) == 0) return folder + "/" + program;
  }
  return "";
}

void write(const fs::path& file, const std::function<void(std::ostream&)>& text) {
  std::ofstream stream(file);
  text(stream);
}

// One engine: how its workflow is written, how it is run, and how the result is thrown away.
struct Engine {
  std::string name;
  int stages = 0;
  std::vector<std::string> command;
  std::function<void(const fs::path&)> prepare;
  std::optional<double> bar = 0.1;  // for our time over this one's
};

std::vector<std::string> presswork(const Options& options, const std::string& verb, const std::string& file) {
  std::vector<std::string> words = {options.presswork,      verb,          file, "--plugin-path",
                                    PRESSWORK_TEST_PLUGINS, "--workspace", "ws", "-q"};
  if (verb == "run" || verb == "resume") words.insert(words.end(), {"--cores", std::to_string(options.jobs)});
  return words;
}

// Independent stages; or each after the one before (`chain`); or all between a first and a last one.
enum class Shape { independent, chain, fan };

void write_presswork(const fs::path& file, int stages, Shape shape) {
  write(file, [&](std::ostream& out) {
    out << "presswork: 1\nname: bench\nstages:\n";
    std::string all;
    for (int i = 0; i < stages; ++i) {
      out << "  s" << i << ": {uses: test/noop, with: {salt: " << i << "}";
      if (shape == Shape::chain && i > 0) out << ", inputs: {after: s" << i - 1 << ".text}";
      if (shape == Shape::fan && i > 0) out << ", inputs: {after: s0.text}";
      out << "}\n";
      all += (i > 0 ? ", s" : "s") + std::to_string(i);
    }
    if (shape == Shape::fan) out << "  last: {uses: test/noop, with: {salt: -1}, after: [" << all << "]}\n";
  });
}

Engine presswork_engine(const Options& options, Shape shape) {
  return {"presswork", options.stages, presswork(options, "run", "bench.yaml"),
          [&options, shape](const fs::path& folder) {
            write_presswork(folder / "bench.yaml", options.stages, shape);
          }};
}

Engine ninja_engine(const Options& options, const std::string& program) {
  return {"ninja",
          options.stages,
          {program, "-j", std::to_string(options.jobs), "--quiet"},
          [&options](const fs::path& folder) {
            write(folder / "build.ninja", [&](std::ostream& out) {
              out << "rule touch\n  command = touch $out\n";
              for (int i = 0; i < options.stages; ++i) out << "build out/" << i << ": touch\n";
            });
          },
          1.5};
}

Engine snakemake_engine(const Options& options, const std::string& program) {
  return {"snakemake",
          options.stages,
          {program, "--cores", std::to_string(options.jobs), "--quiet"},
          [&options](const fs::path& folder) {
            write(folder / "Snakefile", [&](std::ostream& out) {
              out << "rule all:\n    input: expand(\"out/{i}\", i=range(" << options.stages << "))\n";
              for (int i = 0; i < options.stages; ++i) {
                out << "rule r" << i << ":\n    output: \"out/" << i << "\"\n    shell: \"touch {output}\"\n";
              }
            });
          }};
}

Engine greedy_engine(const Options& options, const std::string& program) {
  Engine engine = snakemake_engine(options, program);
  engine.name = "snakemake, greedy";
  engine.bar.reset();
  engine.command.insert(engine.command.end(), {"--scheduler", "greedy"});
  return engine;
}

Engine dvc_engine(const Options& options, const std::string& program) {
  return {
      "dvc", options.dvc_stages, {program, "repro", "--quiet"}, [&options, program](const fs::path& folder) {
        cost_of({program, "init", "--no-scm", "--quiet"}, folder);
        write(folder / "dvc.yaml", [&](std::ostream& out) {
          out << "stages:\n";
          for (int i = 0; i < options.dvc_stages; ++i) {
            out << "  s" << i << ":\n    cmd: touch out" << i << "\n    outs: [out" << i << "]\n";
          }
        });
      }};
}

struct Measured {
  std::vector<Cost> full, nothing;  // everything to do; nothing to do
};

// The folders that were worked in, until everything is measured: for minutes after files were removed ext4
// (without a journal) passes over their inodes one by one whenever a file is made nearby, and whoever comes
// next would pay for what the one before left.
using Folders = std::deque<TemporaryFolder>;

void measure(const Engine& engine, Measured& into, Folders& folders) {
  const fs::path& folder = folders.emplace_back().path();
  engine.prepare(folder);
  into.full.push_back(cost_of(engine.command, folder));
  into.nothing.push_back(cost_of(engine.command, folder));
}

void row(const std::string& what, int stages, const Cost& cost) {
  std::printf("%-34s %7d %9.3f s %8.3f ms %9.3f s %8.1f MB\n", what.c_str(), stages, cost.seconds,
              1e3 * cost.seconds / stages, cost.cpu_seconds, cost.peak_megabytes);
  std::fflush(stdout);
}

void heading() {
  std::printf("%-34s %7s %11s %11s %11s %11s\n", "what", "stages", "wall", "per stage", "CPU", "memory");
}

// `bar`: what the ratios have to be, and whether they are; "" when there is none.
void against(const std::string& what, double wall, double cpu, const std::string& bar, bool met) {
  std::printf("%-34s wall %.2f, CPU %.2f", what.c_str(), wall, cpu);
  if (!bar.empty()) std::printf("; bar: %s: %s", bar.c_str(), met ? "met" : "NOT MET");
  std::printf("\n");
}

void against(const Engine& peer, double wall, double cpu) {
  std::ostringstream bar;
  if (peer.bar) bar << "<= " << *peer.bar;
  against("all to do / " + peer.name, wall, cpu, bar.str(), wall <= peer.bar.value_or(wall));
}

std::vector<Engine> engines_of(const Options& options) {
  std::vector<Engine> engines = {presswork_engine(options, Shape::independent)};
  using Make = Engine (*)(const Options&, const std::string&);
  const std::vector<std::tuple<std::string, std::string, Make>> peers = {
      {"ninja", options.ninja, ninja_engine},
      {"snakemake", options.snakemake, snakemake_engine},
      {"greedy", options.snakemake, greedy_engine},
      {"dvc", options.dvc, dvc_engine}};
  for (const auto& [name, program, make] : peers) {
    if (!options.wants(name)) continue;
    const std::string path = find(program);
    if (path.empty()) {
      std::printf("skipped: no %s\n", program.c_str());
    } else {
      engines.push_back(make(options, path));
    }
  }
  return engines;
}

void compare(const Options& options, Folders& folders) {
  const auto engines = engines_of(options);
  std::map<std::string, Measured> measured;
  for (int i = 0; i < options.repeats; ++i) {
    for (const Engine& engine : engines) measure(engine, measured[engine.name], folders);
  }
  heading();
  for (const Engine& engine : engines) {
    row(engine.name + ", all to do", engine.stages, median(measured[engine.name].full));
    row(engine.name + ", nothing to do", engine.stages, median(measured[engine.name].nothing));
  }
  const Cost ours = median(measured["presswork"].full), idle = median(measured["presswork"].nothing);
  for (const Engine& peer : engines) {
    if (peer.name == "presswork") continue;
    const Cost theirs = median(measured[peer.name].full), their_idle = median(measured[peer.name].nothing);
    const double scale = static_cast<double>(peer.stages) / options.stages;  // DVC has fewer stages
    const double wall = ours.seconds * scale / theirs.seconds,
                 cpu = ours.cpu_seconds * scale / theirs.cpu_seconds;
    against(peer, wall, cpu);
    if (peer.name != "ninja") continue;
    const double idle_wall = idle.seconds / their_idle.seconds;
    against("nothing to do / ninja", idle_wall, idle.cpu_seconds / their_idle.cpu_seconds,
            "<= 5, and < 0.3 s", idle_wall <= 5 && idle.seconds < 0.3);
  }
}

// Shapes of our own, without a peer.
void show_shapes(const Options& options, Folders& folders) {
  for (const auto& [name, shape] :
       std::map<std::string, Shape>{{"chain", Shape::chain}, {"fan", Shape::fan}}) {
    Measured measured;
    for (int i = 0; i < options.repeats; ++i) measure(presswork_engine(options, shape), measured, folders);
    row("presswork, " + name + ", all to do", options.stages, median(measured.full));
    row("presswork, " + name + ", nothing to do", options.stages, median(measured.nothing));
  }
}

void show_plan(const Options& options, const std::string& name, int instances,
               const std::function<void(std::ostream&)>& text) {
  const TemporaryFolder folder;
  write(folder.path() / "bench.yaml", text);
  std::vector<Cost> costs;
  for (int i = 0; i < options.repeats; ++i) {
    costs.push_back(cost_of(presswork(options, "plan", "bench.yaml"), folder.path()));
  }
  const Cost cost = median(costs);
  row("plan of " + name, instances, cost);
  std::printf("%-34s bar: <= 2 s and <= 300 MB: %s\n", "",
              cost.seconds <= 2 && cost.peak_megabytes <= 300 ? "met" : "NOT MET");
}

bool has_matrix(const Options& options) {
  const TemporaryFolder folder;
  write(folder.path() / "probe.yaml", [](std::ostream& out) {
    out << "presswork: 1\nname: probe\nstages:\n  s: {uses: test/noop, matrix: {i: [1, 2]}, with: {salt: "
           "\"${{ matrix.i "
           "}}\"}}\n";
  });
  try {
    cost_of(presswork(options, "validate", "probe.yaml"), folder.path());
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

// A stage of `cells` instances, and what follows each of them.
void write_matrix(std::ostream& out, int cells) {
  out << "presswork: 1\nname: bench\nstages:\n  fan:\n    uses: test/noop\n    matrix: {i: [";
  for (int i = 0; i < cells / 200; ++i) out << (i > 0 ? ", " : "") << i;
  out << "], j: [";
  for (int j = 0; j < 100; ++j) out << (j > 0 ? ", " : "") << j;
  out << "]}\n    with: {salt: \"${{ matrix.i * 100 + matrix.j }}\"}\n"
         "  follow: {uses: test/noop, matrix: {from: fan}, inputs: {after: fan.text}}\n";
}

void show_plans(const Options& options) {
  show_plan(options, "a literal YAML", 10'000, [](std::ostream& out) {
    out << "presswork: 1\nname: bench\nstages:\n";
    for (int i = 0; i < 10'000; ++i) {
      out << "  s" << i << ": {uses: test/noop, with: {salt: " << i << "}";
      if (i >= 100) out << ", inputs: {after: s" << i - 100 << ".text}";
      out << "}\n";
    }
  });
  if (!has_matrix(options)) {
    std::printf("skipped: plan of a matrix: this engine has no matrix:\n");
    return;
  }
  show_plan(options, "a matrix", 100'000, [](std::ostream& out) { write_matrix(out, 100'000); });
}

// A run of 100,000 instances whose last fifty failed: from its resume to its end.
void show_resume(const Options& options) {
  const TemporaryFolder folder;
  write(folder.path() / "bench.yaml", [](std::ostream& out) {
    const auto list = [&out](int count) {
      for (int i = 0; i < count; ++i) out << (i > 0 ? ", " : "") << i;
    };
    out << "presswork: 1\nname: bench\nstages:\n  fan:\n    uses: test/echo\n    matrix: {i: [";
    list(1000);
    out << "], j: [";
    list(100);
    out << "]}\n    with:\n"
           "      value: \"${{ matrix.i >= 950 && matrix.j == 99 ? matrix.i : 0 }}\"\n"
           "      fail_times: \"${{ matrix.i >= 950 && matrix.j == 99 ? 1 : 0 }}\"\n";
  });
  cost_of(presswork(options, "run", "bench.yaml"), folder.path(), 1);  // fails
  fs::rename(folder.path() / "ws", folder.path() / "failed");
  std::vector<Cost> costs;
  for (int i = 0; i < options.repeats; ++i) {
    fs::remove_all(folder.path() / "ws");
    fs::copy(folder.path() / "failed", folder.path() / "ws", fs::copy_options::recursive);
    costs.push_back(cost_of(presswork(options, "resume", "r1"), folder.path()));
  }
  const Cost cost = median(costs);
  row("resume with 50 left", 100'000, cost);
  std::printf("%-34s bar: <= 3 s: %s\n", "", cost.seconds <= 3 ? "met" : "NOT MET");
}

void show_start(const Options& options) {
  const TemporaryFolder folder;
  std::vector<std::pair<std::string, std::vector<std::string>>> commands = {
      {"/bin/true", {"/bin/true"}}, {"presswork version", {options.presswork, "version"}}};
  for (const auto& [name, program] : std::map<std::string, std::string>{
           {"ninja", options.ninja}, {"snakemake", options.snakemake}, {"dvc", options.dvc}}) {
    if (!find(program).empty()) commands.push_back({name + " --version", {find(program), "--version"}});
  }
  for (const auto& [name, command] : commands) {
    std::vector<Cost> costs;
    for (int i = 0; i < std::max(5, options.repeats); ++i) costs.push_back(cost_of(command, folder.path()));
    row("start: " + name, 1, median(costs));
  }
}

std::optional<Options> parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; i += 2) {
    const std::string name = arguments[i];
    if (i + 1 == count) return std::nullopt;
    const char* value = arguments[i + 1];
    const std::map<std::string, int*> numbers = {{"--stages", &options.stages},
                                                 {"--dvc-stages", &options.dvc_stages},
                                                 {"--repeats", &options.repeats}};
    const std::map<std::string, std::string*> texts = {{"--presswork", &options.presswork},
                                                       {"--ninja", &options.ninja},
                                                       {"--snakemake", &options.snakemake},
                                                       {"--dvc", &options.dvc},
                                                       {"--only", &options.only}};
    if (numbers.contains(name)) {
      *numbers.at(name) = std::atoi(value);
    } else if (texts.contains(name)) {
      *texts.at(name) = value;
    } else if (name == "--jobs") {
      options.jobs = static_cast<unsigned>(std::atoi(value));
    } else {
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace

int main(int count, char** arguments) try {
  const auto options = parse(count, arguments);
  if (!options) {
    std::fputs("bench_engines: the first lines of tests/bench/engines.cc say how to use it\n", stderr);
    return 2;
  }
  std::printf("%d stages, %u jobs at once, medians of %d interleaved runs\n", options->stages, options->jobs,
              options->repeats);
  Folders folders;
  compare(*options, folders);
  if (options->wants("shapes")) show_shapes(*options, folders);
  if (options->wants("plan")) show_plans(*options);
  if (options->wants("resume")) show_resume(*options);
  if (options->wants("start")) show_start(*options);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_engines: %s\n", error.what());
  return 1;
}
