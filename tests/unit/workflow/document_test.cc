#include "orchestrator/workflow/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace presswork::workflow {
namespace {

using base::Json;

Json read(const std::string& yaml) { return to_json(Document::parse(yaml, "f.yaml")->root()); }

// "line:column message" of the fault.
std::string fault(const std::string& yaml) {
  try {
    Document::parse(yaml, "f.yaml");
  } catch (const base::Error& error) {
    return std::to_string(error.where.line) + ":" + std::to_string(error.where.column) + " " + error.message;
  }
  return "none";
}

TEST(DocumentTest, TypesScalarsByTheCoreSchemaOfYaml12) {
  EXPECT_EQ(read("[yes, no, on, off, y, true, False, TRUE]"),
            Json({"yes", "no", "on", "off", "y", true, false, true}));
  EXPECT_EQ(read("[1, -2, +3, 0o17, 0x1F, 007]"), Json({1, -2, 3, 15, 31, 7}));
  EXPECT_EQ(read("[1.5, -2., .5, 1e3, 1.5E-2]"), Json({1.5, -2.0, 0.5, 1000.0, 0.015}));
  EXPECT_EQ(read("[~, null, Null, NULL, '', \"\"]"), Json({nullptr, nullptr, nullptr, nullptr, "", ""}));
  EXPECT_EQ(read("['1', \"true\", '~']"), Json({"1", "true", "~"}));
  EXPECT_EQ(read("[1.2.3, 1_000, 0b1, 1e, ., -, 0x, 2024-01-02, 12:30]"),
            Json({"1.2.3", "1_000", "0b1", "1e", ".", "-", "0x", "2024-01-02", "12:30"}));
  EXPECT_EQ(read("[9223372036854775807, -9223372036854775808]"), Json({INT64_MAX, INT64_MIN}));
  EXPECT_TRUE(read("1").is_number_integer());
}

TEST(DocumentTest, RefusesNumbersThatItCannotHold) {
  EXPECT_EQ(fault("a: 9223372036854775808"), "1:4 the integer does not fit in 64 bits");
  EXPECT_EQ(fault("a: 1e999"), "1:4 the number does not fit in 64 bits");
  EXPECT_EQ(fault("a: .inf"), "1:4 numbers must be finite");
  EXPECT_EQ(fault("a: -.NaN"), "1:4 numbers must be finite");
}

TEST(DocumentTest, KnowsWhereEveryValueAndKeyStands) {
  const auto document = Document::parse("a:\n  b: [x, {c: 'y'}]\n  d:\n  e: |\n\n    text\n", "f.yaml");
  const auto place = [&](const char* pointer) {
    return document->where(document->root(), pointer).to_string();
  };
  EXPECT_EQ(place("/a"), "f.yaml:2:3");
  EXPECT_EQ(place("/a/b/0"), "f.yaml:2:7");
  EXPECT_EQ(place("/a/b/1/c"), "f.yaml:2:14");
  EXPECT_EQ(place("/a/d"), "f.yaml:3:3") << "a value that was left out is where its key is";
  EXPECT_EQ(place("/a/e"), "f.yaml:6:5") << "a block of text is where the text starts";
  EXPECT_EQ(place("/a/b/7"), "f.yaml:2:6") << "the nearest place above";
  EXPECT_EQ(document->key_where(document->root(), "/a/b/1/c").to_string(), "f.yaml:2:11");
}

TEST(DocumentTest, CountsColumnsInCharacters) {
  const auto document = Document::parse(
      "\xEF\xBB\xBF"
      "模型: 值\n",
      "f.yaml");
  const base::Where where = document->where(document->root(), "/模型");
  EXPECT_EQ(where.to_string(), "f.yaml:1:5");
  EXPECT_EQ(where.excerpt, "模型: 值");
}

TEST(DocumentTest, PointersEscapeSlashAndTilde) {
  const auto document = Document::parse("a/b: {c~d: 1}\n", "f.yaml");
  EXPECT_EQ(document->where(document->root(), "/a~1b/c~0d").to_string(), "f.yaml:1:12");
  EXPECT_EQ(pointer_escaped("a/b~"), "a~1b~0");
}

TEST(DocumentTest, ReadsAliases) {
  EXPECT_EQ(read("a: &x {k: [1]}\nb: *x\n"), Json::parse(R"({"a": {"k": [1]}, "b": {"k": [1]}})"));
}

TEST(DocumentTest, BoundsWhatAliasesGrowTo) {
  std::string yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string alias = "*a" + std::to_string(i - 1) + ", ";
    yaml += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) yaml += alias;
    yaml += "]\n";
  }
  EXPECT_THAT(fault(yaml), ::testing::HasSubstr("holds more than 2000000 values"));
}

