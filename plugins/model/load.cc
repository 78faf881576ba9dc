// model/load: a model folder enters a workflow here, after it is verified.
#include <filesystem>
#include <system_error>

#include "plugins/modelkit/checkpoint/verify.h"
#include "presswork/stage.hpp"

namespace presswork {
namespace {

using namespace modelkit;

}  // namespace

class ModelLoad : public Stage {
 public:
  static constexpr const char* id = "model/load";

  static Json describe() {
    return Json::parse(R"json({
      "title": "Load a model",
      "description": "Takes a Hugging Face model folder (config.json and safetensors weights) and verifies it: every tensor that the architecture needs is there with the right shape and type, and holds no NaN or infinity. A missing tokenizer is only a warning. The folder is referenced, never copied or changed.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "required": ["path"],
        "properties": {
          "path": {"type": "string", "format": "input-path", "description": "Folder with config.json and model.safetensors, or shards with model.safetensors.index.json."},
          "verify_finite": {"type": "boolean", "default": true, "description": "Read all weights once and fail on NaN or infinity. Without it only the structure is checked, which takes well under a second."}
        }
      },
      "inputs": {},
      "outputs": {"model": {"type": "model", "description": "The verified folder, where it lies."}},
      "metrics": {
        "parameters": {"type": "integer", "description": "Parameters of the model; a tied head counts once."},
        "bytes": {"type": "integer", "unit": "B", "headline": true, "description": "Size of the weight files."},
        "tensors": {"type": "integer", "description": "Number of tensors."},
        "shards": {"type": "integer", "description": "Number of weight files."},
        "architecture": {"type": "string", "description": "Architecture as config.json names it."},
        "layers": {"type": "integer", "description": "Decoder layers."},
        "quantized_modules": {"type": "integer", "description": "Linear modules that are stored quantized."},
        "unexpected_tensors": {"type": "integer", "description": "Tensors that the architecture does not use."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
  }

  void run(const Context& context) override {
    const Checkpoint checkpoint = Checkpoint::open(context.parameter<std::string>("path"));
    const ModelConfig model = ModelConfig::parse(checkpoint.config(), checkpoint.config_path());
    const auto quantization = QuantizationConfig::parse(checkpoint.config(), checkpoint.config_path());
    const StructureReport report = require_structure(checkpoint, model, quantization);
    if (!report.unexpected.empty())
      context.warning("tensors that the model does not use: " + listed(report.unexpected));
    if (std::error_code ignored; !std::filesystem::exists(checkpoint.folder() / "tokenizer.json", ignored)) {
      context.warning("there is no tokenizer.json in " + checkpoint.folder().string() +
                      ": stages that read or write text, like evaluate/perplexity, will refuse this model");
    }
    if (context.parameter<bool>("verify_finite")) {
      ThreadPool threads(context.threads());
      check_finite(checkpoint, threads, [&](std::uint64_t done) {
        context.progress(static_cast<double>(done), static_cast<double>(checkpoint.total_bytes()), "bytes");
        context.check_cancelled();
      });
    }
    context.metric("parameters", report.parameters);
    context.metric("bytes", checkpoint.file_bytes());
    context.metric("tensors", checkpoint.names().size());
    context.metric("shards", checkpoint.weight_files().size());
    context.metric("architecture", model.architecture);
    context.metric("layers", model.layers);
    context.metric("quantized_modules", report.quantized_modules);
    context.metric("unexpected_tensors", report.unexpected.size());
    context.reference("model", checkpoint.folder());
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-model", "0.1.0", presswork::ModelLoad);
