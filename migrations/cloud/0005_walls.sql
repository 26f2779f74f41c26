-- The walls between organizations and the doors through them. Why it looks like this:
-- * The policy's expression is inlined into each query's plan and reads one setting of the transaction; a transaction
--   that sets none sees nothing and can write nothing.
-- * fg_app serves people: it reads, and writes only what people own. fg_ingest takes the record: it appends, moves
--   cursors and keeps projections. Neither can delete a record. Neither has any right on a partition.
-- * fg_operator makes what lets somebody in: organizations, sites, claim codes, API keys. It sees no record.
-- * Before an organization is known (a login, a claim, a key), a function does the looking up. It runs as fg_door, which
--   has a policy on just those tables, and gives only what belongs to the secret that was shown.

SET LOCAL ROLE fg_owner;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'profiles', 'user_roles', 'sites', 'areas', 'units', 'alert_rules', 'hubs', 'devices', 'points',
        'point_assignments', 'credentials', 'claim_codes', 'hub_sessions', 'hub_streams', 'hub_events', 'hub_clock',
        'hub_checkpoints', 'reading_seals', 'reading_leaves', 'reading_gaps', 'sensor_readings', 'readings_quarantine',
        'alerts', 'door_events', 'reading_metrics', 'unit_latest', 'hub_live', 'event_logs'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant ON %I USING (organization_id = nullif(current_setting(''app.org_id'', true), '''')::uuid)
             WITH CHECK (organization_id = nullif(current_setting(''app.org_id'', true), '''')::uuid)', name);
    END LOOP;
END
$$;
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organizations USING (id = nullif(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (id = nullif(current_setting('app.org_id', true), '')::uuid);
-- No tenant: no policy for anyone but the door.
ALTER TABLE hub_challenges ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

GRANT SELECT ON organizations, profiles, user_roles, sites, areas, units, alert_rules, hubs, devices, points,
    point_assignments, credentials, hub_streams, hub_events, hub_clock, hub_checkpoints, reading_seals, reading_gaps,
    sensor_readings, readings_quarantine, alerts, door_events, reading_metrics, unit_latest, hub_live, event_logs
    TO fg_app;
GRANT UPDATE ON organizations TO fg_app;
GRANT INSERT, UPDATE ON profiles, user_roles, sites, areas, units, alert_rules TO fg_app;
GRANT INSERT ON event_logs TO fg_app;

GRANT SELECT, INSERT ON organizations, sites, claim_codes TO fg_operator;
GRANT SELECT, INSERT, UPDATE ON credentials TO fg_operator;
GRANT INSERT ON event_logs TO fg_operator;
-- An operator hands out the record of a hub, as it is, to whoever wants to check it.
GRANT SELECT ON units, points, hub_streams, hub_events, hub_checkpoints, reading_seals, reading_gaps, sensor_readings,
    readings_quarantine TO fg_operator;

GRANT SELECT ON organizations, profiles, sites, areas, units, alert_rules, hubs, devices, points, point_assignments,
    hub_sessions, hub_streams, hub_events, hub_clock, hub_checkpoints, reading_seals, reading_leaves, reading_gaps,
    sensor_readings, readings_quarantine, alerts, door_events, reading_metrics, unit_latest, hub_live, claim_codes,
    event_logs
    TO fg_ingest;
GRANT INSERT, UPDATE ON profiles, sites, areas, units, alert_rules, hubs, devices, points, point_assignments,
    hub_streams, reading_seals, alerts, reading_metrics, unit_latest, hub_live TO fg_ingest;
GRANT INSERT ON hub_sessions, hub_events, hub_clock, hub_checkpoints, reading_leaves, reading_gaps, sensor_readings,
    readings_quarantine, door_events, event_logs TO fg_ingest;
GRANT UPDATE ON claim_codes TO fg_ingest;
-- Only these two are no record: leaves are gone once compared, sessions once expired.
GRANT DELETE ON reading_leaves, hub_sessions TO fg_ingest;

GRANT EXECUTE ON FUNCTION make_readings_partition(date) TO fg_ingest;

CREATE POLICY door ON hubs FOR SELECT TO fg_door USING (true);
CREATE POLICY door ON credentials FOR SELECT TO fg_door USING (true);
CREATE POLICY door ON claim_codes FOR SELECT TO fg_door USING (true);
CREATE POLICY door ON hub_sessions TO fg_door USING (true);
CREATE POLICY door ON hub_challenges TO fg_door USING (true) WITH CHECK (true);
CREATE POLICY door ON organizations FOR SELECT TO fg_door USING (true);
CREATE POLICY door ON sites FOR SELECT TO fg_door USING (true);
GRANT SELECT ON hubs, credentials, claim_codes, organizations, sites TO fg_door;
GRANT SELECT, DELETE ON hub_sessions TO fg_door;
GRANT SELECT, INSERT, DELETE ON hub_challenges TO fg_door;

RESET ROLE;
SET LOCAL ROLE fg_door;

-- A challenge is given to whoever asks, known or not; old ones go as new ones come.
CREATE FUNCTION door.challenge(nonce bytea, hub uuid, valid_ms bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    DELETE FROM public.hub_challenges c WHERE c.nonce IN (
        SELECT o.nonce FROM public.hub_challenges o WHERE o.expires_at < now() LIMIT 100);
    INSERT INTO public.hub_challenges VALUES (challenge.nonce, challenge.hub, now() + valid_ms * interval '1 ms');
END
$$;

-- Takes an unexpired challenge away and gives the hub's organization and key; nothing if there is no such challenge or hub.
CREATE FUNCTION door.answer(answered bytea, hub uuid)
RETURNS TABLE (organization_id uuid, public_key bytea, challenge_was_open boolean)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    WITH taken AS (
        DELETE FROM public.hub_challenges c
        WHERE c.nonce = answer.answered AND c.hub_id = answer.hub AND c.expires_at >= now() RETURNING 1
    )
    SELECT h.organization_id, h.public_key, EXISTS (SELECT FROM taken)
    FROM public.hubs h WHERE h.id = answer.hub AND h.is_active AND h.deleted_at IS NULL
$$;

-- Whose token this is, while it is good.
CREATE FUNCTION door.session(token_hash bytea) RETURNS TABLE (organization_id uuid, hub_id uuid, epoch uuid, public_key bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT s.organization_id, s.hub_id, s.epoch, h.public_key
    FROM public.hub_sessions s JOIN public.hubs h ON h.id = s.hub_id
    WHERE s.token_hash = session.token_hash AND s.expires_at >= now() AND h.is_active AND h.deleted_at IS NULL
$$;

-- Which site a claim code is for, while it is good. To the hub that has used it, it stays good: the answer may be lost.
CREATE FUNCTION door.claim(secret_hash bytea, hub uuid)
RETURNS TABLE (organization_id uuid, site_id uuid, was_used boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT c.organization_id, c.site_id, c.used_at IS NOT NULL FROM public.claim_codes c
    WHERE c.secret_hash = claim.secret_hash
      AND (c.used_by = claim.hub OR (c.used_at IS NULL AND c.expires_at >= now()))
$$;

-- Whose API key this is, while it is good.
CREATE FUNCTION door.api_key(secret_hash bytea) RETURNS TABLE (organization_id uuid, credential_id uuid, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT c.organization_id, c.id, c.role::text
    FROM public.credentials c JOIN public.organizations o ON o.id = c.organization_id
    WHERE c.secret_hash = api_key.secret_hash AND c.revoked_at IS NULL
      AND (c.expires_at IS NULL OR c.expires_at >= now()) AND o.deleted_at IS NULL
$$;

-- Which organizations there are, for an operator who names one.
CREATE FUNCTION door.organizations() RETURNS TABLE (id uuid, name text, slug text, created_ms bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT o.id, o.name::text, o.slug::text, (extract(epoch FROM o.created_at) * 1000)::bigint
    FROM public.organizations o WHERE o.deleted_at IS NULL ORDER BY o.slug
$$;

-- Which sites there are, for an operator who names one.
CREATE FUNCTION door.sites() RETURNS TABLE (id uuid, name text, zone text, organization_id uuid, slug text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT s.id, s.name::text, s.timezone::text, o.id, o.slug::text
    FROM public.sites s JOIN public.organizations o ON o.id = s.organization_id
    WHERE s.deleted_at IS NULL AND o.deleted_at IS NULL ORDER BY o.slug, s.name
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA door FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door.challenge(bytea, uuid, bigint), door.answer(bytea, uuid), door.session(bytea),
    door.claim(bytea, uuid) TO fg_ingest;
GRANT EXECUTE ON FUNCTION door.api_key(bytea) TO fg_app;
GRANT EXECUTE ON FUNCTION door.organizations(), door.sites() TO fg_operator;

RESET ROLE;
