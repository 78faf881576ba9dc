#include "orchestrator/report/log_tail.h"

#include <algorithm>
#include <fstream>
#include <utility>

namespace presswork::report {

namespace {

constexpr std::uint64_t kPiece = 1 << 16;

// Where the last `lines` lines begin; one without its end counts as one.
std::uint64_t start_of_last(std::ifstream& file, std::uint64_t size, long long lines) {
  std::string piece;
  long long found = 0;
  for (std::uint64_t end = size; end > 0;) {
    const std::uint64_t begin = end - std::min(end, kPiece);
    piece.resize(static_cast<std::size_t>(end - begin));
    file.seekg(static_cast<std::streamoff>(begin));
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    if (!file) return 0;
    for (std::uint64_t i = end; i > begin; --i) {
      if (piece[static_cast<std::size_t>(i - 1 - begin)] != '\n' || i == size) continue;
      if (++found == lines) return i;
    }
    end = begin;
  }
  return 0;
}

}  // namespace

bool LogTail::exists() const {
  std::error_code none;
  return std::filesystem::is_regular_file(path_, none);
}

std::vector<std::string> LogTail::read() {
  std::vector<std::string> lines;
  std::ifstream file(path_, std::ios::binary | std::ios::ate);
  if (!file) return lines;
  const auto size = static_cast<std::uint64_t>(std::max<std::streamoff>(file.tellg(), 0));
  if (!begun_) {
    begun_ = true;
    if (lines_ == 0) offset_ = size;
    if (lines_ > 0) offset_ = start_of_last(file, size, lines_);
  }
  if (size < offset_) offset_ = 0, rest_.clear();  // somebody emptied it
  file.clear();
  file.seekg(static_cast<std::streamoff>(offset_));
  std::string piece(static_cast<std::size_t>(std::min(size - offset_, kPiece * 16)), '\0');
  file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
  piece.resize(static_cast<std::size_t>(file.gcount()));
  offset_ += piece.size();
  rest_ += piece;
  std::size_t at = 0;
  for (std::size_t end; (end = rest_.find('\n', at)) != std::string::npos; at = end + 1)
    lines.push_back(rest_.substr(at, end - at));
  rest_.erase(0, at);
  // A line longer than a piece comes in parts, rather than none at all.
  if (lines.empty() && rest_.size() >= kPiece * 16) lines.push_back(std::exchange(rest_, {}));
  return lines;
}

std::vector<std::string> LogTail::rest() {
  if (rest_.empty()) return {};
  return {std::exchange(rest_, {})};
}

}  // namespace presswork::report
