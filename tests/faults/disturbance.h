// The ways in which the campaign disturbs a run.
#pragma once

#include <filesystem>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "faults/observation.h"

namespace presswork::faults {

// One round: a folder of its own, in which a workflow is run and disturbed.
struct Scene {
  std::filesystem::path folder, workflow, journal;
  std::filesystem::path workspace;  // a disturbance may move it, before anything is in it
  std::mt19937 random;
  double seconds = 1;                    // that the undisturbed run took
  long long disk_steps = 1;              // calls by which it changed the disk
  std::vector<std::string> common = {};  // arguments that every command gets

  std::filesystem::path log() const { return folder / "log"; }
  std::vector<std::string> command(const std::string& verb) const;  // run, resume, verify, …
};

// The product broke a promise.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// This machine cannot make the fault.
struct Impossible : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What is known after a disturbance, beyond that the run has ended or died.
struct Aftermath {
  std::string what;                 // for the reader: "SIGKILL after 0.4 s"
  bool may_redo = false;            // what was committed may have been lost, rightly
  std::function<void()> mend = {};  // takes the cause away before the resume
};

struct Disturbance {
  const char* name;
  const char* meaning;
  Aftermath (*strike)(Scene&);  // starts the run and disturbs it; throws Broken or Impossible
};

const std::vector<Disturbance>& disturbances();

// The n-th call that changes the disk, and how it goes: "kill", "fail", "fail-on", "short". Returns the exit
// status; `fired` says whether there were that many.
int run_with_fault(Scene& scene, const std::string& fault, long long at, int error, bool& fired);
// How many such calls an undisturbed run makes.
long long count_disk_steps(Scene& scene);

}  // namespace presswork::faults
