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

// How a row's model is made: bits 0 and no pattern is the model itself.
struct Recipe {
  std::string method = "rtn";  // or "gptq", "awq"; "magnitude", "wanda"
  std::string pattern;         // of the last two: "50%", "2:4"
  bool actorder = false;
  int bits = 0;
  std::int64_t group_size = 0;
  bool symmetric = true;
};

// The folder shared/ beside the checkout, or $PRESSWORK_SHARED; empty when it is not there.
std::filesystem::path shared_folder();

std::vector<Row> rows_of(const std::filesystem::path& reference_file);  // of the methods that there are
std::size_t window_of(const std::filesystem::path& reference_file);
Recipe recipe_of(const std::string& name);

// How far a row may be from its reference, in percent: a calibrated method may be better by any amount.
bool within_bounds(const Row& row, double ours);

// The model at `folder` after the recipe, in a temporary folder that goes with this. The calibrated methods
// use the first 128 windows of ../shared/text/calibration.txt.
class QuantizedModel {
 public:
  QuantizedModel(const std::filesystem::path& folder, const Recipe& recipe, std::size_t window);
  ~QuantizedModel();
  QuantizedModel(const QuantizedModel&) = delete;
  QuantizedModel& operator=(const QuantizedModel&) = delete;

  double perplexity(const std::filesystem::path& text, unsigned threads) const;

 private:
  std::filesystem::path model_, temporary_;
  std::size_t window_;
};

}  // namespace presswork::reference
