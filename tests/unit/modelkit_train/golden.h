// What PyTorch made (tests/data/golden/make_training.py), on a device of ours.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "plugins/modelkit/compute/compute.h"
#include "plugins/modelkit/formats/safetensors.h"

namespace presswork::modelkit {

inline const std::filesystem::path kTrainingGolden =
    std::filesystem::path(PRESSWORK_SOURCE_DIR) / "tests/data/golden/training";

class Golden {
 public:
  std::vector<float> values(const std::string& name) const {
    const TensorView& tensor = view(name);
    std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
    to_float(tensor.dtype, tensor.bytes.data(), values.size(), values.data());
    return values;
  }

  // All dimensions but the last one are rows.
  Matrix matrix(Compute& compute, const std::string& name) const {
    const auto data = values(name);
    const auto cols = static_cast<std::size_t>(view(name).shape.back());
    const Matrix matrix = compute.allocate(data.size() / cols, cols);
    compute.write(matrix, data);
    return matrix;
  }

  // Largest difference allowed: `tolerance` times the largest value that is expected.
  void expect_near(Compute& compute, const Matrix& got, const std::string& name, double tolerance) const {
    const auto expected = values(name);
    std::vector<float> found(got.rows * got.cols);
    compute.read(got, found);
    ASSERT_EQ(found.size(), expected.size()) << name;
    double worst = 0, largest = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const double off = std::abs(static_cast<double>(found[i]) - expected[i]);
      if (!(off <= worst)) worst = off;  // not max(): NaN must not pass
      largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
    }
    EXPECT_GT(largest, 0) << name;
    EXPECT_LE(worst, tolerance * largest) << name;
  }

 private:
  const TensorView& view(const std::string& name) const {
    const TensorView* found = file_.find(name);
    if (found == nullptr) throw std::runtime_error("no tensor " + name);
    return *found;
  }

  SafetensorsFile file_{kTrainingGolden / "expected.safetensors"};
};

}  // namespace presswork::modelkit
