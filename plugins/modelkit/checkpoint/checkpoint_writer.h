// Writes a model folder: weights in shards, index, config.json, and every other file of the source folder as
// it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugins/modelkit/checkpoint/checkpoint.h"
#include "plugins/modelkit/formats/safetensors_writer.h"

namespace presswork::modelkit {

// Names, types and shapes are given up front and decide the shards; data follows tensor by tensor, so that
// memory holds one tensor at a time. A shard appears under its name when its last tensor is written.
class CheckpointWriter {
 public:
  static constexpr std::uint64_t kDefaultShardBytes = 2'000'000'000;

  // `folder` is created; it must be empty or new. Shards are filled in the order of `plan`; a tensor larger
  // than `max_shard_bytes` has a shard to itself. One shard: "model.safetensors"; more:
  // "model-00001-of-0000N..." and the index.
  CheckpointWriter(std::filesystem::path folder, std::vector<TensorPlan> plan,
                   std::uint64_t max_shard_bytes = kDefaultShardBytes);

  // Any order; keeping to the plan's keeps one shard open at a time. Throws "not_finite" naming the tensor
  // and the element where `data` has NaN or infinity: no model is written that holds any.
  void write(std::string_view name, std::span<const std::byte> data);

  // Copies config and the files beside the weights of `source`, writes the index, opens the result again and
  // compares its structure with the plan. Weight files of other kinds (.bin, .gguf, ...) stay behind: they
  // hold the model as it was. `skipped` hears their names.
  void finish(const Checkpoint& source, const std::string& config_text,
              const std::function<void(const std::string&)>& skipped = {});

  std::uint64_t file_bytes() const { return file_bytes_; }  // of the weight files

 private:
  struct Place {
    std::size_t shard = 0;
    DType dtype = DType::F32;
  };
  void write_index() const;
  void verify() const;

  std::filesystem::path folder_;
  std::vector<TensorPlan> plan_;
  std::vector<std::string> shard_names_;
  std::vector<std::vector<TensorPlan>> shard_plans_;
  std::vector<std::unique_ptr<SafetensorsWriter>>
      writers_;  // null before the first and after the last tensor
  std::vector<bool> published_;
  std::unordered_map<std::string, Place> places_;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace presswork::modelkit
