// What the tests of model files share: a folder that vanishes, small files, and tiny models.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "plugins/modelkit/checkpoint/architecture.h"
#include "plugins/modelkit/checkpoint/model_config.h"
#include "plugins/modelkit/formats/safetensors.h"
#include "plugins/modelkit/formats/safetensors_writer.h"
#include "presswork/error.h"

namespace presswork::modelkit::testing {

namespace fs = std::filesystem;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "presswork-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = fs::canonical(name);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read_file(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// What a safetensors file is made of, however wrong.
inline std::string safetensors(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::string text(8, '\0');
  std::memcpy(text.data(), &length, 8);
  return text + header + data;
}

// The error that `action` throws, or nothing.
inline std::optional<Error> error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

inline fs::path golden(const char* name) {
  return fs::path(PRESSWORK_SOURCE_DIR) / "tests/unit/modelkit_formats/golden" / name;
}

template <class T>
std::vector<T> values(const TensorView& view) {
  std::vector<T> result(view.bytes.size() / sizeof(T));
  if (!result.empty()) std::memcpy(result.data(), view.bytes.data(), view.bytes.size());
  return result;
}

inline const char* const kTinyConfig = R"({
  "architectures": ["LlamaForCausalLM"], "vocab_size": 32, "hidden_size": 16, "intermediate_size": 32,
  "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-05,
  "max_position_embeddings": 64, "dtype": "bfloat16", "custom_key": {"kept": 1.5}
})";

// A Llama with two layers whose weights are a fixed pattern, in bf16. `change` may edit the tensors before
// they are written.
inline void write_tiny_model(const fs::path& folder, const std::string& config = kTinyConfig,
                             const std::function<void(std::vector<TensorPlan>&)>& change = {}) {
  fs::create_directories(folder);
  std::vector<TensorPlan> plan;
  for (const TensorSite& site : expected_tensors(ModelConfig::parse(config, "config.json"))) {
    plan.push_back({site.tensor, DType::BF16, site.shape});
  }
  if (change) change(plan);
  write_file(folder / "config.json", config);
  SafetensorsWriter writer(folder / "model.safetensors", plan);
  unsigned state = 1;
  for (const TensorPlan& tensor : plan) {
    std::vector<float> numbers(static_cast<std::size_t>(element_count(tensor.shape, tensor.name)));
    for (float& number : numbers) {
      state = state * 1664525u + 1013904223u;
      number = static_cast<float>(static_cast<int>(state >> 16) - 32768) / 65536.0f;
    }
    std::vector<std::byte> bytes(tensor.byte_count());
    if (is_floating(tensor.dtype)) from_float(tensor.dtype, numbers.data(), numbers.size(), bytes.data());
    writer.write(tensor.name, bytes);
  }
  writer.publish();
}

}  // namespace presswork::modelkit::testing
