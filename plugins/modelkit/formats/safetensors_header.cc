#include "plugins/modelkit/formats/safetensors_header.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

using Json = nlohmann::json;

// Follows the parser through {name: {"dtype": s, "shape": [n...], "data_offsets": [n, n]}, "__metadata__":
// {s: s}}. A callback that returns false stops the parser; `problem` then says why.
class HeaderReader {
 public:
  SafetensorsHeader header;
  std::string problem;

  bool null() { return fail("a null value"); }
  bool boolean(bool) { return fail("a boolean value"); }
  bool number_integer(Json::number_integer_t) { return fail("a negative number"); }
  bool number_float(Json::number_float_t, const std::string&) {
    return fail("a fractional or too large number");
  }
  bool binary(Json::binary_t&) { return fail("binary data"); }

  bool number_unsigned(Json::number_unsigned_t value) {
    if (place_ == Place::Shape) {
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        return fail("a dimension that is too large");
      }
      entry_.shape.push_back(static_cast<std::int64_t>(value));
      return true;
    }
    if (place_ == Place::Offsets) {
      if (offsets_ == 2) return fail("more than two data_offsets");
      (offsets_++ == 0 ? entry_.begin : entry_.end) = value;
      return true;
    }
    return fail("a number where none belongs");
  }

  bool string(std::string& value) {
    if (place_ == Place::Metadata) {
      header.metadata[key_] = value;
      return true;
    }
    if (place_ != Place::Tensor || key_ != "dtype") return fail("a string where none belongs");
    const auto dtype = dtype_from_name(value);
    if (!dtype) return fail("the unknown dtype \"" + value.substr(0, 40) + "\"");
    entry_.dtype = *dtype;
    return true;
  }

  bool key(std::string& name) {
    key_ = name;
    if (place_ == Place::Metadata) return true;
    if (place_ == Place::Top) {
      if (name != "__metadata__") entry_ = HeaderEntry{.name = name, .shape = {}};
      if (!names_.insert(name).second) return fail("the name twice");
      return true;
    }
    const unsigned bit = name == "dtype" ? 1u : name == "shape" ? 2u : name == "data_offsets" ? 4u : 0u;
    if (bit == 0) return fail("the unknown key \"" + name.substr(0, 40) + "\"");
    if ((seen_ & bit) != 0) return fail("the key \"" + name + "\" twice");
    seen_ |= bit;
    return true;
  }

  bool start_object(std::size_t) {
    if (place_ == Place::Outside) {
      place_ = Place::Top;
    } else if (place_ == Place::Top) {
      place_ = key_ == "__metadata__" ? Place::Metadata : Place::Tensor;
      seen_ = 0;
      offsets_ = 0;
    } else {
      return fail("an object where none belongs");
    }
    return true;
  }

  bool end_object() {
    if (place_ == Place::Top) {
      place_ = Place::Outside;
      return true;
    }
    if (place_ == Place::Tensor) {
      if (seen_ != 7u || offsets_ != 2) return fail("no complete dtype, shape and data_offsets");
      header.entries.push_back(std::move(entry_));
    }
    place_ = Place::Top;
    return true;
  }

  bool start_array(std::size_t) {
    if (place_ != Place::Tensor || key_ == "dtype") return fail("a list where none belongs");
    place_ = key_ == "shape" ? Place::Shape : Place::Offsets;
    return true;
  }

  bool end_array() {
    place_ = Place::Tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) {
    problem = "is not valid JSON at byte " + std::to_string(position);
    return false;
  }

 private:
  enum class Place { Outside, Top, Metadata, Tensor, Shape, Offsets };

  bool fail(const std::string& what) {
    const std::string& owner = place_ == Place::Top || place_ == Place::Outside ? key_ : entry_.name;
    problem = "has " + what + " at tensor \"" + owner.substr(0, 200) + "\"";
    return false;
  }

  Place place_ = Place::Outside;
  std::string key_;
  HeaderEntry entry_;
  unsigned seen_ = 0;
  int offsets_ = 0;
  std::unordered_set<std::string> names_;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& where) {
  HeaderReader reader;
  if (!Json::sax_parse(text.begin(), text.end(), &reader)) {
    throw Error("corrupt_file", "the safetensors header " + reader.problem, where,
                "the file is damaged or not safetensors; download or convert it again");
  }
  return std::move(reader.header);
}

}  // namespace presswork::modelkit
