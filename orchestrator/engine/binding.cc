#include "orchestrator/engine/binding.h"

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/engine/cache_key.h"

namespace presswork::engine {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;

namespace {

// The metrics of an instance as an artifact of type `metrics`: a file metrics.json.
std::string publish_metrics(const Json& metrics, store::ArtifactStore& artifacts) {
  base::FileSystem& files = base::real_file_system();
  const fs::path folder = artifacts.root() / "tmp" / ("metrics-" + executor::random_id());
  files.create_directories(folder);
  const fs::path file = folder / "metrics.json";
  files.write(file, metrics_text(metrics));
  const std::string digest = artifacts.publish(file).digest;
  files.remove_all(folder);
  return digest;
}

// The metrics that a bound input `metrics` stands for.
Json metrics_of(const Standing& standing, const BoundInput& input) {
  const std::size_t producer = standing.graph.find(input.instance);
  if (producer == standing.graph.size()) {
    throw Error(ErrorCode::internal, "there is no instance " + input.instance);
  }
  if (standing.graph[producer].stage == nullptr) {
    return standing.instances[producer].values.value("metrics", Json::object());
  }
  const store::CheckpointRow* checkpoint = standing.instances.checkpoint(producer);
  if (checkpoint == nullptr) throw Error(ErrorCode::internal, input.instance + " has no checkpoint");
  return checkpoint->metrics;
}

}  // namespace

Binding bind_stage(const Standing& standing, std::size_t step) {
  Binding binding;
  binding.with = bind_parameters(standing, step);
  binding.inputs = bind_inputs(standing, step);
  for (const auto& [name, input] : binding.inputs) {
    if (input.digest.empty()) binding.metrics[name] = metrics_of(standing, input);
  }
  for (const std::string& name : input_path_parameters(*standing.graph[step].stage, binding.with)) {
    binding.path_digests[name] = "";  // until write_down()
  }
  return binding;
}

bool needs_writing_down(const Binding& binding) {
  return !binding.path_digests.empty() || !binding.metrics.empty();
}

void write_down(Binding& binding, store::ArtifactStore& artifacts, store::DigestMemo& memo, bool rehash,
                const store::ByteProgress& progress) {
  for (const auto& [name, metrics] : binding.metrics) {
    binding.inputs[name].digest = publish_metrics(metrics, artifacts);
  }
  for (auto& [name, digest] : binding.path_digests.items()) {
    digest = artifacts.digest_of(binding.with[name].get<std::string>(), memo, rehash, progress);
  }
}

KeyParts key_parts(const Binding& binding, const Step& step, const std::string& salt, const Json& facts) {
  KeyParts parts{step.stage->id, step.stage->plugin_digest, binding.with, binding.path_digests,
                 Json::object(), step.node->stage()->seed,  salt,         facts};
  for (const auto& [name, input] : binding.inputs) parts.inputs[name] = input.digest;
  return parts;
}

std::map<std::string, executor::InputFile> input_files(const Binding& binding,
                                                       store::ArtifactStore& artifacts) {
  std::map<std::string, executor::InputFile> files;
  for (const auto& [name, input] : binding.inputs) {
    files[name] = {artifacts.locate(input.digest).string(), input.type, input.digest, input.instance,
                   input.output};
  }
  return files;
}

std::string metrics_text(const Json& metrics) { return metrics.dump(2) + "\n"; }

Json to_json(const std::map<std::string, BoundInput>& inputs) {
  Json json = Json::object();
  for (const auto& [name, input] : inputs) {
    json[name] = {{"instance", input.instance},
                  {"output", input.output},
                  {"type", input.type},
                  {"digest", input.digest}};
  }
  return json;
}

std::map<std::string, BoundInput> bound_inputs_from(const Json& json) {
  std::map<std::string, BoundInput> inputs;
  for (const auto& [name, input] : json.items()) {
    inputs[name] = {input.at("instance").get<std::string>(), input.at("output").get<std::string>(),
                    input.at("type").get<std::string>(), input.at("digest").get<std::string>()};
  }
  return inputs;
}

bool is_sound(const store::CheckpointRow& checkpoint, const store::ArtifactStore& artifacts,
              SoundArtifacts& known) {
  for (const auto& [name, output] : checkpoint.outputs) {
    if (known.contains(output.digest)) continue;
    if (!artifacts.verify(output.digest, false).empty()) return false;
    known.insert(output.digest);
  }
  return true;
}

void discard_unsound(const store::CheckpointRow& checkpoint, store::ArtifactStore& artifacts) {
  for (const auto& [name, output] : checkpoint.outputs) {
    if (!artifacts.verify(output.digest, false).empty()) artifacts.discard(output.digest);
  }
}

void refuse_changed_inputs(const Binding& binding, store::ArtifactStore& artifacts, store::DigestMemo& memo,
                           const store::ByteProgress& progress) {
  const auto changed = [](const std::string& what) {
    return Error(ErrorCode::stage_failed, what + " changed while the stage ran",
                 "resume the run once nothing writes to it any more");
  };
  for (const auto& [name, digest] : binding.path_digests.items()) {
    const std::string path = binding.with.at(name).get<std::string>();
    if (artifacts.digest_of(path, memo, false, progress) != digest) throw changed(path);
  }
  for (const auto& [name, input] : binding.inputs) {
    if (!artifacts.verify_before_use(input.digest, progress).empty()) throw changed("input " + name);
  }
}

std::map<std::string, store::OutputRow> store_outputs(const plugins::StageDescription& stage,
                                                      const executor::Outcome& outcome,
                                                      store::ArtifactStore& artifacts,
                                                      store::DigestMemo& memo, bool rehash,
                                                      const store::ByteProgress& progress) {
  std::map<std::string, store::OutputRow> outputs;
  std::vector<std::string> names;
  std::vector<fs::path> produced;  // published together: one fsync of each folder serves them all
  for (const auto& [name, described] : stage.outputs) {
    const auto declared =
        std::find_if(outcome.outputs.begin(), outcome.outputs.end(),
                     [wanted = &name](const auto& output) { return output.name == *wanted; });
    if (declared == outcome.outputs.end()) {
      throw Error(ErrorCode::stage_failed, "the stage succeeded without giving its output " + name,
                  "this is a defect of the stage: it must call output() for each output it describes");
    }
    outputs[name].type = described.type;
    if (declared->reference) {
      outputs[name].digest = artifacts.reference(declared->path, memo, rehash, progress).digest;
    } else {
      names.push_back(name);
      produced.push_back(declared->path);
    }
  }
  const std::vector<store::Artifact> published = artifacts.publish(produced, progress);
  for (std::size_t i = 0; i < names.size(); ++i) outputs[names[i]].digest = published[i].digest;
  return outputs;
}

workflow::ValueOf recording(const workflow::ValueOf& value_of, Json& inputs) {
  return [&value_of, &inputs](const workflow::Name& name) {
    auto value = value_of(name);
    if (value) inputs[name.text()] = *value;
    return value;
  };
}

Decided decide(const workflow::Decision& decision, const workflow::ValueOf& value_of) {
  Decided decided{"", Json::object()};
  const workflow::ValueOf noting = recording(value_of, decided.inputs);
  for (const workflow::Case& one : decision.cases) {
    if (!one.when || one.when->evaluate(noting) == Json(true)) {
      decided.branch = one.then;
      return decided;
    }
  }
  throw Error(ErrorCode::stage_failed, "no condition of the decision holds, and it has no default",
              "add a last entry {default: NAME}");
}

}  // namespace presswork::engine
