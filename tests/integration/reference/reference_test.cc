// Perplexities against plain PyTorch's, where ../shared is at hand. The rows that take long are in
// tests/bench/reference_rows.cc.
#include <gtest/gtest.h>

#include <cmath>

#include "integration/reference/reference_rows.h"

namespace presswork::reference {
namespace {

// Percent.
constexpr double kDense = 0.05, kQuantized = 0.3;

TEST(Reference, PerplexitiesOfTinyLlamaOnTheHeldoutTextAgreeDenseAndRounded) {
  const auto shared = shared_folder();
  if (shared.empty()) GTEST_SKIP() << "skipped: no ../shared";
  const auto file = shared / "reference/tiny-llama.json";
  for (const Row& row : rows_of(file)) {
    if (row.text != "heldout.txt") continue;
    const double got = measure(shared / "models/tiny-llama", recipe_of(row.name), shared / "text" / row.text,
                               window_of(file), 2);
    EXPECT_LE(100.0 * std::abs(got / row.reference - 1.0), row.name == "fp32" ? kDense : kQuantized)
        << row.name << ": " << got << ", reference " << row.reference;
  }
}

}  // namespace
}  // namespace presswork::reference
