// Opening, verifying and passing over a large model: time, and peak memory against what was predicted and
// against two layers as stored plus the hidden states.
//
//   build/dev/bin/make_synthetic_model /tmp/7b            (13.5 GB; --layers N for fewer)
//   build/dev/bin/bench_streaming /tmp/7b [windows [tokens [threads]]]        4 windows of 512, 2 threads
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "plugins/modelkit/checkpoint/verify.h"
#include "plugins/modelkit/data/random.h"
#include "plugins/modelkit/evaluate/peak_memory.h"
#include "plugins/modelkit/evaluate/perplexity.h"

using namespace presswork::modelkit;

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double mib(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

std::uint64_t layer_bytes(const ModelSource& model) {
  const std::string prefix = layer_prefix(model.config(), 0) + ".";
  std::uint64_t bytes = 0;
  for (const std::string& name : model.checkpoint().names()) {
    if (name.starts_with(prefix)) bytes += model.checkpoint().tensor(name).bytes.size();
  }
  return bytes;
}

TokenWindows random_windows(const ModelConfig& model, std::size_t windows, std::size_t tokens) {
  Random random(1);
  std::vector<std::int32_t> ids(windows * tokens);
  for (std::int32_t& id : ids)
    id = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(model.vocab)));
  return TokenWindows(std::move(ids), tokens);
}

void open_and_verify(const char* folder, int times) {
  std::vector<double> seconds;
  StructureReport report;
  for (int i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const ModelSource model = ModelSource::open(folder);
    report = require_structure(model.checkpoint(), model.config(), model.quantization());
    seconds.push_back(seconds_since(start));
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf("open and verify  %.2f ms (%.2f to %.2f, %d times), %.3f G parameters\n",
              1e3 * seconds[seconds.size() / 2], 1e3 * seconds.front(), 1e3 * seconds.back(), times,
              static_cast<double>(report.parameters) / 1e9);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fputs("usage: bench_streaming FOLDER [windows [tokens [threads]]]\n", stderr);
    return 2;
  }
  const auto number = [&](int at, int fallback) {
    return static_cast<std::size_t>(count > at ? std::atoi(arguments[at]) : fallback);
  };
  const std::size_t windows = number(2, 4), tokens = number(3, 512), threads = number(4, 2);
  open_and_verify(arguments[1], 5);

  const ModelSource model = ModelSource::open(arguments[1]);
  const auto compute = make_cpu_compute(static_cast<unsigned>(threads));
  Transformer transformer(*compute, model);
  const TokenWindows ids = random_windows(model.config(), windows, tokens);
  const PassOptions options;
  const std::uint64_t predicted =
      resident_bytes() + predicted_pass_bytes(model, windows, tokens, options.states);
  reset_peak_memory();
  const auto start = std::chrono::steady_clock::now();
  const Perplexity result = perplexity(transformer, ids, options);
  const double seconds = seconds_since(start);
  const std::uint64_t peak = peak_resident_bytes(), layer = layer_bytes(model),
                      states = windows * tokens * static_cast<std::uint64_t>(model.config().hidden) * 4;
  std::printf("pass             %zu windows of %zu, %zu threads: %.1f s, %.1f tokens/s, mean nll %.4f\n",
              windows, tokens, threads, seconds, static_cast<double>(windows * tokens) / seconds,
              result.mean_nll);
  std::printf("peak memory      %.1f MiB; predicted %.1f MiB (%.3f of it)\n", mib(peak), mib(predicted),
              static_cast<double>(peak) / static_cast<double>(predicted));
  std::printf("                 %.3f x (2 layers of %.1f MiB + %.1f MiB of states)\n",
              static_cast<double>(peak) / static_cast<double>(2 * layer + states), mib(layer), mib(states));
  return 0;
}
