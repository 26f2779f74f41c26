-- What the cloud desires. Why it looks like this:
-- * The rules in force are kept in a file of their own, for a journal that is set aside must not take them along. The
--   journal keeps how far it has said what changed there, so that a hub that died in between says it at its next start.
-- * A command is done once for ever: its id is written in the transaction of the event that says that it was received,
--   and what it asks for until the event that says what came of it. Ids of commands that have long expired may go.

CREATE TABLE configuration (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    step INTEGER NOT NULL
) STRICT;

CREATE TABLE commands (
    command      BLOB PRIMARY KEY CHECK (length(command) = 16),
    expires_ms   INTEGER NOT NULL,
    received_seq INTEGER NOT NULL,
    to_do        BLOB
) STRICT;
