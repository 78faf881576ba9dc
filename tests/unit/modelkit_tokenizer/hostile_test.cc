// A tokenizer.json comes with a download: whatever is in it, the end is a tokenizer or an Error.
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "unit/modelkit_tokenizer/samples.h"

namespace presswork::modelkit {
namespace {

void expect_error(const json& file, const std::string& code, const std::string& where) {
  try {
    make(file);
    ADD_FAILURE() << "accepted: " << file.dump().substr(0, 200);
  } catch (const Error& error) {
    EXPECT_EQ(error.code, code) << error.what();
    EXPECT_NE(error.where.find(where), std::string::npos) << error.where;
  }
}

TEST(HostileTokenizer, UnknownComponentsAreNamedWithTheirPlace) {
  json file = sample({"a"});
  file["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {{{"type", "Magic"}}}}};
  expect_error(file, "unsupported", "/pre_tokenizer/pretokenizers/0");
  for (const char* part : {"normalizer", "pre_tokenizer", "post_processor", "decoder"}) {
    file = sample({"a"});
    file[part] = {{"type", "Magic"}};
    expect_error(file, "unsupported", std::string("/") + part);
  }
  file = sample({"a"});
  file["model"]["type"] = "Unigram";
  expect_error(file, "unsupported", "/model");
}

TEST(HostileTokenizer, FieldsOfTheWrongKindAreErrors) {
  expect_error(json::array(), "corrupt_file", "test.json");
  expect_error(json::object(), "corrupt_file", "test.json");
  try {
    Tokenizer::parse("{\n\"model\": {", "cut.json");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.message, "not valid JSON at line 2, column 10");
    EXPECT_EQ(error.hint, "repair the file or download it again");
  }
  for (
      const char* text :
      {R"({"model":7})", R"({"model":{"type":"BPE","vocab":[],"merges":[]}})",
       R"({"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}})",
       R"({"model":{"type":"BPE","vocab":{"a":"0"},"merges":[]}})",
       R"({"model":{"type":"BPE","vocab":{"a":1e3},"merges":[]}})",
       R"({"model":{"type":"BPE","vocab":{"a":2147483647},"merges":[]}})",
       R"({"model":{"type":"BPE","vocab":{"a":99999999999999999999},"merges":[]}})",
       R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a a"]}})",
       R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a"]}})",
       R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[["a",1]]}})",
       R"({"model":{"type":"BPE","vocab":{"a":0},"merges":{}}})",
       R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[],"unk_token":"u"}})",
       R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"added_tokens":[{}]})",
       R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"decoder":{"type":"Strip","content":"ab","start":0,"stop":0}})"}) {
    expect_error(json::parse(text), "corrupt_file", "test.json");
  }
}

TEST(HostileTokenizer, DeepNestingIsRefused) {
  json nested = {{"type", "Lowercase"}};
  for (int i = 0; i < 1000; ++i) nested = {{"type", "Sequence"}, {"normalizers", {nested}}};
  json file = sample({"a"});
  file["normalizer"] = nested;
  expect_error(file, "corrupt_file", "/normalizer");
}

TEST(HostileTokenizer, AVeryLongAddedTokenIsRefused) {
  json file = sample({"a"});
  file["added_tokens"] = {{{"content", std::string(5000, 'a')}}};
  expect_error(file, "unsupported", "/added_tokens/0");
}

// Seeded damage to a real file: cut off, bytes changed, values swapped for others.
TEST(HostileTokenizer, DamagedFilesEndInAnErrorOrATokenizerThatWorks) {
  std::ifstream in(std::string(PRESSWORK_SOURCE_DIR) + "/examples/models/tiny-llama/tokenizer.json");
  json small = json::parse(in);
  auto& vocab = small["model"]["vocab"];
  std::erase_if(vocab.get_ref<json::object_t&>(), [](const auto& item) { return item.second > 400; });
  small["model"]["merges"] = json::array();
  const std::string whole = small.dump();
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string text = whole;
    for (int i = 0; i < 3; ++i) text[random() % text.size()] = static_cast<char>(random());
    if (round % 10 == 0) text.resize(random() % text.size());
    try {
      const Tokenizer tokenizer = Tokenizer::parse(text, "damaged.json");
      tokenizer.decode(tokenizer.encode("Some text, 模型 <s>\n", true), false);
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace presswork::modelkit
