#include "plugins/modelkit/checkpoint/checkpoint_writer.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "plugins/modelkit/checkpoint/folder_files.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace fs = std::filesystem;
namespace {

std::string shard_name(std::size_t index, std::size_t count) {
  if (count == 1) return "model.safetensors";
  char name[64];
  std::snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

// A copy, never a link: the source may change or vanish while the result must not.
void copy_beside(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  if (!error) fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  if (!error) {
    fs::permissions(
        to, fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read | fs::perms::others_read,
        error);
  }
  if (error) {
    throw Error(error == std::errc::no_space_on_device ? "no_space" : "io",
                "cannot be copied to " + to.string() + ": " + error.message(), from.string());
  }
}

void expect_finite(const std::string& name, DType dtype, std::span<const std::byte> data) {
  const std::size_t count = data.size() / size_of(dtype);
  const std::size_t bad = find_not_finite(dtype, data.data(), count);
  if (bad == count) return;
  throw Error("not_finite", "element " + std::to_string(bad) + " is NaN or infinite", name,
              "use an intact copy of the model");
}

}  // namespace

CheckpointWriter::CheckpointWriter(fs::path folder, std::vector<TensorPlan> plan,
                                   std::uint64_t max_shard_bytes)
    : folder_(std::move(folder)), plan_(std::move(plan)) {
  std::uint64_t filled = 0;
  for (const TensorPlan& tensor : plan_) {
    const std::uint64_t size = tensor.byte_count();
    if (shard_plans_.empty() || (filled > 0 && filled + size > max_shard_bytes)) {
      shard_plans_.emplace_back();
      filled = 0;
    }
    filled += size;
    shard_plans_.back().push_back(tensor);
    if (!places_.emplace(tensor.name, Place{shard_plans_.size() - 1, tensor.dtype}).second) {
      throw Error("internal", "the tensor is planned twice", tensor.name);
    }
  }
  for (std::size_t i = 0; i < shard_plans_.size(); ++i)
    shard_names_.push_back(shard_name(i, shard_plans_.size()));
  writers_.resize(shard_plans_.size());
  published_.resize(shard_plans_.size(), false);
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw Error("io", "cannot be created: " + error.message(), folder_.string());
}

void CheckpointWriter::write(std::string_view name, std::span<const std::byte> data) {
  const auto found = places_.find(std::string(name));
  if (found == places_.end()) throw Error("internal", "the tensor is not planned", std::string(name));
  const auto [shard, dtype] = found->second;
  if (published_[shard]) throw Error("internal", "the tensor is written twice", std::string(name));
  expect_finite(found->first, dtype, data);
  auto& writer = writers_[shard];
  if (writer == nullptr) {
    writer = std::make_unique<SafetensorsWriter>(folder_ / shard_names_[shard], shard_plans_[shard]);
  }
  writer->write(name, data);
  if (!writer->complete()) return;
  writer->publish();
  file_bytes_ += writer->file_bytes();
  published_[shard] = true;
  writer.reset();
}

void CheckpointWriter::finish(const Checkpoint& source, const std::string& config_text,
                              const std::function<void(const std::string&)>& skipped) {
  for (std::size_t i = 0; i < published_.size(); ++i) {
    if (!published_[i]) throw Error("internal", "tensors of this shard were never written", shard_names_[i]);
  }
  if (shard_names_.size() > 1) write_index();
  const FolderListing files = list_folder(source.folder());
  for (const std::string& name : files.carried) {
    copy_beside(resolve_in_folder(source.folder(), name), folder_ / name);
  }
  for (const std::string& name : files.weights) {
    const auto& own = source.weight_files();
    const bool read =
        std::find(own.begin(), own.end(), name) != own.end() || name.ends_with(".safetensors.index.json");
    if (!read && skipped) skipped(name);
  }
  write_file_atomically(folder_ / "config.json", config_text);
  verify();
}

void CheckpointWriter::write_index() const {
  nlohmann::json weight_map = nlohmann::json::object();  // sorted by name
  std::uint64_t total = 0;
  for (const TensorPlan& tensor : plan_) {
    weight_map[tensor.name] = shard_names_[places_.at(tensor.name).shard];
    total += tensor.byte_count();
  }
  const nlohmann::ordered_json index = {{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}};
  write_file_atomically(folder_ / "model.safetensors.index.json", index.dump(2) + "\n");
}

void CheckpointWriter::verify() const {
  const Checkpoint written = Checkpoint::open(folder_);
  for (const TensorPlan& tensor : plan_) {
    const TensorView* view = written.find(tensor.name);
    if (view == nullptr || view->dtype != tensor.dtype || view->shape != tensor.shape) {
      throw Error("internal", "the tensor is not in the written model as it should be", tensor.name,
                  "this is a defect of presswork or of the disk; run again and report it");
    }
  }
  if (written.names().size() != plan_.size())
    throw Error("internal", "has unplanned tensors", folder_.string());
}

}  // namespace presswork::modelkit
