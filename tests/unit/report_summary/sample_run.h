// A run through the decision tree as the report sees it, with the files that its stages left: small enough
// that each figure of the report can be worked out by hand.
#pragma once

#include <filesystem>
#include <fstream>

#include "plugins/report/model.h"
#include "support/child.h"
#include "unit/report_summary/sample_facts.h"

namespace presswork::summary {

inline Json model_of(const Json& json, const Phrases& say, const std::string& title = "") {
  const RunFacts facts(json);
  const Documents documents(facts);
  const Figures figures = find_figures(facts);
  return build_model({facts, documents, figures, grade_all(figures), title}, say);
}

// Adds a file that the stage `id` wrote.
inline void leave(Json& facts, const char* id, const char* uses, const char* type, const Json& content) {
  const auto path = testing::process_folder() / (std::string(id) + ".json");
  std::ofstream(path) << content.dump();
  const std::string digest = std::string("sha256:") + id;
  Json stage = instance(id, uses, {{"required", {"memory"}}}, Json::object(),
                        {{"out", artifact(type, digest.c_str())}}, Json::object(), 1);
  facts["instances"].insert(facts["instances"].begin() + 1, stage);
  facts["evidence"]["files"][digest] = path.string();
}

inline Json sample_strategy() {
  const auto candidate = [](const char* id, double bytes, double loss, const Json& risks) {
    return Json{
        {"id", id},
        {"predicted", {{"bytes", bytes}, {"loss_percent", loss}, {"memory_gb", 2.0}, {"speedup", 2.0}}},
        {"meets_limits", true},
        {"pareto", true},
        {"risks", risks}};
  };
  return {{"presswork_strategy", 1},
          {"recommended", "small"},
          {"why", "of 2 candidates within the limits it has the best objective"},
          {"why_parts",
           {{"say", "of {0} candidates within the limits it has the best objective"}, {"with", {"2"}}}},
          {"candidates",
           {candidate("small", 1000, 5, {{{"risk", "memory runs out under load"}, {"likelihood", "high"}}}),
            candidate("beaten", 1500, 6, Json::array()), candidate("large", 3000, 1, Json::array())}}};
}

inline Json sample_analysis() {
  const auto module = [](double low, double high, const Json& bins) {
    return Json{{"minimum", low},
                {"maximum", high},
                {"kurtosis", 3},
                {"histogram", bins},
                {"errors", {{"int4", 0.1}}}};
  };
  return {{"presswork_analysis", 1},
          {"weights",
           {{"modules",
             {{"model.layers.0.mlp.up_proj", module(-1, 1, {1, 3})},
              {"model.layers.1.mlp.up_proj", module(0, 1, {5, 7})}}}}},
          {"sensitivity", {{"model", {{"int4", {{"loss_percent", 3}, {"layers", {2.0, 0.5}}}}}}}},
          {"inference_memory", {{"refined", {{"total_memory_gb", 4.0}}}}},
          {"recommendations", {{{"advice", "quantize to int8"}, {"reason", "it costs little"}}}}};
}

inline Json sample_run() {
  Json facts = sample_facts();
  leave(facts, "strategy", "strategy/plan", "strategy", sample_strategy());
  leave(facts, "analyze", "analyze/model", "analysis", sample_analysis());
  leave(facts, "hardware", "analyze/hardware", "hardware",
        {{"presswork_hardware", 1},
         {"target", "this machine"},
         {"compatibility_score", 0.75},
         {"parts", Json::array()}});
  leave(facts, "after", "check/after-compression", "checklist",
        {{"presswork_checklist", 1},
         {"items",
          {{{"id", "memory"},
            {"group", "performance"},
            {"title", "Memory is within its limit"},
            {"state", "fail"},
            {"why", "9 > 8"}},
           {{"id", "scenarios"},
            {"group", "accuracy"},
            {"title", "Your own scenarios were run"},
            {"state", "odd"},
            {"why", ""}}}}});
  Json& quantize = facts["instances"][7];
  quantize["metrics"]["layer_errors"] = {{"model.layers.0.mlp.up_proj", 0.2},
                                         {"model.layers.1.mlp.up_proj", 0.4}};
  quantize["metrics"]["rounding_errors"] = {{"model.layers.0.mlp.up_proj", 0.1}};
  quantize["metrics"]["output_errors"] = {{"model.layers.0.mlp.up_proj", 0.03}};
  quantize["metrics"]["rounding_output_errors"] = {{"model.layers.0.mlp.up_proj", 0.0625}};
  quantize["metrics"]["calibration_bundled"] = true;
  quantize["metrics"]["calibration_warnings"] = {
      {{"warning", "the calibration text repeats itself; give one that is more varied"}},
      {{"warning", "of few tokens"},
       {"warning_parts",
        {{"say",
          "the calibration set has only {0} tokens; the model may be fitted to them and get worse on "
          "others: give more text"},
         {"with", {"1024"}}}}}};
  quantize["metrics"]["layer_output_errors"] = {{"model.layers.0", 0.05}, {"model.layers.1", 0.0625}};
  quantize["metrics"]["outlier_inputs"] = {{"model.layers.0.mlp.up_proj", 2},
                                           {"model.layers.0.mlp.gate_proj", 3}};
  quantize["metrics"]["largest_inputs"] = {{"model.layers.0.mlp.up_proj", 7.5},
                                           {"model.layers.0.mlp.gate_proj", 9}};
  quantize["metrics"]["clipped_weights"] = {{"model.layers.1.mlp.up_proj", 0.015}};
  quantize["metrics"]["phase_seconds"] = {{"passes", 2.5}, {"rounding", 0.25}};
  facts["evidence"]["run"] = "r7";
  facts["evidence"]["workflow_file"] = "my flows/tree.yaml";
  facts["evidence"]["times"] = {
      {"load",
       {{"started", "2026-11-24T23:59:58.500Z"}, {"ended", "2026-11-24T23:59:59.000Z"}, {"cached", false}}},
      {"quantize",
       {{"started", "2026-11-25T00:00:01.000Z"}, {"ended", "2026-11-25T00:00:03.250Z"}, {"cached", true}}}};
  facts["decisions"] = {{{"id", "attempt[1]/B_memory"}, {"branch", "yes"}, {"inputs", {{"a", 1}}}},
                        {{"id", "attempt[1]/J_passed"}, {"branch", "no"}, {"inputs", Json::object()}},
                        {{"id", "attempt[2]/B_memory"}, {"branch", "yes"}, {"inputs", Json::object()}},
                        {{"id", "attempt[2]/J_passed"}, {"branch", "yes"}, {"inputs", Json::object()}}};
  for (const char* id : {"A_load", "attempt[1]/C_quantize", "attempt[1]/G_prune", "attempt[1]/I_test",
                         "attempt[1]/L_adjust", "attempt[2]/C_quantize", "attempt[2]/I_test", "K_production"})
    facts["instances"].push_back(
        instance(id, "a/b", Json::object(), Json::object(), Json::object(), Json::object(), 1));
  return facts;
}

}  // namespace presswork::summary
