// Prints every row of ../shared/reference/*.json that this build covers: reference, ours, difference.
//   build/dev/bin/bench_reference_rows [model [text]]     e.g. tiny-llama heldout.txt
// Ends with 1 when a row is further off than 0.05 % (dense) or 0.3 % (quantized).
#include "integration/reference/reference_rows.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>

using namespace presswork::reference;

int main(int count, char** arguments) {
  const std::string only_model = count > 1 ? arguments[1] : "", only_text = count > 2 ? arguments[2] : "";
  const auto shared = shared_folder();
  if (shared.empty()) {
    std::puts("skipped: no ../shared (or set PRESSWORK_SHARED)");
    return 0;
  }
  bool good = true;
  std::printf("%-12s %-14s %-26s %10s %10s %9s %7s\n", "model", "text", "row", "reference", "ours", "off",
              "time");
  for (const std::string model : {"tiny-llama", "small-llama"}) {
    if (!only_model.empty() && model != only_model) continue;
    const auto file = shared / "reference" / (model + ".json");
    for (const Row& row : rows_of(file)) {
      if (!only_text.empty() && row.text != only_text) continue;
      const auto start = std::chrono::steady_clock::now();
      const double ours = measure(shared / "models" / model, recipe_of(row.name), shared / "text" / row.text,
                                  window_of(file), 0);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      const double off = 100.0 * (ours / row.reference - 1.0);
      const bool within = std::abs(off) <= (row.name == "fp32" ? 0.05 : 0.3);
      good = good && within;
      std::printf("%-12s %-14s %-26s %10.4f %10.4f %+8.4f%% %6.1fs%s\n", model.c_str(), row.text.c_str(),
                  row.name.c_str(), row.reference, ours, off, seconds.count(), within ? "" : "  TOO FAR");
      std::fflush(stdout);
    }
  }
  return good ? 0 : 1;
}
