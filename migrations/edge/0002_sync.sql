-- What sync needs. Why it looks like this:
-- * The tree over the events is kept as its right edge beside each snapshot, so that a start need not hash all events
--   again; it can always be made again from the hashes of the events.
-- * Acknowledged rows stay: a cloud that was restored rewinds the hub. A cursor therefore only says how far the cloud
--   was when it last said so; at each login it says so anew.
-- * Signed checkpoints are kept for whoever wants to check an export against what this key has vouched for.
-- * Events are told to outputs by numbers that go on across epochs, or an output would take the first events of a new
--   epoch for ones that it has told already.

ALTER TABLE snapshots ADD COLUMN tree BLOB;

ALTER TABLE epoch ADD COLUMN told_before INTEGER NOT NULL DEFAULT 0;

CREATE TABLE cursors (
    stream       INTEGER PRIMARY KEY CHECK (stream IN (1, 2)),
    acknowledged INTEGER NOT NULL
) STRICT;

CREATE TABLE checkpoints (
    size INTEGER PRIMARY KEY,
    note TEXT NOT NULL
) STRICT;

-- The enrolment that `hub.enrolled` was recorded for.
CREATE TABLE enrolment (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    cloud BLOB NOT NULL CHECK (length(cloud) = 32),
    site  BLOB NOT NULL CHECK (length(site) = 16)
) STRICT;
