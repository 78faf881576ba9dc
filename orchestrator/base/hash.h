// SHA-256, the name of everything in the store.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace presswork::base {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(const void* data, std::size_t size);
  void update(std::string_view text) { update(text.data(), text.size()); }
  std::string hex();  // 64 lower-case hexadecimal digits; ends the computation

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256(std::string_view text);

// The digest of a regular file, read in large pieces. `progress` hears the bytes of each piece and may
// throw to stop. Throws Error{io, not_found, permission}.
std::string sha256_file(const std::filesystem::path& path,
                        const std::function<void(std::size_t)>& progress = {});

}  // namespace presswork::base
