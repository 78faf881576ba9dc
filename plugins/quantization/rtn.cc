// quantize/rtn: round to nearest, tensor by tensor; needs no calibration and no memory beyond two tensors.
#include <future>

#include "plugins/modelkit/model/prefetcher.h"
#include "plugins/modelkit/quantize/diagnostics.h"
#include "plugins/modelkit/quantize/float_rounding.h"
#include "plugins/modelkit/quantize/phase_times.h"
#include "plugins/quantization/quantization_job.h"
#include "plugins/quantization/rotation_option.h"

namespace presswork {

using namespace modelkit;
using quantization::Job;

class QuantizeRtn : public Stage {
 public:
  static constexpr const char* id = "quantize/rtn";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Quantize by rounding to nearest",
      "description": "Rounds each of the decoder's linear weights to the nearest value that its new form can hold: small integers with one scale per group of inputs, output channel or weight, eight-bit floats, NF4, or 16-bit floats. No calibration data. Embeddings and norms are never quantized, lm_head is kept by default. Integers are written as compressed-tensors pack-quantized, fp8 as its float-quantized, nf4 as bitsandbytes, fp16 and bf16 as plain weights; docs/quantization.md says what reads which.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "bits": {"type": "integer", "minimum": 2, "maximum": 8, "default": 4, "description": "Bits of an integer. 4 and 8 are read everywhere; others by recent compressed-tensors only."},
          "type": {"type": "string", "enum": ["int", "fp16", "bf16", "fp8", "nf4"], "default": "int", "description": "int: integers of so many bits, as group_size and symmetric say; only these heed bits, group_size, symmetric and scale_dtype. fp8: E4M3 floats, one scale for each output channel. nf4: the 16 values of NF4, one float32 scale for each 64 weights. fp16, bf16: plain values, no scales."},
          "per_tensor": {"type": "boolean", "default": false, "description": "One scale (and zero point) for a whole weight, of type int (with group_size 0) or fp8."}
        }
      },
      "inputs": {},
      "metrics": {},
      "cacheable": true,
      "reads_run": false,
      "parallel": true
    })json");
    quantization::describe_job(description);
    quantization::describe_rotation(description);
    return description;
  }

  Json plan(const Context& context) override {
    const auto folder = context.optional_input("model");
    if (!folder) return nullptr;
    const Job job(context, *folder, stored_form(context));
    constexpr std::uint64_t kBase = 64u << 20;
    return quantization::with_rotation(context, job,
                                       {{"memory_bytes", kBase + job.largest_bytes(2)},
                                        {"disk_bytes", job.checkpoint.file_bytes() + job.written_bytes()},
                                        {"notes", job.targets.report()}});
  }

  void run(const Context& context) override {
    const Job job(context, quantization::model_folder(context), stored_form(context));
    quantization::announce(context, job);
    QuantizedCheckpoint result = job.result(context.work_dir() / "model");
    PhaseTimes times;
    const auto errors = quantize_all(context, job, result, times);
    const PhaseTimes::Scope timed(times, "writing");
    quantization::report_model(context, job, errors, quantization::finish_model(context, result));
    context.metric("phase_seconds", times.seconds());
  }

 private:
  static quantization::StoredForm stored_form(const Context& context) {
    const auto type = context.parameter<std::string>("type");
    const bool per_tensor = context.parameter<bool>("per_tensor");
    const QuantizationScheme asked = quantization::asked_scheme(context);
    if (type == "int") {
      if (per_tensor && asked.group_size != 0)
        refuse("/group_size", "per_tensor and groups exclude each other", "set group_size to 0");
      return {.scheme = asked};
    }
    if (!asked.symmetric) refuse("/symmetric", type + " is symmetric about zero", "leave out symmetric");
    if (type != "fp8" && per_tensor)
      refuse("/per_tensor", type + " has no scale for a whole weight", "leave out per_tensor");
    if (type == "fp16") return {.plain = DType::F16};
    if (type == "bf16") return {.plain = DType::BF16};
    quantization::StoredForm form;
    if (type == "fp8") {
      form.scheme.format = PackedFormat::FloatQuantized;
      form.scheme.bits = 8;
      form.scheme.per_tensor = per_tensor;
    } else {
      form.scheme.format = PackedFormat::BitsAndBytes4;
    }
    return form;
  }

  [[noreturn]] static void refuse(const char* where, const std::string& message, const char* hint) {
    throw Error("invalid_parameter", message, where, hint);
  }

  static RtnResult rounded(const Context& context, const Job& job, const LinearWeight& weight,
                           const std::string& module, ThreadPool& threads) {
    const Sharing sharing = context.parameter<bool>("per_tensor") ? Sharing::Tensor : Sharing::Group;
    if (job.plain) return round_to_half(weight, job.scale_dtype, module, threads);
    if (job.scheme.format == PackedFormat::BitsAndBytes4)
      return round_to_nf4(weight, job.clipping, module, threads);
    if (job.scheme.format == PackedFormat::FloatQuantized)
      return round_to_float8(weight, sharing, job.clipping, job.scale_dtype, module, threads);
    return quantize_rtn(weight, job.grid(), module, threads, sharing);
  }

  static void write(const Job& job, QuantizedCheckpoint& result, const QuantizedCheckpoint::Step& step,
                    const RtnResult& quantized, std::map<std::string, Figures>& figures) {
    if (step.module) {
      if (quantized.weight.grouped_int() != nullptr)
        add_integer_figures(figures[step.name], quantized.weight, quantized.clipped);
      result.write(step.name, quantized.weight);
    } else {
      result.copy(step.name);
    }
    job.checkpoint.release(step.name);
  }

  // Reads ahead, and writes a tensor while the next one is rounded.
  static std::map<std::string, double> quantize_all(const Context& context, const Job& job,
                                                    QuantizedCheckpoint& result, PhaseTimes& times) {
    ThreadPool threads(context.threads());
    std::map<std::string, double> errors;
    std::map<std::string, Figures> figures;  // by module
    Prefetcher prefetcher;
    std::future<void> writing;
    for (std::size_t i = 0; i < result.steps().size(); ++i) {
      context.check_cancelled();
      const QuantizedCheckpoint::Step& step = result.steps()[i];
      if (i + 1 < result.steps().size()) prefetcher.start(job.checkpoint, result.steps()[i + 1].name);
      RtnResult quantized;
      if (step.module) {
        const LinearWeight weight = load_linear(job.checkpoint, job.quantization, step.name);
        const PhaseTimes::Scope timed(times, "rounding");
        quantized = rounded(context, job, weight, step.name, threads);
        errors[step.name] = quantized.error.relative();
      }
      const PhaseTimes::Scope timed(times, "writing");
      if (writing.valid()) writing.get();
      writing = std::async(std::launch::async, [&, quantized = std::move(quantized)] {
        write(job, result, step, quantized, figures);
      });
      context.progress(static_cast<double>(errors.size()), static_cast<double>(job.targets.modules.size()),
                       "linears");
    }
    if (writing.valid()) writing.get();
    for (const char* metric : {"dead_scales", "clipped_weights"}) {
      Json modules = Json::object();
      for (const auto& [module, own] : figures) modules[module] = own.at(metric);
      if (!modules.empty()) context.metric(metric, modules);
    }
    return errors;
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-quantization", "0.1.0", presswork::QuantizeRtn);
