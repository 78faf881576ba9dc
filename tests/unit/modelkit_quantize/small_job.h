// What the tests of the calibrated stages run: a few short windows over the tiny model.
#pragma once

#include <filesystem>
#include <string>

#include "presswork/testing.hpp"
#include "unit/modelkit_formats/support.h"

namespace presswork::modelkit {

inline const std::filesystem::path kTinyLlama =
    std::filesystem::path(PRESSWORK_SOURCE_DIR) / "examples/models/tiny-llama";
inline const std::filesystem::path kText =
    std::filesystem::path(PRESSWORK_SOURCE_DIR) / "examples/text/calibration.txt";

template <class Stage>
::presswork::testing::StageRunner<Stage>& small_job(::presswork::testing::StageRunner<Stage>& runner) {
  return runner.input("model", kTinyLlama)
      .input("calibration", kText)
      .parameter("samples", 8)
      .parameter("window", 64)
      .threads(2);
}

// The weight file that a stage wrote.
inline std::string weights_of(const std::filesystem::path& model) {
  return testing::read_file(model / "model.safetensors");
}

}  // namespace presswork::modelkit
