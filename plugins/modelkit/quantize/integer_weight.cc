#include "plugins/modelkit/quantize/integer_weight.h"

#include <cstring>

#include "presswork/error.h"

namespace presswork::modelkit {

GroupedIntWeight empty_integers(std::int64_t out, std::int64_t in, const QuantizationGrid& grid) {
  const auto scales = static_cast<std::size_t>(out * grid.groups(in));
  return {.bits = grid.bits,
          .group_size = grid.group_size,
          .symmetric = grid.symmetric,
          .q = std::vector<std::int8_t>(static_cast<std::size_t>(out * in)),
          .scales = std::vector<float>(scales),
          .zeros = std::vector<std::int8_t>(grid.symmetric ? 0 : scales),
          .group_of_input = {}};
}

LinearWeight float_weight(std::int64_t out, std::int64_t in, const std::vector<float>& values) {
  DenseWeight dense;
  dense.owned.resize(values.size() * sizeof(float));
  std::memcpy(dense.owned.data(), values.data(), dense.owned.size());
  LinearWeight weight{out, in, std::move(dense)};
  auto& form = std::get<DenseWeight>(weight.form);
  form.bytes = form.owned;  // of the vector's memory, which moves with it
  return weight;
}

void expect_finite_rows(const std::vector<float>& rows, std::size_t in, std::int64_t first,
                        const std::string& module) {
  const std::size_t bad = find_not_finite(DType::F32, rows.data(), rows.size());
  if (bad == rows.size()) return;
  throw Error("not_finite",
              "has NaN or infinity at row " + std::to_string(static_cast<std::size_t>(first) + bad / in) +
                  ", column " + std::to_string(bad % in),
              module + ".weight", "use an intact copy of the model");
}

void expect_finite_scales(const GroupedIntWeight& weight, std::int64_t out, const std::string& module) {
  const std::size_t bad = find_not_finite(DType::F32, weight.scales.data(), weight.scales.size());
  if (bad == weight.scales.size()) return;
  const std::size_t groups = weight.scales.size() / static_cast<std::size_t>(out);
  throw Error("not_finite", "has values too large for a scale, in row " + std::to_string(bad / groups),
              module + ".weight", "use an intact copy of the model");
}

void subtract_integers(const GroupedIntWeight& weight, std::int64_t first, std::size_t in,
                       std::vector<double>& difference) {
  const std::size_t group = weight.group_size == 0 ? in : static_cast<std::size_t>(weight.group_size);
  const std::size_t groups = in / group, start = static_cast<std::size_t>(first);
  for (std::size_t i = 0; i < difference.size(); ++i) {
    const std::size_t place = (start + i / in) * groups + i % in / group;
    const GroupScale scale{weight.scales[place], weight.zeros.empty() ? std::int8_t{0} : weight.zeros[place]};
    difference[i] -= scale.value(weight.q[start * in + i]);
  }
}

void subtract_rounded(const std::vector<float>& rows, const QuantizationGrid& grid, std::size_t in,
                      std::vector<double>& difference) {
  const std::size_t group = in / static_cast<std::size_t>(grid.groups(static_cast<std::int64_t>(in)));
  std::vector<std::int8_t> q(group);
  for (std::size_t at = 0; at < rows.size(); at += group) {
    const float* w = rows.data() + at;
    const GroupScale scale = fit_group(w, static_cast<std::int64_t>(group), grid);
    round_group(w, static_cast<std::int64_t>(group), grid, scale, q.data());
    for (std::size_t i = 0; i < group; ++i)
      difference[at + i] = static_cast<double>(w[i]) - scale.value(q[i]);
  }
}

}  // namespace presswork::modelkit
