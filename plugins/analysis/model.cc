// analyze/model: what a model is made of, what it needs by formula, and what running it shows.
#include <algorithm>
#include <fstream>
#include <optional>

#include "plugins/analysis/hardware.h"
#include "plugins/analysis/model_findings.h"
#include "plugins/modelkit/checkpoint/verify.h"
#include "plugins/modelkit/estimate/estimate_json.h"
#include "plugins/modelkit/estimate/model_shape.h"
#include "plugins/modelkit/evaluate/parameter_counts.h"
#include "plugins/modelkit/evaluate/text_evaluation.h"
#include "plugins/modelkit/formats/safetensors_writer.h"
#include "presswork/stage.hpp"

namespace presswork {
namespace {

using namespace modelkit;

Json to_json(const ModelConfig& m) {
  return {
      {"d_model", m.hidden},      {"n_layers", m.layers},           {"n_heads", m.heads},
      {"n_kv_heads", m.kv_heads}, {"head_dim", m.head_dim},         {"d_mlp", m.intermediate},
      {"vocab_size", m.vocab},    {"max_position", m.max_position}, {"tied_embeddings", m.tied_embeddings}};
}

}  // namespace

class AnalyzeModel : public Stage {
 public:
  static constexpr const char* id = "analyze/model";

  static Json describe() {
    return Json::parse(R"json({
      "title": "Analyze a model",
      "description": "Counts parameters by kind of module and by layer, gives the size on disk and the memory that inference needs by formula; with a text also runs the model and measures perplexity, speed and memory; on request looks into weights, activations and sensitivity. The formula counts the whole model in memory, as a server holds it; Presswork's own pass holds one layer at a time, so its measured peak stands beside a prediction of its own.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "batch_size": {"type": "integer", "minimum": 1, "default": 1, "description": "Sequences served at once, for the memory formula."},
          "seq_len": {"type": "integer", "minimum": 1, "default": 2048, "description": "Tokens of a sequence, for the memory formula."},
          "precision": {"type": "string", "enum": ["auto", "fp32", "fp16", "bf16", "int8", "int4", "nf4"], "default": "auto", "description": "Precision in the memory formula; auto: as the model is stored."},
          "window": {"type": "integer", "minimum": 2, "default": 512, "description": "Tokens in a window of the perplexity measurement, and of calibration."},
          "weights": {"type": "boolean", "default": false, "description": "Read every linear: distribution and histogram of its weights, its errors in coarser forms, dead and equal weights."},
          "activations": {"type": "boolean", "default": false, "description": "Run the model over the calibration text: distribution of the inputs of every linear."},
          "sensitivity": {"type": "boolean", "default": false, "description": "Measure on the text how much the perplexity rises with every linear, and with each layer's, in eight, four and three bits and with half of the weights removed: five times (layers + 1) passes over sensitivity_windows, whose states are held in memory before each layer. Needs a text."},
          "samples": {"type": "integer", "minimum": 1, "default": 16, "description": "Calibration windows at most (activations)."},
          "sensitivity_windows": {"type": "integer", "minimum": 1, "default": 8, "description": "Windows of the text at most (sensitivity)."}
        }
      },
      "inputs": {
        "model": {"type": "model", "required": true, "description": "Hugging Face model folder."},
        "text": {"type": "text", "required": false, "description": "Text to run the model on: UTF-8, or JSON Lines with a text field."},
        "calibration": {"type": "text", "required": false, "description": "Text for the activations. Without it a bundled text is taken, public-domain prose in English and Chinese."}
      },
      "outputs": {"analysis": {"type": "analysis", "description": "All findings as JSON; the same for the same inputs."}},
      "metrics": {
        "parameters": {"type": "integer", "description": "Parameters of the model; a tied head counts once."},
        "bytes": {"type": "integer", "unit": "B", "description": "Size of all tensors on disk."},
        "precision": {"type": "string", "description": "Precision that the memory formula used."},
        "inference_memory_gb": {"type": "number", "unit": "GiB", "description": "Memory of inference by the guide's formula: a key/value head for each query head, everything in one precision."},
        "inference_memory_refined_gb": {"type": "number", "unit": "GiB", "description": "The same with the model's real key/value heads and head width, and, with precision auto, weights at their size on disk."},
        "parameters_by_module": {"type": "object", "description": "Parameters of embedding, attention, mlp, norm and head."},
        "parameters_by_layer": {"type": "array", "description": "Parameters of each decoder layer."},
        "outlier_columns": {"type": "integer", "description": "Input columns of linears over four times as large as the median's (weights)."},
        "largest_kurtosis": {"type": "number", "description": "Of the weights of one linear; 3 is a normal distribution (weights)."},
        "duplicates": {"type": "integer", "description": "Groups of tensors with the same bytes (weights)."},
        "outlier_channels": {"type": "integer", "description": "Input channels over six times as large as the median's (activations)."},
        "loss_by_form": {"type": "object", "unit": "%", "description": "Form to measured rise of the perplexity with every linear in it (sensitivity)."},
        "recommendations": {"type": "array", "description": "Advice, each with its reason."},
        "perplexity": {"type": "number", "description": "Measured on the text, by the protocol of evaluate/perplexity. Only with a text."},
        "stderr": {"type": "number", "description": "Standard error of the perplexity."},
        "tokens": {"type": "integer", "description": "Tokens scored."},
        "token_digest": {"type": "string", "description": "SHA-256 of the token ids that were evaluated."},
        "tokens_per_s": {"type": "number", "unit": "tokens/s", "description": "Measured speed of the forward pass."},
        "peak_memory_bytes": {"type": "integer", "unit": "B", "description": "Measured peak resident memory of this process while it ran the model."},
        "predicted_peak_memory_bytes": {"type": "integer", "unit": "B", "description": "The same as predicted before the pass."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
  }

  void run(const Context& context) override {
    const ModelSource model = ModelSource::open(context.input("model"));
    const auto structure = require_structure(model.checkpoint(), model.config(), model.quantization());
    Json analysis = describe_model(context, model);
    analysis["quantized_modules"] = structure.quantized_modules;
    if (const auto text = context.optional_input("text"))
      analysis["evaluation"] = evaluate(context, model, *text);
    look_deeper(context, model, analysis);
    analysis["potential"] = analysis::potential_of(model, analysis);
    analysis["recommendations"] = analysis::recommendations_of(analysis);
    context.metric("recommendations", analysis["recommendations"]);
    const auto path = context.work_dir() / "analysis.json";
    write_file_atomically(path, analysis.dump(2) + "\n");
    context.output("analysis", path);
  }

 private:
  // What is asked for beyond counting.
  static void look_deeper(const Context& context, const ModelSource& model, Json& analysis) {
    if (context.parameter<bool>("weights")) {
      analysis["weights"] = analysis::weight_findings(context, model);
      const Json& summary = analysis["weights"]["summary"];
      context.metric("outlier_columns", summary["outlier_columns"]);
      context.metric("largest_kurtosis", summary["largest_kurtosis"]);
      context.metric("duplicates", analysis["weights"]["duplicates"].size());
    }
    if (context.parameter<bool>("activations")) {
      analysis["activations"] =
          analysis::activation_findings(context, model, context.optional_input("calibration"));
      context.metric("outlier_channels", analysis["activations"]["summary"]["outlier_channels"]);
    }
    if (!context.parameter<bool>("sensitivity")) return;
    analysis["sensitivity"] = analysis::sensitivity_findings(context, model, context.input("text"));
    Json losses = Json::object();
    for (const auto& [form, found] : analysis["sensitivity"]["model"].items())
      losses[form] = found["loss_percent"];
    context.metric("loss_by_form", losses);
  }

  static Json describe_model(const Context& context, const ModelSource& model) {
    const ParameterCounts counts = count_parameters(model.config());
    const auto asked = context.parameter<std::string>("precision");
    const bool automatic = asked == "auto";
    const std::string precision = automatic ? stored_precision(model) : asked;
    InferenceShape shape = guide_shape(model, precision);
    shape.batch_size = context.parameter<double>("batch_size");
    shape.seq_len = context.parameter<double>("seq_len");
    const InferenceMemory guide = inference_memory(shape);
    const InferenceMemory refined = inference_memory(refined_shape(model, shape, automatic));
    context.metric("parameters", counts.total);
    context.metric("bytes", model.checkpoint().total_bytes());
    context.metric("precision", precision);
    context.metric("inference_memory_gb", guide.total() / kGigabyte);
    context.metric("inference_memory_refined_gb", refined.total() / kGigabyte);
    context.metric("parameters_by_module", counts.by_kind);
    context.metric("parameters_by_layer", counts.by_layer);
    return {{"presswork_analysis", 1},
            {"architecture", model.config().architecture},
            {"model", to_json(model.config())},
            {"parameters", counts.total},
            {"parameters_by_kind", counts.by_kind},
            {"parameters_by_module", counts.by_module},
            {"parameters_by_layer", counts.by_layer},
            {"bytes", model.checkpoint().total_bytes()},
            {"precision", precision},
            {"inference_memory",
             {{"batch_size", shape.batch_size},
              {"seq_len", shape.seq_len},
              {"guide", to_json(guide)},
              {"refined", to_json(refined)}}}};
  }

  // Times and memory differ from run to run: they are metrics only.
  static Json evaluate(const Context& context, const ModelSource& model, const std::filesystem::path& text) {
    PassOptions options;
    options.states = state_limit(context.memory(), context.scratch_dir());
    options.progress = [&](double done, double total) {
      context.progress(done, total, "windows");
      context.check_cancelled();
    };
    const Sampling sampling{.length = context.parameter<std::size_t>("window")};
    const TextEvaluation e = evaluate_text(model, text, sampling, context.threads(), options);
    context.metric("perplexity", e.result.perplexity);
    context.metric("stderr", e.result.standard_error);
    context.metric("tokens", e.result.tokens);
    context.metric("token_digest", e.digest);
    context.metric("tokens_per_s", e.cost.tokens_per_second);
    context.metric("peak_memory_bytes", e.cost.peak_bytes);
    context.metric("predicted_peak_memory_bytes", e.cost.predicted_bytes);
    return {{"window", sampling.length},         {"windows", e.result.windows},
            {"tokens", e.result.tokens},         {"perplexity", e.result.perplexity},
            {"stderr", e.result.standard_error}, {"mean_nll", e.result.mean_nll},
            {"token_digest", e.digest}};
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-analysis", "0.1.0", presswork::AnalyzeModel, presswork::AnalyzeHardware);
