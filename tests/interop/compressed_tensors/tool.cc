// Does for check.py what the stages do, without the orchestrator:
//   tool quantize MODEL OUT BITS GROUP sym|asym float32|bfloat16 pack|int
//   tool dequantize MODEL OUT.safetensors      every linear of the decoder as float32
#include <cstdio>
#include <string>

#include "plugins/modelkit/quantize/quantized_checkpoint.h"
#include "plugins/modelkit/quantize/rtn_quantizer.h"
#include "presswork/error.h"

namespace {

using namespace presswork::modelkit;

void quantize(char** arguments) {
  const Checkpoint source = Checkpoint::open(arguments[0]);
  const ModelConfig model = ModelConfig::parse(source.config(), source.config_path());
  QuantizationScheme scheme;
  scheme.bits = std::stoi(arguments[2]);
  scheme.group_size = std::stoi(arguments[3]);
  scheme.symmetric = std::string(arguments[4]) == "sym";
  const DType scale_dtype = std::string(arguments[5]) == "float32" ? DType::F32 : DType::BF16;
  if (std::string(arguments[6]) == "int") {
    scheme.format = PackedFormat::IntQuantized;
    scheme.inputs = Int8Inputs{};
  }
  const QuantizationGrid grid{scheme.bits, scheme.group_size, scheme.symmetric, scale_dtype};
  QuantizedCheckpoint result(source, select_targets(model, {"lm_head"}), scheme, scale_dtype, arguments[1]);
  ThreadPool threads(2);
  for (const auto& step : result.steps()) {
    if (step.module) {
      result.write(step.name,
                   quantize_rtn(load_linear(source, {}, step.name), grid, step.name, threads).weight);
    } else {
      result.copy(step.name);
    }
  }
  result.finish();
}

void dequantize(char** arguments) {
  const Checkpoint source = Checkpoint::open(arguments[0]);
  const ModelConfig model = ModelConfig::parse(source.config(), source.config_path());
  const auto quantization = QuantizationConfig::parse(source.config(), source.config_path());
  std::vector<TensorPlan> plan;
  for (const LinearSite& site : decoder_linears(model))
    plan.push_back({site.module, DType::F32, {site.out, site.in}});
  SafetensorsWriter writer(arguments[1], plan);
  for (const TensorPlan& tensor : plan) {
    const auto values = load_linear(source, quantization, tensor.name).dequantize();
    writer.write(tensor.name, std::as_bytes(std::span(values)));
  }
  writer.publish();
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const std::string verb = count > 1 ? arguments[1] : "";
    if (verb == "quantize" && count == 9) {
      quantize(arguments + 2);
    } else if (verb == "dequantize" && count == 4) {
      dequantize(arguments + 2);
    } else {
      std::fputs("usage: see tool.cc\n", stderr);
      return 2;
    }
    return 0;
  } catch (const presswork::Error& error) {
    std::fprintf(stderr, "%s\n%s\n", error.what(), error.hint.c_str());
    return 1;
  }
}
