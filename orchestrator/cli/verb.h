// A verb: what stands after `presswork`. Each lies in a file of its own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "orchestrator/cli/session.h"

namespace CLI {
class App;
}

namespace presswork::cli {

struct Verb {
  std::string name;
  std::string summary;      // one line
  std::string description;  // what it does, in a paragraph
  std::string example;      // lines of commands
  // Adds its own options and gives the function that does the work and returns the exit code. The options
  // live as long as that function.
  std::function<std::function<int(Session&)>(CLI::App&)> define;
};

Verb run_verb();
Verb resume_verb();
Verb plan_verb();
Verb validate_verb();
Verb graph_verb();
Verb runs_verb();
Verb status_verb();
Verb ps_verb();
Verb logs_verb();
Verb events_verb();
Verb explain_verb();
Verb diff_verb();
Verb cancel_verb();
Verb report_verb();
Verb approve_verb();
Verb compress_verb();
Verb checkpoints_verb();
Verb export_verb();
Verb rollback_verb();
Verb retry_verb();
Verb verify_verb();
Verb gc_verb();
Verb plugins_verb();
Verb doctor_verb();
Verb version_verb();
Verb call_verb();
Verb estimate_verb();

// All of them, in the order in which the help shows them.
std::vector<Verb> all_verbs();

// Parses the command line, runs the verb, prints its result or error, and returns the exit code.
int run_command_line(int argc, const char* const* argv);

}  // namespace presswork::cli
