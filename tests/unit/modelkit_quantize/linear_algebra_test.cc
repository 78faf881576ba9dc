// Products and decompositions in float64 against plain loops, at sizes around every block's border.
#include <gtest/gtest.h>

#include <algorithm>

#include "dense.h"
#include "plugins/modelkit/compute/cpu/cholesky.h"
#include "plugins/modelkit/compute/cpu/dgemm.h"
#include "plugins/modelkit/compute/cpu/gram.h"

namespace presswork::modelkit {
namespace {

std::vector<double> random_doubles(std::size_t count, unsigned seed) {
  const auto values = dense::random_floats(count, seed);
  return {values.begin(), values.end()};
}

// A positive definite matrix [n, n].
std::vector<double> positive_definite(std::size_t n) {
  const auto rows = dense::gram(dense::random_inputs(2 * n + 3, n, static_cast<unsigned>(n)), n);
  std::vector<double> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  return flat;
}

TEST(Dgemm, AddsTheProductOfOperandsInAnyOrderOfStorage) {
  struct Size {
    std::size_t m, n, k;
  };
  for (const Size& s : {Size{1, 1, 1}, {5, 3, 7}, {6, 16, 256}, {7, 17, 257}, {40, 33, 300}, {3, 4, 0}}) {
    const auto a = random_doubles(s.m * s.k, 1), b = random_doubles(s.k * s.n, 2);
    for (const bool turned : {false, true}) {
      std::vector<double> c(s.m * (s.n + 2), 0.5);
      dgemm({.m = s.m,
             .n = s.n,
             .k = s.k,
             .alpha = -2.0,
             .a = a.data(),
             .a_row = turned ? 1 : s.k,
             .a_col = turned ? s.m : 1,
             .b = b.data(),
             .b_row = turned ? 1 : s.n,
             .b_col = turned ? s.k : 1,
             .c = c.data(),
             .c_row = s.n + 2});
      for (std::size_t i = 0; i < s.m; ++i) {
        for (std::size_t j = 0; j < s.n + 2; ++j) {
          double expected = 0.5;
          for (std::size_t k = 0; j < s.n && k < s.k; ++k)
            expected -= 2.0 * a[turned ? k * s.m + i : i * s.k + k] * b[turned ? j * s.k + k : k * s.n + j];
          EXPECT_NEAR(c[i * (s.n + 2) + j], expected, 1e-11) << s.m << "x" << s.n << "x" << s.k;
        }
      }
    }
  }
}

TEST(Gram, IsTheSumOverAllRowsHoweverTheyComeAndOnAnyNumberOfThreads) {
  for (const std::size_t size : {1U, 5U, 96U, 97U, 200U}) {
    const auto x = dense::random_inputs(700, size, 3);
    const auto expected = dense::gram(x, size);
    std::vector<std::vector<double>> results;
    for (const unsigned count : {1U, 3U}) {
      ThreadPool threads(count);
      Gram gram(size);
      gram.add(x.data(), 300, threads);
      gram.add(x.data() + 300 * size, 400, threads);
      EXPECT_EQ(gram.rows(), 700U);
      const double* all = gram.symmetric();
      results.emplace_back(all, all + size * size);
      for (std::size_t i = 0; i < size; ++i) {
        for (std::size_t j = 0; j < size; ++j)
          EXPECT_NEAR(all[i * size + j], expected[i][j], 1e-9 * (1 + std::abs(expected[i][j])));
      }
    }
    EXPECT_TRUE(results[0] == results[1]);
  }
}

TEST(Cholesky, ItsFactorTimesItselfIsTheMatrixAndItsInverseTheInverse) {
  ThreadPool threads(3);
  for (const std::size_t n : {1U, 2U, 31U, 96U, 97U, 250U}) {
    const auto matrix = positive_definite(n);
    auto factor = matrix;
    ASSERT_TRUE(cholesky(factor.data(), n, threads)) << n;
    double largest = 0;
    for (const double value : matrix) largest = std::max(largest, std::abs(value));
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = 0;
        for (std::size_t k = 0; k <= j; ++k) sum += factor[i * n + k] * factor[j * n + k];
        ASSERT_NEAR(sum, matrix[i * n + j], 1e-12 * largest) << n;
      }
    }
    auto inverse = factor;
    invert_lower(inverse.data(), n, threads);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = 0;
        for (std::size_t k = j; k <= i; ++k) sum += factor[i * n + k] * inverse[k * n + j];
        ASSERT_NEAR(sum, i == j ? 1.0 : 0.0, 1e-10) << n << ": " << i << ", " << j;
      }
    }
  }
}

TEST(Cholesky, RefusesWhatIsNotPositiveDefinite) {
  ThreadPool threads(1);
  std::vector<double> flat = positive_definite(120);
  flat[119 * 120 + 119] = -1.0;
  EXPECT_FALSE(cholesky(flat.data(), 120, threads));
  std::vector<double> singular{1, 1, 1, 1};
  EXPECT_FALSE(cholesky(singular.data(), 2, threads));
  std::vector<double> nan{NAN};
  EXPECT_FALSE(cholesky(nan.data(), 1, threads));
}

}  // namespace
}  // namespace presswork::modelkit
