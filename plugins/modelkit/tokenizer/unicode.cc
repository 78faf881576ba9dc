#include "plugins/modelkit/tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "plugins/modelkit/tokenizer/utf8.h"
#include "presswork/error.h"

namespace presswork::modelkit::unicode {

namespace {

int combining_class(utf8proc_int32_t point) { return utf8proc_get_property(point)->combining_class; }

// Decomposed code points of `text`, marks in canonical order. Not utf8proc_decompose(), whose ordering takes
// quadratic time on a long run of marks.
std::vector<utf8proc_int32_t> decompose(std::string_view text, utf8proc_option_t options) {
  std::vector<utf8proc_int32_t> points;
  points.reserve(text.size());
  utf8proc_int32_t parts[32];  // the longest decomposition has 18
  for (std::size_t at = 0; at < text.size(); at += utf8::length(text[at])) {
    int boundary = 0;
    const utf8proc_ssize_t count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(utf8::decode(text, at)), parts, std::size(parts), options, &boundary);
    if (count < 0) throw Error("invalid_input", utf8proc_errmsg(count));
    points.insert(points.end(), parts, parts + count);
  }
  for (auto run = points.begin(); run != points.end();) {
    run = std::find_if(run, points.end(), [](auto point) { return combining_class(point) != 0; });
    const auto end = std::find_if(run, points.end(), [](auto point) { return combining_class(point) == 0; });
    std::stable_sort(run, end, [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    run = end;
  }
  return points;
}

std::string normalize(std::string_view text, int options) {
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
  if (ascii) return std::string(text);  // in all four forms already
  auto points = decompose(text, static_cast<utf8proc_option_t>(options));
  if ((options & UTF8PROC_COMPOSE) != 0) {
    const utf8proc_ssize_t count = utf8proc_normalize_utf32(
        points.data(), static_cast<utf8proc_ssize_t>(points.size()), static_cast<utf8proc_option_t>(options));
    if (count < 0) throw Error("invalid_input", utf8proc_errmsg(count));
    points.resize(static_cast<std::size_t>(count));
  }
  std::string out;
  out.reserve(text.size());
  for (const utf8proc_int32_t point : points) utf8::append(out, static_cast<char32_t>(point));
  return out;
}

}  // namespace

std::string nfc(std::string_view text) { return normalize(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE); }
std::string nfd(std::string_view text) { return normalize(text, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE); }
std::string nfkc(std::string_view text) {
  return normalize(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
}
std::string nfkd(std::string_view text) {
  return normalize(text, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
}

std::string to_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); at += utf8::length(text[at])) {
    const char32_t point = utf8::decode(text, at);
    if (point == 0x130) {  // the one character whose lower case is two: i and a dot above
      out += "i\xCC\x87";
    } else {
      utf8::append(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point))));
    }
  }
  return out;
}

std::string strip_marks(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = utf8::length(text[at]);
    const auto point = static_cast<utf8proc_int32_t>(utf8::decode(text, at));
    const utf8proc_category_t category = utf8proc_category(point);
    const bool mark = category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
                      category == UTF8PROC_CATEGORY_ME;
    if (!mark) out += text.substr(at, size);
    at += size;
  }
  return out;
}

}  // namespace presswork::modelkit::unicode
