// quantize/awq: rounding after scales that give large activations finer steps (Lin et al. 2023).
#include "plugins/modelkit/quantize/awq_layer.h"
#include "plugins/quantization/calibrated_job.h"

namespace presswork {

using namespace modelkit;
using quantization::Job;

class QuantizeAwq : public Stage {
 public:
  static constexpr const char* id = "quantize/awq";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Quantize with AWQ",
      "description": "Scales the inputs of the decoder's linear weights so that those with large activations are rounded more finely, chooses the scales by the error of the outputs over the calibration text, and rounds to nearest (Lin et al. 2023). Scales are folded exactly into the norm or linear before, also where query heads share key and value heads; where that cannot be exact, the inputs stay unscaled. One decoder layer at a time; each finished layer is kept, so that an attempt that dies goes on with the layer in which it died, with the same result. Embeddings and lm_head are kept. Writes a compressed-tensors folder (pack-quantized).",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "bits": {"type": "integer", "minimum": 2, "maximum": 8, "default": 4, "description": "Bits of a weight. 4 and 8 are read everywhere; others by recent compressed-tensors only."}
        }
      },
      "inputs": {},
      "metrics": {
        "scale_powers": {"type": "object", "description": "Module to the power of the mean activation that its inputs' scales are; 0: not scaled."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    quantization::describe_job(description);
    quantization::describe_calibration(description);
    quantization::describe_output_errors(description);
    Json& clip = description["parameters"]["properties"]["clip"];
    clip["enum"] = {"none", "mse", "search"};
    clip["description"] =
        "none: a group's scale covers its largest weight. mse: the range is shrunk to where the squared "
        "error of "
        "the group's weights is least. search: to where the error of the output over the calibration text is "
        "least, for all linears but queries and keys.";
    return description;
  }

  Json plan(const Context& context) override { return quantization::calibrated_plan(context); }

  void run(const Context& context) override {
    const Job job(context, context.input("model"));
    quantization::announce(context, job);
    const AwqOptions options{.grid = job.grid(),
                             .clip_search = context.parameter<std::string>("clip") == "search",
                             .targets = quantization::layer_targets(job)};
    ThreadPool threads(context.threads());
    quantization::run_calibrated(
        context, job, [&](CalibrationLayer& layer) { return quantize_layer_awq(layer, options, threads); });
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-quantization", "0.1.0", presswork::QuantizeAwq);
