#include "tests/support/synthetic_model/synthetic_model.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "plugins/modelkit/checkpoint/architecture.h"
#include "plugins/modelkit/compute/cpu/thread_pool.h"
#include "plugins/modelkit/formats/safetensors_writer.h"

namespace presswork::modelkit::testing {
namespace {

constexpr double kDeviation = 0.02;
constexpr std::size_t kOutlierEvery = 500, kFirstOutlier = 123;
constexpr float kOutlierFactor = 8.0F;

// splitmix64 (Steele et al. 2014): a counter in, 64 random bits out.
std::uint64_t mixed(std::uint64_t counter) {
  std::uint64_t z = counter + 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// The normal distribution's quantile, by bisection of its distribution function.
double normal_quantile(double share) {
  double low = -10, high = 10;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < share ? low : high) = middle;
  }
  return (low + high) / 2;
}

// The 65,536 values that a weight can have, equally likely, as bf16.
std::vector<std::uint16_t> quantiles(float factor) {
  std::vector<float> values(1 << 16);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double share = (static_cast<double>(i) + 0.5) / static_cast<double>(values.size());
    values[i] =
        rounded_through(DType::BF16, static_cast<float>(kDeviation * normal_quantile(share))) * factor;
  }
  std::vector<std::uint16_t> stored(values.size());
  from_float(DType::BF16, values.data(), values.size(), stored.data());
  return stored;
}

class Generator {
 public:
  Generator(std::uint64_t seed, unsigned threads) : seed_(seed), threads_(threads) {}

  // Four values for each 64 random bits; a row starts at a counter of its own.
  void fill(std::uint64_t tensor, std::size_t rows, std::size_t cols, std::uint16_t* target) {
    const std::uint64_t stream = mixed(seed_ ^ mixed(tensor));
    constexpr std::size_t kRows = 64;
    threads_.run((rows + kRows - 1) / kRows, [&](std::size_t tile) {
      for (std::size_t r = tile * kRows; r < std::min(rows, (tile + 1) * kRows); ++r) {
        std::uint16_t* row = target + r * cols;
        std::uint64_t bits = 0, counter = stream + r * (cols / 4 + 1);
        for (std::size_t c = 0; c < cols; ++c, bits >>= 16) {
          if (c % 4 == 0) bits = mixed(counter++);
          row[c] = (c % kOutlierEvery == kFirstOutlier ? outliers_ : usual_)[bits & 0xffffu];
        }
      }
    });
  }

 private:
  std::uint64_t seed_;
  ThreadPool threads_;
  std::vector<std::uint16_t> usual_ = quantiles(1.0F), outliers_ = quantiles(kOutlierFactor);
};

std::vector<std::vector<TensorPlan>> shards_of(const std::vector<TensorPlan>& plan, std::uint64_t limit) {
  std::vector<std::vector<TensorPlan>> shards;
  std::uint64_t filled = 0;
  for (const TensorPlan& tensor : plan) {
    if (shards.empty() || filled + tensor.byte_count() > limit) {
      shards.emplace_back();
      filled = 0;
    }
    filled += tensor.byte_count();
    shards.back().push_back(tensor);
  }
  return shards;
}

std::string shard_name(std::size_t index, std::size_t count) {
  char name[64];
  std::snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return count == 1 ? "model.safetensors" : name;
}

}  // namespace

std::string synthetic_config(const SyntheticShape& shape) {
  const nlohmann::ordered_json config = {{"architectures", {"LlamaForCausalLM"}},
                                         {"model_type", "llama"},
                                         {"hidden_size", shape.hidden},
                                         {"intermediate_size", shape.intermediate},
                                         {"num_hidden_layers", shape.layers},
                                         {"num_attention_heads", shape.heads},
                                         {"num_key_value_heads", shape.kv_heads},
                                         {"vocab_size", shape.vocab},
                                         {"max_position_embeddings", 4096},
                                         {"rms_norm_eps", 1e-5},
                                         {"hidden_act", "silu"},
                                         {"tie_word_embeddings", false},
                                         {"bos_token_id", 1},
                                         {"eos_token_id", 2},
                                         {"dtype", "bfloat16"}};
  return config.dump(2) + "\n";
}

void write_synthetic_model(const std::filesystem::path& folder, const SyntheticShape& shape,
                           std::uint64_t seed, unsigned threads, std::uint64_t shard_bytes) {
  std::filesystem::create_directories(folder);
  const std::string config = synthetic_config(shape);
  std::vector<TensorPlan> plan;
  for (const TensorSite& site : expected_tensors(ModelConfig::parse(config, "config.json")))
    plan.push_back({site.tensor, DType::BF16, site.shape});
  const auto shards = shards_of(plan, shard_bytes);
  Generator generator(seed, threads);
  nlohmann::ordered_json weight_map = nlohmann::ordered_json::object();
  std::uint64_t total = 0, number = 0;
  std::vector<std::uint16_t> values;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i, shards.size());
    SafetensorsWriter writer(folder / name, shards[i]);
    for (const TensorPlan& tensor : shards[i]) {
      const bool matrix = tensor.shape.size() == 2;
      values.assign(tensor.byte_count() / 2, 0x3f80);  // 1
      if (matrix) {
        generator.fill(number, static_cast<std::size_t>(tensor.shape[0]),
                       static_cast<std::size_t>(tensor.shape[1]), values.data());
      }
      writer.write(tensor.name, std::as_bytes(std::span(values)));
      weight_map[tensor.name] = name;
      total += tensor.byte_count();
      ++number;
    }
    writer.publish();
  }
  if (shards.size() > 1) {
    const nlohmann::ordered_json index = {{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}};
    write_file_atomically(folder / "model.safetensors.index.json", index.dump(2) + "\n");
  }
  write_file_atomically(folder / "config.json", config);
}

}  // namespace presswork::modelkit::testing
