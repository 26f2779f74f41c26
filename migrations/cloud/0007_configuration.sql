-- What is desired of hubs: rules set far away, the documents that carry them, and commands. Why it looks like this:
-- * A document is kept as the exact bytes that were signed, with the signature: what a hub was told can be shown years
--   later, and a hub that was away is told the same as one that was not.
-- * A document's number is given while the row of its hub in hub_configs is locked, so that two who write at once make two
--   documents, one after the other, and the second knows what the first has set.
-- * What a hub makes of a document or a command it says in its record; the state here follows from that record, and could
--   be made again from it.
-- * Each field of a rule may be unsaid, for then it is inherited; a field that is off on purpose is named in off_fields,
--   for that is not the same as an unsaid one, and a field that others may only make stricter in locked_fields.

SET LOCAL ROLE fg_owner;

ALTER TABLE alert_rules
    ALTER COLUMN delay_minutes DROP NOT NULL,
    ALTER COLUMN delay_minutes DROP DEFAULT,
    ALTER COLUMN severity DROP NOT NULL,
    ALTER COLUMN severity DROP DEFAULT,
    ALTER COLUMN offline_trigger_multiplier TYPE numeric(6, 2),
    -- Whether the rule of the slot runs; is_enabled says whether this row counts at all.
    ADD COLUMN runs boolean,
    ADD COLUMN inclusive boolean,
    ADD COLUMN hysteresis_centi integer CHECK (hysteresis_centi BETWEEN 0 AND 1000),
    ADD COLUMN off_delay_minutes integer CHECK (off_delay_minutes BETWEEN 0 AND 10080),
    ADD COLUMN hard_limit_centi_c integer CHECK (hard_limit_centi_c BETWEEN 0 AND 10000),
    ADD COLUMN trigger varchar(16) CHECK (trigger IN ('consecutive', 'cumulative')),
    ADD COLUMN product_tau_minutes integer CHECK (product_tau_minutes BETWEEN 1 AND 1440),
    ADD COLUMN defrost_times jsonb CHECK (jsonb_typeof(defrost_times) = 'array'),
    ADD COLUMN defrost_minutes integer CHECK (defrost_minutes BETWEEN 1 AND 240),
    ADD COLUMN manual_monitoring_required boolean,
    ADD COLUMN battery_low_percent integer CHECK (battery_low_percent BETWEEN 1 AND 100),
    ADD COLUMN range_min_centi_c integer CHECK (range_min_centi_c BETWEEN -27315 AND 100000),
    ADD COLUMN range_max_centi_c integer CHECK (range_max_centi_c BETWEEN -27315 AND 100000),
    ADD COLUMN rate_centi_c_per_minute integer CHECK (rate_centi_c_per_minute BETWEEN 0 AND 10000),
    ADD COLUMN stuck_hours integer CHECK (stuck_hours BETWEEN 1 AND 168),
    ADD COLUMN calibration_lead_days integer CHECK (calibration_lead_days BETWEEN 0 AND 365),
    -- Fields that are off on purpose, and fields that places nearer to a unit may only make stricter, by their columns.
    ADD COLUMN off_fields text[] NOT NULL DEFAULT '{}',
    ADD COLUMN locked_fields text[] NOT NULL DEFAULT '{}',
    ADD CHECK (tier BETWEEN 0 AND CASE WHEN alert_type = 'alarm_active' THEN 3 ELSE 0 END),
    ADD CHECK (jsonb_typeof(schedule) = 'object'),
    ADD CHECK (offline_trigger_multiplier BETWEEN 1 AND 1000),
    ADD CHECK (temp_min BETWEEN -27315 AND 100000),
    ADD CHECK (temp_max BETWEEN -27315 AND 100000),
    ADD CHECK (delay_minutes BETWEEN 0 AND 10080),
    ADD CHECK (excursion_confirm_minutes_door_closed BETWEEN 0 AND 10080),
    ADD CHECK (excursion_confirm_minutes_door_open BETWEEN 0 AND 10080),
    ADD CHECK (door_open_warning_minutes BETWEEN 0 AND 10080),
    ADD CHECK (door_open_critical_minutes BETWEEN 0 AND 10080),
    ADD CHECK (offline_trigger_additional_minutes BETWEEN 0 AND 10080),
    ADD CHECK (manual_grace_minutes BETWEEN 0 AND 10080),
    ADD CHECK (max_excursion_minutes BETWEEN 1 AND 10080),
    ADD CHECK (manual_interval_minutes BETWEEN 1 AND 10080),
    ADD CHECK (door_open_max_mask_minutes_per_day BETWEEN 0 AND 1440),
    ADD CHECK (expected_reading_interval_seconds BETWEEN 1 AND 604800),
    ADD CHECK (offline_warning_missed_checkins BETWEEN 1 AND 1000),
    ADD CHECK (offline_critical_missed_checkins BETWEEN 1 AND 1000),
    ADD CHECK (manual_log_missed_checkins_threshold BETWEEN 1 AND 1000),
    ADD CHECK (off_fields <@ ARRAY[
        'schedule', 'temp_min', 'temp_max', 'max_excursion_minutes', 'hard_limit_centi_c', 'product_tau_minutes',
        'defrost_times', 'door_open_warning_minutes', 'door_open_critical_minutes',
        'door_open_max_mask_minutes_per_day', 'offline_warning_missed_checkins', 'offline_critical_missed_checkins',
        'manual_interval_minutes', 'rate_centi_c_per_minute', 'stuck_hours']),
    ADD CHECK (locked_fields <@ ARRAY[
        'runs', 'severity', 'schedule', 'delay_minutes', 'temp_min', 'temp_max', 'inclusive', 'hysteresis_centi',
        'off_delay_minutes', 'excursion_confirm_minutes_door_closed', 'excursion_confirm_minutes_door_open',
        'max_excursion_minutes', 'hard_limit_centi_c', 'trigger', 'product_tau_minutes', 'defrost_times',
        'defrost_minutes', 'door_open_warning_minutes', 'door_open_critical_minutes',
        'door_open_max_mask_minutes_per_day', 'expected_reading_interval_seconds', 'offline_warning_missed_checkins',
        'offline_critical_missed_checkins', 'offline_trigger_multiplier', 'offline_trigger_additional_minutes',
        'manual_interval_minutes', 'manual_grace_minutes', 'manual_log_missed_checkins_threshold',
        'manual_monitoring_required', 'battery_low_percent', 'range_min_centi_c', 'range_max_centi_c',
        'rate_centi_c_per_minute', 'stuck_hours', 'calibration_lead_days']),
    -- What is off has no value.
    ADD CHECK (schedule IS NULL OR NOT 'schedule' = ANY (off_fields)),
    ADD CHECK (temp_min IS NULL OR NOT 'temp_min' = ANY (off_fields)),
    ADD CHECK (temp_max IS NULL OR NOT 'temp_max' = ANY (off_fields)),
    ADD CHECK (max_excursion_minutes IS NULL OR NOT 'max_excursion_minutes' = ANY (off_fields)),
    ADD CHECK (hard_limit_centi_c IS NULL OR NOT 'hard_limit_centi_c' = ANY (off_fields)),
    ADD CHECK (product_tau_minutes IS NULL OR NOT 'product_tau_minutes' = ANY (off_fields)),
    ADD CHECK (defrost_times IS NULL OR NOT 'defrost_times' = ANY (off_fields)),
    ADD CHECK (door_open_warning_minutes IS NULL OR NOT 'door_open_warning_minutes' = ANY (off_fields)),
    ADD CHECK (door_open_critical_minutes IS NULL OR NOT 'door_open_critical_minutes' = ANY (off_fields)),
    ADD CHECK (door_open_max_mask_minutes_per_day IS NULL OR NOT 'door_open_max_mask_minutes_per_day' = ANY (off_fields)),
    ADD CHECK (offline_warning_missed_checkins IS NULL OR NOT 'offline_warning_missed_checkins' = ANY (off_fields)),
    ADD CHECK (offline_critical_missed_checkins IS NULL OR NOT 'offline_critical_missed_checkins' = ANY (off_fields)),
    ADD CHECK (manual_interval_minutes IS NULL OR NOT 'manual_interval_minutes' = ANY (off_fields)),
    ADD CHECK (rate_centi_c_per_minute IS NULL OR NOT 'rate_centi_c_per_minute' = ANY (off_fields)),
    ADD CHECK (stuck_hours IS NULL OR NOT 'stuck_hours' = ANY (off_fields));

