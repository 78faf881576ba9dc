// A few stages as the first-party plugins describe theirs, for tests of the workflow language.
#pragma once

#include <map>

#include "orchestrator/plugins/catalogue.h"

namespace presswork::testing {

class Stages : public plugins::Catalogue {
 public:
  Stages() {
    auto& load = add("model/load", {{"path", {{"type", "string"}, {"format", "input-path"}}}}, {"path"});
    load.outputs = {{"model", {"model", ""}}};
    load.metrics = {{"parameters", {"integer", "", ""}}, {"bytes", {"integer", "B", ""}}};

    auto& text = add("data/text", {{"path", {{"type", "string"}}}}, {"path"});
    text.outputs = {{"text", {"text", ""}}};

    auto& analyze = add("analyze/model", {{"precision", {{"enum", {"fp32", "bf16"}}, {"type", "string"}}}});
    analyze.inputs = {{"model", {"model", true, ""}}, {"text", {"text", false, ""}}};
    analyze.outputs = {{"analysis", {"analysis", ""}}};
    analyze.metrics = {{"inference_memory_gb", {"number", "GB", ""}},
                       {"architecture", {"string", "", ""}},
                       {"modules", {"object", "", ""}}};

    auto& rtn = add("quantize/rtn", {{"bits", {{"type", "integer"}, {"enum", {4, 8}}}},
                                     {"group_size", {{"type", "integer"}, {"minimum", 0}}},
                                     {"symmetric", {{"type", "boolean"}}},
                                     {"ignore", {{"type", "array"}, {"items", {{"type", "string"}}}}}});
    rtn.inputs = {{"model", {"model", true, ""}}};
    rtn.outputs = {{"model", {"model", ""}}};
    rtn.metrics = {{"compression_ratio", {"number", "x", ""}}};

    auto& perplexity = add("evaluate/perplexity", {{"window", {{"type", "integer"}, {"minimum", 2}}}});
    perplexity.inputs = {{"model", {"model", true, ""}}, {"text", {"text", true, ""}}};
    perplexity.metrics = {{"perplexity", {"number", "", ""}}, {"tokens", {"integer", "", ""}}};

    auto& report = add("report/summary", {{"lang", {{"type", "string"}}}});
    report.additional_inputs = "any";
    report.outputs = {{"report", {"report", ""}}};
  }

  const plugins::StageDescription* find(const std::string& id) const override {
    const auto found = stages_.find(id);
    return found == stages_.end() ? nullptr : &found->second;
  }

  std::vector<std::string> ids() const override {
    std::vector<std::string> all;
    for (const auto& [id, stage] : stages_) all.push_back(id);
    return all;
  }

 private:
  plugins::StageDescription& add(const std::string& id, base::Json properties,
                                 base::Json required = base::Json::array()) {
    plugins::StageDescription& stage = stages_[id];
    stage.id = id;
    stage.parameters = {{"type", "object"},
                        {"properties", std::move(properties)},
                        {"required", std::move(required)},
                        {"additionalProperties", false}};
    return stage;
  }

  std::map<std::string, plugins::StageDescription> stages_;
};

}  // namespace presswork::testing
