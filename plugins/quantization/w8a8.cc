// quantize/w8a8: int8 weights and int8 inputs, after scales that move the inputs' outliers into the weights
// (Xiao et al. 2022).
#include "plugins/modelkit/quantize/w8a8_layer.h"
#include "plugins/quantization/calibrated_job.h"

namespace presswork {

using namespace modelkit;
using quantization::Job;

class QuantizeW8a8 : public Stage {
 public:
  static constexpr const char* id = "quantize/w8a8";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Quantize weights and activations to 8 bits",
      "description": "Stores the decoder's linear weights as int8 with a scale for each output channel, and has their inputs quantized to int8 when the model runs, so that products are of integers. Before that, scales move the inputs' outliers into the weights (SmoothQuant, Xiao et al. 2022), folded exactly into the norm or linear before; where that cannot be exact, inputs stay unscaled. One decoder layer at a time; each finished layer is kept, so that an attempt that dies goes on with the layer in which it died, with the same result. Embeddings and lm_head are kept. Writes a compressed-tensors folder (int-quantized) that transformers and vLLM load; evaluate/perplexity and benchmark/inference quantize the inputs too.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "activations": {"type": "string", "enum": ["dynamic", "static"], "default": "dynamic", "description": "dynamic: each token's scale comes from its own values when the model runs. static: one scale for all tokens, chosen from the calibration text."},
          "symmetric_activations": {"type": "boolean", "default": true, "description": "Grid symmetric about zero; otherwise inputs have a zero point too, which vLLM takes in static ones only."},
          "observer": {"type": "string", "enum": ["minmax", "percentile", "mse"], "default": "minmax", "description": "How static scales are chosen. minmax: from the largest values. percentile: leaves out the values beyond it. mse: the range is shrunk to where the squared error of the rounded inputs is least."},
          "percentile": {"type": "number", "exclusiveMinimum": 50, "maximum": 100, "default": 99.99, "description": "For the observer percentile: the share of values, in percent, that lies below the range's upper end, and above its lower."},
          "smoothing": {"type": "string", "enum": ["none", "alpha", "search"], "default": "search", "description": "alpha: scales max|x|^alpha / max|w|^(1 - alpha) for all inputs. search: the alpha of 0.1, 0.2, ... 0.9 with the least error of the outputs for each group of linears that share inputs, or no scales where these are better."},
          "alpha": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5, "description": "For the smoothing alpha: how much of the difficulty moves from the inputs to the weights."}
        }
      },
      "inputs": {},
      "metrics": {
        "alphas": {"type": "object", "description": "Module to the alpha that its inputs' scales were made with; modules without scales are not in it."},
        "clipped_inputs": {"type": "object", "description": "With static activations: module to the share of its inputs' values that lie outside the grid."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    quantization::describe_model(description);
    quantization::describe_calibration(description);
    quantization::describe_output_errors(description);
    description["metrics"]["output_errors"]["description"] =
        "Module to relative error of its output over sampled calibration tokens, weights and inputs rounded.";
    description["metrics"]["mean_rounding_output_error"]["description"] =
        "The same mean without scales and with the inputs' whole range.";
    return description;
  }

  Json plan(const Context& context) override {
    const auto folder = context.optional_input("model");
    return folder ? quantization::calibrated_plan(context, asked_job(context, *folder)) : Json();
  }

  void run(const Context& context) override {
    const Job job = asked_job(context, context.input("model"));
    quantization::announce(context, job);
    const W8a8Options options{.grid = job.grid(),
                              .inputs = *job.scheme.inputs,
                              .observer = observer(context),
                              .smoothing = smoothing(context),
                              .alpha = context.parameter<double>("alpha"),
                              .targets = quantization::layer_targets(job)};
    ThreadPool threads(context.threads());
    quantization::run_calibrated(
        context, job, [&](CalibrationLayer& layer) { return quantize_layer_w8a8(layer, options, threads); });
  }

 private:
  static Job asked_job(const Context& context, const std::filesystem::path& folder) {
    refuse_idle(context, "alpha", "smoothing", "alpha");
    refuse_idle(context, "observer", "activations", "static");
    refuse_idle(context, "percentile", "observer", "percentile");
    return {context, folder, scheme(context)};
  }

  // The parameter `name` is heeded only where `other` is `value`. Whether it was given cannot be told: the
  // default passes.
  static void refuse_idle(const Context& context, const std::string& name, const char* other,
                          const char* value) {
    const Json common = describe().at("parameters").at("properties").at(name).at("default");
    if (context.parameter<std::string>(other) == value || context.parameters().at(name) == common) return;
    const std::string needed = std::string(other) + ": " + value;
    throw Error("invalid_parameter", name + " is heeded only with " + needed, "/" + name,
                "set " + needed + ", or leave out " + name);
  }

  static QuantizationScheme scheme(const Context& context) {
    return {.format = PackedFormat::IntQuantized,
            .bits = 8,
            .inputs = Int8Inputs{.dynamic = context.parameter<std::string>("activations") == "dynamic",
                                 .symmetric = context.parameter<bool>("symmetric_activations")},
            .targets = {}};
  }

  static RangeObserver observer(const Context& context) {
    const auto name = context.parameter<std::string>("observer");
    RangeObserver observer{.percentile = context.parameter<double>("percentile")};
    if (name == "percentile") observer.kind = RangeObserver::Kind::Percentile;
    if (name == "mse") observer.kind = RangeObserver::Kind::Mse;
    return observer;
  }

  static Smoothing smoothing(const Context& context) {
    const auto name = context.parameter<std::string>("smoothing");
    if (name == "none") return Smoothing::None;
    return name == "alpha" ? Smoothing::Fixed : Smoothing::Search;
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-quantization", "0.1.0", presswork::QuantizeW8a8);
