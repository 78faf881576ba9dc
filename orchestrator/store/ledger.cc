// Opening, versions, transactions, checks. The rows are in ledger_rows.cc.
#include "orchestrator/store/ledger.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>

#include "orchestrator/base/error.h"
#include "orchestrator/base/file_system.h"
#include "orchestrator/store/ledger_schema.h"
#include "orchestrator/store/ledger_sqlite.h"

namespace presswork::store {

using base::Error;
using base::ErrorCode;

namespace {

constexpr std::uint64_t smallest_database = 512;  // bytes: SQLite's smallest page

// The ledger appears complete or not at all: it is made under another name. So an empty file is never taken
// for a new ledger, but for a damaged one.
void create(const fs::path& file) {
  base::FileSystem& file_system = base::real_file_system();
  const fs::path folder = file.parent_path();
  const fs::path beside = folder / (file.filename().native() + ".new" + std::to_string(::getpid()));
  file_system.remove_all(beside);
  {
    sqlite::Connection made(beside.native(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    for (const char* migration : ledger_migrations) made.execute(migration);
    made.execute(("PRAGMA user_version = " + std::to_string(ledger_version)).c_str());
    made.execute(("PRAGMA application_id = " + std::to_string(ledger_application_id)).c_str());
    made.execute("PRAGMA journal_mode = WAL");
  }
  file_system.sync(beside);
  if (file_system.hard_link(beside, file) == base::Linked::impossible) {
    file_system.rename(beside, file);
  } else {
    file_system.remove_all(beside);
  }
  file_system.sync(folder);
}

// A WAL database can only be read where SQLite may write its index beside it. Where it may not, and no log is
// there (the last writer closed properly), nothing changes the file: then it can be read as it is.
std::string read_only_name(const fs::path& file) {
  base::FileSystem& file_system = base::real_file_system();
  const auto log = file_system.status(file.native() + "-wal");
  if (::access(file.parent_path().c_str(), W_OK) == 0 || (log && log->size > 0)) return file.native();
  std::string name = "file:";
  for (const char c : file.native()) {
    if (c == '%' || c == '?' || c == '#') {
      name += c == '%' ? "%25" : c == '?' ? "%3f" : "%23";
    } else {
      name += c;
    }
  }
  return name + "?immutable=1";
}

}  // namespace

std::unique_ptr<Ledger> Ledger::open(const fs::path& path, Mode mode) {
  const fs::path file = fs::absolute(path).lexically_normal();
  const auto status = base::real_file_system().status(file);
  if (status && status->kind != base::FileKind::regular) {
    throw Error(ErrorCode::invalid_input, "the ledger " + file.native() + " is not a file", "move it aside");
  }
  if (!status && mode == Mode::read_only) {
    throw Error(ErrorCode::not_found,
                "there is no ledger at " + file.native() + ": nothing has run there yet",
                "start a run, or name the workspace with --workspace");
  }
  if (!status) create(file);
  if (status && status->size < smallest_database) {
    throw Error(ErrorCode::corrupt,
                "the ledger " + file.native() + " was cut off at byte " + std::to_string(status->size),
                "the artifacts in the store are intact. Move the file aside: the next run starts a new one");
  }
  const int access = mode == Mode::read_only ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI : SQLITE_OPEN_READWRITE;
  const std::string name = mode == Mode::read_only ? read_only_name(file) : file.native();
  auto ledger = std::make_unique<SqliteLedger>(name, access);
  ledger->set_up(file.native(), mode);
  return ledger;
}

namespace {

// SQLite reads a last page that was cut short as if zeros followed. Only a checkpoint that was under way may
// leave one behind, and then the log still has the page.
void refuse_torn_end(const std::string& file, std::int64_t page_size) {
  base::FileSystem& file_system = base::real_file_system();
  const auto status = file_system.status(file);
  const auto log = file_system.status(file + "-wal");
  if (!status || (log && log->size > 0)) return;
  if (page_size > 0 && status->size % static_cast<std::uint64_t>(page_size) == 0) return;
  throw Error(ErrorCode::corrupt, "the ledger " + file + " was cut off within a page",
              "the artifacts in the store are intact. Move the file aside: the next run starts a new one");
}

}  // namespace

void SqliteLedger::set_up(const std::string& file, Mode mode) {
  log_file_ = file + "-wal";
  if (mode == Mode::alone) db_.execute("PRAGMA locking_mode = EXCLUSIVE");
  if (mode != Mode::read_only && db_.is_read_only()) {
    throw Error(ErrorCode::permission, "the ledger " + file + " cannot be written to",
                "check the owner and the permissions of the file and its folder");
  }
  if (db_.number("PRAGMA application_id") != ledger_application_id) {
    throw Error(ErrorCode::corrupt, file + " is a database, but not a Presswork ledger",
                "move it aside, or name another --workspace");
  }
  const std::int64_t version = db_.number("PRAGMA user_version");
  const std::string versions = "the ledger " + file + " has version " + std::to_string(version) +
                               "; this program knows version " + std::to_string(ledger_version);
  if (version > ledger_version) {
    throw Error(ErrorCode::incompatible, versions, "use the newer program, or another --workspace");
  }
  if (version < 1) throw Error(ErrorCode::corrupt, versions, "move it aside: the next run starts a new one");
  if (version < ledger_version && mode == Mode::read_only) {
    throw Error(ErrorCode::incompatible, versions, "`presswork doctor` brings it up to date");
  }
  const std::int64_t page_size = db_.number("PRAGMA page_size");
  refuse_torn_end(file, page_size);
  if (mode != Mode::read_only) refuse_holes(file, page_size);
  db_.execute("PRAGMA foreign_keys = ON");
  db_.execute("PRAGMA cache_size = -65536");  // KiB at most; keys are digests, so that reads fall anywhere
  if (mode == Mode::read_only) return;
  db_.execute("PRAGMA synchronous = FULL");
  db_.execute(
      "PRAGMA wal_autocheckpoint = 4000");  // pages, 16 MB: a checkpoint costs as much as several commits
  if (version == ledger_version) return;
  db_.execute("BEGIN IMMEDIATE");
  // Another process may have done it while this one waited: look again.
  for (std::int64_t v = db_.number("PRAGMA user_version"); v < ledger_version; ++v) {
    db_.execute(ledger_migrations[v]);
    db_.execute(("PRAGMA user_version = " + std::to_string(v + 1)).c_str());
  }
  db_.execute("COMMIT");
}

// After a crash the file may be shorter than the database, whose last pages are in the log then. Where it was
// cut off besides, pages are in neither, and SQLite would find out only where it comes upon one.
void SqliteLedger::refuse_holes(const std::string& file, std::int64_t page_size) {
  const auto status = base::real_file_system().status(file);
  const std::int64_t whole = db_.number("PRAGMA page_count") * page_size;
  if (!status || static_cast<std::int64_t>(status->size) >= whole) return;
  auto query = db_.prepare("PRAGMA quick_check(1)");
  const std::string problem = query.step() ? query.text() : "";
  if (problem == "ok") return;
  throw Error(ErrorCode::corrupt, "the ledger " + file + " has lost pages: " + problem,
              "the artifacts in the store are intact. Move the file aside (" + file +
                  ", and -wal and -shm beside it): the next run starts a new one and does the stages again");
}

// FULL: each commit syncs the log. NORMAL: only its beginning and the moves into the database sync it.
void SqliteLedger::set_durable(Durable durable) {
  if (durable_ == durable) return;
  db_.execute(durable == Durable::at_commit ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  durable_ = durable;
}

void SqliteLedger::begin(Durable durable) {
  const std::lock_guard lock(mutex_);
  set_durable(durable);
  db_.prepare("BEGIN IMMEDIATE").step();
}

void SqliteLedger::begin_reading() {
  const std::lock_guard lock(mutex_);
  db_.prepare("BEGIN").step();
}

void SqliteLedger::commit() {
  const std::lock_guard lock(mutex_);
  db_.prepare("COMMIT").step();
  write_down_memo();
  set_durable(Durable::at_commit);
}

// SQLite takes no locks on the log, so that closing a descriptor of ours releases none.
void SqliteLedger::sync() {
  {
    const std::lock_guard lock(mutex_);
    if (log_ < 0) log_ = ::open(log_file_.c_str(), O_RDONLY | O_CLOEXEC);
    if (log_ < 0) throw base::system_error("open", log_file_, errno);
  }
  int failed = 0;
  do {
    failed = ::fdatasync(log_);
  } while (failed != 0 && errno == EINTR);
  if (failed != 0) throw base::system_error("write to disk", log_file_, errno);
}

void SqliteLedger::roll_back() {
  const std::lock_guard lock(mutex_);
  // After some failures (a full disk) SQLite has rolled back itself.
  if (db_.in_transaction()) db_.prepare("ROLLBACK").step();
  set_durable(Durable::at_commit);
}

std::string SqliteLedger::check() {
  const std::lock_guard lock(mutex_);
  std::string problems;
  try {
    for (auto query = db_.prepare("PRAGMA integrity_check"); query.step();) {
      const std::string line = query.text();
      if (line != "ok") problems += line + "\n";
    }
    for (auto query = db_.prepare("PRAGMA foreign_key_check"); query.step();) {
      problems += "a row of the table " + query.text() + " belongs to nothing\n";
    }
  } catch (const Error& error) {
    if (error.code != ErrorCode::corrupt) throw;
    problems += error.message + "\n";
  }
  return problems;
}

}  // namespace presswork::store
