#include "plugins/modelkit/data/questions.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "plugins/modelkit/data/text.h"
#include "plugins/modelkit/formats/json_text.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr const char* kLineHint =
    R"(write {"context": "...", "choices": ["...", "..."], "answer": 0} on each line)";

nlohmann::ordered_json parsed(std::string_view line, const std::string& where) {
  try {
    return parse_json(line, where);
  } catch (const Error& error) {
    throw Error("invalid_input", error.message, where, kLineHint);
  }
}

Question question_of(std::string_view line, const std::string& where) {
  const auto object = parsed(line, where);
  const auto expect = [&](bool right, const char* message) {
    if (right) return;
    throw Error("invalid_input", message, where, kLineHint);
  };
  expect(object.is_object(), "the line is not a JSON object");
  const auto value = [&](const char* key) {
    return object.contains(key) ? object.at(key) : nlohmann::ordered_json();
  };
  const auto context = value("context"), choices = value("choices"), answer = value("answer");
  expect(context.is_string(), "\"context\" is not a text");
  expect(choices.is_array() && choices.size() >= 2, "\"choices\" is not a list of at least two texts");
  Question question;
  question.context = context.get<std::string>();
  for (const auto& choice : choices) {
    expect(choice.is_string() && !choice.get_ref<const std::string&>().empty(),
           "one of \"choices\" is not a text, or empty");
    question.choices.push_back(choice.get<std::string>());
  }
  expect(answer.is_number_unsigned() && answer.get<std::uint64_t>() < choices.size(),
         "\"answer\" is not the index of a choice, counted from 0");
  question.answer = answer.get<std::size_t>();
  return question;
}

}  // namespace

std::vector<Question> parse_questions(std::string_view all, const std::string& where) {
  std::vector<Question> questions;
  std::size_t number = 0;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\n', at), all.size());
    const std::string_view line = all.substr(at, end - at);
    ++number;
    at = end + 1;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    questions.push_back(question_of(line, where + ":" + std::to_string(number)));
  }
  if (questions.empty()) throw Error("invalid_input", "there is no question in the file", where);
  return questions;
}

std::vector<Question> read_questions(const std::filesystem::path& path) {
  return parse_questions(read_input_file(path), path.string());
}

}  // namespace presswork::modelkit
