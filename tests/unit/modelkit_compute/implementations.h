// The implementations of compute.h that conformance_test.cc and gradients_test.cc judge. A new device adds a
// line here and passes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugins/modelkit/compute/gradients.h"

namespace presswork::modelkit {

struct Implementation {
  std::string name;
  std::function<std::unique_ptr<Compute>()> make;
  std::function<std::unique_ptr<Gradients>(Compute&)> make_gradients;
};

inline std::vector<Implementation> implementations() {
  std::vector<Implementation> all;
  for (const unsigned threads : {1U, 2U, 3U, 5U}) {
    all.push_back(
        {"Cpu" + std::to_string(threads), [=] { return make_cpu_compute(threads); }, make_cpu_gradients});
  }
  return all;
}

}  // namespace presswork::modelkit
