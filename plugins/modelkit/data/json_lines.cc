#include "plugins/modelkit/data/json_lines.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

constexpr const char* kHint = "write {\"text\": \"...\"} on each line";

// Keeps the "text" of the outermost object and builds nothing else.
class TextReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::optional<std::string> text;
  const char* problem = nullptr;  // why parsing was ended
  std::size_t wrong_byte = 0;     // one-based, of a syntax error
  std::string wrong_token;

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool string(string_t& found) override {
    if (!wanted()) return value();
    if (text) return refuse("the object has \"text\" twice");
    text = std::move(found);
    here_ = false;
    return true;
  }
  bool key(string_t& name) override {
    here_ = depth_ == 1 && name == "text";
    return true;
  }
  bool start_object(std::size_t) override { return begin(); }
  bool end_object() override { return --depth_, true; }
  bool start_array(std::size_t) override {
    return depth_ == 0 ? refuse("the line is not a JSON object") : begin();
  }
  bool end_array() override { return --depth_, true; }
  bool parse_error(std::size_t byte, const std::string& token, const nlohmann::json::exception&) override {
    wrong_byte = byte;
    wrong_token = token;
    return false;
  }

 private:
  bool wanted() const { return here_ && depth_ == 1; }
  bool begin() {
    if (wanted()) return refuse("the object's \"text\" is not a text");
    ++depth_;
    return true;
  }
  bool value() {
    if (depth_ == 0) return refuse("the line is not a JSON object");
    if (wanted()) return refuse("the object's \"text\" is not a text");
    return true;
  }
  bool refuse(const char* why) {
    problem = why;
    return false;
  }

  std::size_t depth_ = 0;
  bool here_ = false;  // the next value belongs to the outermost object's "text"
};

std::string document_of(std::string_view line, const std::string& where) {
  TextReader reader;
  const bool whole = nlohmann::json::sax_parse(line.begin(), line.end(), &reader);
  if (reader.problem != nullptr) throw Error("invalid_input", reader.problem, where + ":1", kHint);
  if (!whole) {
    const std::size_t column = std::clamp<std::size_t>(reader.wrong_byte, 1, line.size() + 1);
    throw Error("invalid_input", "the line is not valid JSON", where + ":" + std::to_string(column), kHint);
  }
  if (!reader.text) throw Error("invalid_input", "the object has no \"text\"", where + ":1", kHint);
  return std::move(*reader.text);
}

}  // namespace

std::vector<std::string> parse_json_lines(std::string_view all, const std::string& where) {
  if (all.starts_with("\xEF\xBB\xBF")) all.remove_prefix(3);
  std::vector<std::string> documents;
  std::size_t number = 0;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\n', at), all.size());
    const std::string_view line = all.substr(at, end - at);
    ++number;
    at = end + 1;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    documents.push_back(document_of(line, where + ":" + std::to_string(number)));
  }
  return documents;
}

}  // namespace presswork::modelkit
