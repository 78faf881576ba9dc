// Writes a Llama whose weights are random numbers: for memory and speed only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace presswork::modelkit::testing {

struct SyntheticShape {
  std::int64_t hidden = 0, intermediate = 0, layers = 0, heads = 0, kv_heads = 0, vocab = 0;
};

inline constexpr SyntheticShape kLlama7B{4096, 11008, 32, 32, 32, 32000};
inline constexpr SyntheticShape kTinyLlama1B{2048, 5632, 22, 32, 4, 32000};

std::string synthetic_config(const SyntheticShape& shape);

// bf16 weights drawn N(0, 0.02), one input column in 500 of each matrix times 8 (outlier channels), norms of
// 1; config.json and shards of at most `shard_bytes`. Each value is a function of seed, tensor and place, so
// that the files do not depend on the number of threads. `folder` is created.
void write_synthetic_model(const std::filesystem::path& folder, const SyntheticShape& shape,
                           std::uint64_t seed, unsigned threads, std::uint64_t shard_bytes = 2'000'000'000);

}  // namespace presswork::modelkit::testing
