// Rows of ../shared/reference/<model>.json (plain PyTorch) that this build can reproduce, and ours.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace presswork::reference {

struct Row {
  std::string name;  // "rtn int4 g32 sym"
  std::string text;  // "heldout.txt"
  double reference = 0.0;
};

// How a row's model is made: bits 0 is the model itself.
struct Recipe {
  int bits = 0;
  std::int64_t group_size = 0;
  bool symmetric = true;
};

// The folder shared/ beside the checkout, or $PRESSWORK_SHARED; empty when it is not there.
std::filesystem::path shared_folder();

std::vector<Row> rows_of(const std::filesystem::path& reference_file);  // fp32 and rtn rows only
std::size_t window_of(const std::filesystem::path& reference_file);
Recipe recipe_of(const std::string& name);

// Perplexity of the model at `folder`, after the recipe (written to disk and read back), on `text`.
double measure(const std::filesystem::path& folder, const Recipe& recipe, const std::filesystem::path& text,
               std::size_t window, unsigned threads);

}  // namespace presswork::reference
