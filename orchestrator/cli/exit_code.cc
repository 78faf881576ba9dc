#include "orchestrator/cli/exit_code.h"

namespace presswork::cli {

int exit_code(base::ErrorCode code) {
  using base::ErrorCode;
  switch (code) {
    case ErrorCode::usage:
    case ErrorCode::invalid_input:
    case ErrorCode::not_found:
      return kUsage;
    case ErrorCode::invalid_workflow:
      return kInvalidWorkflow;
    case ErrorCode::locked:
      return kLocked;
    case ErrorCode::cannot_fit:
      return kCannotFit;
    case ErrorCode::cancelled:
      return kInterrupted;
    case ErrorCode::stage_failed:
    case ErrorCode::io:
    case ErrorCode::no_space:
    case ErrorCode::permission:
    case ErrorCode::corrupt:
    case ErrorCode::incompatible:
    case ErrorCode::internal:
      return kFailed;
  }
  return kFailed;
}

}  // namespace presswork::cli
