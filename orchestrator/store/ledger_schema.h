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
)sql",
    R"sql(
ALTER TABLE instances ADD COLUMN needs TEXT NOT NULL DEFAULT '[]';
ALTER TABLE instances ADD COLUMN kind TEXT NOT NULL DEFAULT 'stage';
UPDATE instances SET kind = 'decision' WHERE uses = '';
-- What an instance of an old run needed was not recorded. It was put after all of it: so each is taken to need
-- the one before, and a rollback takes everything that came later.
UPDATE instances SET needs = chain.needs FROM (
  SELECT position, json_array(LAG(id) OVER (PARTITION BY run ORDER BY position)) AS needs FROM instances
) AS chain WHERE instances.position = chain.position AND chain.needs <> '[null]';

-- Counts up with each checkpoint that is put and each superseding: which came first, whatever the clock says.
ALTER TABLE checkpoints ADD COLUMN serial INTEGER NOT NULL DEFAULT 0;
CREATE INDEX checkpoints_by_serial ON checkpoints (serial);

CREATE TABLE iterations (
  run INTEGER NOT NULL REFERENCES runs,
  loop TEXT NOT NULL,
  number INTEGER NOT NULL,
  state TEXT NOT NULL,
  outcome TEXT NOT NULL,
  made TEXT NOT NULL,
  PRIMARY KEY (run, loop, number)
) STRICT, WITHOUT ROWID;

-- What a rollback or retry took away from the tables above. `record` holds the rows as they were.
CREATE TABLE superseded (
  position INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs,
  id TEXT NOT NULL,
  generation INTEGER NOT NULL,
  key TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  record TEXT NOT NULL,
  time TEXT NOT NULL,
  reason TEXT NOT NULL,
  undo TEXT NOT NULL,       -- the stage's own rollback: '' has none, pending, done, skipped
  serial INTEGER NOT NULL,  -- the last checkpoint that was there
  UNIQUE (run, id, generation)
) STRICT;
CREATE INDEX superseded_by_serial ON superseded (serial);
CREATE INDEX open_undo ON superseded (run) WHERE undo = 'pending';
)sql",
    R"sql(
ALTER TABLE instances ADD COLUMN key_rest TEXT NOT NULL DEFAULT 'null';
)sql",
    R"sql(
-- Sign-offs outlive the run that they were given in: they are about artifacts.
CREATE TABLE approvals (
  position INTEGER PRIMARY KEY,
  run TEXT NOT NULL,
  item TEXT NOT NULL,
  person TEXT NOT NULL,
  note TEXT NOT NULL,
  digests TEXT NOT NULL,
  made TEXT NOT NULL
) STRICT;
)sql",
    R"sql(
CREATE TABLE run_memos (
  question TEXT PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs,
  instances TEXT NOT NULL,
  files TEXT NOT NULL,
  checklist TEXT NOT NULL,
  serial INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Runs whose instances are those of another run, all of them cached at that time.
CREATE TABLE repeats (
  run INTEGER PRIMARY KEY REFERENCES runs,
  rows_of INTEGER NOT NULL REFERENCES runs,
  time TEXT NOT NULL
) STRICT;
CREATE INDEX repeats_by_origin ON repeats (rows_of);

-- A list of the runs is read from here: in the table their plans lie between.
CREATE INDEX run_briefs ON runs (number, workflow, state, started, ended, message);
)sql",
    R"sql(
-- The serial of the checkpoint that an instance came to. 0, of old ledgers: the latest of its key.
ALTER TABLE instances ADD COLUMN checkpoint INTEGER NOT NULL DEFAULT 0;
UPDATE instances SET checkpoint = c.serial FROM checkpoints AS c
  WHERE c.key = instances.key AND instances.state IN ('succeeded', 'cached');

-- Checkpoints that the cache no longer gives, since their key has a later one or their effects were undone,
-- but that runs came to.
CREATE TABLE earlier_checkpoints (
  key TEXT NOT NULL,
  serial INTEGER NOT NULL,
  uses TEXT NOT NULL,
  outputs TEXT NOT NULL,
  metrics TEXT NOT NULL,
  seconds REAL NOT NULL,
  cpu_seconds REAL NOT NULL,
  peak_memory_bytes INTEGER NOT NULL,
  run TEXT NOT NULL,
  instance TEXT NOT NULL,
  created TEXT NOT NULL,
  PRIMARY KEY (key, serial)
) STRICT, WITHOUT ROWID;
CREATE INDEX earlier_checkpoints_by_serial ON earlier_checkpoints (serial);
)sql"};

constexpr int ledger_version = sizeof ledger_migrations / sizeof ledger_migrations[0];

}  // namespace presswork::store
