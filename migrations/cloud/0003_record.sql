-- The record as the hubs send it. Why it looks like this:
-- * One row per (feed, epoch, stream, branch) is the cursor. It is locked by the transaction that takes a batch, and is
--   what makes a batch count exactly once: a unique key over a partitioned table cannot.
-- * Events are kept as the exact bytes that were hashed; everything else in this database that comes from an event is a
--   projection and can be made again from them.
-- * Readings keep every field of their 80 bytes, so that the bytes can be made again and checked against their seals.
-- * There is no default partition: it would block attaching and detaching. What fits no partition is quarantined.

SET LOCAL ROLE fg_owner;

CREATE TABLE hub_streams (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id uuid NOT NULL,
    feed            uuid NOT NULL,
    epoch           uuid NOT NULL,
    stream          smallint NOT NULL CHECK (stream IN (1, 2)),
    branch          smallint NOT NULL DEFAULT 0,
    -- The branch that this one forked from, and the first number that differs.
    parent          smallint,
    fork_seq        bigint,
    -- The last number without a hole before it.
    last_seq        bigint NOT NULL DEFAULT 0,
    -- Events: the hash at last_seq, and the frontier of the tree over all of them.
    head            bytea CHECK (length(head) = 32),
    frontier        bytea,
    -- Readings: up to where ranges are sealed and compared.
    sealed_to       bigint NOT NULL DEFAULT 0,
    created_at      timestamptz(3) NOT NULL DEFAULT now(),
    updated_at      timestamptz(3) NOT NULL DEFAULT now(),
    UNIQUE (feed, epoch, stream, branch),
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, feed) REFERENCES hubs (organization_id, id)
) WITH (fillfactor = 70);
CREATE INDEX hub_streams_org_idx ON hub_streams (organization_id, feed);

CREATE TABLE hub_events (
    stream_id       bigint NOT NULL,
    seq             bigint NOT NULL,
    organization_id uuid NOT NULL,
    hash            bytea NOT NULL CHECK (length(hash) = 32),
    -- NULL if a bound at the hub has dropped the bytes.
    bytes           bytea,
    received_at     timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (stream_id, seq),
    FOREIGN KEY (organization_id, stream_id) REFERENCES hub_streams (organization_id, id)
);
CREATE INDEX hub_events_org_idx ON hub_events (organization_id, received_at);

-- What the events say of boots and corrections of the clock: dates the readings.
CREATE TABLE hub_clock (
    stream_id       bigint NOT NULL,
    seq             bigint NOT NULL,
    organization_id uuid NOT NULL,
    boot            integer NOT NULL,
    -- A start says whether the clock was trusted; a correction says from, to and offset.
    trusted         boolean,
    from_ms         bigint,
    to_ms           bigint,
    offset_ms       bigint,
    PRIMARY KEY (stream_id, seq),
    CHECK ((trusted IS NULL) <> (from_ms IS NULL)),
    FOREIGN KEY (organization_id, stream_id) REFERENCES hub_streams (organization_id, id)
);
CREATE INDEX hub_clock_boot_idx ON hub_clock (stream_id, boot);

-- Signed checkpoints that fitted the tree; the newest says most.
CREATE TABLE hub_checkpoints (
    stream_id       bigint NOT NULL,
    size            bigint NOT NULL,
    organization_id uuid NOT NULL,
    note            text NOT NULL,
    received_at     timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (stream_id, size),
    FOREIGN KEY (organization_id, stream_id) REFERENCES hub_streams (organization_id, id)
);

-- Ranges of readings that an event has sealed. matched: NULL until all of its readings are here.
CREATE TABLE reading_seals (
    stream_id       bigint NOT NULL,
    first_seq       bigint NOT NULL,
    organization_id uuid NOT NULL,
    last_seq        bigint NOT NULL,
    count           integer NOT NULL,
    root            bytea NOT NULL CHECK (length(root) = 32),
    event_seq       bigint NOT NULL,
    matched         boolean,
    PRIMARY KEY (stream_id, first_seq),
    FOREIGN KEY (organization_id, stream_id) REFERENCES hub_streams (organization_id, id)
);
CREATE INDEX reading_seals_open_idx ON reading_seals (stream_id, last_seq) WHERE matched IS NULL;