-- Words in short at a unit and a site: unsaid unless somebody has said them.
ALTER TABLE units
    ALTER COLUMN manual_monitoring_required DROP NOT NULL,
    ALTER COLUMN manual_monitoring_required DROP DEFAULT,
    ALTER COLUMN manual_monitoring_required TYPE boolean USING nullif(manual_monitoring_required, false),
    ADD CHECK (manual_monitoring_interval BETWEEN 1 AND 10080);
ALTER TABLE sites ADD CHECK (manual_log_cadence_seconds BETWEEN 60 AND 604800);

-- A field has one home: what stands in short cannot stand in a rule of the same place as well.
CREATE FUNCTION refuse_what_is_said_twice() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    IF EXISTS (
        SELECT FROM alert_rules r
        LEFT JOIN units u ON u.organization_id = r.organization_id AND u.id = r.unit_id
        LEFT JOIN sites s ON s.organization_id = r.organization_id AND s.id = r.site_id
             AND r.unit_id IS NULL AND r.area_id IS NULL
        WHERE r.organization_id = NEW.organization_id AND r.tier = 0 AND r.is_enabled
          AND CASE TG_TABLE_NAME WHEN 'units' THEN r.unit_id = NEW.id WHEN 'sites' THEN r.site_id = NEW.id
                                 ELSE r.id = NEW.id END
          AND ((u.temp_min IS NOT NULL AND (r.temp_min IS NOT NULL OR 'temp_min' = ANY (r.off_fields)))
               OR (u.temp_max IS NOT NULL AND (r.temp_max IS NOT NULL OR 'temp_max' = ANY (r.off_fields)))
               OR (u.manual_monitoring_required IS NOT NULL AND r.manual_monitoring_required IS NOT NULL)
               OR (coalesce(u.manual_monitoring_interval, s.manual_log_cadence_seconds) IS NOT NULL
                   AND (r.manual_interval_minutes IS NOT NULL OR 'manual_interval_minutes' = ANY (r.off_fields))))
    ) THEN
        RAISE EXCEPTION 'a rule and its short form at the same place say the same field'
            USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION refuse_what_is_said_twice() FROM PUBLIC;

