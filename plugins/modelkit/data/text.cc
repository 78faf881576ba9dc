#include "plugins/modelkit/data/text.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "plugins/modelkit/data/json_lines.h"
#include "plugins/modelkit/tokenizer/utf8.h"
#include "presswork/error.h"

namespace presswork::modelkit {

namespace {

constexpr std::uintmax_t largest_text = std::uintmax_t{2} << 30;

// "file:3:17" of a byte; columns count bytes.
std::string place_of(std::string_view text, std::size_t offset, const std::string& path) {
  const auto before = text.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  return path + ":" + std::to_string(line) + ":" + std::to_string(offset - start + 1);
}

}  // namespace

std::string read_input_file(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    const bool there = std::filesystem::exists(path, error);
    throw Error("invalid_input", there ? "is not a regular file" : "there is no such file", path.string(),
                "give the path of a file");
  }
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error || size > largest_text) {
    throw Error("invalid_input", "the file is larger than 2 GiB", path.string(), "take a part of it");
  }
  std::string text(size, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(text.data(), static_cast<std::streamsize>(size))) {
    throw Error("io", "the file cannot be read", path.string());
  }
  return text;
}

std::vector<std::string> read_documents(const std::filesystem::path& path) {
  std::string all = read_input_file(path);
  if (const std::size_t bad = utf8::find_invalid(all); bad != std::string::npos) {
    throw Error("invalid_input",
                "the text is not UTF-8: the byte at offset " + std::to_string(bad) + " is wrong",
                place_of(all, bad, path.string()), "convert it, for example with iconv -t UTF-8");
  }
  std::vector<std::string> documents;
  if (path.extension() == ".jsonl") {
    documents = parse_json_lines(all, path.string());
  } else {
    documents.push_back(std::move(all));
  }
  std::erase_if(documents, [](const std::string& document) { return document.empty(); });
  if (documents.empty()) {
    throw Error("invalid_input", "there is no text in the file", path.string(), "give a file with text");
  }
  return documents;
}

std::string joined(std::vector<std::string> documents) {
  if (documents.empty()) return {};
  std::string all = std::move(documents[0]);
  for (std::size_t i = 1; i < documents.size(); ++i) {
    all += "\n\n";
    all += documents[i];
  }
  return all;
}

std::string read_text(const std::filesystem::path& path) { return joined(read_documents(path)); }

}  // namespace presswork::modelkit
