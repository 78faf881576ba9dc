// tests/data/golden/evaluation.json: PyTorch's and transformers' results on the shipped model (made by
// make_evaluation.py beside it), and the changed model that they are for.
#pragma once

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "plugins/modelkit/formats/safetensors.h"

namespace presswork {

inline const std::filesystem::path kSource = PRESSWORK_SOURCE_DIR;
inline const auto kModel = kSource / "examples/models/tiny-llama", kText = kSource / "examples/text/eval.txt";

inline nlohmann::json golden() {
  return nlohmann::json::parse(std::ifstream(kSource / "tests/data/golden/evaluation.json"));
}

// A copy of the shipped model with the golden file's tensor set to zero, for as long as it lives.
class ChangedModel {
 public:
  ChangedModel()
      : folder_(std::filesystem::temp_directory_path() /
                ("presswork-changed-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    for (const char* file : {"config.json", "tokenizer.json"}) {
      std::filesystem::copy_file(kModel / file, folder_ / file,
                                 std::filesystem::copy_options::overwrite_existing);
    }
    const modelkit::SafetensorsFile file(kModel / "model.safetensors");
    const auto all = file.file().bytes();
    const auto part = file.find(golden()["zeroed"].get<std::string>())->bytes;
    std::string bytes(reinterpret_cast<const char*>(all.data()), all.size());
    std::memset(bytes.data() + (part.data() - all.data()), 0, part.size());
    std::ofstream(folder_ / "model.safetensors", std::ios::binary) << bytes;
  }
  ~ChangedModel() { std::filesystem::remove_all(folder_); }
  ChangedModel(const ChangedModel&) = delete;
  ChangedModel& operator=(const ChangedModel&) = delete;

  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

}  // namespace presswork
