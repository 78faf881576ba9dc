// SQLite with errors thrown and statements kept: only what the ledger needs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace presswork::store::sqlite {

// A use of a prepared statement; parameters and columns count from 0 in the order of the calls. Resets it at
// the end.
class Statement {
 public:
  Statement(sqlite3* connection, sqlite3_stmt* prepared) : connection_(connection), prepared_(prepared) {}
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Binds the next parameter. Text is copied.
  Statement& bind(std::string_view text);
  Statement& bind(std::int64_t number);
  Statement& bind(double number);

  bool step();  // true: a row is there to be read

  // Reads the next column of the row.
  std::string text();
  std::int64_t integer();
  double real();

 private:
  sqlite3* connection_;
  sqlite3_stmt* prepared_;
  int parameter_ = 0;
  int column_ = 0;
};

class Connection {
 public:
  // `file` may be a file: URI. `flags` are SQLITE_OPEN_….
  Connection(const std::string& file, int flags);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void execute(const char* sql);           // any number of statements, no results
  Statement prepare(const char* literal);  // kept by the literal's address
  std::int64_t number(const char* sql);    // the one number that a pragma or query gives
  std::int64_t last_insert_rowid() const;
  bool in_transaction() const;
  bool is_read_only() const;

 private:
  sqlite3* connection_ = nullptr;
  std::map<const char*, sqlite3_stmt*> kept_;
};

// Everything or nothing until keep(), whether a transaction is open or not.
class Savepoint {
 public:
  explicit Savepoint(Connection& db);
  ~Savepoint();
  Savepoint(const Savepoint&) = delete;
  Savepoint& operator=(const Savepoint&) = delete;
  void keep();

 private:
  Connection& db_;
  bool kept_ = false;
};

// Throws the Error for the connection's last failure. `code` is an extended result code.
[[noreturn]] void fail(sqlite3* connection, int code);

}  // namespace presswork::store::sqlite
