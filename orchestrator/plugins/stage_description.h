// What a stage says about itself, parsed and checked against schemas/stage-description.schema.json.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "orchestrator/base/json.h"

namespace presswork::plugins {

struct InputDescription {
  std::string type;  // artifact type; "any" accepts each
  bool required = true;
  std::string description = {};
  bool many = false;  // takes all instances of a stage with a matrix, as name[0], name[1], …
};

struct OutputDescription {
  std::string type;
  std::string description;
};

struct MetricDescription {
  std::string type;  // "number", "integer", "string", "boolean", "object", "array"
  std::string unit;  // "" when it has none
  std::string description;
};

struct StageDescription {
  std::string id;  // "quantize/rtn"
  std::string title;
  std::string description;

  // JSON Schema (draft-07) of the parameters: type object, additionalProperties false.
  base::Json parameters;
  std::map<std::string, InputDescription> inputs;
  std::optional<std::string> additional_inputs;  // their artifact type, where any further name is accepted
  std::map<std::string, OutputDescription> outputs;
  std::map<std::string, MetricDescription> metrics;
  bool cacheable = true;
  bool reads_run = false;
  bool parallel = false;  // can keep as many threads busy as it is given
  bool estimates = false;  // its plan() can tell what it will take
  bool rollback = false;  // has effects outside its outputs, which its rollback() undoes

  // Where it comes from.
  std::filesystem::path plugin;  // absolute
  std::string plugin_digest;     // SHA-256 of the file: part of the cache key
  std::string plugin_name;       // "presswork-quantization"
  std::string plugin_version;

  base::Json document;  // all that the stage said, as it said it
};

// Parses what describe() wrote. Throws Error{incompatible} naming the place (JSON pointer) and the rule
// broken; fields about the plugin stay empty.
StageDescription parse_stage_description(const base::Json& document);

// The same for a document that was checked before. Throws base::Json::exception when it was not.
StageDescription read_stage_description(const base::Json& document);

}  // namespace presswork::plugins
