// Rounding weights to a grid, for the widest vectors of the machine (Highway). All targets give the same
// bits: no product is fused with a sum, and a sum over a row is eight sums in which term i belongs to number
// i % 8, added in pairs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "plugins/modelkit/compute/rounding.h"

namespace presswork::modelkit {

// The least and the largest of x [n], n >= 1.
void range_row(const float* x, std::size_t n, float& low, float& high);

// The sum of squares; infinite or NaN just when one of x [n] is.
double squares_row(const float* x, std::size_t n);

// q [n] = the nearest levels of x, half to even, within the ends of the grid.
void levels_row(std::int8_t* q, const float* x, std::size_t n, const GroupGrid& grid);

// The same; returns the squared error of their values.
double round_row(std::int8_t* q, const float* w, std::size_t n, const GroupGrid& grid);

// How many of q [n] are at an end of the grid while w lies more than half a step beyond it.
std::size_t count_clipped_row(const std::int8_t* q, const float* w, std::size_t n, const GroupGrid& grid);

}  // namespace presswork::modelkit
