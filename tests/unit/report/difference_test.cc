#include "orchestrator/report/difference.h"

#include <gtest/gtest.h>

namespace presswork::report {
namespace {

using base::Json;

RunRecord::Entry entry(const std::string& id, const std::string& state, const std::string& key, Json with,
                       const std::string& input, const std::string& output, Json metrics) {
  RunRecord::Entry entry;
  entry.row.id = id;
  entry.row.uses = "quantize/rtn";
  entry.row.state = state;
  entry.row.key = key;
  entry.row.with = std::move(with);
  entry.row.inputs = {{"model", {{"instance", "load"}, {"digest", input}}}};
  store::CheckpointRow checkpoint;
  checkpoint.outputs["model"] = {"model", output};
  checkpoint.metrics = std::move(metrics);
  entry.checkpoint = checkpoint;
  return entry;
}

RunRecord record(const std::string& id) {
  RunRecord record;
  record.run.id = id;
  record.run.workflow = "demo";
  record.run.state = "succeeded";
  record.run.plan = {{"text", "presswork: 1"}, {"params", {{"bits", 4}, {"path", "/m"}}}};
  record.entries = {
      entry("quantize", "succeeded", "k1", {{"bits", 4}}, "d1", "o1", {{"loss", 20.0}, {"n", 7}})};
  return record;
}

TEST(Difference, FindsNoneBetweenARunAndItsCachedRepetition) {
  RunRecord a = record("r1"), b = record("r2");
  b.entries[0].row.state = "cached";
  const Difference difference = compare(a, b);
  EXPECT_FALSE(difference.any());
  EXPECT_EQ(to_text(difference, {}),
            "a  r1 of demo succeeded\nb  r2 of demo succeeded\n\nno difference in 1 instances\n");
}

TEST(Difference, NamesThePartsOfTheKeyTheResultsAndTheChangeOfMetrics) {
  RunRecord a = record("r1"), b = record("r2");
  b.run.plan["params"]["bits"] = 3;
  b.entries[0] = entry("quantize", "succeeded", "k2", {{"bits", 3}}, "d2", "o2", {{"loss", 25.0}, {"n", 7}});
  const Difference difference = compare(a, b);
  EXPECT_EQ(to_text(difference, {}),
            "a  r1 of demo succeeded\n"
            "b  r2 of demo succeeded\n"
            "\n"
            "PARAMETER  A  B\n"
            "bits       4  3\n"
            "\n"
            "quantize\n"
            "  with    bits   4   3\n"
            "  input   model  d1  d2\n"
            "  output  model  o1  o2\n"
            "  metric  loss   20  25  +25.0 %\n");
  const Json json = to_json(difference);
  EXPECT_TRUE(json["differ"].get<bool>());
  EXPECT_EQ(json["instances"][0]["key"]["with"][0]["b"], 3);
  EXPECT_EQ(json["instances"][0]["metrics"][0]["change_percent"], 25);
}

TEST(Difference, SaysThatTheRestOfTheKeyDiffersWhenParametersAndInputsDoNot) {
  RunRecord a = record("r1"), b = record("r2");
  b.entries[0].row.key = "k2";
  const Difference difference = compare(a, b);
  ASSERT_EQ(difference.instances.size(), 1u);
  EXPECT_TRUE(difference.instances[0].other_key);
  EXPECT_NE(to_text(difference, {}).find("plugin, seed, salt, facts or device"), std::string::npos);
}

TEST(Difference, SeesBranchesStatesAndWhatOnlyOneRunHas) {
  RunRecord a = record("r1"), b = record("r2");
  for (RunRecord* one : {&a, &b}) {
    RunRecord::Entry decision;
    decision.row.id = "limit";
    decision.row.state = "succeeded";
    one->entries.push_back(decision);
  }
  a.branches["limit"] = "yes";
  b.branches["limit"] = "no";
  b.entries[0].row.state = "failed";
  b.entries[0].checkpoint.reset();
  b.entries.push_back(entry("prune", "succeeded", "k9", {}, "d", "o", {}));
  b.run.plan["text"] = "presswork: 1 # changed";
  const Difference difference = compare(a, b);
  const std::string text = to_text(difference, {});
  EXPECT_NE(text.find("the workflows differ"), std::string::npos) << text;
  EXPECT_NE(text.find("succeeded → yes"), std::string::npos) << text;
  EXPECT_NE(text.find("prune  only in r2, succeeded"), std::string::npos) << text;
  EXPECT_NE(text.find("failed"), std::string::npos) << text;
  EXPECT_TRUE(to_json(difference)["instances"][2]["a"].is_null());
}

}  // namespace
}  // namespace presswork::report
