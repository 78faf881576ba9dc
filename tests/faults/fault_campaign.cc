// Disturbs runs in every way that there is, and goes on: the same digests as an undisturbed run, nothing that
// was committed done again, nothing left running.
//
//   build/dev/bin/fault_campaign [--rounds 300] [--seed 1] [--kinds kill-host,clock] [--stages 8] [--keep]
//   build/dev/bin/fault_campaign --every-step kill|fail|fail-on|short [--stride 1] [--offset 0]
//       each call in turn by which a run changes the disk is the last before death, fails, or writes half
//
// `--workflow FILE` disturbs that workflow instead of random ones; `--list` says what there is.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <thread>

#include "faults/command.h"
#include "faults/disturbance.h"
#include "faults/workload.h"
#include "orchestrator/base/error.h"
#include "support/child.h"

namespace fs = std::filesystem;
using namespace presswork::faults;
using presswork::testing::run_to_end;
using presswork::testing::TemporaryFolder;

namespace {

struct Options {
  int rounds = 300;
  unsigned seed = 1;
  int stages = 8;
  std::string kinds, workflow, every_step;
  long long stride = 1, offset = 0;
  bool keep = false;
};

constexpr int rounds_of_a_workflow = 10;

// A workflow, and what it comes to when nobody disturbs it.
struct Workload {
  unsigned seed = 0;
  Recorded undisturbed;
  double seconds = 0;
  long long disk_steps = 0;
};

void write_workflow(const Options& options, const Features& features, const Scene& scene, unsigned seed) {
  std::mt19937 random(seed);
  std::ofstream(scene.workflow) << make_workflow(random, options.stages, features, scene.journal);
}

Scene make_scene(const Options& options, const Features& features, const fs::path& folder, unsigned seed) {
  Scene scene;
  scene.folder = folder;
  scene.workspace = folder / "ws";
  scene.workflow = options.workflow.empty() ? folder / "campaign.yaml" : fs::path(options.workflow);
  scene.journal = folder / "journal";
  if (options.workflow.empty()) write_workflow(options, features, scene, seed);
  return scene;
}

double seconds_of_run(const Options& options, const Features& features, unsigned seed) {
  const TemporaryFolder folder;
  const Scene scene = make_scene(options, features, folder.path(), seed);
  const auto start = std::chrono::steady_clock::now();
  if (run_to_end(scene.command("run"), scene.log()) != 0) throw Broken("the undisturbed run failed");
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Workload measure(const Options& options, const Features& features, unsigned seed) {
  const TemporaryFolder folder;
  Scene scene = make_scene(options, features, folder.path(), seed);
  Workload workload;
  workload.seed = seed;
  workload.disk_steps = count_disk_steps(scene);
  workload.seconds = seconds_of_run(options, features, seed);
  workload.undisturbed = read_ledger(scene.workspace);
  if (workload.undisturbed.digests.empty()) throw Broken("the undisturbed run recorded nothing");
  return workload;
}

void expect_nothing_left(const Scene& scene) {
  // The last of them have been killed, but may not have ended yet.
  for (int i = 0; i < 100; ++i) {
    if (still_running(read_journal(scene.journal).processes).empty() && processes_of(scene.workspace).empty())
      return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  throw Broken("a process of a stage is left running");
}

// What was made over a failure, a selection among fewer for one, is other work once that is made up for.
bool was_other_work(const std::string& instance, const Recorded& before, const Recorded& undisturbed) {
  return std::any_of(before.digests.begin(), before.digests.end(), [&](const auto& output) {
    if (!output.first.starts_with(instance + ".")) return false;
    const auto found = undisturbed.digests.find(output.first);
    return found == undisturbed.digests.end() || found->second != output.second;
  });
}

void expect_not_redone(const Recorded& before, const Recorded& undisturbed, const Journal& then,
                       const Journal& now) {
  for (const auto& [instance, name] : before.committed) {
    if (was_other_work(instance, before, undisturbed)) continue;
    const auto had = then.started.find(name), has = now.started.find(name);
    if (had == then.started.end() || has == now.started.end()) continue;
    if (has->second != had->second) throw Broken(instance + " was committed, and done again");
  }
}

void expect_same(const Recorded& now, const Recorded& undisturbed) {
  if (now.state != "succeeded") throw Broken("the run's state is " + now.state);
  for (const auto& [output, digest] : undisturbed.digests) {
    const auto found = now.digests.find(output);
    if (found == now.digests.end()) throw Broken(output + " is missing");
    if (found->second != digest) throw Broken(output + " has another digest");
  }
  if (now.digests.size() != undisturbed.digests.size())
    throw Broken("there are more outputs than undisturbed");
}

void command_succeeds(const Scene& scene, const std::string& verb) {
  const int status = run_to_end(scene.command(verb), scene.log());
  if (status != 0) throw Broken(verb + " ended with " + std::to_string(status));
}

// After the disturbance: goes on where the run was, and compares.
void recover(const Scene& scene, const Aftermath& aftermath, const Recorded& undisturbed) {
  const Recorded before = read_ledger(scene.workspace);
  const Journal then = read_journal(scene.journal);
  if (before.state != "succeeded") command_succeeds(scene, before.state.empty() ? "run" : "resume");
  const Journal now = read_journal(scene.journal);
  if (!aftermath.may_redo) expect_not_redone(before, undisturbed, then, now);
  expect_same(read_ledger(scene.workspace), undisturbed);
  expect_nothing_left(scene);
  command_succeeds(scene, "verify");
  command_succeeds(scene, "run");  // a new run of the same: all of it is known
  if (!(scene.workflow.parent_path() == scene.folder)) return;
  if (read_journal(scene.journal).started != now.started)
    throw Broken("a run of what is known did work again");
  expect_same(read_ledger(scene.workspace), undisturbed);
}

struct Tally {
  int good = 0, broken = 0, impossible = 0;
};

void show_log(const fs::path& folder) {
  for (const char* name : {"log", "second.log", "torn.log", "verify.log"}) {
    std::ifstream log(folder / name);
    for (std::string line; std::getline(log, line);) std::printf("      %s: %s\n", name, line.c_str());
  }
}

// `strike` disturbs; everything else is the same for all rounds.
void play(const Options& options, const Features& features, const Workload& workload, unsigned seed,
          const std::string& title, const std::function<Aftermath(Scene&)>& strike, Tally& tally) {
  auto folder = std::make_unique<TemporaryFolder>();
  Scene scene = make_scene(options, features, folder->path(), workload.seed);
  scene.random.seed(seed);
  scene.seconds = workload.seconds;
  scene.disk_steps = workload.disk_steps;
  std::string what;
  try {
    const Aftermath aftermath = strike(scene);
    what = aftermath.what;
    if (aftermath.mend) aftermath.mend();
    recover(scene, aftermath, workload.undisturbed);
    ++tally.good;
    std::printf("%s: %s: equal\n", title.c_str(), what.c_str());
  } catch (const Impossible& reason) {
    ++tally.impossible;
    std::printf("%s: skipped: %s\n", title.c_str(), reason.what());
  } catch (const std::exception& problem) {
    ++tally.broken;
    std::printf("%s: %s: BROKEN: %s (workflow of seed %u)\n", title.c_str(), what.c_str(), problem.what(),
                workload.seed);
    show_log(folder->path());
    if (options.keep) std::printf("      kept in %s\n", folder.release()->path().c_str());
  }
  std::fflush(stdout);
}

std::vector<Disturbance> chosen(const Options& options) {
  std::vector<Disturbance> kinds;
  for (const Disturbance& kind : disturbances()) {
    if (options.kinds.empty() ||
        ("," + options.kinds + ",").find("," + std::string(kind.name) + ",") != std::string::npos)
      kinds.push_back(kind);
  }
  if (kinds.empty()) throw std::runtime_error("no such kind; --list shows them");
  return kinds;
}

// All kinds in turn, so that a short campaign has each.
Tally play_rounds(const Options& options, const Features& features) {
  const auto kinds = chosen(options);
  Tally tally;
  Workload workload;
  for (int round = 0; round < options.rounds; ++round) {
    if (round % rounds_of_a_workflow == 0) {
      workload =
          measure(options, features, options.seed + static_cast<unsigned>(round / rounds_of_a_workflow));
      std::printf("workflow of seed %u: %zu outputs, %lld changes of the disk, %.2f s\n", workload.seed,
                  workload.undisturbed.digests.size(), workload.disk_steps, workload.seconds);
    }
    const Disturbance& kind = kinds[static_cast<std::size_t>(round) % kinds.size()];
    char title[64];
    std::snprintf(title, sizeof title, "%3d %-19s", round + 1, kind.name);
    play(options, features, workload, options.seed * 1'000'003 + static_cast<unsigned>(round), title,
         kind.strike, tally);
  }
  return tally;
}

Tally play_every_step(const Options& options, const Features& features) {
  Tally tally;
  const Workload workload = measure(options, features, options.seed);
  std::printf("workflow of seed %u: %zu outputs, %lld changes of the disk, %.2f s\n", workload.seed,
              workload.undisturbed.digests.size(), workload.disk_steps, workload.seconds);
  const int death = options.every_step == "kill" ? 128 + SIGKILL : 1;
  bool fired = true;
  for (long long at = 1 + options.offset; fired && at <= 2 * workload.disk_steps; at += options.stride) {
    const auto strike = [&](Scene& scene) {
      const int status = run_with_fault(scene, options.every_step, at, EIO, fired);
      if (status != 0 && status != death) throw Broken("run ended with " + std::to_string(status));
      return Aftermath{options.every_step};
    };
    play(options, features, workload, options.seed, "step " + std::to_string(at), strike, tally);
  }
  return tally;
}

void list() {
  for (const Disturbance& kind : disturbances()) std::printf("%-20s %s\n", kind.name, kind.meaning);
}

std::optional<Options> parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string name = arguments[i];
    if (name == "--keep") {
      options.keep = true;
      continue;
    }
    if (i + 1 == count) return std::nullopt;
    const char* value = arguments[++i];
    if (name == "--rounds") {
      options.rounds = std::atoi(value);
    } else if (name == "--seed") {
      options.seed = static_cast<unsigned>(std::atoi(value));
    } else if (name == "--stages") {
      options.stages = std::atoi(value);
    } else if (name == "--kinds") {
      options.kinds = value;
    } else if (name == "--workflow") {
      options.workflow = value;
    } else if (name == "--every-step") {
      options.every_step = value;
    } else if (name == "--stride") {
      options.stride = std::atoll(value);
    } else if (name == "--offset") {
      options.offset = std::atoll(value);
    } else {
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace

int main(int count, char** arguments) try {
  if (count == 2 && std::strcmp(arguments[1], "--list") == 0) return list(), 0;
  const auto options = parse(count, arguments);
  if (!options) {
    std::fputs("fault_campaign: the first lines of tests/faults/fault_campaign.cc say how to use it\n",
               stderr);
    return 2;
  }
  const Features features = features_of_engine();
  std::printf("seed %u; matrix: %s, loop: %s\n", options->seed,
              features.matrix ? "yes" : "skipped: not in this engine",
              features.loop ? "yes" : "skipped: not in this engine");
  const Tally tally =
      options->every_step.empty() ? play_rounds(*options, features) : play_every_step(*options, features);
  std::printf("%d equal, %d broken, %d skipped (seed %u)\n", tally.good, tally.broken, tally.impossible,
              options->seed);
  return tally.broken == 0 && tally.good > 0 ? 0 : 1;
} catch (const presswork::base::Error& error) {
  std::fputs(presswork::base::render(error).c_str(), stderr);
  return 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "fault_campaign: %s\n", error.what());
  return 1;
}
