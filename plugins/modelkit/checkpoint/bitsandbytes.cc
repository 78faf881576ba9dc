#include "plugins/modelkit/checkpoint/bitsandbytes.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "plugins/modelkit/checkpoint/config_reader.h"
#include "plugins/modelkit/formats/json_text.h"

namespace presswork::modelkit {
namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 30;

struct State {
  std::int64_t out = 0, in = 0, block = 0, nested_block = 0;
  double nested_offset = 0;
};

State read_state(const Checkpoint& checkpoint, const std::string& weight) {
  const TensorView* stored = nullptr;
  for (const char* kind : {"nf4", "fp4"}) {
    if (stored == nullptr) stored = checkpoint.find(weight + ".quant_state.bitsandbytes__" + kind);
  }
  if (stored == nullptr || stored->dtype != DType::U8 || stored->bytes.size() > 4096) {
    throw Error("corrupt_file", "the tensor " + weight + " has no quant_state of nf4 or fp4",
                checkpoint.folder().string(), "save the model again with a recent bitsandbytes");
  }
  const std::string where = checkpoint.folder().string() + "#" + stored->name;
  const nlohmann::json json =
      parse_json({reinterpret_cast<const char*>(stored->bytes.data()), stored->bytes.size()}, where);
  const ConfigReader reader(json, where);
  const auto shape = reader.integers("shape");
  State state;
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > kLargest || shape[1] > kLargest)
    throw Error("corrupt_file", "the shape [out, in] is expected", where + "/shape");
  state.out = shape[0];
  state.in = shape[1];
  state.block = reader.size("blocksize", kLargest);
  if (reader.has("nested_blocksize")) state.nested_block = reader.size("nested_blocksize", kLargest);
  state.nested_offset = reader.number("nested_offset", 0.0);
  return state;
}

std::int64_t blocks_in(std::int64_t count, std::int64_t block) { return (count + block - 1) / block; }

// The blocks' largest magnitudes, themselves quantized in blocks where there is a nested state.
std::vector<float> read_scales(const Checkpoint& checkpoint, const std::string& weight, const State& state) {
  const std::int64_t count = blocks_in(state.out * state.in, state.block);
  const std::string name = weight + ".absmax";
  if (state.nested_block == 0) return need_floats(checkpoint, name, {count});
  const TensorView& codes = need(checkpoint, name, DType::U8, {count});
  const auto table = need_floats(checkpoint, weight + ".nested_quant_map", {256});
  const auto scales =
      need_floats(checkpoint, weight + ".nested_absmax", {blocks_in(count, state.nested_block)});
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto code = std::to_integer<std::size_t>(codes.bytes[i]);
    values[i] = table[code] * scales[i / static_cast<std::size_t>(state.nested_block)] +
                static_cast<float>(state.nested_offset);
  }
  return values;
}

constexpr const char* kNf4State = ".quant_state.bitsandbytes__nf4";

std::string state_text(std::int64_t out, std::int64_t in, DType dtype) {
  const nlohmann::ordered_json state = {
      {"quant_type", "nf4"}, {"blocksize", kNf4Block}, {"dtype", torch_name_of(dtype)}, {"shape", {out, in}}};
  return state.dump();
}

constexpr float kThresholds[15] = {-0.8480964004993439F,   -0.6106329262256622F,  -0.4599952697753906F,
                                   -0.33967943489551544F,  -0.23460740596055984F, -0.13791173323988914F,
                                   -0.045525018125772476F, 0.03979014977812767F,  0.1202552504837513F,
                                   0.2035212516784668F,    0.2920137718319893F,   0.3893125355243683F,
                                   0.5016634166240692F,    0.6427869200706482F,   0.8614784181118011F};

}  // namespace

const float kNf4[16] = {-1.0F,
                        -0.6961928009986877F,
                        -0.5250730514526367F,
                        -0.39491748809814453F,
                        -0.28444138169288635F,
                        -0.18477343022823334F,
                        -0.09105003625154495F,
                        0.0F,
                        0.07958029955625534F,
                        0.16093020141124725F,
                        0.24611230194568634F,
                        0.33791524171829224F,
                        0.44070982933044434F,
                        0.5626170039176941F,
                        0.7229568362236023F,
                        1.0F};

std::uint8_t nf4_code(float x) {
  return static_cast<std::uint8_t>(
      std::count_if(std::begin(kThresholds), std::end(kThresholds), [x](float t) { return x > t; }));
}

LinearWeight read_bitsandbytes_linear(const Checkpoint& checkpoint, const std::string& module) {
  const std::string name = module + ".weight";
  const State state = read_state(checkpoint, name);
  const TensorView& weight = need(checkpoint, name, DType::U8, {blocks_in(state.out * state.in, 2), 1});
  const auto table = need_floats(checkpoint, name + ".quant_map", {16});
  CodebookWeight codes;
  std::copy(table.begin(), table.end(), codes.table.begin());
  codes.block = state.block;
  codes.codes = weight.bytes;
  codes.scales = read_scales(checkpoint, name, state);
  return {.out = state.out, .in = state.in, .form = std::move(codes)};
}

std::vector<TensorPlan> bitsandbytes_plan(const std::string& module, std::int64_t out, std::int64_t in,
                                          DType dtype) {
  const std::string name = module + ".weight";
  const auto state = static_cast<std::int64_t>(state_text(out, in, dtype).size());
  return {{name, DType::U8, {blocks_in(out * in, 2), 1}},
          {name + ".absmax", DType::F32, {blocks_in(out * in, kNf4Block)}},
          {name + ".quant_map", DType::F32, {16}},
          {name + kNf4State, DType::U8, {state}}};
}

std::vector<NamedBytes> bitsandbytes_data(const std::string& module, const LinearWeight& weight,
                                          DType dtype) {
  const auto& codes = std::get<CodebookWeight>(weight.form);
  const std::string name = module + ".weight", state = state_text(weight.out, weight.in, dtype);
  const auto* text = reinterpret_cast<const std::byte*>(state.data());
  return {{name, {codes.codes.begin(), codes.codes.end()}},
          {name + ".absmax", to_bytes(codes.scales)},
          {name + ".quant_map", to_bytes(std::vector<float>(codes.table.begin(), codes.table.end()))},
          {name + kNf4State, {text, text + state.size()}}};
}

}  // namespace presswork::modelkit
