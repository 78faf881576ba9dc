#include <sys/stat.h>

#include <algorithm>

#include "orchestrator/base/file_system.h"
#include "orchestrator/base/json_schema.h"
#include "orchestrator/engine/instance.h"
#include "orchestrator/engine/run.h"

namespace presswork::engine {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;

namespace {

Json bind_call(const plugins::StageDescription& stage, const Json& given) {
  Json with = base::fill_defaults(stage.parameters, given.is_null() ? Json::object() : given);
  std::optional<Error> first;
  for (const base::SchemaError& wrong : base::validate(stage.parameters, with)) {
    std::string hint = "see `presswork plugins " + stage.id + "`";
    if (!wrong.key.empty()) {
      const std::string near = base::nearest(wrong.key, wrong.allowed);
      if (!near.empty()) hint = "did you mean " + near + "? " + hint;
    }
    std::string message = stage.id + ": " + wrong.pointer + " " + wrong.message;
    if (wrong.kind == "required") {
      message = stage.id + " needs the parameter " + wrong.key;
      hint = "give it with --with " + wrong.key + "=VALUE";
    } else if (wrong.kind == "additionalProperties") {
      message = stage.id + " has no parameter " + wrong.key;
    }
    Error error(ErrorCode::invalid_input, message, hint);
    if (first) {
      first->others.push_back(std::move(error));
    } else {
      first = std::move(error);
    }
  }
  if (first) throw *first;
  for (const std::string& name : input_path_parameters(stage, with)) {
    with[name] = fs::absolute(with[name].get<std::string>()).lexically_normal().string();
  }
  return with;
}

// All at once: a misspelt name is most often the one that is missing.
void refuse_wrong_names(const plugins::StageDescription& stage,
                        const std::map<std::string, fs::path>& inputs) {
  std::vector<Error> wrong;
  std::vector<std::string> known, missing;
  for (const auto& [name, described] : stage.inputs) {
    known.push_back(name);
    if (described.required && !inputs.contains(name)) missing.push_back(name);
  }
  for (const auto& [name, path] : inputs) {
    if (stage.additional_inputs || stage.inputs.contains(name)) continue;
    const std::string near = base::nearest(name, known);
    wrong.emplace_back(
        ErrorCode::invalid_input, stage.id + " has no input " + name,
        near.empty() ? "see `presswork plugins " + stage.id + "`" : "did you mean " + near + "?");
  }
  for (const std::string& name : missing) {
    wrong.emplace_back(ErrorCode::invalid_input,
                       stage.id + " needs the input " + name + " (" + stage.inputs.at(name).type + ")",
                       "give it with --input " + name + "=PATH");
  }
  if (wrong.empty()) return;
  Error first = wrong.front();
  first.others.assign(wrong.begin() + 1, wrong.end());
  throw first;
}

std::map<std::string, executor::InputFile> bind_files(const plugins::StageDescription& stage,
                                                      const std::map<std::string, fs::path>& inputs) {
  refuse_wrong_names(stage, inputs);
  std::map<std::string, executor::InputFile> files;
  for (const auto& [name, path] : inputs) {
    const auto described = stage.inputs.find(name);
    std::error_code failed;
    const fs::path real = fs::canonical(path, failed);
    if (failed) throw base::system_error("open the input", path.string(), failed.value());
    files[name] = {real.string(),
                   described == stage.inputs.end() ? *stage.additional_inputs : described->second.type, "",
                   "", ""};
  }
  return files;
}

Event to_event(const executor::HostEvent& news, const std::string& stage, base::Clock& clock) {
  using Kind = executor::HostEvent::Kind;
  switch (news.kind) {
    case Kind::started:
      return {clock.now(), "stage_started", stage, {{"uses", stage}, {"pid", news.pid}}};
    case Kind::log:
      return {clock.now(), "stage_log", stage, {{"level", news.level}, {"text", news.text}}};
    case Kind::progress:
      return {clock.now(),
              "stage_progress",
              stage,
              {{"done", news.done}, {"total", news.total}, {"what", news.what}}};
    case Kind::metric:
      break;
  }
  return {clock.now(), "stage_metric", stage, {{"name", news.name}, {"value", news.value}}};
}

executor::Outcome wait_for(executor::Executor& executor, const std::string& stage, Observer& observer,
                           base::Clock& clock, const StopRequest& stop, std::uint64_t token) {
  int heeded = 0;
  for (;;) {
    const int wanted = std::min(stop.load(), 2);
    if (wanted > heeded) wanted == 1 ? executor.cancel(token) : executor.kill(token);
    heeded = std::max(heeded, wanted);
    for (auto& news : executor.poll(std::chrono::milliseconds(100))) {
      if (auto* outcome = std::get_if<executor::Outcome>(&news)) return std::move(*outcome);
      observer.on_event(to_event(std::get<executor::HostEvent>(news), stage, clock));
    }
    observer.on_tick();
  }
}

// Before the stage has worked for hours, not after.
void refuse_existing(const plugins::StageDescription& stage, const fs::path& out) {
  for (const std::string& name : base::real_file_system().list(out)) {
    if (!stage.outputs.contains(fs::path(name).stem().string())) continue;
    throw Error(ErrorCode::invalid_input, (out / name).string() + " exists already",
                "give another folder with --out");
  }
}

// Moves what the stage wrote from its work folder to out/<name>, keeping a file's extension.
std::map<std::string, fs::path> deliver(const executor::Outcome& outcome, const fs::path& out) {
  base::FileSystem& files = base::real_file_system();
  std::map<std::string, fs::path> delivered;
  for (const executor::DeclaredOutput& output : outcome.outputs) {
    if (output.reference) {
      delivered[output.name] = output.path;
      continue;
    }
    const fs::path target = out / (output.name + output.path.extension().string());
    files.rename(output.path, target);
    delivered[output.name] = target;
  }
  return delivered;
}

}  // namespace

CallResult call_stage(const plugins::StageDescription& stage, const CallRequest& call,
                      executor::Executor& executor, Observer& observer, base::Clock& clock,
                      const StopRequest& stop) {
  base::FileSystem& files = base::real_file_system();
  executor::StageRequest request;
  request.parameters = bind_call(stage, call.with);
  request.inputs = bind_files(stage, call.inputs);
  files.create_directories(call.out);
  const fs::path out = fs::canonical(call.out);
  refuse_existing(stage, out);
  request.attempt = executor::random_id();
  const fs::path folder = out / (".presswork-call-" + request.attempt);
  request.token = 1;
  request.plugin = stage.plugin;
  request.stage = stage.id;
  request.nonce = executor::random_id();
  for (const auto& [name, output] : stage.outputs) request.output_names.push_back(name);
  request.work_dir = folder / "work";
  request.scratch_dir = folder / "scratch";
  request.log_path = out / "stage.log";
  request.seed = call.seed;
  request.threads = static_cast<unsigned>(std::max(1, call.cores));
  request.run_facts = call.run_facts;
  files.create_directories(request.work_dir);

  const fs::path log = request.log_path;
  executor.start(std::move(request));
  CallResult result;
  result.outcome = wait_for(executor, stage.id, observer, clock, stop, 1);
  if (result.outcome.ending == executor::Ending::succeeded) result.outputs = deliver(result.outcome, out);
  files.remove_all(folder);
  if (const auto status = files.status(log); status && status->size == 0) files.remove_all(log);
  return result;
}

}  // namespace presswork::engine