CREATE TRIGGER said_once AFTER INSERT OR UPDATE ON alert_rules
    FOR EACH ROW WHEN (NEW.is_enabled AND NEW.tier = 0 AND (NEW.unit_id IS NOT NULL OR NEW.site_id IS NOT NULL))
    EXECUTE FUNCTION refuse_what_is_said_twice();
CREATE TRIGGER said_once
    AFTER INSERT OR UPDATE OF temp_min, temp_max, manual_monitoring_required, manual_monitoring_interval ON units
    FOR EACH ROW WHEN (NEW.temp_min IS NOT NULL OR NEW.temp_max IS NOT NULL
                       OR NEW.manual_monitoring_required IS NOT NULL OR NEW.manual_monitoring_interval IS NOT NULL)
    EXECUTE FUNCTION refuse_what_is_said_twice();
CREATE TRIGGER said_once AFTER INSERT OR UPDATE OF manual_log_cadence_seconds ON sites
    FOR EACH ROW WHEN (NEW.manual_log_cadence_seconds IS NOT NULL)
    EXECUTE FUNCTION refuse_what_is_said_twice();

-- Who has changed which rule from what to what.
CREATE TABLE alert_rules_history (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    alert_rule_id   uuid NOT NULL,
    changed_by      uuid,
    change_type     varchar(32) NOT NULL CHECK (change_type IN ('created', 'updated', 'deleted')),
    old_values      jsonb,
    new_values      jsonb,
    changed_at      timestamptz(3) NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, alert_rule_id) REFERENCES alert_rules (organization_id, id),
    FOREIGN KEY (organization_id, changed_by) REFERENCES profiles (organization_id, id)
);
CREATE INDEX alert_rules_history_rule_idx ON alert_rules_history (organization_id, alert_rule_id);
CREATE INDEX alert_rules_history_date_idx ON alert_rules_history (organization_id, changed_at);

-- The units that the hub has told of in its last site message: a document names just these.
ALTER TABLE hubs ADD COLUMN guards uuid[] NOT NULL DEFAULT '{}';

-- How far each hub is, by its own last word. The row is locked by whoever gives the next number.
CREATE TABLE hub_configs (
    hub_id          uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    decided_version bigint NOT NULL DEFAULT 0,
    applied_version bigint NOT NULL DEFAULT 0,
    applied_at      timestamptz(3),
    updated_at      timestamptz(3) NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, hub_id) REFERENCES hubs (organization_id, id)
) WITH (fillfactor = 70);

CREATE TABLE config_documents (
    hub_id          uuid NOT NULL,
    version         bigint NOT NULL CHECK (version > 0),
    organization_id uuid NOT NULL,
    bytes           bytea NOT NULL,
    signature       bytea NOT NULL CHECK (length(signature) = 64),
    -- SHA-256 of what it says without version and time: two of the same hash ask for the same.
    content_hash    bytea NOT NULL CHECK (length(content_hash) = 32),
    made_at         timestamptz(3) NOT NULL,
    made_by         uuid,
    changes         jsonb NOT NULL,
    state           varchar(32) NOT NULL DEFAULT 'pending' CHECK (
        state IN ('pending', 'applied', 'refused', 'waiting_for_confirmation', 'rolled_back', 'superseded')),
    reason_code     varchar(64),
    reason          text,
    decided_at      timestamptz(3),
    PRIMARY KEY (hub_id, version),
    FOREIGN KEY (organization_id, hub_id) REFERENCES hubs (organization_id, id),
    FOREIGN KEY (organization_id, made_by) REFERENCES profiles (organization_id, id)
);

