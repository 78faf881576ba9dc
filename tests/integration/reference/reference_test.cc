// Perplexities against plain PyTorch's, where ../shared is at hand. The rows that take long are in
// tests/bench/reference_rows.cc.
#include <gtest/gtest.h>

#include "integration/reference/reference_rows.h"

namespace presswork::reference {
namespace {

TEST(Reference, PerplexitiesOfTinyLlamaOnTheHeldoutTextAgreeWithPyTorchs) {
  const auto shared = shared_folder();
  if (shared.empty()) GTEST_SKIP() << "skipped: no ../shared";
  const auto file = shared / "reference/tiny-llama.json";
  std::size_t judged = 0;
  for (const Row& row : rows_of(file)) {
    if (row.text != "heldout.txt") continue;
    const QuantizedModel model(shared / "models/tiny-llama", recipe_of(row.name), window_of(file));
    const double got = model.perplexity(shared / "text" / row.text, 2);
    EXPECT_TRUE(within_bounds(row, got)) << row.name << ": " << got << ", reference " << row.reference;
    ++judged;
  }
  EXPECT_GE(judged, 9U);
}

}  // namespace
}  // namespace presswork::reference
