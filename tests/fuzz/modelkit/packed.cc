// A quantization_config and the tensors of a module "m", described in JSON so that most inputs get past
// safetensors' own checks: {"config": {...}, "tensors": {"m.qweight": ["I32", [8, 8], "bytes, repeated"]}}.
// The module is read and dequantized, or an Error says what does not fit.
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/checkpoint/quantized_linear.h"
#include "plugins/modelkit/formats/json_text.h"
#include "plugins/modelkit/formats/safetensors_writer.h"
#include "presswork/error.h"

namespace {

using namespace presswork::modelkit;
namespace fs = std::filesystem;

constexpr std::uint64_t kMostBytes = 1 << 16;

const fs::path& folder() {
  static const fs::path path = [] {
    const fs::path memory = "/dev/shm";  // no disk: a file is written for every input
    const fs::path root = fs::exists(memory) ? memory : fs::temp_directory_path();
    fs::path made = root / ("presswork-fuzz-packed-" + std::to_string(getpid()));
    fs::create_directories(made);
    std::atexit([] { fs::remove_all(folder()); });
    return made;
  }();
  return path;
}

struct Tensors {
  std::vector<TensorPlan> plan;
  std::vector<std::string> fillings;
};

bool read(const nlohmann::ordered_json& description, Tensors& tensors) {
  std::uint64_t bytes = 0;
  for (const auto& [name, value] : description.items()) {
    const auto dtype = dtype_from_name(value.at(0).get<std::string>());
    for (const auto& size : value.at(1)) {
      if (!size.is_number_integer()) return false;
    }
    TensorPlan plan{name, dtype.value_or(DType::U8), value.at(1).get<Shape>()};
    if (!dtype || plan.shape.size() > 4) return false;
    for (const std::int64_t size : plan.shape) {
      if (size < 0 || size > static_cast<std::int64_t>(kMostBytes)) return false;
    }
    if (plan.byte_count() > kMostBytes || (bytes += plan.byte_count()) > kMostBytes) return false;
    tensors.plan.push_back(std::move(plan));
    tensors.fillings.push_back(value.at(2).get<std::string>() + '\0');
  }
  return true;
}

void write(const Tensors& tensors) {
  SafetensorsWriter writer(folder() / "model.safetensors", tensors.plan);
  for (std::size_t i = 0; i < tensors.plan.size(); ++i) {
    const std::string& filling = tensors.fillings[i];
    const std::size_t unit = std::max<std::size_t>(1, filling.size() - 1);  // without the final NUL
    std::vector<std::byte> data(tensors.plan[i].byte_count());
    for (std::size_t b = 0; b < data.size(); ++b) data[b] = static_cast<std::byte>(filling[b % unit]);
    writer.write(tensors.plan[i].name, data);
  }
  writer.publish();
}

void load(const std::string& config) {
  write_file_atomically(folder() / "config.json", config);
  const Checkpoint checkpoint = Checkpoint::open(folder());
  const auto quantization = QuantizationConfig::parse(checkpoint.config(), "config.json");
  const LinearWeight weight = load_linear(checkpoint, quantization, "m");
  if (weight.out * weight.in > static_cast<std::int64_t>(16 * kMostBytes)) __builtin_trap();
  if (weight.dequantize().size() != static_cast<std::size_t>(weight.out * weight.in)) __builtin_trap();
  if (const auto* scheme = quantization.scheme_for("m"))
    (void)stored_parts("m", weight.out, weight.in, *scheme);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto input = parse_json({reinterpret_cast<const char*>(data), size}, "input");
    Tensors tensors;
    if (!read(input.at("tensors"), tensors) || tensors.plan.empty()) return -1;
    write(tensors);
    load(nlohmann::ordered_json{{"quantization_config", input.at("config")}}.dump());
  } catch (const nlohmann::json::exception&) {
    return -1;  // no description
  } catch (const presswork::Error& error) {
    if (error.message.empty()) __builtin_trap();
  }
  return 0;
}
