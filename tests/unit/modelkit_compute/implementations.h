// The implementations of compute.h that conformance_test.cc judges. A new device adds a line here and passes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugins/modelkit/compute/compute.h"

namespace presswork::modelkit {

struct Implementation {
  std::string name;
  std::function<std::unique_ptr<Compute>()> make;
};

inline std::vector<Implementation> implementations() {
  std::vector<Implementation> all;
  for (const unsigned threads : {1U, 2U, 3U, 5U}) {
    all.push_back({"Cpu" + std::to_string(threads), [=] { return make_cpu_compute(threads); }});
  }
  return all;
}

}  // namespace presswork::modelkit
