#include "plugins/analysis/hardware.h"

#include "plugins/modelkit/analyze/compatibility.h"
#include "plugins/modelkit/analyze/machine.h"
#include "plugins/modelkit/estimate/effects.h"
#include "plugins/modelkit/estimate/gpu_catalogue.h"
#include "plugins/modelkit/estimate/memory.h"
#include "plugins/modelkit/formats/json_text.h"
#include "plugins/modelkit/formats/safetensors_writer.h"

namespace presswork {

using namespace modelkit;

namespace {

constexpr std::uint64_t kLargestFile = 64u << 20;
constexpr std::uint64_t kProbeBytes = 256u << 20;  // far beyond the caches of common machines

Json to_json(const Machine& machine, double bandwidth) {
  return {{"cpu", machine.cpu},
          {"cores", machine.cores},
          {"simd", machine.simd},
          {"memory_bytes", machine.memory_bytes},
          {"available_bytes", machine.available_bytes},
          {"caches", machine.caches},
          {"memory_bandwidth_gbps", bandwidth / 1e9},
          {"gpus", machine.gpus}};
}

Target this_machine(const Machine& machine, double bandwidth, const std::string& precision) {
  const bool integers = bits_per_parameter(precision) <= 8;
  const bool fast = integers
                        ? machine.has("avx512_vnni") || machine.has("avx_vnni") || machine.has("amx_int8")
                        : machine.has("avx2") || machine.has("neon");
  return {.name = "this machine",
          .memory_gb = static_cast<double>(machine.memory_bytes) / kGigabyte,
          .bandwidth_gbps = bandwidth / 1e9,
          .compute_fit = fast ? 1.0 : 0.5,
          .compute_reason =
              fast ? Message("it has vector instructions for {0} weights", {Message::verbatim(precision)})
                   : Message("it lacks the vector instructions that make {0} weights fast",
                             {Message::verbatim(precision)})};
}

Target card(const Gpu& gpu, const std::string& precision) {
  return {.name = gpu.name,
          .memory_gb = gpu.memory_gb,
          .bandwidth_gbps = gpu.bandwidth_gbps,
          .compute_fit = 1,
          .compute_reason = Message("its kernels multiply {0} weights", {Message::verbatim(precision)})};
}

Json read_analysis(const std::filesystem::path& path) {
  const Json analysis = parse_json(read_text_file(path, kLargestFile), path.string());
  for (const char* key : {"inference_memory", "parameters", "bytes", "precision"}) {
    if (analysis.contains(key)) continue;
    throw Error("invalid_input", std::string("is no analysis of a model: it has no ") + key, path.string(),
                "connect the output analysis of analyze/model");
  }
  return analysis;
}

Json to_json(const Compatibility& found) {
  Json parts = Json::array();
  for (const Part& part : found.parts) {
    parts.push_back({{"part", part.name}, {"score", part.score}, {"weight", part.weight}});
    put(parts.back(), "reason", part.reason);
  }
  return parts;
}

Json to_json(const SizeAdvice& advice) {
  return {{"size", advice.size},
          {"training", advice.training},
          {"inference", advice.inference},
          {"quantization", advice.quantization},
          {"effect", advice.effect}};
}

}  // namespace

Json AnalyzeHardware::describe() {
  return Json::parse(R"json({
    "title": "Analyze the hardware",
    "description": "Tells what this machine has (cores, vector instructions, memory, caches, measured bandwidth, NVIDIA cards) and how well the analysed model fits the target: a card of the catalogue, or this machine. The compatibility score is the weighted mean of its parts, memory (0.5), speed (0.3), headroom and compute (0.1 each), and never above the memory's own.",
    "parameters": {
      "type": "object",
      "additionalProperties": false,
      "properties": {
        "gpu": {"type": "string", "default": "", "description": "Card of the catalogue that the model is for; empty: this machine's CPU."},
        "catalogue": {"type": "string", "default": "", "description": "File with further cards, in the form of the shipped gpus.json."},
        "tokens_per_s": {"type": "number", "exclusiveMinimum": 0, "default": 10, "description": "Speed that one sequence should have."}
      }
    },
    "inputs": {"analysis": {"type": "analysis", "required": true, "description": "Of analyze/model."}},
    "outputs": {"hardware": {"type": "hardware", "description": "Machine, target, score with its parts and reasons, and the guide's advice for the model's size, as JSON."}},
    "metrics": {
      "compatibility_score": {"type": "number", "headline": true, "description": "0 to 1; over 0.8 the model fits."},
      "target": {"type": "string", "description": "The card, or this machine."},
      "target_gpus": {"type": "integer", "description": "Cards (or machines) of that kind that hold the model."},
      "parts": {"type": "array", "description": "Parts of the score, each with its weight and reason."},
      "cores": {"type": "integer", "description": "Cores that this process may use."},
      "memory_bytes": {"type": "integer", "unit": "B", "description": "Memory of this machine, or of its control group."},
      "memory_bandwidth_gbps": {"type": "number", "unit": "GB/s", "description": "Measured: all cores reading."}
    },
    "cacheable": false,
    "reads_run": false,
    "parallel": true
  })json");
}

void AnalyzeHardware::run(const Context& context) {
  const Json analysis = read_analysis(context.input("analysis"));
  const std::string precision = analysis.at("precision"), name = context.parameter<std::string>("gpu");
  const Machine machine = read_machine();
  const double bandwidth = measure_read_bandwidth(context.threads(), kProbeBytes);
  const GpuCatalogue catalogue = GpuCatalogue::load(context.parameter<std::string>("catalogue"));
  const Target target = name.empty() ? this_machine(machine, bandwidth, precision)
                                     : card(catalogue.at(name, "/gpu"), precision);
  const ModelLoad load{.memory_gb = analysis["inference_memory"].at("refined").at("total_memory_gb"),
                       .weights_gb = analysis["bytes"].get<double>() / kGigabyte,
                       .tokens_per_s = context.parameter<double>("tokens_per_s")};
  const Compatibility found = compatibility(target, load);
  const int count = match_gpu(load.memory_gb, target.memory_gb, 1, 0.1).count;
  const Json hardware = {{"presswork_hardware", 1},
                         {"machine", to_json(machine, bandwidth)},
                         {"target", target.name},
                         {"target_gpu", name},
                         {"target_memory_gb", target.memory_gb},
                         {"target_count", count},
                         {"compatibility_score", found.score},
                         {"parts", to_json(found)},
                         {"guide", to_json(advice_for(analysis["parameters"]))}};
  const auto path = context.work_dir() / "hardware.json";
  write_file_atomically(path, hardware.dump(2) + "\n");
  context.output("hardware", path);
  context.metric("compatibility_score", found.score);
  context.metric("target", target.name);
  context.metric("target_gpus", count);
  context.metric("parts", hardware["parts"]);
  context.metric("cores", machine.cores);
  context.metric("memory_bytes", machine.memory_bytes);
  context.metric("memory_bandwidth_gbps", bandwidth / 1e9);
}

}  // namespace presswork