-- Leaves of readings that no known seal covers yet; gone when the seal is compared.
CREATE TABLE reading_leaves (
    stream_id       bigint NOT NULL,
    first_seq       bigint NOT NULL,
    organization_id uuid NOT NULL,
    last_seq        bigint NOT NULL,
    leaves          bytea NOT NULL,
    PRIMARY KEY (stream_id, first_seq),
    FOREIGN KEY (organization_id, stream_id) REFERENCES hub_streams (organization_id, id)
);

-- Holes in a stream that its hub has told of.
CREATE TABLE reading_gaps (
    stream_id       bigint NOT NULL,
    first_seq       bigint NOT NULL,
    organization_id uuid NOT NULL,
    last_seq        bigint NOT NULL,
    cause           varchar(16) NOT NULL,
    PRIMARY KEY (stream_id, first_seq),
    FOREIGN KEY (organization_id, stream_id) REFERENCES hub_streams (organization_id, id)
);

CREATE TABLE sensor_readings (
    organization_id uuid NOT NULL,
    unit_id         uuid NOT NULL,
    device_id       uuid,
    recorded_at     timestamptz(3) NOT NULL,
    received_at     timestamptz(3) NOT NULL,
    stream_id       bigint NOT NULL,
    seq             bigint NOT NULL,
    at_ms           bigint NOT NULL,
    boottime_ms     bigint NOT NULL,
    rule_ms         bigint NOT NULL,
    age_ms          bigint NOT NULL,
    point_n         integer NOT NULL,
    boot            integer NOT NULL,
    battery         integer,
    signal_strength integer,
    battery_mv      integer,
    trust           smallint NOT NULL,
    quality         smallint NOT NULL,
    door            smallint,
    is_estimated    boolean NOT NULL,
    temperature     numeric(7, 2) NOT NULL,
    humidity        numeric(5, 2),
    source          varchar(32),
    raw_payload     text
) PARTITION BY RANGE (recorded_at);
CREATE INDEX sensor_readings_unit_time_idx ON sensor_readings (unit_id, recorded_at);
CREATE INDEX sensor_readings_recorded_idx ON sensor_readings USING brin (recorded_at);

-- Readings that fit no partition, or belong to no unit of the organization, or are no readings: kept whole.
CREATE TABLE readings_quarantine (
    stream_id       bigint NOT NULL,
    seq             bigint NOT NULL,
    organization_id uuid NOT NULL,
    reason          varchar(32) NOT NULL,
    bytes           bytea NOT NULL,
    recorded_at_ms  bigint,
    received_at     timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (stream_id, seq),
    FOREIGN KEY (organization_id, stream_id) REFERENCES hub_streams (organization_id, id)
);
CREATE INDEX readings_quarantine_org_idx ON readings_quarantine (organization_id, received_at);

-- Makes a month's partition if it is not there, without stopping those who read or write the others.
-- Row-level security is not inherited: it is forced before the partition can be reached, and nobody is granted anything.
CREATE FUNCTION make_readings_partition(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    from_day date := date_trunc('month', month)::date;
    to_day   date := (date_trunc('month', month) + interval '1 month')::date;
    name     text := to_char(from_day, '"sensor_readings_y"YYYY"m"MM');
BEGIN
    IF to_regclass('public.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.sensor_readings INCLUDING DEFAULTS)', name);
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
        'ALTER TABLE public.%I ADD CONSTRAINT %I CHECK (recorded_at >= %L AND recorded_at < %L)',
        name, name || '_range', from_day::timestamp AT TIME ZONE 'UTC', to_day::timestamp AT TIME ZONE 'UTC');
    EXECUTE format(
        'ALTER TABLE public.sensor_readings ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        name, from_day::timestamp AT TIME ZONE 'UTC', to_day::timestamp AT TIME ZONE 'UTC');
    EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT %I', name, name || '_range');
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION make_readings_partition(date) FROM PUBLIC;

RESET ROLE;
