-- Temperatures that people read off a thermometer. Every row follows from an event in a hub's record, which says who was
-- there with a PIN; it is written in the transaction that takes the record. The temperature may be missing: that it could
-- not be read is worth knowing too.

SET LOCAL ROLE fg_owner;

CREATE TABLE manual_temperature_logs (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    unit_id         uuid NOT NULL,
    profile_id      uuid,
    temperature     numeric(7, 2),
    humidity        numeric(5, 2),
    notes           text,
    photo_url       text,
    recorded_at     timestamptz(3) NOT NULL,
    created_at      timestamptz(3) NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, unit_id) REFERENCES units (organization_id, id),
    FOREIGN KEY (organization_id, profile_id) REFERENCES profiles (organization_id, id)
);
CREATE INDEX manual_logs_unit_time_idx ON manual_temperature_logs (organization_id, unit_id, recorded_at);

ALTER TABLE manual_temperature_logs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON manual_temperature_logs
    USING (organization_id = nullif(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (organization_id = nullif(current_setting('app.org_id', true), '')::uuid);
-- Nobody can change or delete what was logged.
GRANT SELECT ON manual_temperature_logs TO fg_app, fg_ingest;
GRANT INSERT ON manual_temperature_logs TO fg_ingest;

RESET ROLE;
