#include "orchestrator/base/json.h"

#include <gtest/gtest.h>

#include <limits>

#include "orchestrator/base/error.h"

namespace presswork::base {
namespace {

std::string refusal(std::string_view text) {
  try {
    parse_json(text, "params.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.code, ErrorCode::invalid_input);
    return error.message;
  }
  ADD_FAILURE() << "accepted: " << text.substr(0, 80);
  return {};
}

TEST(Json, NamesTheDocumentLineAndColumnOfAMistake) {
  const std::string message = refusal("{\n  \"a\": 1,\n  b: 2\n}");
  EXPECT_NE(message.find("params.json"), std::string::npos);
  EXPECT_NE(message.find("line 3, column 3"), std::string::npos) << message;
}

TEST(Json, RefusesAKeyThatAppearsTwiceInOneObject) {
  EXPECT_NE(refusal(R"({"a":1,"a":1})").find("\"a\" appears twice"), std::string::npos);
  refusal(R"({"x":[{"y":{"b":1,"c":2,"b":3}}]})");
  EXPECT_EQ(parse_json(R"({"a":{"a":1},"b":{"a":2},"c":[{"a":1},{"a":1}]})", "x").size(), 3u);
}

TEST(Json, RefusesWhatIsNoNumberOrNoDocument) {
  for (const char* text :
       {"", "NaN", "Infinity", "-", "1e999", "01", "[1,]", "{}x", "\"\xff\"", "'a'", "// c\n1"}) {
    refusal(text);
  }
}

TEST(Json, RefusesNestingThatWouldExhaustTheStack) {
  refusal(std::string(100'000, '[') + std::string(100'000, ']'));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  refusal(objects);
}

TEST(CanonicalJson, SortsKeysAndLeavesOutWhiteSpace) {
  EXPECT_EQ(canonical(parse_json("{ \"b\" : [1, 2.5, null], \"a\" : {\"d\":true, \"c\":\"x\"} }", "x")),
            R"({"a":{"c":"x","d":true},"b":[1,2.5,null]})");
}

TEST(CanonicalJson, IsTheSameAfterItIsReadBack) {
  for (const char* text : {"0.1", "1e-7", "1.7976931348623157e308", "5e-324", "-0.0", "18446744073709551615",
                           "-9223372036854775808", "\"\\u0000\\u001f\\\"\\\\ \xc3\xbc\"", "[]", "{}"}) {
    const std::string once = canonical(parse_json(text, "x"));
    EXPECT_EQ(canonical(parse_json(once, "x")), once);
  }
  EXPECT_EQ(canonical(0.1), "0.1");
  EXPECT_EQ(canonical(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
}

}  // namespace
}  // namespace presswork::base
