// How large a model is in each weight format, with what the format itself costs: scales, zero points, and the
// tensors that are never quantized.
#pragma once

#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/checkpoint.h"
#include "plugins/modelkit/checkpoint/model_config.h"

namespace presswork::modelkit {

struct WeightFormat {
  std::string name;             // "int4 g128 asymmetric"
  int bits = 16;                // of a weight
  std::int64_t group_size = 0;  // inputs that share a scale; 0: the whole row
  bool symmetric = true;
  bool codebook = false;  // nf4: a float32 for each 64 values
};

const std::vector<WeightFormat>& weight_formats();

struct FormatSize {
  WeightFormat format;
  double bits_per_weight;  // of a quantized weight, with its share of scales and zero points
  double bytes;            // of all weights
};

// Exact, from the shapes of the linears: quantized are the decoder's, all else stays at its size in the
// checkpoint. Formats whose groups do not divide this model's widths are left out.
std::vector<FormatSize> format_sizes(const Checkpoint& checkpoint, const ModelConfig& model);

// For plain numbers: every parameter counts as a quantized weight, rows as long as `d_model`.
std::vector<FormatSize> format_sizes(double params, double d_model);

}  // namespace presswork::modelkit
