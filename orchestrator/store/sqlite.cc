#include "orchestrator/store/sqlite.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>

#include "orchestrator/base/error.h"

namespace presswork::store::sqlite {

using base::Error;
using base::ErrorCode;

namespace {

constexpr int patience_ms = 5000;  // for a lock that another process holds

Error error_for(const std::string& file, int code, const std::string& reason, int system_error) {
  const std::string message = "the ledger " + file + ": " + reason;
  switch (code & 0xff) {
    case SQLITE_FULL:
      return Error(ErrorCode::no_space, message,
                   "free some disk space and run again; what was finished is kept");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Error(
          ErrorCode::corrupt, message + " (the file is damaged)",
          "the artifacts in the store are intact. Run `presswork doctor`; or move the ledger aside (" + file +
              ", and -wal and -shm beside it): the next run starts a new one and does the stages again");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(ErrorCode::locked, message + " by another process for more than 5 s",
                   "wait for it, or see with `presswork status` what runs");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Error(ErrorCode::permission, message,
                   "check the owner and the permissions of the file and its folder");
    case SQLITE_CANTOPEN:
      if (system_error == EACCES || system_error == EPERM || system_error == EROFS || system_error == 0) {
        return Error(ErrorCode::permission, message,
                     "check the owner and the permissions of the file and its folder; SQLite needs to write "
                     "beside it");
      }
      return Error(ErrorCode::io, message);
    case SQLITE_IOERR:
      if (system_error == ENOSPC || system_error == EDQUOT) {
        return Error(ErrorCode::no_space, message + ": " + std::strerror(system_error),
                     "free some disk space and run again; what was finished is kept");
      }
      return Error(ErrorCode::io, message, "look into the system's log (dmesg) for a failing disk");
    default:
      return Error(ErrorCode::internal, message);
  }
}

}  // namespace

void fail(sqlite3* connection, int code) {
  const char* file = sqlite3_db_filename(connection, "main");
  throw error_for(file != nullptr ? file : "", code, sqlite3_errmsg(connection),
                  sqlite3_system_errno(connection));
}

Statement::~Statement() {
  sqlite3_reset(prepared_);
  sqlite3_clear_bindings(prepared_);
}

Statement& Statement::bind(std::string_view text) {
  const int code = sqlite3_bind_text64(prepared_, ++parameter_, text.empty() ? "" : text.data(), text.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) fail(connection_, code);
  return *this;
}

Statement& Statement::bind(std::int64_t number) {
  const int code = sqlite3_bind_int64(prepared_, ++parameter_, number);
  if (code != SQLITE_OK) fail(connection_, code);
  return *this;
}

Statement& Statement::bind(double number) {
  const int code = sqlite3_bind_double(prepared_, ++parameter_, number);
  if (code != SQLITE_OK) fail(connection_, code);
  return *this;
}

bool Statement::step() {
  column_ = 0;
  const int code = sqlite3_step(prepared_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  fail(connection_, code);
}

std::string Statement::text() {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(prepared_, column_));
  const int size = sqlite3_column_bytes(prepared_, column_++);
  return text == nullptr ? std::string() : std::string(text, static_cast<std::size_t>(size));
}

std::int64_t Statement::integer() { return sqlite3_column_int64(prepared_, column_++); }

double Statement::real() { return sqlite3_column_double(prepared_, column_++); }

Connection::Connection(const std::string& file, int flags) {
  // The ledger has its own mutex.
  const int code = sqlite3_open_v2(file.c_str(), &connection_, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) {
    const std::string reason = connection_ != nullptr ? sqlite3_errmsg(connection_) : "out of memory";
    const int number = connection_ != nullptr ? sqlite3_system_errno(connection_) : 0;
    sqlite3_close(connection_);
    throw error_for(file, code, reason, number);
  }
  sqlite3_extended_result_codes(connection_, 1);
  sqlite3_busy_timeout(connection_, patience_ms);
}

Connection::~Connection() {
  for (const auto& [sql, prepared] : kept_) sqlite3_finalize(prepared);
  sqlite3_close(connection_);
}

void Connection::execute(const char* sql) {
  const int code = sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(connection_, code);
}

Statement Connection::prepare(const char* literal) {
  sqlite3_stmt*& prepared = kept_[literal];
  if (prepared == nullptr) {
    const int code =
        sqlite3_prepare_v3(connection_, literal, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
    if (code != SQLITE_OK) fail(connection_, code);
  }
  return Statement(connection_, prepared);
}

std::int64_t Connection::number(const char* sql) {
  Statement query = prepare(sql);
  return query.step() ? query.integer() : 0;
}

std::int64_t Connection::last_insert_rowid() const { return sqlite3_last_insert_rowid(connection_); }

bool Connection::in_transaction() const { return sqlite3_get_autocommit(connection_) == 0; }

bool Connection::is_read_only() const { return sqlite3_db_readonly(connection_, "main") == 1; }

Savepoint::Savepoint(Connection& db) : db_(db) { db_.prepare("SAVEPOINT together").step(); }

Savepoint::~Savepoint() {
  if (kept_ || !db_.in_transaction()) return;  // after some failures SQLite has rolled back itself
  try {
    db_.prepare("ROLLBACK TO together").step();
    db_.prepare("RELEASE together").step();
  } catch (const base::Error&) {
    // the first error is the one to tell
  }
}

void Savepoint::keep() {
  db_.prepare("RELEASE together").step();
  kept_ = true;
}

}  // namespace presswork::store::sqlite
