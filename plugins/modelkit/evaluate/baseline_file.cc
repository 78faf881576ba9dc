#include "plugins/modelkit/evaluate/baseline_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "plugins/modelkit/data/digest.h"
#include "plugins/modelkit/formats/json_text.h"
#include "plugins/modelkit/formats/safetensors_writer.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr const char* kStates = "states.safetensors";
constexpr const char* kFacts = "baseline.json";

std::string tensor_of(std::size_t window) { return "window." + std::to_string(window); }

nlohmann::ordered_json facts_of(const ModelSource& model, const TokenWindows& windows) {
  return {{"presswork_baseline", 1},          {"windows", windows.count()},
          {"window", windows.length()},       {"width", model.config().hidden},
          {"token_digest", windows.digest()}, {"weights_digest", weights_digest(model)}};
}

void expect_same(const std::filesystem::path& folder, const nlohmann::ordered_json& expected) {
  const auto path = folder / kFacts;
  const auto facts = parse_json(read_text_file(path, 1 << 20), path.string());
  for (const auto& [key, value] : expected.items()) {
    const auto found = facts.find(key);
    if (found != facts.end() && *found == value) continue;
    throw Error("invalid_input",
                "these states were made with " + key + " " +
                    (found == facts.end() ? std::string("(none)") : found->dump()) + "; " + value.dump() +
                    " is needed",
                path.string(), "make them with the same baseline model, text, window and sampling");
  }
}

}  // namespace

std::string weights_digest(const ModelSource& model) {
  constexpr std::size_t kSample = 4096;
  Sha256 hash;
  const Checkpoint& checkpoint = model.checkpoint();
  for (const auto& name : checkpoint.names()) {
    const TensorView& tensor = checkpoint.tensor(name);
    const std::string facts = name + std::string(modelkit::name_of(tensor.dtype)) + to_text(tensor.shape);
    hash.update(std::as_bytes(std::span(facts)));
    const std::size_t part = std::min(kSample, tensor.bytes.size());
    hash.update(tensor.bytes.first(part));
    hash.update(tensor.bytes.last(part));
    checkpoint.release(name);
  }
  return hash.text();
}

void write_baseline(const std::filesystem::path& folder, const ModelSource& model,
                    const TokenWindows& windows, HiddenStates& states, Compute& compute) {
  const auto tokens = static_cast<std::int64_t>(states.tokens());
  std::vector<TensorPlan> plan;
  for (std::size_t w = 0; w < states.windows(); ++w) {
    plan.push_back({tensor_of(w), DType::F32, {tokens, model.config().hidden}});
  }
  std::filesystem::create_directories(folder);
  SafetensorsWriter writer(folder / kStates, plan);
  std::vector<float> values(states.tokens() * static_cast<std::size_t>(model.config().hidden));
  states.read([&](const Matrix& block, std::size_t first, std::size_t count) {
    for (std::size_t w = 0; w < count; ++w) {
      compute.read(block.row_range(w * states.tokens(), states.tokens()), values);
      writer.write(tensor_of(first + w), std::as_bytes(std::span(values)));
    }
  });
  writer.publish();
  write_file_atomically(folder / kFacts, facts_of(model, windows).dump(2) + "\n");
}

HiddenStates read_baseline(const std::filesystem::path& folder, const ModelSource& model,
                           const TokenWindows& windows, const StateLimit& limit, Compute& compute) {
  expect_same(folder, facts_of(model, windows));
  const SafetensorsFile file(folder / kStates);
  const auto width = static_cast<std::size_t>(model.config().hidden);
  HiddenStates states(compute, windows.count(), windows.length(), width, limit);
  std::vector<float> values(windows.length() * width);
  states.each(
      [&](const Matrix& block, std::size_t first, std::size_t count) {
        for (std::size_t w = 0; w < count; ++w) {
          const TensorView* tensor = file.find(tensor_of(first + w));
          if (tensor == nullptr || tensor->dtype != DType::F32 ||
              tensor->bytes.size() != values.size() * sizeof(float)) {
            throw Error("corrupt_file", "has no float32 states of window " + std::to_string(first + w),
                        (folder / kStates).string(), "run evaluate/baseline again");
          }
          to_float(DType::F32, tensor->bytes.data(), values.size(), values.data());
          compute.write(block.row_range(w * windows.length(), windows.length()), values);
          file.file().release(tensor->bytes);
        }
      },
      true);
  return states;
}

}  // namespace presswork::modelkit
