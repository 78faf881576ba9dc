// quantize/sensitivity: what quantize/mixed chooses by, measured once for many limits of size.
#include "plugins/modelkit/formats/safetensors_writer.h"
#include "plugins/quantization/linear_sensitivity.h"

namespace presswork {

using quantization::Job;

class QuantizeSensitivity : public Stage {
 public:
  static constexpr const char* id = "quantize/sensitivity";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Measure the sensitivity of each linear",
      "description": "Measures for each linear and each precision how far the model's predictions move with that linear alone rounded to it: what quantize/mixed chooses by. Connected to several of these, it is measured once for all of them. What is measured is kept, linear by linear, so that an attempt that dies goes on where it died.",
      "parameters": {"type": "object", "additionalProperties": false, "properties": {}},
      "inputs": {},
      "metrics": {},
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    quantization::describe_job(description);
    quantization::describe_calibration(description);
    description["parameters"]["properties"].erase("samples");
    description["metrics"] = Json::object();
    quantization::describe_sensitivity(description);
    description["outputs"] = {
        {"sensitivity",
         {{"type", "sensitivity"},
          {"description", "Module to bits to divergence, and the model and grid that it is of, as JSON."}}}};
    return description;
  }

  Json plan(const Context& context) override {
    const auto folder = context.optional_input("model");
    if (!folder) return nullptr;
    const Job job = quantization::job_of_many_precisions(context, *folder);
    quantization::layer_targets(job);
    constexpr std::uint64_t kBase = 96u << 20;
    return {{"memory_bytes", kBase + job.largest_bytes() + 3 * quantization::sensitivity_bytes(context, job)},
            {"notes", job.targets.report()}};
  }

  void run(const Context& context) override {
    const Job job = quantization::job_of_many_precisions(context, context.input("model"));
    quantization::warn_of_long_windows(context, job.model);
    modelkit::ThreadPool threads(context.threads());
    const auto found = quantization::measure_divergences(
        context, job, {.length = context.parameter<std::size_t>("window"), .samples = SIZE_MAX}, threads);
    const Json linears = quantization::divergences_json(found, quantization::precisions(context));
    const Json document = {{"presswork_sensitivity", 1},
                           {"weights_digest", quantization::measured_digest(context)},
                           {"grid", quantization::grid_json(context)},
                           {"linears", linears}};
    const auto path = context.work_dir() / "sensitivity.json";
    modelkit::write_file_atomically(path, document.dump(2) + "\n");
    context.output("sensitivity", path);
    context.metric("sensitivities", linears);
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-quantization", "0.1.0", presswork::QuantizeSensitivity);
