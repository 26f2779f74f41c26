-- What is desired of hubs: rules set far away, the documents that carry them, and commands. Why it looks like this:
-- * A document is kept as the exact bytes that were signed, with the signature: what a hub was told can be shown years
--   later, and a hub that was away is told the same as one that was not.
-- * A document's number is given while the row of its hub in hub_configs is locked, so that two who write at once make two
--   documents, one after the other, and the second knows what the first has set.
-- * What a hub makes of a document or a command it says in its record; the state here follows from that record, and could
--   be made again from it.
-- * Each field of a rule may be unsaid, for then it is inherited; a limit that is off on purpose has a column of its own,
--   for that is not the same as an unsaid one.

SET LOCAL ROLE fg_owner;

ALTER TABLE alert_rules
    ALTER COLUMN delay_minutes DROP NOT NULL,
    ALTER COLUMN delay_minutes DROP DEFAULT,
    ALTER COLUMN severity DROP NOT NULL,
    ALTER COLUMN severity DROP DEFAULT,
    ADD COLUMN temp_min_off boolean NOT NULL DEFAULT false,
    ADD COLUMN temp_max_off boolean NOT NULL DEFAULT false,
    ADD COLUMN inclusive boolean,
    ADD COLUMN hysteresis_centi integer CHECK (hysteresis_centi BETWEEN 0 AND 10000),
    ADD COLUMN off_delay_minutes integer CHECK (off_delay_minutes BETWEEN 0 AND 10080),
    ADD CHECK (NOT (temp_min_off AND temp_min IS NOT NULL)),
    ADD CHECK (NOT (temp_max_off AND temp_max IS NOT NULL));

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
