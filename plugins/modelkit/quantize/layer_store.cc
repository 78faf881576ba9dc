#include "plugins/modelkit/quantize/layer_store.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "plugins/modelkit/formats/safetensors.h"
#include "plugins/modelkit/formats/safetensors_writer.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kHeader = "header";  // U8, JSON: what the other tensors are

// A tensor to be written, borrowed.
struct Part {
  TensorPlan plan;
  std::span<const std::byte> bytes;
};

template <class T>
Part part(const std::string& name, DType dtype, const std::vector<T>& values) {
  return {{name, dtype, {static_cast<std::int64_t>(values.size())}}, std::as_bytes(std::span(values))};
}

void write(const fs::path& path, const std::vector<Part>& parts) {
  std::vector<TensorPlan> plan;
  for (const Part& each : parts) plan.push_back(each.plan);
  SafetensorsWriter writer(path, plan);
  for (const Part& each : parts) writer.write(each.plan.name, each.bytes);
  writer.publish();
}

template <class T>
std::vector<T> read(const SafetensorsFile& file, const std::string& name) {
  const TensorView* view = file.find(name);
  if (view == nullptr) throw Error("corrupt_file", "the tensor is missing", name);
  std::vector<T> values(view->bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), view->bytes.data(), values.size() * sizeof(T));
  return values;
}

bool readable(const fs::path& path) {
  if (!fs::exists(path)) return false;
  try {
    return !SafetensorsFile(path).tensors().empty();
  } catch (const Error&) {
    return false;
  }
}

std::string window_name(std::size_t window) { return "window." + std::to_string(window); }

Json describe(const LinearWeight& weight, const GroupedIntWeight& ints) {
  Json shape = {{"out", weight.out},
                {"in", weight.in},
                {"bits", ints.bits},
                {"group_size", ints.group_size},
                {"symmetric", ints.symmetric}};
  if (const auto& inputs = weight.inputs) {
    shape["inputs"] = {{"dynamic", inputs->dynamic},
                       {"symmetric", inputs->symmetric},
                       {"scale", inputs->grid.scale},
                       {"zero", inputs->grid.zero}};
  }
  return shape;
}

std::optional<Int8Inputs> inputs_of(const Json& shape) {
  if (!shape.contains("inputs")) return {};
  const Json& inputs = shape.at("inputs");
  return Int8Inputs{.dynamic = inputs.at("dynamic"),
                    .symmetric = inputs.at("symmetric"),
                    .grid = {inputs.at("scale"), inputs.at("zero")}};
}

}  // namespace

LayerStore::LayerStore(fs::path folder) : folder_(std::move(folder)) { fs::create_directories(folder_); }

fs::path LayerStore::layer_path(std::int64_t index) const {
  return folder_ / ("layer-" + std::to_string(index) + ".safetensors");
}

fs::path LayerStore::states_path(std::int64_t index) const {
  return folder_ / ("states-" + std::to_string(index) + ".safetensors");
}

std::int64_t LayerStore::finished(std::int64_t layers) const {
  std::int64_t count = 0, whole = 0;
  while (readable(layer_path(count))) {
    ++count;
    if (count == layers || readable(states_path(count - 1))) whole = count;
  }
  return whole;
}

void LayerStore::save(std::int64_t index, const LayerChange& change, HiddenStates& states, Compute& compute) {
  std::vector<TensorPlan> plan;
  const auto width = static_cast<std::int64_t>(states.width()),
             tokens = static_cast<std::int64_t>(states.tokens());
  for (std::size_t w = 0; w < states.windows(); ++w)
    plan.push_back({window_name(w), DType::F32, {tokens, width}});
  SafetensorsWriter writer(states_path(index), plan);
  std::vector<float> values(states.tokens() * states.width());
  states.read([&](const Matrix& block, std::size_t first, std::size_t count) {
    for (std::size_t w = 0; w < count; ++w) {
      compute.read(block.row_range(w * states.tokens(), states.tokens()), values);
      writer.write(window_name(first + w), std::as_bytes(std::span(values)));
    }
  });
  writer.publish();
  save_last(index, change);
}

void LayerStore::save_last(std::int64_t index, const LayerChange& change) {
  save(index, change);
  if (index > 0) fs::remove(states_path(index - 1));
}

void LayerStore::save(std::int64_t index, const LayerChange& change) {
  Json header = {{"linears", Json::object()},
                 {"tensors", Json::array()},
                 {"figures", change.figures},
                 {"output_error", change.output_error},
                 {"layer", change.layer}};
  std::vector<Part> parts;
  for (const auto& [module, weight] : change.linears) {
    const GroupedIntWeight& ints = *weight.grouped_int();
    header["linears"][module] = describe(weight, ints);
    parts.push_back(part(module + ".q", DType::I8, ints.q));
    parts.push_back(part(module + ".scales", DType::F32, ints.scales));
    if (!ints.symmetric) parts.push_back(part(module + ".zeros", DType::I8, ints.zeros));
  }
  for (const auto& [name, tensor] : change.tensors) {
    header["tensors"].push_back(name);
    parts.push_back(part(name, DType::F32, tensor));
  }
  const std::string text = header.dump();
  parts.push_back(part(kHeader, DType::U8, std::vector<char>()));
  parts.back().plan.shape = {static_cast<std::int64_t>(text.size())};
  parts.back().bytes = std::as_bytes(std::span(text));
  write(layer_path(index), parts);
}

LayerChange LayerStore::load(std::int64_t index) const {
  const SafetensorsFile file(layer_path(index));
  const auto text = read<char>(file, kHeader);
  const Json header = Json::parse(text.begin(), text.end());
  LayerChange change;
  for (const auto& [module, shape] : header.at("linears").items()) {
    GroupedIntWeight ints{.bits = shape.at("bits"),
                          .group_size = shape.at("group_size"),
                          .symmetric = shape.at("symmetric"),
                          .q = read<std::int8_t>(file, module + ".q"),
                          .scales = read<float>(file, module + ".scales"),
                          .zeros = {},
                          .group_of_input = {}};
    if (!ints.symmetric) ints.zeros = read<std::int8_t>(file, module + ".zeros");
    change.linears[module] = {shape.at("out"), shape.at("in"), std::move(ints), inputs_of(shape)};
  }
  for (const std::string name : header.at("tensors")) change.tensors[name] = read<float>(file, name);
  change.figures = header.at("figures");
  change.layer = header.at("layer");
  change.output_error = header.at("output_error");
  return change;
}

void LayerStore::load_states(std::int64_t index, HiddenStates& states, Compute& compute) const {
  const SafetensorsFile file(states_path(index));
  states.each(
      [&](const Matrix& block, std::size_t first, std::size_t count) {
        for (std::size_t w = 0; w < count; ++w) {
          const auto values = read<float>(file, window_name(first + w));
          if (values.size() != states.tokens() * states.width())
            throw Error("corrupt_file", "the states have another shape", states_path(index).string());
          compute.write(block.row_range(w * states.tokens(), states.tokens()), values);
          file.file().release(file.find(window_name(first + w))->bytes);
        }
      },
      true);
}

}  // namespace presswork::modelkit
