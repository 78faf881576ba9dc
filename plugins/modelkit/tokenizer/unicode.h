// Unicode normalization forms and simple mappings (utf8proc). Texts are valid UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace presswork::modelkit::unicode {

std::string nfc(std::string_view text);
std::string nfd(std::string_view text);
std::string nfkc(std::string_view text);
std::string nfkd(std::string_view text);

// Every character by its own lower-case mapping, whatever stands beside it.
std::string to_lower(std::string_view text);

// Without combining marks (categories Mn, Mc, Me).
std::string strip_marks(std::string_view text);

}  // namespace presswork::modelkit::unicode
