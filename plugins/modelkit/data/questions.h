// Multiple-choice questions: JSON Lines, on each line an object
//   {"context": "The capital of France is", "choices": ["Paris", "Rome"], "answer": 0}
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace presswork::modelkit {

struct Question {
  std::string context;
  std::vector<std::string> choices;  // at least two, none empty
  std::size_t answer = 0;            // index of the right one
};

// In order; lines of white space are passed over, other keys ignored. `where` names the file. Throws
// "invalid_input" with file:line for what is no such object, and when there is no question.
std::vector<Question> parse_questions(std::string_view all, const std::string& where);

// Those of a file; errors also as read_input_file().
std::vector<Question> read_questions(const std::filesystem::path& path);

}  // namespace presswork::modelkit
