#include "orchestrator/cli/checks.h"

#include <sys/vfs.h>
#include <unistd.h>

#include <set>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/base/units.h"
#include "orchestrator/cli/machine.h"

namespace presswork::cli {

namespace {

constexpr std::uint64_t kGiB = 1ull << 30;

Check failed(const std::string& subject, const base::Error& error, const std::string& advice) {
  return {"fail", subject, error.message, error.hint.empty() ? advice : error.hint};
}

// SQLite's write-ahead log needs shared memory, which network file systems do not have.
bool on_network(const fs::path& path) {
  struct statfs facts = {};
  if (statfs(path.c_str(), &facts) != 0) return false;
  const std::set<long> network = {0x6969 /* NFS */, 0xFE534D42 /* SMB2 */, 0xFF534D42 /* CIFS */,
                                  0x01021997 /* 9P */};
  return network.contains(static_cast<long>(facts.f_type));
}

Check check_space(const fs::path& path) {
  const std::uint64_t free = base::real_file_system().free_bytes(path);
  Check check{"ok", "disk", base::format_bytes(free) + " free at " + path.string(), ""};
  if (free < kGiB) {
    check.state = "warn";
    check.advice =
        "a compressed model needs room beside the original: free some space or use --workspace elsewhere";
  }
  return check;
}

std::vector<Check> check_ledger(Session& session) {
  std::vector<Check> checks;
  const std::string fault = session.ledger().check();
  if (!fault.empty()) {
    checks.push_back(
        {"fail", "ledger", fault,
         "keep a copy of " + session.workspace().ledger().string() + ", then start a new workspace"});
    return checks;
  }
  const std::vector<store::RunRow> runs = session.ledger().runs();
  checks.push_back(
      {"ok", "ledger", "sound, " + std::to_string(runs.size()) + (runs.size() == 1 ? " run" : " runs"), ""});
  if (!runs.empty() && (runs.front().state == "interrupted" || runs.front().state == "running")) {
    checks.push_back({"warn", "runs", runs.front().id + " is " + runs.front().state,
                      "if no process runs it, go on with `presswork resume " + runs.front().id +
                          session.same_arguments() + "`"});
  }
  return checks;
}

// Every artifact that a checkpoint of a run names, by size and presence.
std::vector<Check> check_store(Session& session) {
  std::set<std::string> digests;
  for (const store::RunRow& run : session.ledger().runs()) {
    for (const store::InstanceRow& instance : session.ledger().instances(run.id)) {
      const auto checkpoint = instance.key.empty() ? std::nullopt : session.ledger().checkpoint(instance.key);
      if (!checkpoint) continue;
      for (const auto& [name, output] : checkpoint->outputs) digests.insert(output.digest);
    }
  }
  std::vector<Check> checks;
  for (const std::string& digest : digests) {
    const std::vector<store::Damage> damages = session.artifacts().verify(digest, false);
    if (damages.empty()) continue;
    checks.push_back({"warn", "store", "artifact " + digest.substr(0, 12) + ": " + damages.front().problem,
                      "run the workflow again: the stage that made it makes it anew"});
  }
  const std::string count = std::to_string(digests.size());
  if (checks.empty())
    checks.push_back(
        {"ok", "store", count + (count == "1" ? " artifact" : " artifacts") + ", all there with the right sizes", ""});
  return checks;
}

}  // namespace

std::vector<Check> check_machine() {
  const Machine machine = this_machine();
  std::vector<Check> checks;
  checks.push_back(
      {"ok", "machine",
       std::to_string(machine.cores) + (machine.cores == 1 ? " core, " : " cores, ") +
           (machine.memory == 0 ? "memory unknown" : base::format_bytes(machine.memory) + " of memory"),
       ""});
  if (machine.memory != 0 && machine.memory < 2 * kGiB) {
    checks.back().state = "warn";
    checks.back().advice = "models of more than some hundred million parameters will not fit";
  }
  const fs::path host = host_path();
  if (::access(host.c_str(), X_OK) == 0) {
    checks.push_back({"ok", "host", host.string(), ""});
  } else {
    checks.push_back({"fail", "host", host.string() + " is missing or not executable",
                      "install presswork again, or build the target presswork-host"});
  }
  for (const char* place : {"/usr/bin/dot", "/usr/local/bin/dot"}) {
    if (::access(place, X_OK) == 0)
      checks.push_back({"ok", "tools", std::string(place) + " draws `presswork graph --format dot`", ""});
  }
  return checks;
}

std::vector<Check> check_plugins(Session& session) {
  try {
    std::vector<Check> checks;
    const plugins::Discovery& discovery = session.discovery();
    for (const plugins::PluginProblem& problem : discovery.problems) {
      checks.push_back({"fail", "plugin",
                        problem.plugin.string() + ": " + problem.message + " [" + problem.code + "]",
                        problem.hint.empty() ? "mend it, or take it out of that folder" : problem.hint});
    }
    const std::size_t stages = discovery.catalogue->ids().size();
    const std::string finding =
        std::to_string(discovery.plugins.size()) + " plugins, " + std::to_string(stages) + " stages";
    if (stages == 0) {
      checks.push_back({"fail", "plugins", finding,
                        "build or install the plugins, or name their folder by --plugin-path"});
    } else {
      checks.insert(checks.begin(), {"ok", "plugins", finding, ""});
    }
    return checks;
  } catch (const base::Error& error) {
    return {failed("plugins", error, "")};
  }
}

std::vector<Check> check_workspace(Session& session) {
  const fs::path root = session.workspace_root();
  if (!session.has_workspace()) {
    return {{"ok", "workspace", "none yet at " + root.string() + "; `presswork run` makes it", ""}};
  }
  std::vector<Check> checks;
  const auto add = [&](const std::string& subject, const auto& check, const std::string& advice) {
    try {
      for (Check& found : check()) checks.push_back(std::move(found));
    } catch (const base::Error& error) {
      checks.push_back(failed(subject, error, advice));
    }
  };
  checks.push_back({"ok", "workspace", root.string(), ""});
  if (::access(root.c_str(), W_OK) != 0) {
    checks.back() = {"fail", "workspace", root.string() + " cannot be written",
                     "check its owner and permissions"};
  } else if (on_network(root)) {
    checks.back() = {"warn", "workspace", root.string() + " lies on a network file system",
                     "use --workspace on a local disk: the ledger is not safe there"};
  }
  add(
      "disk", [&] { return std::vector<Check>{check_space(root)}; }, "");
  add(
      "ledger", [&] { return check_ledger(session); }, "start a new workspace");
  add(
      "store", [&] { return check_store(session); }, "run the workflow again");
  return checks;
}

}  // namespace presswork::cli
