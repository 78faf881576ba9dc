// A Hugging Face model folder, opened for reading: weights by name, the text of config.json, and the other
// files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugins/modelkit/formats/safetensors.h"

namespace presswork::modelkit {

class Checkpoint {
 public:
  // Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names. Shard names must be
  // plain file names; symbolic links are followed only as folder_files.h says. Opening maps the files and
  // checks their structure; no tensor data is read. Throws "invalid_input" (no model there; only
  // pytorch_model.bin, with the way to convert it), "corrupt_file".
  static Checkpoint open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  const std::string& config() const { return config_; }  // text of config.json
  std::string config_path() const { return (folder_ / "config.json").string(); }

  const TensorView* find(std::string_view name) const;              // nullptr when absent
  const TensorView& tensor(std::string_view name) const;            // throws "corrupt_file" when absent
  const std::vector<std::string>& names() const { return names_; }  // shard by shard, in file order

  std::uint64_t total_bytes() const { return total_bytes_; }  // of tensor data
  std::uint64_t file_bytes() const { return file_bytes_; }    // of the weight files
  const std::vector<std::string>& weight_files() const { return weight_files_; }

  // `name` is a tensor, or a module or layer: then every tensor below it ("model.layers.3" ->
  // "model.layers.3.*"). prefetch() asks the kernel to read ahead, piece by piece until `stop` says
  // so, and may wait for the disk; release() drops the pages from this
  // process, so that a pass over a model holds one layer only. Both are hints; views stay valid.
  void prefetch(std::string_view name, const std::function<bool()>& stop = {}) const;
  void release(std::string_view name) const;

 private:
  struct Place {
    const SafetensorsFile* file;
    const TensorView* view;
  };
  void open_shards();
  template <class Action>
  void each_below(std::string_view name, Action action) const;

  std::filesystem::path folder_;
  std::string config_;
  std::vector<std::unique_ptr<SafetensorsFile>> shards_;
  std::vector<std::string> names_, weight_files_, sorted_names_;
  std::unordered_map<std::string_view, Place> places_;
  std::uint64_t total_bytes_ = 0, file_bytes_ = 0;
};

}  // namespace presswork::modelkit
