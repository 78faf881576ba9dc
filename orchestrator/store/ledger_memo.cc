// The digest memo: it lies in the ledger's file, but its failures are never those of a run.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "orchestrator/store/digest.h"
#include "orchestrator/store/ledger_sqlite.h"

namespace presswork::store {

SqliteLedger::~SqliteLedger() {
  const std::lock_guard lock(mutex_);
  if (!db_.in_transaction()) write_down_memo();
  if (log_ >= 0) ::close(log_);
}

std::optional<std::string> SqliteLedger::find(const fs::path& path, const base::FileStatus& status) {
  const std::lock_guard lock(mutex_);
  for (const Remembered& file : unwritten_) {
    const base::FileStatus& then = file.status;
    if (file.path == path && then.device == status.device && then.inode == status.inode &&
        then.size == status.size && then.mtime_ns == status.mtime_ns) {
      return file.sha256;
    }
  }
  try {
    return recall(path, status);
  } catch (const std::exception& error) {
    memo_failed(error.what());
    return {};
  }
}

std::optional<std::string> SqliteLedger::recall(const fs::path& path, const base::FileStatus& status) {
  auto query = db_.prepare(
      "SELECT sha256 FROM external_files WHERE path = ? AND device = ? AND inode = ? AND size = ? AND "
      "mtime_ns = ?");
  query.bind(path.native())
      .bind(static_cast<std::int64_t>(status.device))
      .bind(static_cast<std::int64_t>(status.inode))
      .bind(static_cast<std::int64_t>(status.size))
      .bind(status.mtime_ns);
  if (!query.step()) return {};
  std::string sha256 = query.text();
  if (!is_digest(sha256)) return {};  // damaged: hash anew
  return sha256;
}

void SqliteLedger::remember(const fs::path& path, const base::FileStatus& status, const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  if (db_.is_read_only()) return;
  unwritten_.push_back({path, status, sha256});
  if (!db_.in_transaction()) write_down_memo();
}

// In a transaction of its own: SQLite ends the open one when a disk is full.
void SqliteLedger::write_down_memo() noexcept {
  if (unwritten_.empty()) return;
  try {
    db_.prepare("BEGIN IMMEDIATE").step();
    for (const Remembered& file : unwritten_) {
      db_.prepare("INSERT OR REPLACE INTO external_files VALUES (?, ?, ?, ?, ?, ?)")
          .bind(file.path.native())
          .bind(static_cast<std::int64_t>(file.status.device))
          .bind(static_cast<std::int64_t>(file.status.inode))
          .bind(static_cast<std::int64_t>(file.status.size))
          .bind(file.status.mtime_ns)
          .bind(file.sha256)
          .step();
    }
    db_.prepare("COMMIT").step();
  } catch (const std::exception& error) {
    memo_failed(error.what());
    try {
      if (db_.in_transaction()) db_.prepare("ROLLBACK").step();
    } catch (const std::exception&) {
      // the next statement of the ledger meets the same trouble, and says so
    }
  }
  unwritten_.clear();
}

void SqliteLedger::memo_failed(const char* reason) noexcept {
  if (memo_failed_) return;
  memo_failed_ = true;
  spdlog::warn("digests of files cannot be remembered, so that they will be hashed again: {}", reason);
}

}  // namespace presswork::store
