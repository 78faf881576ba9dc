// make_synthetic_model OUT [--shape 7b|1.1b] [--layers N] [--seed N] [--threads N]
// A model folder without a tokenizer, in the size of Llama 2 7B or TinyLlama 1.1B; see synthetic_model.h.
// Write into a temporary folder: 7b takes 13.5 GB.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "presswork/error.h"
#include "tests/support/synthetic_model/synthetic_model.h"

namespace {

int usage() {
  std::fputs("usage: make_synthetic_model OUT [--shape 7b|1.1b] [--layers N] [--seed N] [--threads N]\n",
             stderr);
  return 2;
}

}  // namespace

int main(int count, char** arguments) {
  using namespace presswork::modelkit::testing;
  if (count < 2 || count % 2 != 0 || arguments[1][0] == '-') return usage();
  SyntheticShape shape = kLlama7B;
  std::int64_t layers = 0;
  std::uint64_t seed = 1;
  unsigned threads = 0;
  for (int i = 2; i < count; i += 2) {
    const std::string key = arguments[i], value = arguments[i + 1];
    if (key == "--shape" && (value == "7b" || value == "1.1b")) {
      shape = value == "7b" ? kLlama7B : kTinyLlama1B;
    } else if (key == "--layers" && std::atoll(value.c_str()) > 0) {
      layers = std::atoll(value.c_str());
    } else if (key == "--seed") {
      seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (key == "--threads") {
      threads = static_cast<unsigned>(std::atoi(value.c_str()));
    } else {
      return usage();
    }
  }
  if (layers != 0) shape.layers = layers;
  try {
    write_synthetic_model(arguments[1], shape, seed, threads);
  } catch (const presswork::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
