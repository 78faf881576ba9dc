#include <CLI/CLI.hpp>
#include <memory>

#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/help.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/table.h"
#include "orchestrator/report/text.h"

namespace presswork::cli {

namespace {

using base::Json;
using plugins::StageDescription;

std::string type_of(const Json& schema) {
  if (schema.contains("enum") && schema["enum"].is_array()) {
    std::string text;
    for (const Json& choice : schema["enum"]) text += (text.empty() ? "" : ", ") + choice.dump();
    return text;
  }
  const Json type = schema.value("type", Json("any"));
  std::string text;
  if (type.is_string()) {
    text = type.get<std::string>();
  } else if (type.is_array()) {
    for (const Json& one : type) text += (text.empty() ? "" : " or ") + one.get<std::string>();
  }
  const auto bound = [&](const char* keyword, const char* sign) {
    if (schema.contains(keyword)) text += std::string(" ") + sign + " " + schema[keyword].dump();
  };
  bound("minimum", ">=");
  bound("exclusiveMinimum", ">");
  bound("maximum", "<=");
  bound("exclusiveMaximum", "<");
  return text;
}

void add_section(std::string& text, const report::Style& style, const char* title,
                 const report::Table& table) {
  if (!table.empty()) text += "\n" + style.bold(title) + "\n" + table.text(2);
}

report::Table parameter_table(const StageDescription& stage) {
  report::Table table({{""}, {""}, {""}, {""}});
  const Json required = stage.parameters.value("required", Json::array());
  const Json properties = stage.parameters.value("properties", Json::object());
  for (const auto& [name, schema] : properties.items()) {
    const bool needed = std::find(required.begin(), required.end(), Json(name)) != required.end();
    std::string fallback = needed ? "required" : "";
    if (schema.contains("default")) fallback = "default " + schema["default"].dump();
    table.add({report::one_line(name), report::one_line(type_of(schema)), report::one_line(fallback),
               report::one_line(schema.value("description", ""))});
  }
  return table;
}

std::string full_text(const StageDescription& stage, const report::Style& style) {
  std::string text = style.bold(stage.id) + "  " + report::one_line(stage.title) + "\n";
  if (!stage.description.empty()) text += "\n" + wrap(report::printable(stage.description), 96);
  add_section(text, style, "PARAMETERS", parameter_table(stage));
  report::Table inputs({{""}, {""}, {""}, {""}});
  for (const auto& [name, input] : stage.inputs) {
    inputs.add(
        {name, input.type, input.required ? "required" : "optional", report::one_line(input.description)});
  }
  if (stage.additional_inputs)
    inputs.add({"…", *stage.additional_inputs, "optional", "further inputs of any name"});
  add_section(text, style, "INPUTS", inputs);
  report::Table outputs({{""}, {""}, {""}});
  for (const auto& [name, output] : stage.outputs) {
    outputs.add({name, output.type, report::one_line(output.description)});
  }
  add_section(text, style, "OUTPUTS", outputs);
  report::Table metrics({{""}, {""}, {""}, {""}});
  for (const auto& [name, metric] : stage.metrics) {
    metrics.add({name, metric.type, metric.unit, report::one_line(metric.description)});
  }
  add_section(text, style, "METRICS", metrics);
  text += "\nfrom " + stage.plugin_name + " " + stage.plugin_version + ", " + stage.plugin.string() + "\n";
  if (!stage.cacheable) text += "runs each time: its results are not reused\n";
  return text;
}

Json stage_json(const StageDescription& stage) {
  Json json = stage.document;
  json["plugin"] = {{"name", stage.plugin_name},
                    {"version", stage.plugin_version},
                    {"path", stage.plugin.string()},
                    {"digest", stage.plugin_digest}};
  return json;
}

Json problem_json(const plugins::PluginProblem& problem) {
  return {{"plugin", problem.plugin.string()},
          {"code", problem.code},
          {"message", problem.message},
          {"hint", problem.hint}};
}

int list(Session& session) {
  const plugins::Catalogue& catalogue = session.catalogue();
  if (session.options().json) {
    Json json = {{"stages", Json::array()}, {"problems", Json::array()}};
    for (const std::string& id : catalogue.ids()) json["stages"].push_back(stage_json(*catalogue.find(id)));
    for (const auto& problem : session.discovery().problems)
      json["problems"].push_back(problem_json(problem));
    session.output().json(json);
    return kOk;
  }
  const report::Style& style = session.output().style();
  report::Table table({{style.bold("STAGE")}, {style.bold("WHAT")}, {style.bold("PLUGIN")}});
  for (const std::string& id : catalogue.ids()) {
    const StageDescription& stage = *catalogue.find(id);
    table.add({id, report::truncate(report::one_line(stage.title), 60),
               stage.plugin_name + " " + stage.plugin_version});
  }
  if (table.empty()) {
    session.screen().print("no plugins were found; --plugin-path DIR names a folder of them");
  } else {
    session.output().text(table.text());
  }
  return kOk;
}

int describe(Session& session, const std::string& id) {
  const StageDescription& stage = session.stage(id);
  if (session.options().json) {
    session.output().json(stage_json(stage));
  } else {
    session.output().text(full_text(stage, session.output().style()));
  }
  return kOk;
}

}  // namespace

Verb plugins_verb() {
  return {
      "plugins", "List the stages that plugins offer",
      "Lists the stages that the plugins offer, or describes STAGE in full: its parameters with types and "
      "defaults, inputs, outputs and metrics.",
      "  presswork plugins quantize/rtn", [](CLI::App& app) -> std::function<int(Session&)> {
        auto stage = std::make_shared<std::string>();
        app.add_option("STAGE", *stage, "The stage, like quantize/rtn")->type_name("");
        return
            [stage](Session& session) { return stage->empty() ? list(session) : describe(session, *stage); };
      }};
}

}  // namespace presswork::cli
