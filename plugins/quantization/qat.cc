// quantize/qat: quantization-aware training with learned step sizes, a layer at a time and then end to end.
#include <atomic>
#include <utility>

#include "plugins/modelkit/quantize/diagnostics.h"
#include "plugins/modelkit/quantize/gptq_layer.h"
#include "plugins/modelkit/quantize/integer_weight.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"
#include "plugins/modelkit/quantize/weight_rows.h"
#include "plugins/modelkit/train/block_training.h"
#include "plugins/modelkit/train/model_training.h"
#include "plugins/modelkit/train/trainable.h"
#include "plugins/quantization/calibrated_job.h"

namespace presswork {

using namespace modelkit;
using quantization::CalibratedWork;
using quantization::Job;

class QuantizeQat : public Stage {
 public:
  static constexpr const char* id = "quantize/qat";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Quantize with training",
      "description": "Quantization-aware training of the decoder's linear weights: they are rounded in the forward pass, the gradient passes straight through the rounding, and the step sizes of the grid are learned too (LSQ, Esser et al. 2020). In two phases, as EfficientQAT (Chen et al. 2024): first each decoder layer in turn learns to give what it gives in the model as it was; then the step sizes of all layers are trained together, under integers that stay, against the original model's logits or the text itself. AdamW, a warm-up and a cosine. Each finished layer is kept, and the state of the second phase every few steps, so that an attempt that dies goes on from there with the same result. Models of Llama's shape only. Embeddings, norms and lm_head stay. Writes a compressed-tensors folder (pack-quantized).",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "bits": {"type": "integer", "enum": [2, 3, 4, 8], "default": 4, "description": "Bits of a weight. 4 and 8 are read everywhere; others by recent compressed-tensors only."},
          "start": {"type": "string", "enum": ["gptq", "rounding"], "default": "rounding", "description": "Where the training of a layer starts: its weights, with step sizes as for rounding to nearest, or what GPTQ makes of them."},
          "objective": {"type": "string", "enum": ["distill", "data"], "default": "distill", "description": "Of the end-to-end phase: distill brings the logits to those of the original model (Kullback-Leibler divergence), data raises the likelihood of the text's next tokens."},
          "block_epochs": {"type": "integer", "minimum": 0, "default": 4, "description": "Times that each layer sees all windows in the first phase; 0: layers stay as they are started."},
          "end_to_end_epochs": {"type": "integer", "minimum": 0, "default": 2, "description": "Times that the second phase sees all windows; 0: there is none. It holds all layers, at 4 bytes a weight."},
          "batch": {"type": "integer", "minimum": 1, "default": 2, "description": "Windows of a step."},
          "weight_rate": {"type": "number", "exclusiveMinimum": 0, "default": 0.01, "description": "Peak learning rate of weights in the first phase, in mean step sizes of their linear."},
          "scale_rate": {"type": "number", "exclusiveMinimum": 0, "default": 0.002, "description": "Peak learning rate of step sizes in the first phase, as a share of themselves."},
          "end_to_end_scale_rate": {"type": "number", "exclusiveMinimum": 0, "default": 0.005, "description": "Peak learning rate of step sizes in the second phase, as a share of themselves."},
          "weight_decay": {"type": "number", "minimum": 0, "default": 0, "description": "AdamW's decay of weights."},
          "warmup": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.1, "description": "Share of each phase's steps over which the learning rate rises; after that it falls by a cosine."},
          "largest_norm": {"type": "number", "minimum": 0, "default": 1, "description": "Gradients whose norm, over all that is trained, is larger are scaled down to it; 0: never."},
          "checkpoint_steps": {"type": "integer", "minimum": 1, "default": 16, "description": "Steps of the second phase between two files of its state."}
        }
      },
      "inputs": {},
      "metrics": {
        "layer_training_errors_before": {"type": "array", "description": "The layer_training_errors before each layer's training, with what it starts from."},
        "layer_training_errors": {"type": "array", "description": "Of each layer after its training in the first phase, never more than before it: relative error of its output, the root of the mean of ||y - y'||^2 / ||y||^2 over the calibration tokens, y as in the original model."},
        "losses": {"type": "array", "description": "Of the second phase, step by step: the loss in nats per token, before the step."},
        "learning_rates": {"type": "array", "description": "Of each step of the second phase: the learning rate as a share of its peak."},
        "gradient_norms": {"type": "array", "description": "Of each step of the second phase: the norm of the gradient before it was limited."},
        "resumed_steps": {"type": "integer", "description": "Steps of the second phase that an earlier attempt had made."},
        "end_to_end_seconds": {"type": "number", "unit": "s", "description": "Time for the second phase, without the steps that an earlier attempt had made."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    quantization::describe_job(description);
    quantization::describe_calibration(description);
    quantization::describe_layer_errors(description);
    description["metrics"]["phase_seconds"]["description"] =
        "Time by phase: passes (of the text through the layers), products and factorization (start: gptq), "
        "training (of the layers), end_to_end (the second phase), rounding (with the measuring of errors), "
        "keeping (of finished layers), writing, other. Without what was resumed.";
    description["parameters"]["properties"]["clip"]["default"] = "mse";
    return description;
  }

  Json plan(const Context& context) override {
    const auto folder = context.optional_input("model");
    if (!folder) return {};
    const Job job(context, *folder);
    require_trainable(context, job);
    Json plan = quantization::calibrated_plan(context, job);
    const ModelSource source = ModelSource::open(*folder);
    const auto window = context.parameter<std::size_t>("window");
    std::uint64_t bytes = plan.at("memory_bytes").get<std::uint64_t>() + block_bytes(context, job, window);
    if (end_to_end(context))
      bytes = std::max(bytes, ModelTraining::predicted_bytes(source, model_options(context, job), window));
    plan["memory_bytes"] = bytes;
    return plan;
  }

  void run(const Context& context) override {
    const Job job(context, context.input("model"));
    require_trainable(context, job);
    quantization::announce(context, job);
    const CalibratedWork work(context, job);
    LayerStore blocks(context.scratch_dir() / "layers"), trained(context.scratch_dir() / "trained");
    quantization::CalibratedResult result(context, job, end_to_end(context) ? trained : blocks);
    std::map<std::string, double> phases;
    {
      const auto compute = make_cpu_compute(context.threads());
      Transformer model(*compute, work.source);
      train_blocks(context, job, work, model, blocks, phases);
      if (end_to_end(context)) train_model(context, job, work, model, blocks, trained, phases);
    }
    const auto begin = std::chrono::steady_clock::now();
    result.write();
    phases["writing"] = quantization::seconds_since(begin);
    context.metric("phase_seconds", phases);
    work.report(context);
  }

 private:
  static bool end_to_end(const Context& context) {
    return context.parameter<std::int64_t>("end_to_end_epochs") > 0;
  }

  static void require_trainable(const Context& context, const Job& job) {
    require_trainable_layers(job.model);
    if (end_to_end(context)) require_trainable_head(job.model);
    quantization::layer_targets(job);
  }

  static std::uint64_t block_bytes(const Context& context, const Job& job, std::size_t window) {
    std::uint64_t layer = 0;
    for (const LinearSite& site : layer_sites(job.model, 0).linears)
      layer += static_cast<std::uint64_t>(site.out * site.in) * sizeof(float);
    // Weights, their values on the grid, gradients and two moments; a batch's activations.
    return 5 * layer +
           sizeof(float) * context.parameter<std::size_t>("batch") * window *
               (LayerTape::floats_per_row(job.model) + 4 * static_cast<std::size_t>(job.model.hidden));
  }

  static OptimizerOptions optimizer_options(const Context& context) {
    return {.largest_norm = context.parameter<double>("largest_norm")};
  }

  static BlockTrainingOptions block_options(const Context& context, const Job& job) {
    return {.epochs = context.parameter<std::int64_t>("block_epochs"),
            .batch = context.parameter<std::size_t>("batch"),
            .warmup = context.parameter<double>("warmup"),
            .rates = {.weights = context.parameter<double>("weight_rate"),
                      .scales = context.parameter<double>("scale_rate"),
                      .decay = context.parameter<double>("weight_decay")},
            .optimizer = optimizer_options(context),
            .seed = context.seed(),
            .scale_dtype = job.scale_dtype};
  }

  static ModelTrainingOptions model_options(const Context& context, const Job& job) {
    return {.objective = context.parameter<std::string>("objective") == "data" ? Objective::Data
                                                                               : Objective::Distillation,
            .epochs = context.parameter<std::int64_t>("end_to_end_epochs"),
            .batch = context.parameter<std::size_t>("batch"),
            .warmup = context.parameter<double>("warmup"),
            .rate = context.parameter<double>("end_to_end_scale_rate"),
            .optimizer = optimizer_options(context),
            .seed = context.seed(),
            .scale_dtype = job.scale_dtype,
            .checkpoint_steps = context.parameter<std::int64_t>("checkpoint_steps")};
  }

  // The work of each phase, in passes of all windows through one layer and back.
  struct Share {
    double blocks = 0, model = 0;

    Share(const Context& context, const Job& job) {
      const auto layers = static_cast<double>(job.model.layers);
      blocks = layers * (static_cast<double>(context.parameter<std::int64_t>("block_epochs")) + 1.0);
      if (!end_to_end(context)) return;
      double weights = 0;
      for (const LinearSite& site : decoder_linears(job.model))
        weights += static_cast<double>(site.out * site.in);
      const double head = static_cast<double>(job.model.vocab * job.model.hidden) / weights * layers;
      model = (layers * 4.0 / 3.0 + head) *
              static_cast<double>(context.parameter<std::int64_t>("end_to_end_epochs"));
    }
  };

  static StepObserver progress(const Context& context, const Job& job, bool second) {
    const Share share(context, job);
    return [&context, share, second](double done) {
      context.check_cancelled();
      context.progress(second ? share.blocks + done * share.model : done * share.blocks,
                       share.blocks + share.model, "layer epochs");
    };
  }

  // What a layer's training starts from.
  static BlockTraining::Start start(const Context& context, const Job& job, ThreadPool& threads) {
    const GptqLayerOptions options{.gptq = {.grid = job.grid()}, .targets = quantization::layer_targets(job)};
    if (context.parameter<std::string>("start") == "gptq")
      return [options, &threads](CalibrationLayer& layer) {
        BlockTraining::Beginning beginning;
        beginning.change = quantize_layer_gptq(layer, options, threads, &beginning.weights);
        return beginning;
      };
    return [options, &threads](CalibrationLayer& layer) {
      BlockTraining::Beginning beginning;
      for (const LinearSite& site : layer_sites(layer.model().config(), layer.index()).linears) {
        const std::string name = layer.whole_name(site.module);
        if (!options.targets.contains(name)) continue;
        const LinearWeight original = layer.weight(site.module);
        LinearWeight weight = quantize_rtn(original, options.gptq.grid, name, threads).weight;
        layer.replace(site.module, weight);
        beginning.change.linears.emplace(site.module, std::move(weight));
        beginning.weights.emplace(site.module, original.dequantize());
      }
      return beginning;
    };
  }

  // The figures of each linear of a layer.
  static void measure(const Job& job, CalibrationLayer& layer, std::size_t tokens, LayerChange& change,
                      ThreadPool& threads) {
    const PhaseTimes::Scope timed(layer.times(), "rounding");
    change.figures.clear();
    for (const auto& [module, weight] : change.linears) {
      const std::string name = layer.whole_name(module);
      const LinearWeight original = layer.weight(module);
      const WeightRows rows(original, name, threads);
      std::atomic<std::int64_t> clipped = 0;
      const auto error =
          rows.each(WeightRows::kTileRows, [&](std::span<const float> values, std::int64_t first) {
            clipped += count_clipped(values, first, weight);
            std::vector<double> difference(values.begin(), values.end());
            subtract_integers(*weight.grouped_int(), first, static_cast<std::size_t>(weight.in), difference);
            double squares = 0;
            for (const double each : difference) squares += each * each;
            return squares;
          });
      Figures& figures = change.figures[module];
      figures = {{"weight_error", error.relative()},
                 {"rounding_error", quantize_rtn(original, job.grid(), name, threads).error.relative()},
                 {"tokens", static_cast<double>(tokens)}};
      add_integer_figures(figures, weight, clipped);
      layer.model().checkpoint().release(name);
    }
  }

  static void add_times(std::map<std::string, double>& phases, Calibration& calibration) {
    for (const auto& [phase, seconds] : calibration.times().seconds()) phases[phase] += seconds;
  }

  static void tell_training(const Context& context, std::int64_t layer, const LayerChange& change) {
    const double before = change.layer.at("output_error_before"), after = change.layer.at("output_error");
    const std::string name = "layer " + std::to_string(layer) + ": ";
    if (after < before) {
      context.info(name + "output error " + std::to_string(before) + " before training, " +
                   std::to_string(after) + " after");
    } else {
      context.warning(name + "training did not lower its output error of " + std::to_string(before) +
                      ", so it stays as it was before; give more text, or lower the learning rates");
    }
  }

  static void train_blocks(const Context& context, const Job& job, const CalibratedWork& work,
                           Transformer& model, LayerStore& blocks, std::map<std::string, double>& phases) {
    const auto begin = std::chrono::steady_clock::now();
    const StepObserver show = progress(context, job, false);
    const auto layers = static_cast<double>(job.model.layers);
    ThreadPool threads(context.threads());
    double before = 0;
    BlockTraining training(model, work.set.windows, work.limit, block_options(context, job),
                           start(context, job, threads),
                           [&](double share) { show((before + share) / layers); });
    Calibration calibration(model, work.set.windows, work.limit, blocks,
                            [&](double) { context.check_cancelled(); });
    context.metric("resumed_layers", calibration.resumed());
    calibration.run([&](CalibrationLayer& layer) {
      before = static_cast<double>(layer.index());
      show(before / layers);
      LayerChange change = training.train(layer);
      if (!change.layer.empty()) tell_training(context, layer.index(), change);
      if (!end_to_end(context)) measure(job, layer, layer.tokens(), change, threads);
      return change;
    });
    add_times(phases, calibration);
    std::vector<double> errors_before, errors;
    for (std::int64_t i = 0; i < job.model.layers; ++i) {
      const LayerChange change = blocks.load(i);
      if (change.layer.empty()) continue;
      errors_before.push_back(change.layer.at("output_error_before"));
      errors.push_back(change.layer.at("output_error"));
    }
    context.metric("layer_training_errors_before", errors_before);
    context.metric("layer_training_errors", errors);
    context.metric("calibration_seconds", quantization::seconds_since(begin));
  }

  static void train_model(const Context& context, const Job& job, const CalibratedWork& work,
                          Transformer& model, const LayerStore& blocks, LayerStore& trained,
                          std::map<std::string, double>& phases) {
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::map<std::string, LinearWeight>> layers;
    {
      ModelTraining training(model, work.set.windows, work.limit, blocks, model_options(context, job),
                             context.scratch_dir() / "end-to-end.safetensors");
      training.run(progress(context, job, true));
      report_steps(context, training);
      for (std::int64_t i = 0; i < job.model.layers; ++i) layers.push_back(training.result(i));
    }
    phases["end_to_end"] = quantization::seconds_since(begin);
    keep_trained(context, job, work, model, std::move(layers), trained, phases);
    context.metric("end_to_end_seconds", quantization::seconds_since(begin));
  }

  static void report_steps(const Context& context, const ModelTraining& training) {
    std::vector<double> losses, factors, norms;
    for (const TrainingStep& step : training.steps()) {
      losses.push_back(step.loss);
      factors.push_back(step.factor);
      norms.push_back(step.gradient_norm);
    }
    context.metric("losses", losses);
    context.metric("learning_rates", factors);
    context.metric("gradient_norms", norms);
    context.metric("resumed_steps", training.resumed());
  }

  // Measures the layers as the second phase left them, which takes a walk of a few windows, and keeps them.
  static void keep_trained(const Context& context, const Job& job, const CalibratedWork& work,
                           Transformer& model, std::vector<std::map<std::string, LinearWeight>> layers,
                           LayerStore& trained, std::map<std::string, double>& phases) {
    const auto ids = work.set.windows.ids();
    const TokenWindows few({ids.begin(), ids.end()}, work.set.windows.length(), CalibrationLayer::kCompared);
    ThreadPool threads(context.threads());
    Calibration calibration(model, few, work.limit, trained, [&](double) { context.check_cancelled(); });
    calibration.run([&](CalibrationLayer& layer) {
      LayerChange change;
      change.linears = std::move(layers.at(static_cast<std::size_t>(layer.index())));
      for (const auto& [module, weight] : change.linears) layer.replace(module, weight);
      measure(job, layer, ids.size(), change, threads);
      return change;
    });
    add_times(phases, calibration);
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-quantization", "0.1.0", presswork::QuantizeQat);
