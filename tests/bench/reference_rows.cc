// Prints every row of ../shared/reference/*.json that this build covers: reference, ours, difference.
//   build/dev/bin/bench_reference_rows [model [text [row]]]     e.g. tiny-llama heldout.txt gptq
// Ends with 1 when a row is further off than 0.05 % (dense) or 0.3 % (rounded), or worse by more than 0.3 %
// (calibrated).
#include "integration/reference/reference_rows.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

using namespace presswork::reference;

int main(int count, char** arguments) {
  const std::string only_model = count > 1 ? arguments[1] : "", only_text = count > 2 ? arguments[2] : "",
                    only_row = count > 3 ? arguments[3] : "";
  const auto shared = shared_folder();
  if (shared.empty()) {
    std::puts("skipped: no ../shared (or set PRESSWORK_SHARED)");
    return 0;
  }
  bool good = true;
  std::printf("%-12s %-14s %-42s %10s %10s %9s %7s\n", "model", "text", "row", "reference", "ours", "off",
              "time");
  for (const std::string model : {"tiny-llama", "small-llama"}) {
    if (!only_model.empty() && model != only_model) continue;
    const auto file = shared / "reference" / (model + ".json");
    std::string made;  // the row that `quantized` is of
    std::unique_ptr<QuantizedModel> quantized;
    for (const Row& row : rows_of(file)) {
      if (!only_text.empty() && row.text != only_text) continue;
      if (row.name.find(only_row) == std::string::npos) continue;
      const auto start = std::chrono::steady_clock::now();
      if (made != row.name) {
        quantized.reset();
        quantized =
            std::make_unique<QuantizedModel>(shared / "models" / model, recipe_of(row.name), window_of(file));
        made = row.name;
      }
      const double ours = quantized->perplexity(shared / "text" / row.text, 0);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      const double off = 100.0 * (ours / row.reference - 1.0);
      const bool within = within_bounds(row, ours);
      good = good && within;
      std::printf("%-12s %-14s %-42s %10.4f %10.4f %+8.4f%% %6.1fs%s\n", model.c_str(), row.text.c_str(),
                  row.name.c_str(), row.reference, ours, off, seconds.count(), within ? "" : "  TOO FAR");
      std::fflush(stdout);
    }
  }
  return good ? 0 : 1;
}
