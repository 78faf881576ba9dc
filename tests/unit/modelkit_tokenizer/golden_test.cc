// Ids and decodings made by Hugging Face tokenizers (tests/data/tokenizers/golden_*.json).
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "unit/modelkit_tokenizer/samples.h"

namespace presswork::modelkit {
namespace {

const std::string source = PRESSWORK_SOURCE_DIR;

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void expect_golden(const Tokenizer& tokenizer, const std::string& golden) {
  const json cases = json::parse(read(source + "/tests/data/tokenizers/" + golden));
  ASSERT_FALSE(cases.empty());
  for (const json& item : cases) {
    const auto text = item["text"].get<std::string>();
    const Ids ids = tokenizer.encode(text, false);
    EXPECT_EQ(ids, item["ids"].get<Ids>()) << text;
    EXPECT_EQ(tokenizer.encode(text, true), item["ids_with_special"].get<Ids>()) << text;
    EXPECT_EQ(tokenizer.decode(ids, false), item["decoded"].get<std::string>()) << text;
  }
}

TEST(GoldenTokens, SentencePieceStyleWithByteFallbackEqualsHuggingFace) {
  const Tokenizer tokenizer = Tokenizer::open(source + "/examples/models/tiny-llama");
  EXPECT_EQ(tokenizer.vocab_size(), 4096);
  expect_golden(tokenizer, "golden_tiny-llama.json");
}

TEST(GoldenTokens, ByteLevelWithTheLlama3ExpressionEqualsHuggingFace) {
  const std::string path = source + "/tests/data/tokenizers/small-llama.json";
  const Tokenizer tokenizer = Tokenizer::parse(read(path), path);
  EXPECT_EQ(tokenizer.vocab_size(), 16384);
  expect_golden(tokenizer, "golden_small-llama.json");
}

TEST(GoldenTokens, ALongTextComesBackAsItWas) {
  const std::string text = read(source + "/examples/text/eval.txt");
  const Tokenizer tokenizer = Tokenizer::open(source + "/examples/models/tiny-llama");
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, false), true), text);
}

TEST(GoldenTokens, AFolderWithoutATokenizerIsRefusedWithTheWayToMakeOne) {
  try {
    Tokenizer::open(source + "/tests/data");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, "invalid_input");
    EXPECT_NE(error.hint.find("save_pretrained"), std::string::npos);
  }
}

}  // namespace
}  // namespace presswork::modelkit
