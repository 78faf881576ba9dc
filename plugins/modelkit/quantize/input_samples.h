// What a layer's linears are given: the range of each input over all tokens, and some of the tokens
// themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plugins/modelkit/quantize/calibration.h"
#include "plugins/modelkit/quantize/input_groups.h"

namespace presswork::modelkit {

struct InputSample {
  std::uint64_t tokens = 0;      // all that came
  std::vector<float> low, high;  // of each input, 0 included
  std::vector<float> rows;       // [taken, inputs]: every so many tokens, the first one among them

  std::size_t inputs() const { return low.size(); }
  std::size_t taken() const { return rows.size() / low.size(); }
};

// By each group's first module; at most `most` tokens of each group are taken. An expert that no token chose
// has an empty one.
std::map<std::string, InputSample> sample_inputs(CalibrationLayer& layer,
                                                 const std::vector<InputGroup>& groups, std::size_t most);

}  // namespace presswork::modelkit
