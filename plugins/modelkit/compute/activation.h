// The functions between the linears of a feed-forward block.
#pragma once

namespace presswork::modelkit {

enum class Activation {
  Silu,        // x * sigmoid(x); Elfwing et al. 2017
  Gelu,        // x * Phi(x), with the error function; Hendrycks & Gimpel 2016
  GeluTanh,    // the same paper's approximation with tanh
  GeluQuick,   // x * sigmoid(1.702 x), its cheaper one
  Relu,        // max(x, 0)
  ReluSquared  // max(x, 0)^2; So et al. 2021 (Primer)
};

}  // namespace presswork::modelkit
