// quantize/gptq: rounding that lets the weights still to come make up for each error (Frantar et al. 2022).
#include "plugins/modelkit/quantize/gptq_layer.h"
#include "plugins/quantization/calibrated_job.h"
#include "plugins/quantization/rotation_option.h"

namespace presswork {

using namespace modelkit;
using quantization::Job;

class QuantizeGptq : public Stage {
 public:
  static constexpr const char* id = "quantize/gptq";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Quantize with GPTQ",
      "description": "Rounds the decoder's linear weights input by input, and after each one changes those to come so that the layer's output over the calibration text stays as near as it can (Frantar et al. 2022). Hessians and decompositions are float64. One decoder layer at a time; each finished layer is kept, so that an attempt that dies goes on with the layer in which it died, with the same result. Embeddings and norms are never quantized, lm_head is kept. Writes a compressed-tensors folder (pack-quantized).",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "bits": {"type": "integer", "enum": [2, 3, 4, 8], "default": 4, "description": "Bits of a weight. 4 and 8 are read everywhere; others by recent compressed-tensors only."},
          "actorder": {"type": "boolean", "default": false, "description": "Takes the inputs in order of falling activation, so that errors in those that matter most are made up for by all others. Groups stay where they are, with scales from the original weights (static groups): readers need no index."},
          "damp": {"type": "number", "minimum": 0, "maximum": 10, "default": 0.01, "description": "Part of the Hessian's mean diagonal that is added to its diagonal. Raised tenfold, with a warning, while the Hessian cannot be factorized."},
          "true_sequential": {"type": "boolean", "default": false, "description": "Inside a layer, later linears see the inputs that the quantized earlier ones make. Costs a pass of the calibration text for each group of linears."}
        }
      },
      "inputs": {},
      "metrics": {},
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    quantization::describe_job(description);
    quantization::describe_calibration(description);
    quantization::describe_output_errors(description);
    quantization::describe_rotation(description);
    return description;
  }

  Json plan(const Context& context) override {
    const auto folder = context.optional_input("model");
    if (!folder) return nullptr;
    const Job job(context, *folder);
    return quantization::with_rotation(context, job, quantization::calibrated_plan(context, job));
  }

  void run(const Context& context) override {
    const Job job(context, quantization::model_folder(context));
    quantization::announce(context, job);
    const GptqLayerOptions options{.gptq = {.grid = job.grid(),
                                            .damp = context.parameter<double>("damp"),
                                            .actorder = context.parameter<bool>("actorder")},
                                   .true_sequential = context.parameter<bool>("true_sequential"),
                                   .targets = quantization::layer_targets(job)};
    ThreadPool threads(context.threads());
    quantization::run_calibrated(
        context, job, [&](CalibrationLayer& layer) { return quantize_layer_gptq(layer, options, threads); });
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-quantization", "0.1.0", presswork::QuantizeGptq);
