// Perplexities against plain PyTorch's, where ../shared is at hand. The rows that take long are in
// tests/bench/reference_rows.cc.
#include <gtest/gtest.h>

#include "integration/reference/reference_rows.h"

namespace presswork::reference {
namespace {

// Judges the rows of tiny-llama on the held-out text that `chosen` takes; how many there were.
template <typename Chosen>
std::size_t judge(const std::filesystem::path& shared, Chosen chosen) {
  const auto file = shared / "reference/tiny-llama.json";
  std::size_t judged = 0;
  for (const Row& row : rows_of(file)) {
    if (row.text != "heldout.txt" || !chosen(row.name)) continue;
    const QuantizedModel model(shared / "models/tiny-llama", recipe_of(row.name), window_of(file));
    const double got = model.perplexity(shared / "text" / row.text, 2);
    EXPECT_TRUE(within_bounds(row, got)) << row.name << ": " << got << ", reference " << row.reference;
    ++judged;
  }
  return judged;
}

TEST(Reference, PerplexitiesAgreeWithPyTorchsDenseAndRounded) {
  const auto shared = shared_folder();
  if (shared.empty()) GTEST_SKIP() << "skipped: no ../shared";
  EXPECT_EQ(judge(shared, [](const std::string& row) { return row == "fp32" || row.starts_with("rtn "); }),
            5U);
}

TEST(Reference, PerplexitiesAgreeWithPyTorchsAfterPruning) {
  const auto shared = shared_folder();
  if (shared.empty()) GTEST_SKIP() << "skipped: no ../shared";
  EXPECT_EQ(judge(shared,
                  [](const std::string& row) {
                    return row.starts_with("magnitude ") || row.starts_with("wanda ");
                  }),
            4U);
}

TEST(Reference, PerplexitiesAreNoWorseThanPyTorchsAfterGptqAndAwq) {
  const auto shared = shared_folder();
  if (shared.empty()) GTEST_SKIP() << "skipped: no ../shared";
  EXPECT_EQ(
      judge(shared,
            [](const std::string& row) { return row == "gptq int4 g32 asym" || row == "awq int4 g32 asym"; }),
      2U);
}

}  // namespace
}  // namespace presswork::reference
