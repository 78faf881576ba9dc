#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "orchestrator/base/clock.h"
#include "orchestrator/report/event_fields.h"
#include "orchestrator/report/journal.h"
#include "orchestrator/report/moment.h"

namespace presswork::report {

namespace fs = std::filesystem;
using base::Json;

engine::Event event_of(const JournalLine& line) {
  engine::Event event;
  event.kind = text_of(line.event, "kind");
  event.instance = text_of(line.event, "instance");
  event.time = moment_of(text_of(line.event, "time")).value_or(std::chrono::system_clock::time_point{});
  event.data = line.event;
  return event;
}

JournalReader::~JournalReader() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

// The file that is read next: an older one under its number, else the one that is being written.
bool JournalReader::open() {
  if (descriptor_ >= 0) return true;
  offset_ = 0;
  const fs::path older = folder_ / ("events." + std::to_string(file_) + ".jsonl");
  descriptor_ = ::open(older.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ >= 0) return true;
  descriptor_ = ::open((folder_ / "events.jsonl").c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0 || ::access(older.c_str(), F_OK) != 0) return descriptor_ >= 0;
  // It got its number between the two looks: what was opened may be the next one.
  ::close(descriptor_);
  descriptor_ = ::open(older.c_str(), O_RDONLY | O_CLOEXEC);
  return descriptor_ >= 0;
}

void JournalReader::drain(std::vector<JournalLine>& lines) {
  struct stat facts {};
  if (::fstat(descriptor_, &facts) == 0 && static_cast<std::uint64_t>(facts.st_size) < offset_) {
    offset_ = 0;  // somebody emptied it
    rest_.clear();
  }
  std::array<char, 1 << 16> piece;
  for (;;) {
    const ssize_t got = ::pread(descriptor_, piece.data(), piece.size(), static_cast<off_t>(offset_));
    if (got <= 0) break;
    offset_ += static_cast<std::uint64_t>(got);
    rest_.append(piece.data(), static_cast<std::size_t>(got));
  }
  std::size_t at = 0;
  for (std::size_t end; (end = rest_.find('\n', at)) != std::string::npos; at = end + 1) {
    Json json = Json::parse(std::string_view(rest_).substr(at, end - at), nullptr, false);
    if (!json.is_object()) continue;
    const auto seq = json.find("seq");  // journals of 0.1 have none
    seq_ = seq != json.end() && seq->is_number_unsigned() ? seq->get<std::uint64_t>() : seq_ + 1;
    lines.push_back({seq_, std::move(json)});
  }
  rest_.erase(0, at);
}

std::vector<JournalLine> JournalReader::read() {
  std::vector<JournalLine> lines;
  while (open()) {
    // Asked before the end is read: what is written to a file before it gets a number is not missed.
    std::error_code none;
    const fs::path numbered = folder_ / ("events." + std::to_string(file_) + ".jsonl");
    const bool complete = fs::exists(numbered, none);
    drain(lines);
    if (!complete) break;
    ::close(descriptor_);
    descriptor_ = -1;
    rest_.clear();
    ++file_;
  }
  return lines;
}

FolderWatch::FolderWatch(const fs::path& folder) : folder_(folder) {
  notify_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  watch();
}

FolderWatch::~FolderWatch() {
  if (notify_ >= 0) ::close(notify_);
}

void FolderWatch::watch() {
  if (notify_ < 0 || watch_ >= 0) return;
  watch_ = inotify_add_watch(notify_, folder_.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO);
}

void FolderWatch::wait(int timeout_ms) {
  watch();
  if (watch_ < 0) {
    ::poll(nullptr, 0, std::min(timeout_ms, 250));
    return;
  }
  pollfd waiting{notify_, POLLIN, 0};
  if (::poll(&waiting, 1, timeout_ms) <= 0) return;
  // What came is read and forgotten; many changes are one piece of news.
  std::array<char, 4096> news;
  while (::read(notify_, news.data(), news.size()) > 0) {
  }
}

}  // namespace presswork::report
