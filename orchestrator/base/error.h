// The one error type of the orchestrator, thrown inside and caught at two borders: the command line
// and the host's main().
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace presswork::base {

enum class ErrorCode {
  usage,             // the command line is wrong
  invalid_workflow,  // the workflow file is wrong
  invalid_input,     // another file or value that the user gave is wrong
  not_found,
  io,          // the operating system refused or failed
  no_space,    // disk or quota full
  permission,
  locked,      // another live process holds the workspace
  corrupt,     // what we stored is not what we find
  cannot_fit,  // a stage needs more than the machine has
  stage_failed,
  cancelled,
  incompatible,  // a plugin or a ledger of another version
  internal,      // a defect of ours
};

// "invalid_workflow" for ErrorCode::invalid_workflow, and so on.
std::string_view to_string(ErrorCode code);

// A place in a file that the user wrote. `line` and `column` count from 1; 0 means unknown.
struct Where {
  std::string file;
  int line = 0;
  int column = 0;
  std::string excerpt;  // the text of that line, when it can be shown

  // "file:line:column", leaving out what is unknown; empty when there is no file.
  std::string to_string() const;
};

// What went wrong (`message`), where, and what the reader can do about it (`hint`).
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message, std::string hint = {}, Where where = {});

  const char* what() const noexcept override { return message.c_str(); }

  ErrorCode code;
  std::string message;
  std::string hint;
  Where where;
  std::vector<Error> others;  // further errors found in the same document, in order
};

// The error for a failed system call: maps errno to a code (ENOSPC, EDQUOT -> no_space; EACCES,
// EPERM, EROFS -> permission; ENOENT -> not_found) and says "cannot <action> <path>: <reason>".
Error system_error(std::string_view action, std::string_view path, int error_number);

// The text for a terminal: place, message, the line with a caret under the column, hint; all others after it.
std::string render(const Error& error);

// The candidate nearest to `word` by edit distance, or "" when none is near enough to be meant.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace presswork::base
