// Does for check.py what the stages do, without the orchestrator:
//   tool quantize MODEL OUT BITS GROUP sym|asym float32|float16|bfloat16 pack|int
//   tool round MODEL OUT fp8|fp8-tensor|nf4 IGNORE
//   tool export MODEL OUT FORMAT
//   tool dequantize MODEL OUT.safetensors      every linear of the decoder as float32
#include <cstdio>
#include <string>

#include "plugins/modelkit/quantize/float_rounding.h"
#include "plugins/modelkit/quantize/format_change.h"
#include "plugins/modelkit/quantize/quantized_checkpoint.h"
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
  const std::string scales = arguments[5];
  const DType scale_dtype = scales == "float32" ? DType::F32 : scales == "float16" ? DType::F16 : DType::BF16;
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

void round(char** arguments) {
  const Checkpoint source = Checkpoint::open(arguments[0]);
  const ModelConfig model = ModelConfig::parse(source.config(), source.config_path());
  const std::string type = arguments[2];
  QuantizationScheme scheme;
  scheme.format = type == "nf4" ? PackedFormat::BitsAndBytes4 : PackedFormat::FloatQuantized;
  scheme.bits = type == "nf4" ? 4 : 8;
  scheme.per_tensor = type == "fp8-tensor";
  const DType dtype = type == "nf4" ? model.dtype.value_or(DType::F32) : DType::F32;
  QuantizedCheckpoint result(source, select_targets(model, {"lm_head", arguments[3]}), scheme, dtype,
                             arguments[1]);
  ThreadPool threads(2);
  const Sharing sharing = scheme.per_tensor ? Sharing::Tensor : Sharing::Group;
  for (const auto& step : result.steps()) {
    if (!step.module) {
      result.copy(step.name);
      continue;
    }
    const LinearWeight weight = load_linear(source, {}, step.name);
    result.write(step.name,
                 type == "nf4"
                     ? round_to_nf4(weight, Clipping::MinMax, step.name, threads).weight
                     : round_to_float8(weight, sharing, Clipping::MinMax, dtype, step.name, threads).weight);
  }
  result.finish();
}

void export_model(char** arguments) {
  const ModelSource source = ModelSource::open(arguments[0]);
  FormatChange(source, arguments[2], [] {}).write(arguments[1], [] {}, {});
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
    } else if (verb == "round" && count == 6) {
      round(arguments + 2);
    } else if (verb == "export" && count == 5) {
      export_model(arguments + 2);
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
