#include "command.h"

namespace presswork::testing {
namespace {

class Call : public Command {};

TEST_F(Call, PrintsStatusMetricsAndOutputs) {
  const Finished finished = presswork({"call", "test/echo", "--with", "file=in", "--with", "value=4",
                                       "--with", "fail=", "--out", "result", "--json"});
  EXPECT_EQ(finished.code, 0) << finished.err;
  const base::Json json = finished.json();
  EXPECT_EQ(json["status"], "succeeded");
  EXPECT_EQ(json["metrics"]["value"], 4);
  EXPECT_EQ(json["outputs"]["text"],
            (std::filesystem::canonical(folder.path()) / "result/text.json").string());
  EXPECT_FALSE(json.contains("error"));
  EXPECT_FALSE(std::filesystem::exists(workspace())) << "nothing is recorded";
}

TEST_F(Call, ReadsParametersFromAFileAndFromStandardInput) {
  file("with.json", "{\"value\": 5}");
  EXPECT_EQ(presswork({"call", "test/echo", "--with", "file=in", "--with-json", "with.json", "--json"})
                .json()["metrics"]["value"],
            5);
  EXPECT_EQ(
      presswork({"call", "test/echo", "--with", "file=in", "--with-json", "-", "--json"}, "{\"value\": 6}")
          .json()["metrics"]["value"],
      6);
  EXPECT_EQ(
      presswork({"call", "test/echo", "--with", "file=in", "--with-json", "-", "--with", "value=7", "--json"},
                "{\"value\": 6}")
          .json()["metrics"]["value"],
      7);
}

TEST_F(Call, GivesInputsToTheStage) {
  file("text.txt", "hello\n");
  const Finished finished = presswork(
      {"call", "test/echo", "--with", "file=in", "--input", "model=text.txt", "--out", "result", "--json"});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_TRUE(base::Json::parse(slurp(folder.path() / "result/text.json"))["inputs"].contains("model"));
}

TEST_F(Call, SaysWhyAStageFailed) {
  const Finished finished =
      presswork({"call", "test/echo", "--with", "file=in", "--with", "fail=broken", "--json"});
  EXPECT_EQ(finished.code, 1);
  const base::Json json = finished.json();
  EXPECT_EQ(json["status"], "failed");
  EXPECT_EQ(json["error"]["code"], "broken");
  EXPECT_EQ(json["error"]["where"], "/fail");
  EXPECT_EQ(json["error"]["hint"], "tell it otherwise");
  EXPECT_NE(finished.err.find("told to fail"), std::string::npos) << finished.err;
}

TEST_F(Call, RefusesParametersThatTheStageDoesNotHave) {
  const Finished finished =
      presswork({"call", "test/echo", "--with", "file=in", "--with", "vale=4", "--json"});
  EXPECT_EQ(finished.code, 2);
  EXPECT_EQ(finished.json()["status"], "failed");
  EXPECT_EQ(finished.json()["error"]["code"], "invalid_input");
  EXPECT_EQ(presswork({"call", "test/echo", "--with", "file=in", "--with", "steps=many"}).code, 2);
  EXPECT_EQ(presswork({"call", "test/echo", "--with", "file=in", "--input", "model=nowhere"}).code, 2);
  EXPECT_EQ(presswork({"call", "test/nothing"}).code, 2);
}

TEST_F(Call, ShowsACrashAsThatStagesFailure) {
  const Finished finished =
      presswork({"call", "test/echo", "--with", "file=in", "--with", "fail_times=1", "--json"});
  EXPECT_EQ(finished.code, 1);
  EXPECT_EQ(finished.json()["status"], "crashed");
}

}  // namespace
}  // namespace presswork::testing
