// What names an object or artifact: 64 lower-case hexadecimal digits.
#pragma once

#include <algorithm>
#include <string_view>

namespace presswork::store {

inline bool is_digest(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace presswork::store
