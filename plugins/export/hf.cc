// export/hf: the quantized weights of a model in the format of another program, with the same values.
#include <algorithm>

#include "plugins/modelkit/checkpoint/format_limits.h"
#include "plugins/modelkit/checkpoint/verify.h"
#include "plugins/modelkit/quantize/format_change.h"
#include "presswork/stage.hpp"

namespace presswork {

using namespace modelkit;

class ExportHf : public Stage {
 public:
  static constexpr const char* id = "export/hf";

  static Json describe() {
    Json description = Json::parse(R"json({
      "title": "Write a quantized model in another format",
      "description": "Writes the quantized weights of a model in the format that another program reads, with the very same values: nothing is rounded again. What the format cannot hold is refused before anything is written; the error names the module and the formats that can hold it. The result is read back, and each weight is compared bit for bit. Weights that are not quantized, norms and embeddings are copied.",
      "parameters": {
        "type": "object",
        "additionalProperties": false,
        "required": ["format"],
        "properties": {
          "format": {"type": "string", "description": "compressed-tensors: pack-quantized (integers), int-quantized (8 bits, symmetric, one scale for each output channel; readers quantize the inputs to 8 bits too, token by token), float-quantized (fp8). GPTQ: gptq (version 1, symmetric only), gptq_v2. awq: version gemm, 4 bits. nf4: bitsandbytes. GPTQ and AWQ hold float16 scales: quantize with scale_dtype float16."}
        }
      },
      "inputs": {"model": {"type": "model", "required": true, "description": "Hugging Face model folder with quantized weights, in any format that is read."}},
      "outputs": {"model": {"type": "model", "description": "The same model in the format."}},
      "metrics": {
        "bytes": {"type": "integer", "unit": "B", "headline": true, "description": "Size of the weight files written."},
        "original_bytes": {"type": "integer", "unit": "B", "description": "Size of the weight files before."},
        "quantized_tensors": {"type": "integer", "description": "Weights that are in the format; each was read back and found equal."}
      },
      "cacheable": true,
      "estimates": true,
      "reads_run": false,
      "parallel": false
    })json");
    Json& names = description["parameters"]["properties"]["format"]["enum"] = Json::array();
    for (const WrittenFormat& format : written_formats()) names.push_back(format.name);
    return description;
  }

  Json plan(const Context& context) override {
    const auto folder = context.optional_input("model");
    if (!folder) return nullptr;
    const ModelSource source = ModelSource::open(*folder);
    std::uint64_t largest = 0;
    for (const LinearSite& site : decoder_linears(source.config()))
      largest = std::max(largest, static_cast<std::uint64_t>(site.out * site.in));
    constexpr std::uint64_t kBase = 64u << 20;
    // Its pages, the integers, twice where two formats are compared, and what is about to be written.
    return {{"memory_bytes", kBase + 6 * largest}, {"disk_bytes", source.checkpoint().file_bytes()}};
  }

  void run(const Context& context) override {
    const ModelSource source = ModelSource::open(context.input("model"));
    require_structure(source.checkpoint(), source.config(), source.quantization());
    double done = 0, all = 0;
    const auto step = [&] {
      context.check_cancelled();
      context.progress(++done, std::max(done, all), "linears");
    };
    const auto format = context.parameter<std::string>("format");
    const FormatChange change(source, format, step);
    all = done + 2 * static_cast<double>(change.targets().modules.size());
    const std::uint64_t bytes =
        change.write(context.work_dir() / "model", step, [&](const std::string& name) {
          context.warning("not carried over, since it holds the weights as they were: " + name);
        });
    if (format == "int-quantized")
      context.info("readers of int-quantized also quantize the inputs of these linears, token by token");
    context.output("model", context.work_dir() / "model");
    context.metric("bytes", bytes);
    context.metric("original_bytes", source.checkpoint().file_bytes());
    context.metric("quantized_tensors", change.targets().modules.size());
  }
};

}  // namespace presswork

PRESSWORK_PLUGIN("presswork-export", "0.1.0", presswork::ExportHf);
