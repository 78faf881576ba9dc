// Means of values that come in windows, and percentiles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace presswork::modelkit {

struct Mean {
  double value = 0.0;
  // Of the mean: s / sqrt(W), s the standard deviation (with W - 1) of the W windows' means. Windows count as
  // the independent draws, since the tokens inside one are correlated; they are all of one length. With a
  // single window the tokens take their place, which is too small.
  double standard_error = 0.0;
};

class WindowedMean {
 public:
  void add(std::span<const double> window);  // at least one value; all windows equally many

  std::uint64_t count() const { return count_; }  // values
  std::uint64_t windows() const { return means_.size(); }
  Mean mean() const;  // of all values; needs a window

 private:
  std::vector<double> means_;  // of each window
  double total_ = 0.0, squares_ = 0.0;
  std::uint64_t count_ = 0;
};

// The value below which the share `fraction` of `values` lies, interpolated linearly between neighbours
// (NumPy's and llama.cpp's rule). Sorts `values`, which must not be empty.
double percentile(std::vector<double>& values, double fraction);

}  // namespace presswork::modelkit
