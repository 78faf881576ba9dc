#include "faults/observation.h"

#include <fstream>
#include <iterator>
#include <sstream>

#include "orchestrator/store/ledger.h"

namespace presswork::faults {

namespace fs = std::filesystem;

namespace {

// Nothing of what is gone, or goes while it is read, as files of /proc do.
std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Stages that put measured times into their output say so by reading the run; their digests differ by right.
bool is_reproducible(const std::string& uses) { return uses.rfind("report/", 0) != 0; }

}  // namespace

Recorded read_ledger(const fs::path& workspace) {
  Recorded recorded;
  if (!fs::exists(workspace / "ledger.db")) return recorded;
  const auto ledger = store::Ledger::open(workspace / "ledger.db");
  const auto runs = ledger->runs();
  if (runs.empty()) return recorded;
  recorded.run = runs.front().id;
  recorded.state = runs.front().state;
  for (const auto& row : ledger->instances(recorded.run)) {
    if (row.uses.empty() || (row.state != "succeeded" && row.state != "cached")) continue;
    recorded.committed[row.id] = row.with.is_object() ? row.with.value("name", row.id) : row.id;
    const auto checkpoint = ledger->checkpoint(row.key, row.checkpoint);
    if (!checkpoint || !is_reproducible(row.uses)) continue;
    for (const auto& [name, output] : checkpoint->outputs)
      recorded.digests[row.id + "." + name] = output.digest;
  }
  return recorded;
}

Journal read_journal(const fs::path& path) {
  Journal journal;
  std::ifstream file(path);
  for (std::string word, name, pid, start; file >> word >> name >> pid >> start;) {
    if (word == "start") ++journal.started[name];
    if (word == "finish") ++journal.finished[name];
    journal.processes.push_back(pid + " " + start);
  }
  return journal;
}

std::vector<std::string> still_running(const std::vector<std::string>& processes) {
  std::vector<std::string> running;
  for (const std::string& process : std::set<std::string>(processes.begin(), processes.end())) {
    std::istringstream words(process);
    std::string pid, start;
    words >> pid >> start;
    const std::string stat = read("/proc/" + pid + "/stat");
    const auto name_end = stat.rfind(')');
    if (name_end == std::string::npos || stat.compare(name_end + 2, 1, "Z") == 0) continue;
    std::istringstream fields(stat.substr(name_end + 2));
    std::string field;
    for (int number = 3; number <= 22; ++number) fields >> field;
    if (field == start) running.push_back(process);
  }
  return running;
}

std::vector<pid_t> processes_of(const fs::path& workspace) {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid > 0 && read(entry.path() / "environ").find(workspace.string()) != std::string::npos)
      found.push_back(pid);
  }
  return found;
}

std::vector<pid_t> descendants_of(pid_t parent) {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(parent) + "/task", ignored)) {
    std::ifstream file(entry.path() / "children");
    for (pid_t child = 0; file >> child;) {
      found.push_back(child);
      const auto theirs = descendants_of(child);
      found.insert(found.end(), theirs.begin(), theirs.end());
    }
  }
  return found;
}

bool is_fork_server(pid_t process) {
  return read("/proc/" + std::to_string(process) + "/cmdline").find("--serve") != std::string::npos;
}

bool is_same_program(pid_t process, pid_t other) {
  std::error_code ignored;
  const auto program_of = [&](pid_t one) {
    return fs::read_symlink("/proc/" + std::to_string(one) + "/exe", ignored);
  };
  return program_of(process) == program_of(other);
}

}  // namespace presswork::faults
