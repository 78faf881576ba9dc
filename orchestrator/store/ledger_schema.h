// The tables of the ledger. Columns that hold JSON hold its canonical text; times are UTC text as
// base::to_utc_string gives them; a run's number n is its id "rn".
#pragma once

namespace presswork::store {

constexpr int ledger_application_id = 0x50574c31;  // "PWL1", in the file's header

// migrations[v] brings a ledger of version v to v + 1; the last version is how many there are. Never change
// one that was released: append.
constexpr const char* ledger_migrations[] = {
    R"sql(
CREATE TABLE runs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice
  workflow TEXT NOT NULL,
  state TEXT NOT NULL,
  plan TEXT NOT NULL,
  started TEXT NOT NULL,
  ended TEXT NOT NULL,
  message TEXT NOT NULL
) STRICT;

CREATE TABLE instances (
  position INTEGER PRIMARY KEY,  -- the order in which they were first put
  run INTEGER NOT NULL REFERENCES runs,
  id TEXT NOT NULL,
  uses TEXT NOT NULL,
  state TEXT NOT NULL,
  cause TEXT NOT NULL,
  key TEXT NOT NULL,
  inputs TEXT NOT NULL,
  parameters TEXT NOT NULL,
  started TEXT NOT NULL,
  ended TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  UNIQUE (run, id)
) STRICT;

-- Deferred: within one transaction an attempt may be put before its instance.
CREATE TABLE attempts (
  run INTEGER NOT NULL,
  instance TEXT NOT NULL,
  number INTEGER NOT NULL,
  id TEXT NOT NULL UNIQUE,
  pid INTEGER NOT NULL,
  started TEXT NOT NULL,
  ended TEXT NOT NULL,
  outcome TEXT NOT NULL,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  place TEXT NOT NULL,
  hint TEXT NOT NULL,
  log TEXT NOT NULL,
  PRIMARY KEY (run, instance, number),
  FOREIGN KEY (run, instance) REFERENCES instances (run, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX open_attempts ON attempts (run) WHERE outcome = '';

-- Not tied to runs: a checkpoint lives by its key alone.
CREATE TABLE checkpoints (
  key TEXT PRIMARY KEY,
  uses TEXT NOT NULL,
  outputs TEXT NOT NULL,
  metrics TEXT NOT NULL,
  seconds REAL NOT NULL,
  cpu_seconds REAL NOT NULL,
  peak_memory_bytes INTEGER NOT NULL,
  run TEXT NOT NULL,
  instance TEXT NOT NULL,
  created TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE decisions (
  position INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs,
  id TEXT NOT NULL,
  branch TEXT NOT NULL,
  inputs TEXT NOT NULL,
  made TEXT NOT NULL,
  UNIQUE (run, id)
) STRICT;

CREATE TABLE external_files (
  path TEXT PRIMARY KEY,
  device INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql"};

constexpr int ledger_version = sizeof ledger_migrations / sizeof ledger_migrations[0];

}  // namespace presswork::store
