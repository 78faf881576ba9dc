// The journal of a run: its events as JSON lines (schemas/event.schema.json), for people and programs that
// look on; nothing that the engine does depends on it.
//
//   runs/<run>/events.jsonl     what happened lately
//   runs/<run>/events.1.jsonl   what happened first, once the journal has grown; then events.2.jsonl, …
//
// Each line has a number `seq`, from 1, one more for each line of the run's journal.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "orchestrator/engine/event.h"

namespace presswork::report {

constexpr std::uint64_t kJournalBytes = 64ull << 20;  // of one file

// Appends each event to <runs>/<run>/events.jsonl, from run_started on; of a stage's progress at most two
// lines a second, and the last. An event that cannot be written is lost; `complain` hears of the first.
std::unique_ptr<engine::Observer> make_journal(std::filesystem::path runs,
                                               std::function<void(const std::string&)> complain,
                                               std::uint64_t bytes = kJournalBytes);

struct JournalLine {
  std::uint64_t seq = 0;
  base::Json event;
};

engine::Event event_of(const JournalLine& line);

// Reads a journal while it is written: each call gives the whole lines that came since the last one. It need
// not exist yet. Lines that are no JSON object, as a crash may leave one, are passed over.
class JournalReader {
 public:
  explicit JournalReader(std::filesystem::path folder) : folder_(std::move(folder)) {}
  ~JournalReader();
  JournalReader(const JournalReader&) = delete;
  JournalReader& operator=(const JournalReader&) = delete;

  std::vector<JournalLine> read();
  const std::filesystem::path& folder() const { return folder_; }

 private:
  bool open();
  void drain(std::vector<JournalLine>& lines);

  std::filesystem::path folder_;
  std::uint64_t file_ = 1;  // which of the journal's files is being read
  int descriptor_ = -1;
  std::uint64_t offset_ = 0;
  std::string rest_;  // of a line whose end has not been written yet
  std::uint64_t seq_ = 0;
};

// Wakes who waits for a folder's files to change.
class FolderWatch {
 public:
  explicit FolderWatch(const std::filesystem::path& folder);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  // Until something in the folder changed, or the time is over. Without inotify (no such folder yet, a
  // network file system that tells nothing, no watches left) it is a pause of at most 250 ms.
  void wait(int timeout_ms);

 private:
  void watch();
  std::filesystem::path folder_;
  int notify_ = -1;
  int watch_ = -1;
};

}  // namespace presswork::report
