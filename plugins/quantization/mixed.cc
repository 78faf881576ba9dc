// quantize/mixed: each linear at the precision that serves the whole best within a limit of size, quantized
// with GPTQ.
#include <algorithm>
#include <cmath>

#include "plugins/modelkit/quantize/allocation.h"
#include "plugins/modelkit/quantize/gptq_layer.h"
#include "plugins/quantization/linear_sensitivity.h"

namespace presswork {

using namespace modelkit;
using quantization::Job;

class QuantizeMixed : public Stage {
 public:
  static constexpr const char* id = "quantize/mixed";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Quantize with mixed precision",
      "description": "Measures for each linear and each precision how far the model's predictions move with that linear alone rounded to it (or takes that from quantize/sensitivity), chooses a precision for each so that the sum is least within a limit of size (exactly: the multiple-choice knapsack problem), and quantizes with GPTQ. What is measured and each finished layer are kept, so that an attempt that dies goes on where it died, with the same result. Embeddings and lm_head are kept. Writes a compressed-tensors folder (pack-quantized) with a group for each precision.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "bits_per_weight": {"type": "number", "minimum": 2, "maximum": 8, "default": 4, "description": "Limit of size: that of all linears with so many bits on the same grid, scales and zero points included."},
          "actorder": {"type": "boolean", "default": false, "description": "As in quantize/gptq."},
          "damp": {"type": "number", "minimum": 0, "maximum": 10, "default": 0.01, "description": "As in quantize/gptq."}
        }
      },
      "inputs": {},
      "metrics": {
        "precisions": {"type": "object", "description": "Module to the bits that it got."},
        "predicted_divergence": {"type": "number", "unit": "nat", "description": "Sum of the sensitivities of what was chosen."},
        "uniform_divergence": {"type": "number", "unit": "nat", "description": "The same with the most bits for all that the limit allows."},
        "limit_bytes": {"type": "integer", "unit": "B", "description": "What the quantized weights may take."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    quantization::describe_job(description);
    quantization::describe_calibration(description);
    quantization::describe_output_errors(description);
    quantization::describe_sensitivity(description);
    description["inputs"]["sensitivity"] = {{"type", "sensitivity"},
                                            {"required", false},
                                            {"description",
                                             "Of quantize/sensitivity, for the same model, grid and "
                                             "targets, and for all of the precisions. Without it the "
                                             "sensitivities are measured here."}};
    return description;
  }

  Json plan(const Context& context) override {
    const auto folder = context.optional_input("model");
    if (!folder) return nullptr;
    const Job job = quantization::job_of_many_precisions(context, *folder);
    expect_fits(sizes(context, job), limit_bytes(context, job));
    Json plan = quantization::calibrated_plan(context, job);
    if (const auto known = context.optional_input("sensitivity"))
      quantization::read_divergences(context, job, *known);
    plan["memory_bytes"] =
        plan.at("memory_bytes").get<std::uint64_t>() + quantization::sensitivity_bytes(context, job);
    return plan;
  }

  void run(const Context& context) override {
    Job job = quantization::job_of_many_precisions(context, context.input("model"));
    expect_fits(sizes(context, job), limit_bytes(context, job));  // before hours of measuring
    quantization::announce(context, job);
    ThreadPool threads(context.threads());
    choose(context, job, divergences(context, job, threads));
    const GptqLayerOptions options{.gptq = {.grid = job.grid(),
                                            .damp = context.parameter<double>("damp"),
                                            .actorder = context.parameter<bool>("actorder")},
                                   .targets = quantization::layer_targets(job),
                                   .bits = job.bits};
    quantization::run_calibrated(
        context, job, [&](CalibrationLayer& layer) { return quantize_layer_gptq(layer, options, threads); });
  }

 private:
  static quantization::Divergences divergences(const Context& context, const Job& job, ThreadPool& threads) {
    if (const auto known = context.optional_input("sensitivity"))
      return quantization::read_divergences(context, job, *known);
    return quantization::measure_divergences(context, job, quantization::calibration_sampling(context),
                                             threads);
  }

  // Between the sizes of whole numbers of bits by their share.
  static std::uint64_t limit_bytes(const Context& context, const Job& job) {
    const auto bits = context.parameter<double>("bits_per_weight");
    const double below = std::floor(bits), share = bits - below;
    double bytes = 0;
    for (const LinearSite& site : job.targets.modules) {
      bytes += (1 - share) * static_cast<double>(job.bytes_of(site, static_cast<int>(below)));
      if (share > 0) bytes += share * static_cast<double>(job.bytes_of(site, static_cast<int>(below) + 1));
    }
    return static_cast<std::uint64_t>(bytes);
  }

  // Each target at each precision; losses are still to come.
  static std::vector<std::vector<Choice>> sizes(const Context& context, const Job& job) {
    std::vector<std::vector<Choice>> items;
    for (const LinearSite& site : job.targets.modules) {
      auto& item = items.emplace_back();
      for (const int bits : quantization::precisions(context))
        item.push_back({.bytes = job.bytes_of(site, bits)});
    }
    return items;
  }

  static void choose(const Context& context, Job& job, const quantization::Divergences& sensitivities) {
    const std::vector<int> bits = quantization::precisions(context);
    std::vector<std::vector<Choice>> items = sizes(context, job);
    std::vector<Choice> uniform(bits.size());
    for (std::size_t k = 0; k < items.size(); ++k) {
      for (std::size_t i = 0; i < bits.size(); ++i) {
        items[k][i].loss = sensitivities.at(job.targets.modules[k].module).at(i);
        uniform[i].bytes += items[k][i].bytes;
        uniform[i].loss += items[k][i].loss;
      }
    }
    const std::uint64_t limit = limit_bytes(context, job);
    const Allocation chosen = allocate(items, limit);
    for (std::size_t i = 0; i < items.size(); ++i)
      job.bits[job.targets.modules[i].module] = bits[chosen.choices[i]];
    context.metric("precisions", job.bits);
    context.metric("sensitivities", quantization::divergences_json(sensitivities, bits));
    context.metric("predicted_divergence", chosen.loss);
    context.metric("limit_bytes", limit);
    for (std::size_t i = bits.size(); i-- > 0;) {
      if (uniform[i].bytes > limit) continue;
      context.metric("uniform_divergence", uniform[i].loss);
      break;
    }
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-quantization", "0.1.0", presswork::QuantizeMixed);
