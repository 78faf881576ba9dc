// A tokenized text cut into windows: [0, n), [n, 2n), ... The incomplete tail is dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace presswork::modelkit {

class TokenWindows {
 public:
  // Windows of `length` tokens, at most `most` of them (0: all). Throws Error "invalid_input" when the text
  // is shorter than one window, "invalid_parameter" for a length of 0.
  TokenWindows(std::vector<std::int32_t> ids, std::size_t length, std::size_t most = 0);

  std::size_t count() const { return count_; }
  std::size_t length() const { return length_; }
  std::span<const std::int32_t> operator[](std::size_t window) const {
    return std::span(ids_).subspan(window * length_, length_);
  }

  // The ids of all windows, one after another: what a digest of the data is made of.
  std::span<const std::int32_t> ids() const { return std::span(ids_).first(count_ * length_); }

 private:
  std::vector<std::int32_t> ids_;
  std::size_t length_, count_;
};

}  // namespace presswork::modelkit
