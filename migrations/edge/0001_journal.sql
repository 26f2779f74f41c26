-- The hub's journal. Why it looks like this:
-- * Two append-only streams, ordered by a local seq under one epoch; nothing is ever ordered by time for replay.
-- * Readings have no secondary index and no UUID key: on a memory card every index costs ten times the write.
--   Points are small integers here; those never leave this file.
-- * Events are kept as the exact bytes that were hashed.
-- * Snapshots of the rules' state can always be made again from the record; they only shorten a start.

CREATE TABLE epoch (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    epoch BLOB NOT NULL CHECK (length(epoch) = 16),
    hub   BLOB NOT NULL CHECK (length(hub) = 16)
) STRICT;

-- The kernel's boots, counted within the epoch. The anchor moves with each correction of the clock.
CREATE TABLE boots (
    boot      INTEGER PRIMARY KEY,
    boot_id   TEXT NOT NULL UNIQUE,
    anchor_ms INTEGER NOT NULL,
    began_ms  INTEGER NOT NULL,
    offset_ms INTEGER NOT NULL,
    trusted   INTEGER NOT NULL
) STRICT;

CREATE TABLE points (
    n     INTEGER PRIMARY KEY,
    point BLOB NOT NULL UNIQUE CHECK (length(point) = 16)
) STRICT;

CREATE TABLE readings (
    seq             INTEGER PRIMARY KEY,
    point           INTEGER NOT NULL,
    boot            INTEGER NOT NULL,
    at_ms           INTEGER NOT NULL,
    boottime_ms     INTEGER NOT NULL,
    rule_ms         INTEGER NOT NULL,
    age_ms          INTEGER NOT NULL,
    trust           INTEGER NOT NULL,
    temperature     INTEGER NOT NULL,
    quality         INTEGER NOT NULL,
    humidity        INTEGER,
    battery_percent INTEGER,
    battery_mv      INTEGER,
    rssi_dbm        INTEGER,
    door            INTEGER
) STRICT;

CREATE TABLE events (
    seq   INTEGER PRIMARY KEY,
    hash  BLOB NOT NULL CHECK (length(hash) = 32),
    bytes BLOB NOT NULL
) STRICT;

-- Which alert an episode became. The episode's key comes out of the fold, the alert's id is given once, here.
CREATE TABLE alerts (
    episode    TEXT PRIMARY KEY,
    alert      BLOB NOT NULL CHECK (length(alert) = 16),
    raised_seq INTEGER NOT NULL
) STRICT;

CREATE TABLE rules (
    hash  BLOB PRIMARY KEY CHECK (length(hash) = 32),
    rules BLOB NOT NULL
) STRICT;

CREATE TABLE snapshots (
    id           INTEGER PRIMARY KEY,
    frontier_ms  INTEGER NOT NULL,
    readings_seq INTEGER NOT NULL,
    events_seq   INTEGER NOT NULL,
    state        BLOB NOT NULL
) STRICT;

-- How far each output has told what happened.
CREATE TABLE announced (
    output     TEXT PRIMARY KEY,
    events_seq INTEGER NOT NULL
) STRICT;

-- Frames whose place in time is not known before the clock is corrected.
CREATE TABLE waiting (
    id         INTEGER PRIMARY KEY,
    arrival_ms INTEGER NOT NULL,
    frame      BLOB NOT NULL
) STRICT;
