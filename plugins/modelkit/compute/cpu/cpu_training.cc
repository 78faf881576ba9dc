// What training does beside gradients of the forward pass: weights on a grid that is learned, and the
// optimizer.
#include <cmath>
#include <numeric>
#include <vector>

#include "plugins/modelkit/compute/cpu/cpu_gradients.h"
#include "plugins/modelkit/compute/cpu/training_kernels.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

void expect(bool agrees, const char* operation) {
  if (!agrees) throw Error("internal", "shapes do not fit", operation);
}

bool alike(const Matrix& a, const Matrix& b) { return a.rows == b.rows && a.cols == b.cols; }

bool groups_fit(const Matrix& scales, const Matrix& weight) {
  return scales.rows == weight.rows && scales.cols > 0 && weight.cols % scales.cols == 0;
}

void expect_grid(const Matrix& weight, const LearnedGrid& grid, const char* operation) {
  expect(groups_fit(grid.scales, weight) && (grid.zeros.storage == nullptr || alike(grid.zeros, grid.scales)),
         operation);
}

GroupGrid group_of(const LearnedGrid& grid, std::size_t row, std::size_t group) {
  const auto half = static_cast<float>(1 << (grid.bits - 1));
  const float zero = grid.zeros.storage == nullptr ? 0.0F : cpu_row(grid.zeros, row)[group];
  return {.scale = cpu_row(grid.scales, row)[group], .zero = zero, .low = -half, .high = half - 1.0F};
}

}  // namespace

void CpuGradients::fake_quantize(const Matrix& out, const Matrix& weight, const LearnedGrid& grid) {
  expect(alike(out, weight), "fake_quantize");
  expect_grid(weight, grid, "fake_quantize");
  const std::size_t size = weight.cols / grid.scales.cols;
  each_row(weight.rows, [&](std::size_t r) {
    for (std::size_t g = 0; g < grid.scales.cols; ++g)
      fake_quantize_group(cpu_row(out, r) + g * size, cpu_row(weight, r) + g * size, size,
                          group_of(grid, r, g));
  });
}

void CpuGradients::fake_quantize_gradient(const Matrix& dweight, const Matrix& dscales, const Matrix& weight,
                                          const LearnedGrid& grid) {
  expect(alike(dweight, weight) && alike(dscales, grid.scales), "fake_quantize_gradient");
  expect_grid(weight, grid, "fake_quantize_gradient");
  const std::size_t size = weight.cols / grid.scales.cols;
  each_row(weight.rows, [&](std::size_t r) {
    for (std::size_t g = 0; g < grid.scales.cols; ++g)
      cpu_row(dscales, r)[g] += fake_quantize_gradient_group(
          cpu_row(dweight, r) + g * size, cpu_row(weight, r) + g * size, size, group_of(grid, r, g));
  });
}

void CpuGradients::scale_groups(const Matrix& out, const Matrix& levels, const Matrix& scales) {
  expect(alike(out, levels) && groups_fit(scales, levels), "scale_groups");
  const std::size_t size = levels.cols / scales.cols;
  each_row(levels.rows, [&](std::size_t r) {
    const float* from = cpu_row(levels, r);
    for (std::size_t c = 0; c < levels.cols; ++c) cpu_row(out, r)[c] = from[c] * cpu_row(scales, r)[c / size];
  });
}

void CpuGradients::scale_groups_gradient(const Matrix& dscales, const Matrix& dout, const Matrix& levels) {
  expect(alike(dout, levels) && groups_fit(dscales, levels), "scale_groups_gradient");
  const std::size_t size = levels.cols / dscales.cols;
  each_row(levels.rows, [&](std::size_t r) {
    for (std::size_t g = 0; g < dscales.cols; ++g)
      cpu_row(dscales, r)[g] += dot_row(cpu_row(dout, r) + g * size, cpu_row(levels, r) + g * size, size);
  });
}

double CpuGradients::sum_of_squares(const Matrix& x) {
  std::vector<double> sums(x.rows);
  each_row(x.rows, [&](std::size_t r) {
    for (std::size_t c = 0; c < x.cols; ++c) {
      const double value = cpu_row(x, r)[c];
      sums[r] += value * value;
    }
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

void CpuGradients::adamw(const Matrix& value, const Matrix& gradient, const Matrix& mean,
                         const Matrix& square, const AdamwStep& step) {
  expect(alike(value, gradient) && alike(value, mean) && alike(value, square), "adamw");
  const auto steps = static_cast<double>(step.step);
  const AdamwFactors factors{.gradient_factor = static_cast<float>(step.gradient_factor),
                             .beta1 = static_cast<float>(step.beta1),
                             .beta2 = static_cast<float>(step.beta2),
                             .correction = static_cast<float>(1.0 / (1.0 - std::pow(step.beta2, steps))),
                             .epsilon = static_cast<float>(step.epsilon),
                             .rate = static_cast<float>(step.rate / (1.0 - std::pow(step.beta1, steps))),
                             .keep = static_cast<float>(1.0 - step.rate * step.decay)};
  each_row(value.rows, [&](std::size_t r) {
    adamw_row(cpu_row(value, r), cpu_row(gradient, r), cpu_row(mean, r), cpu_row(square, r), value.cols,
              factors);
  });
}

}  // namespace presswork::modelkit
