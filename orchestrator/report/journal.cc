#include "orchestrator/report/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <map>
#include <utility>

#include "orchestrator/report/event_fields.h"

namespace presswork::report {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds kProgressEvery{500};
constexpr std::size_t kAtOnce = 1 << 16;  // bytes of lines that are written together

// The `seq` of the journal's last line; 0 for a new one. The end of the file tells it, however long it is.
std::uint64_t last_number(const fs::path& folder) {
  constexpr std::uint64_t kEnd = 1 << 16;
  std::ifstream file(folder / "events.jsonl", std::ios::binary | std::ios::ate);
  const auto size = file ? static_cast<std::uint64_t>(file.tellg()) : 0;
  std::string end(std::min(size, kEnd), '\0');
  file.seekg(static_cast<std::streamoff>(size - end.size()));
  file.read(end.data(), static_cast<std::streamsize>(end.size()));
  while (!end.empty()) {
    const std::size_t line = end.find_last_of('\n');
    const std::string_view text = std::string_view(end).substr(line == std::string::npos ? 0 : line + 1);
    const base::Json json = base::Json::parse(text, nullptr, false);
    if (const double seq = number_of(json, "seq"); seq > 0) return static_cast<std::uint64_t>(seq);
    end.resize(line == std::string::npos ? 0 : line);
  }
  std::uint64_t last = 0;
  JournalReader past(folder);
  for (const JournalLine& line : past.read()) last = line.seq;
  return last;
}

class Journal : public engine::Observer {
 public:
  Journal(fs::path runs, std::function<void(const std::string&)> complain, std::uint64_t bytes)
      : runs_(std::move(runs)), complain_(std::move(complain)), bytes_(bytes) {}

  ~Journal() override {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  void on_event(const engine::Event& event) override { on_events({&event, 1}); }

  // Whole lines at once: a crash leaves at most the last one incomplete, and the next one starts a new line.
  void on_events(std::span<const engine::Event> events) override {
    std::string lines;
    for (const engine::Event& event : events) {
      if (event.kind == "run_started") open(text_of(event.data, "run"));
      if (descriptor_ < 0 || is_passed_over(event)) continue;
      base::Json json = event.to_json();
      json["seq"] = ++seq_;
      lines += json.dump(-1, ' ', false, base::Json::error_handler_t::replace);
      lines += '\n';
      if (lines.size() >= kAtOnce) write(std::exchange(lines, {}));
    }
    if (!lines.empty()) write(lines);
  }

 private:
  // The last report of a part (all done) is always kept.
  bool is_passed_over(const engine::Event& event) {
    if (event.kind != "stage_progress") {
      if (event.kind != "stage_log" && event.kind != "stage_metric") told_.erase(event.instance);
      return false;
    }
    const double total = number_of(event.data, "total");
    const auto [told, first] = told_.emplace(event.instance, event.time);
    const bool whole = total > 0 && number_of(event.data, "done") >= total;
    const bool soon = event.time >= told->second && event.time - told->second < kProgressEvery;
    if (!first && !whole && soon) return true;
    told->second = event.time;
    return false;
  }

  void open(const std::string& run) {
    if (run.empty() || run.find('/') != std::string::npos || run[0] == '.') return;
    folder_ = runs_ / run;
    std::error_code error;
    fs::create_directories(folder_, error);
    // After a crash the last line may lack its end.
    seq_ = last_number(folder_);
    reopen();
    if (descriptor_ < 0) return;
    char last = '\n';
    if (size_ > 0 && ::pread(descriptor_, &last, 1, static_cast<off_t>(size_) - 1) == 1 && last != '\n') {
      write("\n");
    }
  }

  void reopen() {
    if (descriptor_ >= 0) ::close(descriptor_);
    const fs::path path = folder_ / "events.jsonl";
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor_ < 0) return fail(std::strerror(errno));
    const off_t end = ::lseek(descriptor_, 0, SEEK_END);
    size_ = end < 0 ? 0 : static_cast<std::uint64_t>(end);
  }

  void write(const std::string& lines) {
    if (size_ > 0 && size_ + lines.size() > bytes_) rotate();
    if (descriptor_ < 0) return;
    if (::write(descriptor_, lines.data(), lines.size()) != static_cast<ssize_t>(lines.size())) {
      return fail(std::strerror(errno));
    }
    size_ += lines.size();
  }

  void rotate() {
    std::error_code error;
    std::uint64_t number = 1;
    while (fs::exists(folder_ / ("events." + std::to_string(number) + ".jsonl"), error)) ++number;
    fs::rename(folder_ / "events.jsonl", folder_ / ("events." + std::to_string(number) + ".jsonl"), error);
    if (!error) reopen();  // else it grows on
  }

  void fail(const std::string& why) {
    if (!complained_)
      complain_("cannot write the journal " + (folder_ / "events.jsonl").string() + ": " + why);
    complained_ = true;
  }

  fs::path runs_, folder_;
  std::function<void(const std::string&)> complain_;
  std::uint64_t bytes_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0, seq_ = 0;
  std::map<std::string, std::chrono::system_clock::time_point> told_;  // when a stage's progress was
  bool complained_ = false;
};

}  // namespace

std::unique_ptr<engine::Observer> make_journal(fs::path runs,
                                               std::function<void(const std::string&)> complain,
                                               std::uint64_t bytes) {
  return std::make_unique<Journal>(std::move(runs), std::move(complain), bytes);
}

}  // namespace presswork::report
