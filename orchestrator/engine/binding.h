// A stage bound to what is known: its parameters, its inputs, its cache key.
#pragma once

#include <map>
#include <string>
#include <unordered_set>

#include "orchestrator/engine/cache_key.h"
#include "orchestrator/engine/instance.h"
#include "orchestrator/executor/executor.h"

namespace presswork::engine {

struct Binding {
  base::Json with;
  base::Json path_digests = base::Json::object();  // of parameters that name input files or folders
  std::map<std::string, BoundInput> inputs;
  std::map<std::string, base::Json> metrics;  // by input: of inputs that are an instance's metrics
};

Binding bind_stage(const Standing& standing, std::size_t step);

// True when write_down() has anything to do: it reads or writes files, and may take long.
bool needs_writing_down(const Binding& binding);

// Hashes the input paths and publishes the metrics that serve as inputs.
void write_down(Binding& binding, store::ArtifactStore& artifacts, store::DigestMemo& memo, bool rehash,
                const store::ByteProgress& progress = {});

// `facts`: for a stage that reads the run; null otherwise.
KeyParts key_parts(const Binding& binding, const Step& step, const std::string& salt,
                   const base::Json& facts);

// The file metrics.json that the metrics of an instance are to whoever reads them as an artifact.
std::string metrics_text(const base::Json& metrics);

// As a stage is given them. Throws as ArtifactStore::locate().
std::map<std::string, executor::InputFile> input_files(const Binding& binding,
                                                       store::ArtifactStore& artifacts);

// {name: {instance, output, type, digest}}, as the ledger keeps it, and back.
base::Json to_json(const std::map<std::string, BoundInput>& inputs);
std::map<std::string, BoundInput> bound_inputs_from(const base::Json& json);

// Artifacts that were found sound a moment ago.
using SoundArtifacts = std::unordered_set<std::string>;

// Every output of the checkpoint is in its place with its sizes. Those of `known` are not looked at again,
// and what is found sound is added: many checkpoints may have one artifact.
bool is_sound(const store::CheckpointRow& checkpoint, const store::ArtifactStore& artifacts,
              SoundArtifacts& known);

// Forgets those outputs that are not, so that their stage can publish them anew.
void discard_unsound(const store::CheckpointRow& checkpoint, store::ArtifactStore& artifacts);

// What lies outside the store can change while a stage reads it; its result would then stand under the key of
// something else. Throws Error{stage_failed} naming the input.
void refuse_changed_inputs(const Binding& binding, store::ArtifactStore& artifacts, store::DigestMemo& memo,
                           const store::ByteProgress& progress = {});

// Brings what a stage declared into the store, every output that it describes. Throws Error{stage_failed}
// when one is missing.
std::map<std::string, store::OutputRow> store_outputs(const plugins::StageDescription& stage,
                                                      const executor::Outcome& outcome,
                                                      store::ArtifactStore& artifacts,
                                                      store::DigestMemo& memo, bool rehash,
                                                      const store::ByteProgress& progress = {});

// A decision made: the branch, and every value that its conditions read.
struct Decided {
  std::string branch;
  base::Json inputs;
};
Decided decide(const workflow::Decision& decision, const workflow::ValueOf& value_of);

// Looks values up in `value_of` and notes each in `inputs`.
workflow::ValueOf recording(const workflow::ValueOf& value_of, base::Json& inputs);

}  // namespace presswork::engine
