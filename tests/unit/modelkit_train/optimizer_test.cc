#include "plugins/modelkit/train/optimizer.h"

#include <gmock/gmock.h>

#include <numbers>

#include "golden.h"
#include "plugins/modelkit/train/training_file.h"
#include "presswork/error.h"
#include "support/child.h"

namespace presswork::modelkit {
namespace {

class OptimizerTest : public ::testing::Test {
 protected:
  // The two parameters of the golden file, at their start.
  Optimizer make() {
    Optimizer optimizer(*compute_, *gradients_, {.largest_norm = 1.0});
    for (int i = 0; i < 2; ++i) {
      const Matrix value = golden_.matrix(*compute_, name(i, "start"));
      optimizer.add({.value = value,
                     .gradient = compute_->allocate(value.rows, value.cols),
                     .rate = i == 0 ? 0.05 : 0.01,
                     .decay = i == 0 ? 0.0 : 0.3});
    }
    return optimizer;
  }
  void step(Optimizer& optimizer, int step) {
    for (int i = 0; i < 2; ++i)
      compute_->write(optimizer.parameters()[static_cast<std::size_t>(i)].gradient,
                      golden_.values(name(i, "gradient." + std::to_string(step))));
    optimizer.step(0.5 * (1.0 + std::cos(std::numbers::pi * step / 5.0)));
  }
  static std::string name(int i, const std::string& what) {
    return "adamw." + std::to_string(i) + "." + what;
  }
  void expect_end(const Optimizer& optimizer) {
    for (int i = 0; i < 2; ++i)
      golden_.expect_near(*compute_, optimizer.parameters()[static_cast<std::size_t>(i)].value,
                          name(i, "end"), 1e-6);
  }

  Golden golden_;
  std::unique_ptr<Compute> compute_ = make_cpu_compute(2);
  std::unique_ptr<Gradients> gradients_ = make_cpu_gradients(*compute_);
};

TEST_F(OptimizerTest, StepsAreThoseOfPyTorchsAdamW) {
  Optimizer optimizer = make();
  for (int i = 0; i < 5; ++i) step(optimizer, i);
  expect_end(optimizer);
}

TEST_F(OptimizerTest, GoesOnFromAFileAsIfItHadNotStopped) {
  const auto path = ::presswork::testing::process_folder() / "optimizer_test.safetensors";
  std::filesystem::remove(path);
  Optimizer first = make(), second = make();
  EXPECT_THAT(load_training(path, first, *compute_), ::testing::IsEmpty());
  for (int i = 0; i < 3; ++i) step(first, i);
  save_training(path, first, {{1.5, 0.1, 2}, {1.25, 0.2, 3}, {1, 0.3, 4}}, *compute_);
  const auto steps = load_training(path, second, *compute_);
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_EQ(steps[1].loss, 1.25);
  EXPECT_EQ(steps[2].gradient_norm, 4);
  for (int i = 3; i < 5; ++i) step(second, i);
  expect_end(second);
}

TEST_F(OptimizerTest, ADamagedFileCountsAsNone) {
  const auto path = ::presswork::testing::process_folder() / "optimizer_damaged.safetensors";
  Optimizer optimizer = make();
  save_training(path, optimizer, {{1, 1, 1}}, *compute_);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 8);
  EXPECT_THAT(load_training(path, optimizer, *compute_), ::testing::IsEmpty());
}

TEST_F(OptimizerTest, AGradientThatIsNotFiniteIsAnErrorThatNamesTheStepAndThePlace) {
  Optimizer optimizer = make();
  step(optimizer, 0);
  compute_->write(optimizer.parameters()[0].gradient, std::vector<float>(30, NAN));
  try {
    optimizer.step(1.0, "model.layers.3");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code, "not_finite");
    EXPECT_THAT(error.message, ::testing::HasSubstr("step 2"));
    EXPECT_EQ(error.where, "model.layers.3");
  }
}

}  // namespace
}  // namespace presswork::modelkit
