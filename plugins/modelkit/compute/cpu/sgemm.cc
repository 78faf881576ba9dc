#include "plugins/modelkit/compute/cpu/sgemm.h"

#include <oneapi/dnnl/dnnl.h>

#include "presswork/error.h"

namespace presswork::modelkit {

void sgemm(const Sgemm& p) {
  const auto dim = [](std::size_t value) { return static_cast<dnnl_dim_t>(value); };
  const auto status = dnnl_sgemm(p.a_form, p.b_form, dim(p.m), dim(p.n), dim(p.k), p.alpha, p.a,
                                 dim(p.a_stride), p.b, dim(p.b_stride), p.beta, p.c, dim(p.c_stride));
  if (status != dnnl_success) throw Error("internal", "oneDNN refused a matrix product", "sgemm");
}

}  // namespace presswork::modelkit
