// Scales of a decoder layer's linears while a method looks for them: inputs are divided and columns
// multiplied by the same, and the division is folded into what makes the inputs (folding.h).
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "plugins/modelkit/quantize/calibration.h"
#include "plugins/modelkit/quantize/folding.h"

namespace presswork::modelkit {

// Of a linear's columns and rows: it becomes W * columns / rows.
struct Scaling {
  std::vector<float> columns, rows;
  std::optional<double> power = {};  // that the scales of its columns were found with; none: they are 1
};

class LayerScaling {
 public:
  // Both must outlive it. `targets`: whole names of the linears that may be changed.
  LayerScaling(const CalibrationLayer& layer, const std::set<std::string>& targets)
      : layer_(layer), targets_(targets) {}

  const std::vector<float>& weight(const std::string& module);  // as it was, [out, in]
  std::size_t outputs(const std::string& module);
  Scaling& scaling(const std::string& module);
  std::vector<float> scaled(const std::string& module);  // W * columns / rows

  // Whether all linears that the site touches may be changed.
  bool foldable(const FoldingSite& site) const;

  // Scales that fold exactly: a norm's weight is divided first and rounded to its stored type, and the scale
  // is what that division came to; where a bias is divided too, scales are powers of two.
  void make_exact(const FoldingSite& site, std::vector<float>& scales) const;

  void fold(const FoldingSite& site, const std::vector<float>& scales, double power);
  const std::map<std::string, std::vector<float>>& tensors() const { return tensors_; }  // changed so far

 private:
  std::vector<float> norm_values(const std::string& norm, const char* part, std::size_t count) const;
  DType stored_type(const std::string& tensor) const;

  const CalibrationLayer& layer_;
  const std::set<std::string>& targets_;
  std::map<std::string, std::vector<float>> weights_;
  std::map<std::string, std::size_t> outputs_;
  std::map<std::string, Scaling> scalings_;
  std::map<std::string, std::vector<float>> tensors_;
};

}  // namespace presswork::modelkit
