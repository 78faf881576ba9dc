#include <algorithm>

#include "command.h"

namespace presswork::testing {
namespace {

class Usage : public Command {};

const std::vector<std::string> kVerbs = {"run",  "resume", "plan",    "validate", "graph",   "runs", "status",
                                         "logs", "report", "plugins", "doctor",   "version", "call"};

TEST_F(Usage, EveryVerbHasHelpWithAnExample) {
  for (const std::string& verb : kVerbs) {
    const Finished help = presswork({verb, "--help"});
    EXPECT_EQ(help.code, 0) << verb;
    EXPECT_NE(help.out.find("Example:\n  presswork " + verb), std::string::npos) << help.out;
    EXPECT_EQ(help.err, "") << verb;
  }
}

TEST_F(Usage, AnUnknownVerbIsAnsweredWithTheNearest) {
  const Finished finished = presswork({"valdate", "x.yaml"});
  EXPECT_EQ(finished.code, 2);
  EXPECT_NE(finished.err.find("did you mean `presswork validate`?"), std::string::npos) << finished.err;
  EXPECT_EQ(finished.out, "");
}

TEST_F(Usage, UnknownOptionsAndMissingArgumentsAreUsageErrors) {
  EXPECT_EQ(presswork({"run", "x.yaml", "--nope"}).code, 2);
  EXPECT_EQ(presswork({"run"}).code, 2);
  EXPECT_EQ(presswork({"graph", "x.yaml", "--format", "png"}).code, 2);
  EXPECT_EQ(presswork({"run", "x.yaml", "--cores", "0"}).code, 2);
  EXPECT_EQ(presswork({"call", "test/echo", "--with", "novalue"}).code, 2);
}

TEST_F(Usage, WithoutAVerbTheHelpIsShownOnStderr) {
  const Finished finished = presswork({});
  EXPECT_EQ(finished.code, 2);
  EXPECT_NE(finished.err.find("validate"), std::string::npos);
  EXPECT_EQ(finished.out, "");
}

TEST_F(Usage, ErrorsAreJsonOnStdoutWhenAskedFor) {
  const Finished finished = presswork({"run", "nowhere.yaml", "--json"});
  EXPECT_EQ(finished.code, 2);
  EXPECT_EQ(finished.json()["error"]["code"], "not_found");
  EXPECT_NE(finished.err, "") << "and text on stderr all the same";
  EXPECT_EQ(presswork({"nonsense", "--json"}).json()["error"]["code"], "usage");
}

TEST_F(Usage, VersionNamesTheStageAbi) {
  const Finished finished = presswork({"version", "--json"});
  EXPECT_EQ(finished.code, 0);
  EXPECT_EQ(finished.json()["stage_abi"], "1.0");
  EXPECT_EQ(presswork({"--version"}).out, finished.json()["version"].get<std::string>() + "\n");
}

TEST_F(Usage, LookingMakesNoWorkspace) {
  for (const char* verb : {"runs", "status", "resume", "report"}) {
    EXPECT_EQ(presswork({verb}).code, 2) << verb;
  }
  EXPECT_EQ(presswork({"doctor"}).code, 0);
  EXPECT_EQ(presswork({"plugins"}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(workspace()));
}

TEST_F(Usage, PluginsDescribesAStageInFull) {
  const Finished finished = presswork({"plugins", "test/echo"});
  EXPECT_EQ(finished.code, 0) << finished.err;
  for (const char* part :
       {"PARAMETERS", "milliseconds", "default 0", "INPUTS", "OUTPUTS", "METRICS", "resumed_steps"}) {
    EXPECT_NE(finished.out.find(part), std::string::npos) << part << " in\n" << finished.out;
  }
  EXPECT_EQ(presswork({"plugins", "test/echo", "--json"}).json()["id"], "test/echo");
  const Finished wrong = presswork({"plugins", "test/ecko"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("test/echo"), std::string::npos) << wrong.err;
}

TEST_F(Usage, DoctorFailsForPluginsThatCannotBeUsed) {
  const std::string bad = PRESSWORK_BINARY_DIR "/tests/misbehaving-plugins";
  const Finished finished = presswork({"doctor", "--plugin-path", bad, "--json"});
  EXPECT_EQ(finished.code, 1);
  const base::Json report = finished.json();
  EXPECT_FALSE(report["sound"].get<bool>());
  for (const auto& check : report["checks"]) {
    EXPECT_TRUE(check["state"] != "fail" || check["advice"] != "") << check;
  }
}

TEST_F(Usage, DoctorSaysWhatLimitsOfMemoryCanHold) {
  const auto checks = presswork({"doctor", "--json"}).list("checks");
  const auto found = std::find_if(checks.begin(), checks.end(),
                                  [](const base::Json& check) { return check["subject"] == "cgroups"; });
  ASSERT_NE(found, checks.end());
  EXPECT_NE((*found)["finding"].get<std::string>().find("--enforce-memory"), std::string::npos) << *found;
}

}  // namespace
}  // namespace presswork::testing
