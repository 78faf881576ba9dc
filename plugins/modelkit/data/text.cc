#include "plugins/modelkit/data/text.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "plugins/modelkit/tokenizer/utf8.h"
#include "presswork/error.h"

namespace presswork::modelkit {

namespace {

constexpr std::uintmax_t largest_text = std::uintmax_t{2} << 30;

std::string read_file(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    throw Error("invalid_input", "there is no such file", path.string(), "give the path of a text file");
  }
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error || size > largest_text) {
    throw Error("invalid_input", "the text is larger than 2 GiB", path.string(), "take a part of it");
  }
  std::string text(size, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(text.data(), static_cast<std::streamsize>(size))) {
    throw Error("io", "the file cannot be read", path.string());
  }
  return text;
}

std::string document_of(std::string_view line, const std::string& where) {
  const nlohmann::json object = nlohmann::json::parse(line, nullptr, false);
  if (!object.is_object()) {
    throw Error("invalid_input", "the line is not a JSON object", where,
                "write {\"text\": \"...\"} on each line");
  }
  const auto text = object.find("text");
  if (text == object.end() || !text->is_string()) {
    throw Error("invalid_input", "the object has no \"text\" that is a text", where);
  }
  return text->get<std::string>();
}

std::vector<std::string> split_lines(std::string_view all, const std::string& path) {
  std::vector<std::string> documents;
  std::size_t number = 0;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\n', at), all.size());
    const std::string_view line = all.substr(at, end - at);
    ++number;
    at = end + 1;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    documents.push_back(document_of(line, path + ":" + std::to_string(number)));
  }
  return documents;
}

}  // namespace

std::vector<std::string> read_documents(const std::filesystem::path& path) {
  std::string all = read_file(path);
  if (const std::size_t bad = utf8::find_invalid(all); bad != std::string::npos) {
    throw Error("invalid_input",
                "the text is not UTF-8: the byte at offset " + std::to_string(bad) + " is wrong",
                path.string(), "convert it, for example with iconv -t UTF-8");
  }
  std::vector<std::string> documents;
  if (path.extension() == ".jsonl") {
    documents = split_lines(all, path.string());
  } else {
    documents.push_back(std::move(all));
  }
  std::erase_if(documents, [](const std::string& document) { return document.empty(); });
  if (documents.empty()) throw Error("invalid_input", "there is no text in the file", path.string());
  return documents;
}

std::string read_text(const std::filesystem::path& path) {
  std::vector<std::string> documents = read_documents(path);
  std::string all = std::move(documents[0]);
  for (std::size_t i = 1; i < documents.size(); ++i) {
    all += "\n\n";
    all += documents[i];
  }
  return all;
}

}  // namespace presswork::modelkit
