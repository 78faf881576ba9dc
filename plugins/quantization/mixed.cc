// quantize/mixed: each linear at the precision that serves the whole best within a limit of size, quantized
// with GPTQ.
#include <algorithm>
#include <cmath>
#include <fstream>

#include "plugins/modelkit/analyze/sensitivity.h"
#include "plugins/modelkit/quantize/allocation.h"
#include "plugins/modelkit/quantize/gptq_layer.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"
#include "plugins/quantization/calibrated_job.h"

namespace presswork {

using namespace modelkit;
using quantization::Job;

class QuantizeMixed : public Stage {
 public:
  static constexpr const char* id = "quantize/mixed";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Quantize with mixed precision",
      "description": "Measures for each linear and each precision how far the model's predictions move with that linear alone rounded to it, chooses a precision for each so that the sum is least within a limit of size (exactly: the multiple-choice knapsack problem), and quantizes with GPTQ. What is measured and each finished layer are kept, so that an attempt that dies goes on where it died, with the same result. Embeddings and lm_head are kept. Writes a compressed-tensors folder (pack-quantized) with a group for each precision.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "bits_per_weight": {"type": "number", "minimum": 2, "maximum": 8, "default": 4, "description": "Limit of size: that of all linears with so many bits on the same grid, scales and zero points included."},
          "precisions": {"type": "array", "items": {"type": "integer", "minimum": 2, "maximum": 8}, "minItems": 1, "uniqueItems": true, "default": [3, 4, 5, 6], "description": "Bits to choose from. 4 and 8 are read everywhere; others by recent compressed-tensors only."},
          "sensitivity_windows": {"type": "integer", "minimum": 1, "default": 4, "description": "Windows of the calibration text that sensitivities are measured on, the first ones. Their states are held in memory before each layer."},
          "actorder": {"type": "boolean", "default": false, "description": "As in quantize/gptq."},
          "damp": {"type": "number", "minimum": 0, "maximum": 10, "default": 0.01, "description": "As in quantize/gptq."}
        }
      },
      "inputs": {},
      "metrics": {
        "precisions": {"type": "object", "description": "Module to the bits that it got."},
        "sensitivities": {"type": "object", "description": "Module to bits to mean Kullback-Leibler divergence from the original's predictions with that module alone rounded, in nats."},
        "predicted_divergence": {"type": "number", "unit": "nat", "description": "Sum of the sensitivities of what was chosen."},
        "uniform_divergence": {"type": "number", "unit": "nat", "description": "The same with the most bits for all that the limit allows."},
        "limit_bytes": {"type": "integer", "unit": "B", "description": "What the quantized weights may take."},
        "sensitivity_seconds": {"type": "number", "unit": "s", "description": "Time for measuring the sensitivities that no earlier attempt had."}
      },
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    quantization::describe_job(description);
    quantization::describe_calibration(description);
    quantization::describe_output_errors(description);
    return description;
  }

  Json plan(const Context& context) override {
    const auto folder = context.optional_input("model");
    if (!folder) return nullptr;
    const Job job = make_job(context, *folder);
    limit_bytes(job, context.parameter<double>("bits_per_weight"));
    Json plan = quantization::calibrated_plan(context, job);
    const auto states = static_cast<std::uint64_t>(job.model.layers * job.model.hidden) * sizeof(float) *
                        context.parameter<std::uint64_t>("sensitivity_windows") *
                        context.parameter<std::uint64_t>("window");
    plan["memory_bytes"] = plan.at("memory_bytes").get<std::uint64_t>() + states;
    return plan;
  }

  void run(const Context& context) override {
    Job job = make_job(context, context.input("model"));
    quantization::announce(context, job);
    ThreadPool threads(context.threads());
    choose(context, job, measured(context, job, threads));
    const GptqLayerOptions options{.gptq = {.grid = job.grid(),
                                            .damp = context.parameter<double>("damp"),
                                            .actorder = context.parameter<bool>("actorder")},
                                   .targets = quantization::layer_targets(job),
                                   .bits = job.bits};
    quantization::run_calibrated(
        context, job, [&](CalibrationLayer& layer) { return quantize_layer_gptq(layer, options, threads); });
  }

 private:
  static Job make_job(const Context& context, const std::filesystem::path& folder) {
    return {context, folder,
            QuantizationScheme{.bits = 4,
                               .group_size = context.parameter<std::int64_t>("group_size"),
                               .symmetric = context.parameter<bool>("symmetric"),
                               .targets = {}}};
  }

  static std::vector<int> precisions(const Context& context) {
    auto bits = context.parameter<std::vector<int>>("precisions");
    std::sort(bits.begin(), bits.end());
    return bits;
  }

  // Between the sizes of whole numbers of bits by their share.
  static std::uint64_t limit_bytes(const Job& job, double bits) {
    const double below = std::floor(bits), share = bits - below;
    double bytes = 0;
    for (const LinearSite& site : job.targets.modules) {
      bytes += (1 - share) * static_cast<double>(job.bytes_of(site, static_cast<int>(below)));
      if (share > 0) bytes += share * static_cast<double>(job.bytes_of(site, static_cast<int>(below) + 1));
    }
    return static_cast<std::uint64_t>(bytes);
  }

  static std::vector<Coarsening> roundings(const Context& context, const Job& job) {
    std::vector<Coarsening> all;
    for (const int bits : precisions(context)) {
      QuantizationGrid grid = job.grid();
      grid.bits = bits;
      all.push_back({"int" + std::to_string(bits),
                     [grid](const LinearWeight& weight, const std::string& module, ThreadPool& threads) {
                       return quantize_rtn(weight, grid, module, threads).weight;
                     }});
    }
    return all;
  }

  static std::vector<LinearSensitivity> read_known(const std::filesystem::path& path) {
    std::vector<LinearSensitivity> known;
    if (!std::filesystem::exists(path)) return known;
    for (const Json& linear : Json::parse(std::ifstream(path)))
      known.push_back({linear.at("layer"), linear.at("module"), linear.at("divergence")});
    return known;
  }

  static void keep(const std::filesystem::path& path, const std::vector<LinearSensitivity>& linears) {
    Json all = Json::array();
    for (const LinearSensitivity& linear : linears)
      all.push_back({{"layer", linear.layer}, {"module", linear.module}, {"divergence", linear.divergence}});
    const std::filesystem::path fresh = path.string() + ".new";
    std::ofstream(fresh) << all.dump();
    std::filesystem::rename(fresh, path);
  }

  // By whole name.
  static std::map<std::string, std::vector<double>> measured(const Context& context, const Job& job,
                                                             ThreadPool& threads) {
    const auto start = std::chrono::steady_clock::now();
    const ModelSource source = ModelSource::open(context.input("model"));
    Sampling sampling = quantization::calibration_sampling(context);
    sampling.samples = std::min(sampling.samples, context.parameter<std::size_t>("sensitivity_windows"));
    const CalibrationSet set = calibration_set(Tokenizer::open(source.checkpoint().folder()),
                                               context.optional_input("calibration"), sampling);
    const auto compute = make_cpu_compute(context.threads());
    Transformer model(*compute, source);
    const std::filesystem::path kept = context.scratch_dir() / "sensitivity.json";
    std::map<std::string, std::vector<double>> found;
    for (const LinearSensitivity& linear : measure_linears(
             model, set.windows, read_known(kept), quantization::layer_targets(job), roundings(context, job),
             threads, [&](const std::vector<LinearSensitivity>& all) { keep(kept, all); },
             [&](double share) {
               context.progress(share, 1.0, "sensitivities");
               context.check_cancelled();
             })) {
      found[layer_prefix(job.model, linear.layer) + "." + linear.module] = linear.divergence;
    }
    context.metric("sensitivity_seconds",
                   std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    return found;
  }

  static void choose(const Context& context, Job& job,
                     const std::map<std::string, std::vector<double>>& sensitivities) {
    const std::vector<int> bits = precisions(context);
    std::vector<std::vector<Choice>> items;
    std::vector<Choice> uniform(bits.size());
    Json report = Json::object();
    for (const LinearSite& site : job.targets.modules) {
      auto& item = items.emplace_back();
      for (std::size_t i = 0; i < bits.size(); ++i) {
        item.push_back({job.bytes_of(site, bits[i]), sensitivities.at(site.module).at(i)});
        uniform[i].bytes += item.back().bytes;
        uniform[i].loss += item.back().loss;
        report[site.module][std::to_string(bits[i])] = item.back().loss;
      }
    }
    const std::uint64_t limit = limit_bytes(job, context.parameter<double>("bits_per_weight"));
    const Allocation chosen = allocate(items, limit);
    for (std::size_t i = 0; i < items.size(); ++i)
      job.bits[job.targets.modules[i].module] = bits[chosen.choices[i]];
    context.metric("precisions", job.bits);
    context.metric("sensitivities", report);
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
