// The one error type of stage code and of the libraries below it. Thrown inside a stage; the trampolines of
// stage.hpp turn it into a call of the context's fail() and a status.
#pragma once

#include <exception>
#include <string>

namespace presswork {

class Error : public std::exception {
 public:
  // `code` is a short word for machines ("invalid_parameter", "invalid_input", "corrupt_file", "not_finite",
  // "no_space", "io", "unsupported", "internal"); `where` names the place: a JSON pointer into the
  // parameters ("/group_size"), a file, a tensor; `hint` says what to do.
  Error(std::string code_, std::string message_, std::string where_ = {}, std::string hint_ = {})
      : code(std::move(code_)),
        message(std::move(message_)),
        where(std::move(where_)),
        hint(std::move(hint_)),
        text_(where.empty() ? message : where + ": " + message) {}

  const char* what() const noexcept override { return text_.c_str(); }

  std::string code;
  std::string message;
  std::string where;
  std::string hint;

 private:
  std::string text_;
};

// Thrown by long work when Context::cancelled() has become true; ends the stage as cancelled.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "cancelled"; }
};

}  // namespace presswork
