// tokenizer_driver FOLDER: reads JSON lines {"text": ..., "special": bool} and answers each with
// {"ids": [...], "decoded": ..., "decoded_plain": ...} (the second without special tokens), or {"error":
// ...}.
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "plugins/modelkit/tokenizer/tokenizer.h"
#include "presswork/error.h"

namespace {

nlohmann::json answer(const presswork::modelkit::Tokenizer& tokenizer, const nlohmann::json& question) {
  const auto ids = tokenizer.encode(question.at("text").get<std::string>(), question.value("special", false));
  return {{"ids", ids},
          {"decoded", tokenizer.decode(ids, false)},
          {"decoded_plain", tokenizer.decode(ids, true)}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: tokenizer_driver FOLDER < questions.jsonl\n";
    return 2;
  }
  try {
    const auto tokenizer = presswork::modelkit::Tokenizer::open(argv[1]);
    for (std::string line; std::getline(std::cin, line);) {
      std::cout << answer(tokenizer, nlohmann::json::parse(line)).dump() << '\n';
    }
  } catch (const presswork::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
