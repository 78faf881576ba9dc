#include <CLI/CLI.hpp>
#include <memory>

#include "orchestrator/base/error.h"
#include "orchestrator/cli/calling.h"
#include "orchestrator/cli/exit_code.h"
#include "orchestrator/cli/params.h"
#include "orchestrator/cli/scratch_folder.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/summary.h"
#include "orchestrator/report/table.h"
#include "orchestrator/report/text.h"
#include "orchestrator/workflow/param_value.h"

namespace presswork::cli {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

struct CallOptions {
  std::string stage;
  std::vector<std::string> with, inputs;
  std::string with_json, out;
  std::uint64_t seed = 0;
  LimitOptions limits;
};

Json parameters_of(const plugins::StageDescription& stage, const CallOptions& options) {
  Json with = options.with_json.empty() ? Json::object() : read_object(options.with_json);
  const Json properties =
      stage.parameters.is_object() ? stage.parameters.value("properties", Json::object()) : Json();
  for (const std::string& assignment : options.with) {
    const auto [name, value] = split_assignment(assignment, "--with");
    const auto it = properties.is_object() ? properties.find(name) : properties.end();
    with[name] = workflow::read_value(it == properties.end() ? Json() : *it, value);
  }
  return with;
}

engine::CallRequest request_of(Session& session, const plugins::StageDescription& stage,
                               const CallOptions& options) {
  engine::CallRequest request;
  request.with = parameters_of(stage, options);
  for (const std::string& assignment : options.inputs) {
    const auto [name, path] = split_assignment(assignment, "--input");
    if (!request.inputs.emplace(name, path).second) {
      throw Error(ErrorCode::usage, "the input " + name + " is given twice");
    }
  }
  request.seed = options.seed;
  request.cores = session.limits(options.limits).cores;
  return request;
}

Json result_json(const engine::CallResult& result) {
  Json json = {{"status", executor::to_string(result.outcome.ending)},
               {"metrics", Json::object()},
               {"outputs", Json::object()},
               {"seconds", result.outcome.seconds},
               {"peak_memory_bytes", result.outcome.peak_memory_bytes}};
  for (const auto& [name, value] : result.outcome.metrics) json["metrics"][name] = value;
  for (const auto& [name, path] : result.outputs) json["outputs"][name] = path.string();
  if (result.outcome.ending != executor::Ending::succeeded) {
    json["error"] = {{"code", result.outcome.code},
                     {"message", result.outcome.message},
                     {"where", result.outcome.where},
                     {"hint", result.outcome.hint}};
  }
  return json;
}

std::string result_text(const plugins::StageDescription& stage, const engine::CallResult& result) {
  report::Table table({{""}, {""}});
  for (const auto& [name, value] : result.outcome.metrics) {
    const auto metric = stage.metrics.find(name);
    const std::string unit = metric == stage.metrics.end() ? "" : metric->second.unit;
    table.add({report::one_line(name), report::truncate(report::format_metric(value, unit), 100)});
  }
  for (const auto& [name, path] : result.outputs) table.add({report::one_line(name), path.string()});
  return table.text();
}

int call_verb_work(Session& session, const CallOptions& options) {
  const plugins::StageDescription& stage = session.stage(options.stage);
  engine::CallRequest request = request_of(session, stage, options);
  // A stage without outputs needs no folder that lasts.
  ScratchFolder folder;
  request.out = options.out.empty() ? folder.path() : fs::path(options.out);
  const Called called = call(session, stage, request);
  if (options.out.empty() && !called.result.outputs.empty()) folder.keep();
  if (called.code != kOk) complain(session, stage, called.result);
  if (session.options().json) {
    session.output().json(result_json(called.result));
  } else {
    session.output().text(result_text(stage, called.result));
  }
  return called.code;
}

// A caller that reads JSON finds the same three fields whatever went wrong.
int call_or_explain(Session& session, const CallOptions& options) {
  try {
    return call_verb_work(session, options);
  } catch (const Error& error) {
    if (!session.options().json) throw;
    session.screen().print(report::printable(base::render(error)));
    Json json = error_json(error);
    json.update({{"status", "failed"}, {"metrics", Json::object()}, {"outputs", Json::object()}});
    session.output().json(json);
    return exit_code(error.code);
  }
}

}  // namespace

Verb call_verb() {
  return {
      "call", "Run one stage without a workflow",
      "Runs STAGE with the parameters and inputs given, and prints its metrics and outputs. Nothing is "
      "recorded. "
      "Outputs go to DIR, or to a new folder below /tmp.",
      "  presswork call quantize/rtn --input model=examples/models/tiny-llama --with bits=4 --with "
      "group_size=32 "
      "--out /tmp/int4 --json",
      [](CLI::App& app) -> std::function<int(Session&)> {
        auto options = std::make_shared<CallOptions>();
        const auto take_all = CLI::MultiOptionPolicy::TakeAll;
        app.add_option("STAGE", options->stage, "The stage, like quantize/rtn")->required()->type_name("");
        app.add_option("--with", options->with, "A parameter (may be repeated)")
            ->type_name("NAME=VALUE")
            ->expected(1)
            ->multi_option_policy(take_all);
        app.add_option("--with-json", options->with_json, "Parameters from a JSON file, - for standard input")
            ->type_name("FILE");
        app.add_option("--input", options->inputs, "An input (may be repeated)")
            ->type_name("NAME=PATH")
            ->expected(1)
            ->multi_option_policy(take_all);
        app.add_option("--out", options->out, "Folder for the outputs; made when missing")->type_name("DIR");
        app.add_option("--seed", options->seed, "Seed of the stage's random numbers (default: 0)")
            ->type_name("N");
        add_limits(app, options->limits);
        return [options](Session& session) { return call_or_explain(session, *options); };
      }};
}

}  // namespace presswork::cli
