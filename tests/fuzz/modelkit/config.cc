// Any bytes as config.json: a model whose tensors can be listed and whose rope can be computed, and a
// quantization, or an Error.
#include <cstdint>
#include <string_view>

#include "plugins/modelkit/checkpoint/architecture.h"
#include "plugins/modelkit/checkpoint/quantized_linear.h"
#include "plugins/modelkit/model/rope_table.h"
#include "presswork/error.h"

namespace {

using namespace presswork::modelkit;

template <class Action>
void expect_error_or_nothing(Action action) {
  try {
    action();
  } catch (const presswork::Error& error) {
    if (error.message.empty()) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  expect_error_or_nothing([&] {
    const ModelConfig model = ModelConfig::parse(text, "config.json");
    if (model.layers * (model.experts.count + model.heads) > 10'000) return;  // listing takes its time
    for (const TensorSite& site : expected_tensors(model)) {
      if (site.tensor.empty() || site.shape.empty()) __builtin_trap();
    }
    if (model.head_dim < 4096) rope_frequencies(model.rope, model.head_dim, model.max_position, 100'000);
  });
  expect_error_or_nothing([&] {
    const auto quantization = QuantizationConfig::parse(text, "config.json");
    const auto* scheme = quantization.scheme_for("model.layers.0.mlp.up_proj");
    if (scheme != nullptr) stored_parts("m", 64, 64, *scheme);
    if (!quantization.empty() && quantization.schemes.front().format <= PackedFormat::FloatQuantized)
      (void)quantization.merged_into(text, "config.json");
  });
  return 0;
}
