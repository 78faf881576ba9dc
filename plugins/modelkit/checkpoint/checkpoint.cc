#include "plugins/modelkit/checkpoint/checkpoint.h"

#include <algorithm>
#include <map>

#include "plugins/modelkit/checkpoint/folder_files.h"
#include "plugins/modelkit/checkpoint/shard_index.h"
#include "plugins/modelkit/formats/json_text.h"
#include "presswork/error.h"

namespace presswork::modelkit {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr std::uint64_t kMaxConfigBytes = 16u << 20;
constexpr std::uint64_t kMaxIndexBytes = 64u << 20;

bool present(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

[[noreturn]] void no_weights(const fs::path& folder) {
  for (const char* pickled : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (!present(folder / pickled)) continue;
    throw Error("unsupported",
                std::string("holds only ") + pickled + ", a pickle file, which can run code when read",
                folder.string(),
                "convert it in Python: AutoModelForCausalLM.from_pretrained(folder, dtype=\"auto\")"
                ".save_pretrained(new_folder), then copy the tokenizer files");
  }
  throw Error("invalid_input", std::string("has neither ") + kSingle + " nor " + kIndex, folder.string(),
              "give the path of a Hugging Face model folder with safetensors weights");
}

}  // namespace

Checkpoint Checkpoint::open(const fs::path& given) {
  std::error_code error;
  Checkpoint checkpoint;
  checkpoint.folder_ = fs::canonical(given, error);
  if (error || !fs::is_directory(checkpoint.folder_)) {
    throw Error("invalid_input", "is not a folder", given.string(),
                "give the path of a Hugging Face model folder");
  }
  const fs::path& folder = checkpoint.folder_;
  if (!present(folder / "config.json")) {
    throw Error("invalid_input", "has no config.json", folder.string(),
                "give the path of a Hugging Face model folder");
  }
  checkpoint.config_ = read_text_file(resolve_in_folder(folder, "config.json"), kMaxConfigBytes);

  std::map<std::string, std::string> index;
  if (present(folder / kSingle)) {
    checkpoint.weight_files_ = {kSingle};
  } else if (present(folder / kIndex)) {
    index = parse_shard_index(read_text_file(resolve_in_folder(folder, kIndex), kMaxIndexBytes),
                              (folder / kIndex).string());
    for (const auto& [name, shard] : index) checkpoint.weight_files_.push_back(shard);
    auto& files = checkpoint.weight_files_;
    std::sort(files.begin(), files.end());
    files.erase(std::unique(files.begin(), files.end()), files.end());
  } else {
    no_weights(folder);
  }
  checkpoint.open_shards();

  for (const auto& [name, shard] : index) {
    if (checkpoint.find(name) == nullptr) {
      throw Error("corrupt_file", "lists tensor " + name + " in " + shard + ", which does not hold it",
                  (folder / kIndex).string(), "download the model folder again");
    }
  }
  return checkpoint;
}

void Checkpoint::open_shards() {
  for (const std::string& name : weight_files_) {
    shards_.push_back(std::make_unique<SafetensorsFile>(resolve_in_folder(folder_, name)));
    const SafetensorsFile& shard = *shards_.back();
    file_bytes_ += shard.file().bytes().size();
    for (const TensorView& view : shard.tensors()) {
      if (!places_.emplace(view.name, Place{&shard, &view}).second) {
        throw Error("corrupt_file", "tensor " + view.name + " is in two shards", (folder_ / name).string(),
                    "remove the shards that do not belong to this model");
      }
      names_.push_back(view.name);
      total_bytes_ += view.bytes.size();
    }
  }
  sorted_names_ = names_;
  std::sort(sorted_names_.begin(), sorted_names_.end());
}

const TensorView* Checkpoint::find(std::string_view name) const {
  const auto found = places_.find(name);
  return found == places_.end() ? nullptr : found->second.view;
}

const TensorView& Checkpoint::tensor(std::string_view name) const {
  if (const TensorView* view = find(name)) return *view;
  throw Error("corrupt_file", "has no tensor " + std::string(name), folder_.string(),
              "check that config.json belongs to these weights");
}

template <class Action>
void Checkpoint::each_below(std::string_view name, Action action) const {
  if (const auto found = places_.find(name); found != places_.end()) action(found->second);
  const std::string prefix = std::string(name) + ".";
  for (auto at = std::lower_bound(sorted_names_.begin(), sorted_names_.end(), prefix);
       at != sorted_names_.end() && at->starts_with(prefix); ++at) {
    action(places_.at(*at));
  }
}

void Checkpoint::prefetch(std::string_view name, const std::function<bool()>& stop) const {
  // The kernel cuts a request for more than a device's read-ahead size short, without a word.
  constexpr std::size_t kPiece = std::size_t{128} << 10;
  each_below(name, [&](const Place& place) {
    const auto bytes = place.view->bytes;
    for (std::size_t at = 0; at < bytes.size() && !(stop && stop()); at += kPiece) {
      place.file->file().prefetch(bytes.subspan(at, std::min(kPiece, bytes.size() - at)));
    }
  });
}

void Checkpoint::release(std::string_view name) const {
  each_below(name, [](const Place& place) { place.file->file().release(place.view->bytes); });
}

}  // namespace presswork::modelkit
