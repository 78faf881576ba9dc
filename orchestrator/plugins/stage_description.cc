#include "orchestrator/plugins/stage_description.h"

#include <algorithm>

#include "orchestrator/base/error.h"
#include "orchestrator/base/json_schema.h"
#include "orchestrator/plugins/schema_text.h"

namespace presswork::plugins {

using base::Json;

namespace {

const Json& schema() {
  static const Json parsed = Json::parse(stage_description_schema_text());
  return parsed;
}

const Json& part(const Json& document, const char* key) {
  static const Json none = Json::object();
  const auto found = document.find(key);
  return found == document.end() ? none : *found;
}

[[noreturn]] void refuse(const Json& document, const std::string& pointer, const std::string& message) {
  std::string stage = "a stage";
  if (document.is_object() && document.contains("id") && document["id"].is_string()) {
    stage = "stage \"" + document["id"].get<std::string>() + "\"";
  }
  throw base::Error(
      base::ErrorCode::incompatible,
      "the description of " + stage + (pointer.empty() ? "" : " at " + pointer) + ": " + message,
      "correct the plugin's describe(); schemas/stage-description.schema.json says what is expected");
}

void check_against_schema(const Json& document) {
  const auto errors = base::validate(schema(), document);
  if (!errors.empty()) refuse(document, errors.front().pointer, errors.front().message);
}

// What JSON Schema cannot say of a stage's own schema: it can be used, and whoever gives only the required
// parameters gets valid ones.
void check_parameters(const Json& document) {
  const Json& parameters = document.at("parameters");
  const std::string defect = base::schema_defect(parameters);
  if (!defect.empty()) refuse(document, "/parameters", "is no usable JSON Schema: " + defect);
  const Json required = parameters.value("required", Json::array());
  for (const auto& [name, property] : parameters.at("properties").items()) {
    const std::string pointer = "/parameters/properties/" + name;
    const bool must_be_given = std::find(required.begin(), required.end(), name) != required.end();
    const auto fallback = property.find("default");
    if (fallback == property.end()) {
      if (must_be_given) continue;
      refuse(document, pointer, "has no default and is not listed under required");
    }
    const auto errors = base::validate(property, *fallback);
    if (!errors.empty()) refuse(document, pointer + "/default", errors.front().message);
  }
}

}  // namespace

StageDescription read_stage_description(const Json& document) {
  StageDescription stage;
  stage.id = document.at("id");
  stage.title = document.at("title");
  stage.description = document.at("description");
  stage.parameters = document.at("parameters");
  for (const auto& [name, input] : part(document, "inputs").items()) {
    stage.inputs[name] = {input.at("type"), input.value("required", true), input.at("description"),
                          input.value("many", false)};
  }
  if (const auto more = document.find("additional_inputs"); more != document.end()) {
    stage.additional_inputs = more->at("type").get<std::string>();
  }
  for (const auto& [name, output] : part(document, "outputs").items()) {
    stage.outputs[name] = {output.at("type"), output.at("description")};
  }
  for (const auto& [name, metric] : part(document, "metrics").items()) {
    stage.metrics[name] = {metric.at("type"), metric.value("unit", ""), metric.at("description")};
  }
  stage.cacheable = document.value("cacheable", true);
  stage.reads_run = document.value("reads_run", false);
  stage.estimates = document.value("estimates", false);
  stage.parallel = document.value("parallel", false);
  stage.rollback = document.value("rollback", false);
  stage.document = document;
  return stage;
}

StageDescription parse_stage_description(const Json& document) {
  check_against_schema(document);
  check_parameters(document);
  if (document.contains("outputs") && document["outputs"].contains("metrics")) {
    refuse(document, "/outputs/metrics", "every stage has this output already; choose another name");
  }
  return read_stage_description(document);
}

}  // namespace presswork::plugins
