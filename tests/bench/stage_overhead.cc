// What a stage costs beyond its own work: 200 no-op stages in a row, each isolated in a process of its own
// and committed durably, against 200 spawns of /bin/true in the same run.
//
//   build/dev/bin/bench_stage_overhead [stages] [repeats]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>

#include "support/child.h"

namespace fs = std::filesystem;
using presswork::testing::run_to_end;
using presswork::testing::TemporaryFolder;

namespace {

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void write_chain(const fs::path& file, int stages) {
  std::ofstream yaml(file);
  yaml << "presswork: 1\nname: chain\nstages:\n";
  for (int i = 0; i < stages; ++i) {
    yaml << "  s" << i << ": {uses: test/noop, with: {salt: " << i << "}";
    if (i > 0) yaml << ", after: [s" << i - 1 << "]";
    yaml << "}\n";
  }
}

double run_chain(int stages) {
  const TemporaryFolder folder;
  write_chain(folder.path() / "chain.yaml", stages);
  return seconds_of([&] {
    const int status =
        run_to_end({PRESSWORK_BINARY_DIR "/bin/presswork", "run", (folder.path() / "chain.yaml").string(),
                    "--workspace", (folder.path() / "ws").string(), "--plugin-path", PRESSWORK_TEST_PLUGINS},
                   folder.path() / "log");
    if (status == 0) return;
    std::fprintf(stderr, "presswork run ended with %d:\n", status);
    std::ifstream log(folder.path() / "log");
    for (std::string line; std::getline(log, line);) std::fprintf(stderr, "  %s\n", line.c_str());
    std::exit(1);
  });
}

double spawn_true(int times) {
  return seconds_of([&] {
    for (int i = 0; i < times; ++i) run_to_end({"/bin/true"});
  });
}

}  // namespace

int main(int argc, char** argv) {
  const int stages = argc > 1 ? std::atoi(argv[1]) : 200;
  const int repeats = argc > 2 ? std::atoi(argv[2]) : 5;
  std::vector<double> ratios;
  for (int i = 0; i < repeats; ++i) {
    const double reference = spawn_true(stages);
    const double ours = run_chain(stages);
    ratios.push_back(ours / reference);
    std::printf("%d stages: %.3f s (%.2f ms each); /bin/true x %d: %.3f s (%.2f ms each); ratio %.2f\n",
                stages, ours, 1e3 * ours / stages, stages, reference, 1e3 * reference / stages,
                ours / reference);
  }
  std::sort(ratios.begin(), ratios.end());
  std::printf("median ratio %.2f (bar: at most 8)\n", ratios[ratios.size() / 2]);
}