CREATE TABLE hub_commands (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    hub_id          uuid NOT NULL,
    kind            varchar(32) NOT NULL CHECK (kind IN ('acknowledge', 'identify', 'self_test')),
    alert_id        uuid CHECK ((alert_id IS NOT NULL) = (kind = 'acknowledge')),
    bytes           bytea NOT NULL,
    signature       bytea NOT NULL CHECK (length(signature) = 64),
    state           varchar(16) NOT NULL DEFAULT 'pending' CHECK (
        state IN ('pending', 'received', 'done', 'refused', 'expired')),
    outcome         text,
    asked_at        timestamptz(3) NOT NULL,
    asked_by        uuid,
    expires_at      timestamptz(3) NOT NULL,
    decided_at      timestamptz(3),
    updated_at      timestamptz(3) NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, hub_id) REFERENCES hubs (organization_id, id),
    FOREIGN KEY (organization_id, alert_id) REFERENCES alerts (organization_id, id),
    FOREIGN KEY (organization_id, asked_by) REFERENCES profiles (organization_id, id)
);
-- Of what is under way there is one: whoever asks for the same again is shown it. This bounds what waits for a hub, too.
CREATE UNIQUE INDEX hub_commands_open_idx ON hub_commands (hub_id, kind, alert_id)
    NULLS NOT DISTINCT WHERE state IN ('pending', 'received');
CREATE INDEX hub_commands_hub_idx ON hub_commands (organization_id, hub_id, asked_at DESC);
CREATE INDEX hub_commands_alert_idx ON hub_commands (organization_id, alert_id) WHERE state IN ('pending', 'received');
-- Whoever watches alerts asks every second which acknowledgements have moved.
CREATE INDEX hub_commands_moved_idx ON hub_commands (organization_id, updated_at) WHERE kind = 'acknowledge';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['alert_rules_history', 'hub_configs', 'config_documents', 'hub_commands'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant ON %I USING (organization_id = nullif(current_setting(''app.org_id'', true), '''')::uuid)
             WITH CHECK (organization_id = nullif(current_setting(''app.org_id'', true), '''')::uuid)', name);
    END LOOP;
END
$$;

-- People make documents and commands; what became of them follows from the hubs' record. Neither can change what was
-- signed, and nobody can delete any of it.
GRANT SELECT ON alert_rules_history, hub_configs, config_documents, hub_commands TO fg_app, fg_ingest;
GRANT INSERT ON alert_rules_history, config_documents, hub_commands TO fg_app;
GRANT INSERT ON hub_configs TO fg_app, fg_ingest;
GRANT UPDATE (decided_version, applied_version, applied_at, updated_at) ON hub_configs TO fg_ingest;
-- Only to lock the row.
GRANT UPDATE (updated_at) ON hub_configs TO fg_app;
GRANT UPDATE (state, reason_code, reason, decided_at) ON config_documents TO fg_app, fg_ingest;
GRANT UPDATE (state, outcome, decided_at, updated_at) ON hub_commands TO fg_app, fg_ingest;

CREATE POLICY door ON config_documents FOR SELECT TO fg_door USING (true);
CREATE POLICY door ON hub_commands FOR SELECT TO fg_door USING (true);
GRANT SELECT (hub_id, version) ON config_documents TO fg_door;
GRANT SELECT (hub_id, state, expires_at) ON hub_commands TO fg_door;

RESET ROLE;
SET LOCAL ROLE fg_door;

-- For hubs that wait: the number of the newest document of each and whether a command waits for it, and nothing of either.
-- One statement asks for all hubs of a process, whichever organization they are of.
CREATE FUNCTION door.desired(hubs uuid[]) RETURNS TABLE (hub_id uuid, version bigint, has_commands boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT h.id,
           coalesce((SELECT max(d.version) FROM public.config_documents d WHERE d.hub_id = h.id), 0),
           EXISTS (SELECT FROM public.hub_commands c
                   WHERE c.hub_id = h.id AND c.state = 'pending' AND c.expires_at > now())
    FROM unnest(desired.hubs) AS h (id)
$$;

REVOKE ALL ON FUNCTION door.desired(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door.desired(uuid[]) TO fg_ingest;

RESET ROLE;
