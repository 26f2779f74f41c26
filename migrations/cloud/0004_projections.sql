-- What people look at. Every row here follows from the hubs' record (or, in event_logs, from what the cloud itself
-- noticed) and is written in the transaction that takes the record.

SET LOCAL ROLE fg_owner;

CREATE TABLE alerts (
    id                  uuid PRIMARY KEY,
    organization_id     uuid NOT NULL,
    unit_id             uuid NOT NULL,
    alert_rule_id       uuid,
    hub_id              uuid,
    alert_type          alert_type NOT NULL,
    severity            alert_severity NOT NULL,
    status              alert_status NOT NULL DEFAULT 'active',
    message             text,
    trigger_temperature integer,
    threshold_violated  varchar(16),
    triggered_at        timestamptz(3) NOT NULL,
    acknowledged_at     timestamptz(3),
    acknowledged_by     uuid,
    -- An acknowledgement is a claim that ends; the condition is a fact of its own.
    acknowledged_until  timestamptz(3),
    quiet_until         timestamptz(3),
    cleared_at          timestamptz(3),
    resolved_at         timestamptz(3),
    resolved_by         uuid,
    escalated_at        timestamptz(3),
    escalation_level    integer NOT NULL DEFAULT 0,
    condition           varchar(32) NOT NULL,
    episode             text NOT NULL,
    is_retro            boolean NOT NULL DEFAULT false,
    metadata            jsonb,
    created_at          timestamptz(3) NOT NULL DEFAULT now(),
    updated_at          timestamptz(3) NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, unit_id) REFERENCES units (organization_id, id),
    FOREIGN KEY (organization_id, alert_rule_id) REFERENCES alert_rules (organization_id, id),
    FOREIGN KEY (organization_id, hub_id) REFERENCES hubs (organization_id, id),
    FOREIGN KEY (organization_id, acknowledged_by) REFERENCES profiles (organization_id, id),
    FOREIGN KEY (organization_id, resolved_by) REFERENCES profiles (organization_id, id)
);
CREATE INDEX alerts_triggered_idx ON alerts (organization_id, triggered_at DESC);
CREATE INDEX alerts_unit_triggered_idx ON alerts (organization_id, unit_id, triggered_at DESC);
CREATE INDEX alerts_open_idx ON alerts (organization_id, severity, triggered_at DESC) WHERE status <> 'resolved';

CREATE TABLE door_events (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id  uuid NOT NULL,
    unit_id          uuid NOT NULL,
    device_id        uuid,
    state            varchar(16) NOT NULL,
    "timestamp"      timestamptz(3) NOT NULL,
    duration_seconds integer,
    created_at       timestamptz(3) NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, unit_id) REFERENCES units (organization_id, id),
    FOREIGN KEY (organization_id, device_id) REFERENCES devices (organization_id, id)
);
CREATE INDEX door_events_unit_time_idx ON door_events (organization_id, unit_id, "timestamp");

-- Sums are kept beside averages, so that two parts of an hour can be merged.
CREATE TABLE reading_metrics (
    organization_id uuid NOT NULL,
    unit_id         uuid NOT NULL,
    granularity     varchar(16) NOT NULL,
    period_start    timestamptz(3) NOT NULL,
    period_end      timestamptz(3) NOT NULL,
    temp_min        numeric(7, 2) NOT NULL,
    temp_max        numeric(7, 2) NOT NULL,
    temp_avg        numeric(7, 2) NOT NULL,
    temp_sum        numeric(12, 2) NOT NULL,
    humidity_min    numeric(5, 2),
    humidity_max    numeric(5, 2),
    humidity_avg    numeric(5, 2),
    humidity_sum    numeric(12, 2),
    humidity_count  integer NOT NULL DEFAULT 0,
    reading_count   integer NOT NULL DEFAULT 0,
    anomaly_count   integer NOT NULL DEFAULT 0,
    created_at      timestamptz(3) NOT NULL DEFAULT now(),
    updated_at      timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (unit_id, granularity, period_start),
    FOREIGN KEY (organization_id, unit_id) REFERENCES units (organization_id, id)
) WITH (fillfactor = 80);
CREATE INDEX reading_metrics_granularity_idx ON reading_metrics (organization_id, granularity, period_start);

-- The latest of each unit, apart from units: it changes with every batch and has no index but its key.
CREATE TABLE unit_latest (
    unit_id            uuid PRIMARY KEY,
    organization_id    uuid NOT NULL,
    status             unit_status NOT NULL DEFAULT 'ok',
    status_at          timestamptz(3),
    last_reading_at    timestamptz(3),
    last_temperature   integer,
    last_humidity      integer,
    last_manual_log_at timestamptz(3),
    door               varchar(16),
    door_at            timestamptz(3),
    -- What the hub says of now, which may be ahead of its record.
    live_status        unit_status,
    live_temperature   integer,
    live_at            timestamptz(3),
    updated_at         timestamptz(3) NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, unit_id) REFERENCES units (organization_id, id)
) WITH (fillfactor = 70);

-- The last word of each hub on how things are now.
CREATE TABLE hub_live (
    hub_id           uuid PRIMARY KEY,
    organization_id  uuid NOT NULL,
    epoch            uuid NOT NULL,
    counter          bigint NOT NULL,
    at               timestamptz(3) NOT NULL,
    received_at      timestamptz(3) NOT NULL DEFAULT now(),
    alarms           jsonb NOT NULL,
    events_waiting   bigint NOT NULL,
    readings_waiting bigint NOT NULL,
    FOREIGN KEY (organization_id, hub_id) REFERENCES hubs (organization_id, id)
) WITH (fillfactor = 70);

CREATE TABLE event_logs (
    id                       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id          uuid NOT NULL REFERENCES organizations (id),
    actor_id                 uuid,
    actor_type               varchar(32) NOT NULL,
    event_type               varchar(64) NOT NULL,
    category                 varchar(64),
    severity                 varchar(32),
    title                    text,
    site_id                  uuid,
    area_id                  uuid,
    unit_id                  uuid,
    hub_id                   uuid,
    event_data               jsonb,
    ip_address               varchar(45),
    user_agent               text,
    acting_user_id           uuid,
    impersonation_session_id uuid,
    was_impersonated         boolean DEFAULT false,
    event_hash               varchar(64),
    previous_hash            varchar(64),
    recorded_at              timestamptz(3) NOT NULL DEFAULT now(),
    created_at               timestamptz(3) NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, actor_id) REFERENCES profiles (organization_id, id)
);
CREATE INDEX event_logs_org_date_idx ON event_logs (organization_id, recorded_at DESC);
CREATE INDEX event_logs_unit_idx ON event_logs (organization_id, unit_id, recorded_at DESC);
CREATE INDEX event_logs_type_idx ON event_logs (organization_id, event_type, recorded_at DESC);

RESET ROLE;
