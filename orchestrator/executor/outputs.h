// Checking what a stage declared as its outputs, after nothing of it lives any more.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "orchestrator/executor/executor.h"

namespace presswork::executor {

struct OutputProblem {
  std::string output;
  std::string message;
  std::string hint;
};

// The first problem: a name that the request does not list, a path that does not exist, that is outside the
// work folder or the folder itself, that is or holds a symbolic link or a special file, or that overlaps
// another output. References must be absolute and exist; what is inside them is their owner's affair.
std::optional<OutputProblem> check_outputs(const StageRequest& request,
                                           const std::vector<DeclaredOutput>& outputs);

}  // namespace presswork::executor
