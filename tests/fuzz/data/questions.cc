// Any bytes as questions: questions that have an answer, or an Error with its place.
#include "plugins/modelkit/data/questions.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "presswork/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto questions = presswork::modelkit::parse_questions(text, "fuzz.jsonl");
    if (questions.empty()) __builtin_trap();
    for (const auto& question : questions) {
      if (question.choices.size() < 2 || question.answer >= question.choices.size()) __builtin_trap();
    }
  } catch (const presswork::Error& error) {
    if (error.message.empty() || !error.where.starts_with("fuzz.jsonl")) __builtin_trap();
  }
  return 0;
}
