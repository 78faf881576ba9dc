// SHA-256 of data, for metrics and for telling whether two things were made from the same.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace presswork::modelkit {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::span<const std::byte> bytes);
  std::string text();  // "sha256:" and 64 lower-case hexadecimal digits; ends the computation

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace presswork::modelkit
