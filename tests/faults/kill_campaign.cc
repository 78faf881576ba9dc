// kill -9 at random moments, then resume: the same digests as an undisturbed run, and nothing that was
// committed is done again.
//
//   build/dev/bin/kill_campaign [--kills N] [--seed S] [--workflow FILE]
//
// Each round starts a run, waits a random part of the undisturbed run's time, kills the orchestrator or one
// of its stage hosts, and resumes until the run has succeeded.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "orchestrator/base/error.h"
#include "orchestrator/base/json.h"
#include "orchestrator/store/ledger.h"
#include "support/child.h"

namespace fs = std::filesystem;
using presswork::store::Ledger;
using presswork::testing::spawn;
using presswork::testing::TemporaryFolder;
using presswork::testing::wait_for;

namespace {

const std::string program = PRESSWORK_BINARY_DIR "/bin/presswork";

struct Options {
  int kills = 25;
  unsigned seed = 1;
  std::string workflow = PRESSWORK_SOURCE_DIR "/workflows/quantize-int4.yaml";
};

struct Facts {
  std::string state;
  std::map<std::string, std::string> digests;  // "instance.output" -> digest, of reproducible stages
  std::map<std::string, int> attempts;         // of instances that are committed
};

// Stages that put measured times into their output say so by reading the run; their digests differ by right.
bool is_reproducible(const std::string& uses) { return uses.rfind("report/", 0) != 0; }

Facts read(const fs::path& workspace) {
  Facts facts;
  if (!fs::exists(workspace / "ledger.db")) return facts;
  const auto ledger = Ledger::open(workspace / "ledger.db");
  const auto runs = ledger->runs();
  if (runs.empty()) return facts;
  facts.state = runs.front().state;
  for (const auto& row : ledger->instances(runs.front().id)) {
    if (row.uses.empty() || (row.state != "succeeded" && row.state != "cached")) continue;
    facts.attempts[row.id] = row.attempts;
    const auto checkpoint = ledger->checkpoint(row.key);
    if (!checkpoint || !is_reproducible(row.uses)) continue;
    for (const auto& [name, output] : checkpoint->outputs) facts.digests[row.id + "." + name] = output.digest;
  }
  return facts;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(parent) + "/task", ignored)) {
    std::ifstream file(entry.path() / "children");
    for (pid_t child = 0; file >> child;) children.push_back(child);
  }
  return children;
}

// A process whose environment names the workspace: a stage's host, or what it started.
bool any_left_in(const fs::path& workspace) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    std::ifstream file(entry.path() / "environ");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (text.find(workspace.string()) != std::string::npos) return true;
  }
  return false;
}

std::vector<std::string> run_command(const Options& options, const fs::path& workspace) {
  return {program, "run", options.workflow, "--workspace", workspace.string()};
}

struct Round {
  bool equal = true;
  std::string problem;
};

Round disturb(const Options& options, const Facts& undisturbed, double delay, bool kill_host,
              std::string& killed) {
  const TemporaryFolder folder;
  const fs::path workspace = folder.path() / "ws";
  const pid_t orchestrator = spawn(run_command(options, workspace), folder.path() / "log");
  std::this_thread::sleep_for(std::chrono::duration<double>(delay));
  const auto hosts = children_of(orchestrator);
  killed = kill_host && !hosts.empty() ? "host" : "orchestrator";
  ::kill(kill_host && !hosts.empty() ? hosts.front() : orchestrator, SIGKILL);
  wait_for(orchestrator);

  Facts before = read(workspace);
  for (int i = 0; before.state != "succeeded"; ++i) {
    if (i == 3) return {false, "three resumes did not finish the run; log: " + folder.path().string()};
    std::vector<std::string> command = {program, "resume", "--workspace", workspace.string()};
    if (before.state.empty())
      command = run_command(options, workspace);  // killed before the run was recorded
    if (wait_for(spawn(command, folder.path() / "log")) != 0 && i == 2) {
      std::ifstream log(folder.path() / "log");
      for (std::string line; std::getline(log, line);) std::fprintf(stderr, "    %s\n", line.c_str());
    }
    const Facts after = read(workspace);
    for (const auto& [instance, attempts] : before.attempts) {
      const auto now = after.attempts.find(instance);
      if (now == after.attempts.end() || now->second != attempts)
        return {false, instance + " was done again"};
    }
    before = after;
  }
  if (before.digests != undisturbed.digests) return {false, "other digests"};
  for (int i = 0; any_left_in(workspace) && i < 50; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  if (any_left_in(workspace)) return {false, "a stage host is left running"};
  return {};
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--kills") options.kills = std::atoi(argv[i + 1]);
    if (name == "--seed") options.seed = static_cast<unsigned>(std::atoi(argv[i + 1]));
    if (name == "--workflow") options.workflow = argv[i + 1];
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) try {
  const Options options = parse(argc, argv);
  Facts undisturbed;
  double seconds = 0;
  {
    const TemporaryFolder folder;
    const auto start = std::chrono::steady_clock::now();
    if (wait_for(spawn(run_command(options, folder.path() / "ws"), folder.path() / "log")) != 0) {
      std::ifstream log(folder.path() / "log");
      for (std::string line; std::getline(log, line);) std::fprintf(stderr, "%s\n", line.c_str());
      std::fprintf(stderr, "the undisturbed run failed\n");
      return 1;
    }
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    undisturbed = read(folder.path() / "ws");
  }
  std::printf("undisturbed: %.2f s, %zu outputs compared\n", seconds, undisturbed.digests.size());

  std::mt19937 random(options.seed);
  std::uniform_real_distribution<double> moment(0, seconds);
  int good = 0;
  for (int i = 0; i < options.kills; ++i) {
    const double delay = moment(random);
    std::string killed;
    const Round round = disturb(options, undisturbed, delay, random() % 2 == 0, killed);
    good += round.equal ? 1 : 0;
    std::printf("kill %2d: %-12s after %6.3f s: %s\n", i + 1, killed.c_str(), delay,
                round.equal ? "equal digests, nothing done again" : round.problem.c_str());
    std::fflush(stdout);
  }
  std::printf("%d of %d equal (seed %u)\n", good, options.kills, options.seed);
  return good == options.kills ? 0 : 1;
} catch (const presswork::base::Error& error) {
  std::fputs(presswork::base::render(error).c_str(), stderr);
  return 1;
}
