#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/workflow/workflow.h"

namespace presswork::workflow {
namespace {

using base::Json;

const Workflow& workflow() {
  static const Workflow parsed = parse(R"(
presswork: 1
name: job
params:
  model: {type: path, default: ../models/tiny}
  bits: {type: integer, default: 4, minimum: 2, maximum: 8}
  limit: {type: number, default: 16, exclusiveMinimum: 0}
  fast: {type: boolean, default: false}
  name: {type: string, default: x}
  sizes: {type: list, default: [32, 64]}
  must: {type: string}
stages:
  a: {uses: b/c}
)",
                                       "/work/flows/job.yaml");
  return parsed;
}

Json resolve(Json given) {
  if (!given.contains("must")) given["must"] = "y";
  return resolve_params(workflow(), given, "/home/me");
}

std::string fault(const Json& given) {
  try {
    resolve(given);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code, base::ErrorCode::invalid_input);
    return error.message + " | " + error.hint;
  }
  return "none";
}

TEST(ResolveParamsTest, TakesDefaultsFromTheWorkflow) {
  EXPECT_EQ(resolve(Json::object()),
            Json::parse(R"({"model": "/work/models/tiny", "bits": 4, "limit": 16, "fast": false, "name": "x",
                            "sizes": [32, 64], "must": "y"})"));
}

TEST(ResolveParamsTest, ReadsTextsAsTheParametersType) {
  const Json values = resolve({{"model", "llama"},
                               {"bits", "8"},
                               {"limit", "1.5e1"},
                               {"fast", "true"},
                               {"name", "7"},
                               {"sizes", "4, 8"}});
  EXPECT_EQ(values["model"], "/home/me/llama") << "given paths are relative to the current directory";
  EXPECT_EQ(values["bits"], 8);
  EXPECT_EQ(values["limit"], 15.0);
  EXPECT_EQ(values["fast"], true);
  EXPECT_EQ(values["name"], "7");
  EXPECT_EQ(values["sizes"], Json({4, 8}));
  EXPECT_EQ(resolve({{"sizes", "[\"a\", 1]"}})["sizes"], Json({"a", 1}));
  EXPECT_EQ(resolve({{"sizes", Json::array()}})["sizes"], Json::array());
}

TEST(ResolveParamsTest, RefusesUnknownNamesWithASuggestion) {
  EXPECT_EQ(fault({{"bit", 4}}), "\"job\" has no parameter \"bit\" | did you mean \"bits\"?");
}

TEST(ResolveParamsTest, RefusesMissingValues) {
  try {
    resolve_params(workflow(), nullptr, "/");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.message, "the parameter \"must\" needs a value");
    EXPECT_EQ(error.hint, "give it with -p must=…");
    EXPECT_EQ(error.where.line, 11);
  }
}

TEST(ResolveParamsTest, RefusesWrongTypesAndValues) {
  for (const Json& given :
       {Json{{"bits", "four"}}, Json{{"bits", 4.5}}, Json{{"bits", "9"}}, Json{{"limit", 0}},
        Json{{"fast", "yes"}}, Json{{"name", 5}}, Json{{"model", ""}}, Json{{"sizes", 5}}}) {
    EXPECT_THAT(fault(given), ::testing::StartsWith("the parameter \"" + given.begin().key() + "\" must"));
  }
}

TEST(ResolveParamsTest, CollectsAllFaults) {
  try {
    resolve({{"bit", 1}, {"bits", "x"}, {"limit", -1}});
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.others.size(), 2u);
  }
}

}  // namespace
}  // namespace presswork::workflow
