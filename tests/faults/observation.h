// What a run left behind, seen from outside of it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace presswork::faults {

// What the ledger says of the newest run.
struct Recorded {
  std::string run, state;
  std::map<std::string, std::string> digests;    // "instance.output" -> digest, of reproducible stages
  std::map<std::string, std::string> committed;  // instance -> what the journal calls its work
};
Recorded read_ledger(const std::filesystem::path& workspace);

// What the stages told by themselves.
struct Journal {
  std::map<std::string, int> started, finished;  // by name
  std::vector<std::string> processes;            // "PID START" of every process of a stage
};
Journal read_journal(const std::filesystem::path& journal);

// Those of `processes` that still run.
std::vector<std::string> still_running(const std::vector<std::string>& processes);

// The processes of this machine that were started for the workspace: stage hosts, and what they started.
std::vector<pid_t> processes_of(const std::filesystem::path& workspace);

// The children of `parent`, and theirs.
std::vector<pid_t> descendants_of(pid_t parent);
bool is_fork_server(pid_t process);
// Whether it runs the program that `other` runs, as a child does until it has become another one.
bool is_same_program(pid_t process, pid_t other);

}  // namespace presswork::faults
