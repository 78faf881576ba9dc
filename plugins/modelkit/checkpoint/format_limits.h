// Formats that are written, and which of them can hold a weight without changing it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "plugins/modelkit/checkpoint/linear_weight.h"
#include "plugins/modelkit/checkpoint/quantization_config.h"

namespace presswork::modelkit {

struct WrittenFormat {
  std::string_view name;  // as export/hf calls it
  PackedFormat format;
};

std::span<const WrittenFormat> written_formats();
PackedFormat written_format(std::string_view name);  // throws "invalid_parameter" at /format

// Why `format` cannot hold `weight` with these very values; "" when it can.
std::string misfit(PackedFormat format, const LinearWeight& weight);

// The names of those that can: "pack-quantized, gptq_v2"; "none".
std::string formats_that_hold(const LinearWeight& weight);

}  // namespace presswork::modelkit
