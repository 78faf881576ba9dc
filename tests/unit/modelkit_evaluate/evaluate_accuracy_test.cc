#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "golden.h"
#include "plugins/evaluation/accuracy.cc"  // the stage is nowhere else
#include "presswork/testing.hpp"

namespace presswork {
namespace {

using Runner = testing::StageRunner<EvaluateAccuracy>;
using ::testing::HasSubstr;

const auto kQuestions = kSource / "tests/data/golden/questions.jsonl";

// A file of questions for as long as it lives.
class File {
 public:
  explicit File(const std::string& content)
      : path_(std::filesystem::temp_directory_path() /
              ("presswork-questions-" + std::to_string(::getpid()) + ".jsonl")) {
    std::ofstream(path_) << content;
  }
  ~File() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(AccuracyStage, GivesTheEvaluationHarnesssNumbers) {
  Runner runner;
  const auto result =
      runner.input("model", kModel).parameter("questions", kQuestions.string()).threads(2).run();
  ASSERT_TRUE(result.ok()) << result.message;
  const auto expected = nlohmann::json::parse(std::ifstream(kSource / "tests/data/golden/accuracy.json"));
  for (const char* name : {"accuracy", "accuracy_stderr", "accuracy_norm", "accuracy_norm_stderr"}) {
    EXPECT_NEAR(result.metrics.at(name).get<double>(), expected[name].get<double>(), 1e-9) << name;
  }
  EXPECT_EQ(result.metrics.at("questions"), 8);
  std::ifstream answers(result.outputs.at("answers"));
  std::size_t question = 0;
  for (std::string line; std::getline(answers, line); ++question) {
    const auto got = Json::parse(line).at("log_likelihoods").get<std::vector<double>>();
    const auto wanted = expected["log_likelihoods"].at(question).get<std::vector<double>>();
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_NEAR(got[i], wanted[i], 1e-4) << "question " << question << ", choice " << i;
    }
  }
  EXPECT_EQ(question, 8U);
}

TEST(AccuracyStage, AsksOnlyAsManyQuestionsAsAreWanted) {
  Runner runner;
  const auto result =
      runner.input("model", kModel).parameter("questions", kQuestions.string()).parameter("limit", 3).run();
  ASSERT_TRUE(result.ok()) << result.message;
  EXPECT_EQ(result.metrics.at("questions"), 3);
  EXPECT_NEAR(result.metrics.at("chance").get<double>(), (1.0 / 3 + 1.0 / 3 + 1.0 / 2) / 3, 1e-12);
}

TEST(AccuracyStage, GivesTheSameNumbersWhenStatesWaitInAFile) {
  const auto answers = [](std::uint64_t memory) {
    Runner runner;
    const auto result =
        runner.input("model", kModel).parameter("questions", kQuestions.string()).memory(memory).run();
    EXPECT_TRUE(result.ok()) << result.message;
    std::ifstream file(result.outputs.at("answers"));
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_EQ(answers(1 << 16), answers(0));
}

TEST(AccuracyStage, SaysWhichLineIsNoQuestion) {
  const auto run = [](const std::string& line) {
    const File file("{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": 1}\n\n" + line + "\n");
    Runner runner;
    return runner.input("model", kModel).parameter("questions", file.path()).run();
  };
  for (const auto& [line, message] : std::initializer_list<std::pair<const char*, const char*>>{
           {"{", "not valid JSON"},
           {"[]", "not a JSON object"},
           {R"({"choices": ["b", "c"], "answer": 0})", "context"},
           {R"({"context": "a", "choices": ["b"], "answer": 0})", "at least two"},
           {R"({"context": "a", "choices": ["b", ""], "answer": 0})", "empty"},
           {R"({"context": "a", "choices": ["b", "c"], "answer": 2})", "index"},
           {R"({"context": "a", "choices": ["b", "c"], "answer": -1})", "index"}}) {
    const auto result = run(line);
    EXPECT_EQ(result.code, "invalid_input") << line;
    EXPECT_THAT(result.message, HasSubstr(message));
    EXPECT_THAT(result.where, HasSubstr(".jsonl:3"));
  }
}

TEST(AccuracyStage, RefusesAFileWithoutQuestions) {
  const File file("\n");
  Runner runner;
  EXPECT_EQ(runner.input("model", kModel).parameter("questions", file.path()).run().code, "invalid_input");
}

}  // namespace
}  // namespace presswork
