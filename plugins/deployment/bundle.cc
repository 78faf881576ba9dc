#include "plugins/deployment/bundle.h"

#include <algorithm>
#include <map>

#include "plugins/deployment/model_card.h"
#include "plugins/modelkit/checkpoint/verify.h"
#include "plugins/modelkit/data/digest.h"
#include "plugins/modelkit/estimate/model_shape.h"
#include "plugins/modelkit/evaluate/parameter_counts.h"
#include "plugins/modelkit/formats/json_text.h"
#include "plugins/modelkit/formats/mapped_file.h"
#include "plugins/modelkit/formats/safetensors_writer.h"

namespace presswork {

using namespace modelkit;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kLargestFile = 64u << 20;

Json optional_json(const Context& context, const char* input) {
  const auto path = context.optional_input(input);
  return path ? Json(parse_json(read_text_file(*path, kLargestFile), path->string())) : Json();
}

// 64 hexadecimal digits.
std::string digest_of(const fs::path& path) {
  Sha256 digest;
  if (fs::file_size(path) > 0) {
    const MappedFile file(path);
    digest.update(file.bytes());
  }
  return digest.text().substr(std::string("sha256:").size());
}

void copy_model(const fs::path& from, const fs::path& to, const Context& context) {
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    context.check_cancelled();
    if (!entry.is_regular_file()) continue;
    const fs::path target = to / fs::relative(entry.path(), from);
    fs::create_directories(target.parent_path());
    fs::copy_file(entry.path(), target);
    fs::permissions(target, fs::perms::owner_write, fs::perm_options::add);
  }
}

// "digest  path" of every file below `folder`, by path: what sha256sum reads.
std::string checksums_of(const fs::path& folder) {
  std::map<std::string, std::string> digests;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file())
      digests[fs::relative(entry.path(), folder).generic_string()] = digest_of(entry.path());
  }
  std::string text;
  for (const auto& [path, digest] : digests) text.append(digest).append("  ").append(path).append("\n");
  return text;
}

deployment::CardFacts facts_of(const Context& context, const ModelSource& model) {
  return {.name = context.parameter<std::string>("name"),
          .base_model = context.parameter<std::string>("base_model"),
          .license = context.parameter<std::string>("license"),
          .architecture = model.config().architecture,
          .precision = stored_precision(model),
          .parameters = count_parameters(model.config()).total,
          .bytes = model.checkpoint().file_bytes(),
          .test = optional_json(context, "test"),
          .strategy = optional_json(context, "strategy")};
}

Json manifest_of(const deployment::CardFacts& facts, const Context& context) {
  return {{"presswork_bundle", 1},
          {"name", facts.name},
          {"base_model", facts.base_model},
          {"license", facts.license},
          {"architecture", facts.architecture},
          {"parameters", facts.parameters},
          {"precision", facts.precision},
          {"model_digest", context.inputs().value("model", Json::object()).value("digest", Json())},
          {"service",
           {{"batch_size", context.parameter<int>("batch_size")},
            {"seq_len", context.parameter<int>("seq_len")}}},
          {"health_check", {{"prompt", context.parameter<std::string>("prompt")}, {"max_new_tokens", 20}}}};
}

}  // namespace

Json DeployBundle::describe() {
  return Json::parse(R"json({
    "title": "Bundle a model for production",
    "description": "Writes a folder with the model (model/), a model card in Hugging Face's form (model/README.md), the evidence that is connected, instructions for going back (ROLLBACK.md), what to watch (MONITORING.md), a manifest with the health check (bundle.json), and the digest of every file (SHA256SUMS). The copy is verified before it counts.",
    "parameters": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "name": {"type": "string", "default": "compressed-model", "minLength": 1, "description": "Name of the model on its card."},
        "base_model": {"type": "string", "default": "", "description": "What it was made of: a name on the hub, or a path."},
        "license": {"type": "string", "default": "", "description": "Licence of the weights, as the hub spells it; empty: the card names none."},
        "prompt": {"type": "string", "default": "人工智能的未來發展", "description": "Prompt of the health check."},
        "batch_size": {"type": "integer", "minimum": 1, "default": 1, "description": "Sequences that the service is sized for."},
        "seq_len": {"type": "integer", "minimum": 1, "default": 2048, "description": "Tokens of each."}
      }
    },
    "inputs": {
      "model": {"type": "model", "required": true, "description": "The model to deploy."},
      "test": {"type": "deployment-test", "required": false, "description": "Of deploy/test: goes onto the card, and beside the model."},
      "strategy": {"type": "strategy", "required": false, "description": "Of strategy/plan or strategy/adjust: likewise."}
    },
    "outputs": {"bundle": {"type": "bundle", "description": "The folder."}},
    "metrics": {
      "files": {"type": "integer", "description": "Files in it."},
      "bytes": {"type": "integer", "unit": "B", "description": "Size of all of them."}
    },
    "cacheable": true,
    "reads_run": false
  })json");
}

void DeployBundle::run(const Context& context) {
  const fs::path folder = context.work_dir() / "bundle";
  copy_model(context.input("model"), folder / "model", context);
  const ModelSource model = ModelSource::open(folder / "model");
  require_structure(model.checkpoint(), model.config(), model.quantization());
  const deployment::CardFacts facts = facts_of(context, model);
  write_file_atomically(folder / "model/README.md", deployment::model_card(facts));
  write_file_atomically(folder / "ROLLBACK.md", deployment::rollback_instructions(facts));
  write_file_atomically(folder / "MONITORING.md", deployment::monitoring_points(facts));
  write_file_atomically(folder / "bundle.json", manifest_of(facts, context).dump(2) + "\n");
  for (const auto& [name, evidence] :
       {std::pair{"deployment-test.json", facts.test}, {"strategy.json", facts.strategy}}) {
    if (!evidence.is_null()) write_file_atomically(folder / name, evidence.dump(2) + "\n");
  }
  const std::string sums = checksums_of(folder);
  write_file_atomically(folder / "SHA256SUMS", sums);
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    bytes += entry.is_regular_file() ? entry.file_size() : 0;
  context.metric("files", std::count(sums.begin(), sums.end(), '\n') + 1);
  context.metric("bytes", bytes);
  context.output("bundle", folder);
}

}  // namespace presswork
