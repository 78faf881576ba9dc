// What a calibrated method made of one decoder layer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/linear_weight.h"

namespace presswork::modelkit {

// Names are relative to the layer ("self_attn.q_proj").
struct LayerChange {
  std::map<std::string, LinearWeight> linears;        // on a grid: GroupedIntWeight without group_of_input
  std::map<std::string, std::vector<float>> tensors;  // new values of others ("input_layernorm.weight")
  std::map<std::string, std::map<std::string, double>> figures;  // of each linear: figure, value
  std::map<std::string, double> layer;                           // figures of the whole layer
  double output_error = 0;  // of the layer's output against the original layer's, relative; see Calibration
};

}  // namespace presswork::modelkit
