// quantize/rtn: round to nearest, tensor by tensor; needs no calibration and no memory beyond one tensor.
#include "plugins/modelkit/quantize/rtn_quantizer.h"
#include "plugins/quantization/quantization_job.h"

namespace presswork {

using namespace modelkit;
using quantization::Job;

class QuantizeRtn : public Stage {
 public:
  static constexpr const char* id = "quantize/rtn";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Quantize by rounding to nearest",
      "description": "Stores the decoder's linear weights as small integers with one float32 scale per group of inputs (or per output channel). No calibration data. Embeddings and norms are never touched, lm_head is kept by default. Writes a compressed-tensors folder (pack-quantized) that transformers and vLLM load.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "bits": {"type": "integer", "minimum": 2, "maximum": 8, "default": 4, "description": "Bits of a weight. 4 and 8 are read everywhere; others by recent compressed-tensors only."}
        }
      },
      "inputs": {},
      "metrics": {},
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    quantization::describe_job(description);
    return description;
  }

  Json plan(const Context& context) override {
    const auto folder = context.optional_input("model");
    if (!folder) return nullptr;
    const Job job(context, *folder);
    constexpr std::uint64_t kBase = 64u << 20;
    return {{"memory_bytes", kBase + job.largest_bytes()},
            {"disk_bytes", job.checkpoint.file_bytes() + job.written_bytes()}};
  }

  void run(const Context& context) override {
    const Job job(context, context.input("model"));
    quantization::warn_of_loss(context, job);
    QuantizedCheckpoint result(job.checkpoint, job.targets, job.scheme, job.scale_dtype,
                               context.work_dir() / "model");
    const auto errors = quantize_all(context, job, result);
    quantization::report_model(context, job, errors, quantization::finish_model(context, result));
  }

 private:
  static std::map<std::string, double> quantize_all(const Context& context, const Job& job,
                                                    QuantizedCheckpoint& result) {
    ThreadPool threads(context.threads());
    std::map<std::string, double> errors;
    for (const QuantizedCheckpoint::Step& step : result.steps()) {
      context.check_cancelled();
      if (step.module) {
        const LinearWeight weight = load_linear(job.checkpoint, job.quantization, step.name);
        const RtnResult quantized = quantize_rtn(weight, job.grid(), step.name, threads);
        result.write(step.name, quantized.weight);
        errors[step.name] = quantized.error.relative();
        context.progress(static_cast<double>(errors.size()), static_cast<double>(job.targets.modules.size()),
                         "linears");
      } else {
        result.copy(step.name);
      }
      job.checkpoint.release(step.name);
    }
    return errors;
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-quantization", "0.1.0", presswork::QuantizeRtn);
