#include "orchestrator/workflow/override.h"

#include <algorithm>

#include "orchestrator/workflow/document.h"
#include "orchestrator/workflow/param_value.h"
#include "orchestrator/workflow/position.h"

namespace presswork::workflow {

using base::Error;
using base::ErrorCode;
using base::Json;

namespace {

constexpr const char* set_option = "--set ";
constexpr const char* example = "like --set quantize.with.bits=4";

struct Target {
  std::string node;
  std::vector<std::string> keys;
};

Target parse_path(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t dot = std::min(path.find('.', at), path.size());
    parts.push_back(path.substr(at, dot - at));
    at = dot + 1;
  }
  bool whole = parts.size() >= 3 && parts[1] == "with";
  for (const std::string& part : parts) whole = whole && !part.empty();
  if (!whole)
    throw Error(ErrorCode::usage, "--set needs STAGE.with.KEY=VALUE, not \"" + path + "\"", example);
  return {parts.front(), {parts.begin() + 2, parts.end()}};
}

Node* find_stage(Scope& scope, const std::string& id, std::vector<std::string>& known) {
  for (Node& node : scope.nodes) {
    if (node.stage() != nullptr) {
      if (node.id == id) return &node;
      known.push_back(node.id);
    } else if (node.loop() != nullptr) {
      Node* found = find_stage(*node.loop()->body, id, known);
      if (found != nullptr) return found;
    }
  }
  return nullptr;
}

Json value_of(const std::string& text, const Target& target, const plugins::StageDescription* stage) {
  if (text.find("${{") != std::string::npos) return text;
  Json schema;
  if (stage != nullptr && target.keys.size() == 1 && stage->parameters.is_object()) {
    const Json properties = stage->parameters.value("properties", Json::object());
    schema = properties.value(target.keys.front(), Json());
  }
  return read_value(schema, text);
}

// What stands at the pointer, and whatever was not there before, is of the command line and not of the
// document.
void replace(Node& node, const Json& with, const std::string& pointer, const base::Where& given) {
  Template& all = std::get<Stage>(node.work).with;
  all = Template::parse(with, [=, before = all, where = node.where](const std::string& at) {
    const bool is_given = (at + "/").starts_with(pointer + "/");
    if (is_given || !before.source().contains(Json::json_pointer(at))) return given;
    return before.source().is_null() ? where : before.where(at);
  });
}

}  // namespace

void apply(const Overrides& overrides, Workflow& workflow, const plugins::Catalogue& catalogue) {
  for (const auto& [path, text] : overrides) {
    const Target target = parse_path(path);
    std::vector<std::string> known;
    Node* node = find_stage(workflow, target.node, known);
    if (node == nullptr) {
      throw Error(ErrorCode::usage, "--set " + path + ": the workflow has no stage " + target.node,
                  suggest(target.node, known));
    }
    const Stage& stage = *node->stage();
    Json with = stage.with.source();
    Json* place = &with;
    std::string pointer;
    for (const std::string& key : target.keys) {
      if (place->is_null()) *place = Json::object();
      if (!place->is_object()) {
        throw Error(ErrorCode::usage, "--set " + path + ": what " + key + " would stand in is no object",
                    example);
      }
      place = &(*place)[key];
      pointer += "/" + pointer_escaped(key);
    }
    *place = value_of(text, target, catalogue.find(stage.uses));
    replace(*node, with, pointer, {set_option + path + "=" + text, 0, 0, ""});
  }
}

void blame_overrides(base::Error& error) {
  const auto blame = [](base::Error& one) {
    if (!one.where.file.starts_with(set_option)) return;
    one.code = ErrorCode::usage;
    one.message = one.where.file + ": " + one.message;
    one.where = {};
  };
  blame(error);
  std::for_each(error.others.begin(), error.others.end(), blame);
}

}  // namespace presswork::workflow
