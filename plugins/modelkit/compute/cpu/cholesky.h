// Decompositions of symmetric positive definite matrices in float64.
#pragma once

#include <cstddef>

#include "plugins/modelkit/compute/cpu/thread_pool.h"

namespace presswork::modelkit {

// a [n, n], row-major: its lower triangle becomes L with a = L L^T; what is above is not looked at. False
// when a is not positive definite; the triangle then holds nothing of use.
bool cholesky(double* a, std::size_t n, ThreadPool& threads);

// The lower triangle l [n, n] becomes its inverse.
void invert_lower(double* l, std::size_t n, ThreadPool& threads);

}  // namespace presswork::modelkit