TEST(DocumentTest, RefusesAnAliasOfItself) {
  EXPECT_EQ(fault("x: &q [*q]"), "1:8 an alias stands inside the value that it names");
}

TEST(DocumentTest, BoundsTheDepth) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_THAT(fault(nested(10'000)), ::testing::HasSubstr("1:65 the document is nested more than 64"));
  EXPECT_THAT(fault("a: " + nested(60) + "\n"), "none");
  std::string yaml = "a0: &a0 [x]\n";
  for (int i = 1; i < 70; ++i) {
    yaml += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  }
  EXPECT_THAT(fault(yaml), ::testing::HasSubstr("nested more than 64"));
}

TEST(DocumentTest, RefusesWhatWouldBeReadDifferentlyThanItLooks) {
  EXPECT_EQ(fault("a: 1\nb: 2\na: 3\n"), "3:1 the key \"a\" is given twice");
  EXPECT_EQ(fault("a: !!str 5\n"), "1:4 YAML tags are not used in workflows");
  EXPECT_EQ(fault("<<: {a: 1}\n"), "1:1 merge keys are not used in workflows");
  EXPECT_EQ(fault("? [a]\n: b\n"), "1:3 a key must be a plain text");
  EXPECT_EQ(fault("a: 1\n---\nb: 2\n"), "2:1 a second YAML document starts here");
  EXPECT_EQ(fault("- a\nb: c\n"), "2:1 this does not continue what stands above it");
  EXPECT_EQ(fault("a: 'x\nb: 2\n"), "1:4 the quotation mark that opens here is never closed");
  EXPECT_EQ(fault("a: \"x\\\"\n"), "1:4 the quotation mark that opens here is never closed");
  EXPECT_EQ(fault(""), "1:1 the workflow is empty");
  EXPECT_EQ(fault("# only a comment\n"), "1:1 the workflow is empty");
}

TEST(DocumentTest, SaysThatATabIndents) {
  EXPECT_EQ(fault("a:\n\tb: 1\n"), "2:1 a tab is used for indentation");
  EXPECT_EQ(fault("a:\n  \tb: 1\n"), "2:3 a tab is used for indentation");
}

TEST(DocumentTest, RefusesBytesThatAreNoText) {
  for (const std::string bytes : {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE4\xB8"}) {
    EXPECT_THAT(fault("a: 1\nb: " + bytes + "\n"), ::testing::HasSubstr("2:1 the text is not UTF-8"));
  }
  EXPECT_THAT(fault("a: \x1B[31m\n"), ::testing::HasSubstr("1:1 there is a control character"));
  EXPECT_THAT(fault(std::string("a: \0\n", 5)), ::testing::HasSubstr("not a text file"));
  EXPECT_THAT(fault("a: \xC2\x9B\n"), ::testing::HasSubstr("control character"));
}

TEST(DocumentTest, SyntaxErrorsNameThePlace) {
  EXPECT_THAT(fault("a: b: c\n"), ::testing::HasSubstr("1:5 not valid YAML"));
  EXPECT_THAT(fault("a: [1, 2\n"), ::testing::HasSubstr("not valid YAML: end of sequence flow not found"));
}

TEST(DocumentTest, LongLinesAreShownInPart) {
  const auto document = Document::parse("a: 1 # " + std::string(1000, 'x') + "\n", "f.yaml");
  EXPECT_EQ(document->where(document->root(), "/a").excerpt.size(), 300 + std::string(" …").size());
}

}  // namespace
}  // namespace presswork::workflow
