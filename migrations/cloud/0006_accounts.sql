-- People who sign in with mail and password. Why it looks like this:
-- * A user is a person of the whole platform; a profile is their membership of one organization. users belongs to no
--   tenant: no policy but the doors', no grant to anybody who serves, so that nobody can list who has an account here.
-- * Passwords are kept as argon2id, session tokens as their SHA-256, mails that somebody tried as their SHA-256: a dump
--   of this database opens nothing.
-- * Tries are counted for each mail, whether anybody has it or not, so that a lock says nothing about who has an account;
--   and in the database, so that several processes count together.
-- * What the service may do with sessions goes through doors alone. A session ends with its row.

SET LOCAL ROLE fg_owner;

CREATE TABLE users (
    -- profiles.user_id of each membership.
    id                  uuid PRIMARY KEY,
    email               varchar(256) NOT NULL CHECK (email = btrim(email) AND email <> ''),
    -- In PHC form.
    password_hash       text NOT NULL CHECK (starts_with(password_hash, '$argon2id$')),
    password_changed_at timestamptz(3) NOT NULL DEFAULT now(),
    created_at          timestamptz(3) NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_idx ON users (lower(email));

-- Tries to sign in since the last good one, by the mail that was tried.
CREATE TABLE sign_in_tries (
    mail_hash    bytea PRIMARY KEY CHECK (length(mail_hash) = 32),
    failed       integer NOT NULL DEFAULT 0,
    last_at      timestamptz(3) NOT NULL DEFAULT now(),
    locked_until timestamptz(3)
);
CREATE INDEX sign_in_tries_last_idx ON sign_in_tries (last_at);

CREATE TABLE person_sessions (
    token_hash      bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    organization_id uuid NOT NULL,
    profile_id      uuid NOT NULL,
    user_id         uuid NOT NULL REFERENCES users (id),
    created_at      timestamptz(3) NOT NULL DEFAULT now(),
    last_seen_at    timestamptz(3) NOT NULL DEFAULT now(),
    -- However much it is used.
    expires_at      timestamptz(3) NOT NULL,
    FOREIGN KEY (organization_id, profile_id) REFERENCES profiles (organization_id, id)
);
CREATE INDEX person_sessions_user_idx ON person_sessions (user_id, created_at);
CREATE INDEX person_sessions_org_idx ON person_sessions (organization_id, profile_id);
CREATE INDEX person_sessions_expires_idx ON person_sessions (expires_at);

-- In which unit this person sees temperatures; they are kept in one.
ALTER TABLE profiles ADD COLUMN temp_unit temp_unit NOT NULL DEFAULT 'C';

-- When readings of the unit came that are not newer than all before them: whoever watches has to look again.
ALTER TABLE unit_latest ADD COLUMN history_at timestamptz(3);
-- Whoever watches an organization asks for what has changed, once a second. An organization never changes in a row, so
-- these stand in the way of no update in place; those of alerts do, and alerts seldom change.
CREATE INDEX unit_latest_org_idx ON unit_latest (organization_id);
CREATE INDEX hub_live_org_idx ON hub_live (organization_id);
CREATE INDEX alerts_updated_idx ON alerts (organization_id, updated_at);

ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE sign_in_tries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE person_sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON person_sessions
    USING (organization_id = nullif(current_setting('app.org_id', true), '')::uuid)
    WITH CHECK (organization_id = nullif(current_setting('app.org_id', true), '')::uuid);

CREATE POLICY door ON users TO fg_door USING (true) WITH CHECK (true);
CREATE POLICY door ON sign_in_tries TO fg_door USING (true) WITH CHECK (true);
CREATE POLICY door ON person_sessions TO fg_door USING (true) WITH CHECK (true);
CREATE POLICY door ON profiles FOR SELECT TO fg_door USING (true);
CREATE POLICY door ON user_roles FOR SELECT TO fg_door USING (true);
CREATE POLICY door ON event_logs FOR INSERT TO fg_door WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON users, sign_in_tries, person_sessions TO fg_door;
GRANT SELECT ON profiles, user_roles TO fg_door;
GRANT INSERT ON event_logs TO fg_door;

-- An operator makes members of an organization, and ends memberships; the profile stays, for the record names it.
GRANT SELECT, INSERT, UPDATE ON profiles TO fg_operator;
GRANT SELECT, INSERT, DELETE ON user_roles TO fg_operator;

RESET ROLE;
SET LOCAL ROLE fg_door;

-- The tries of a mail, held until the transaction ends, so that of two at once the second sees the first.
CREATE FUNCTION door.tries(mail_hash bytea, OUT failed integer, OUT idle_ms bigint, OUT locked_ms bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    DELETE FROM public.sign_in_tries d WHERE d.mail_hash IN (
        SELECT o.mail_hash FROM public.sign_in_tries o
        WHERE o.last_at < now() - interval '1 day' LIMIT 100 FOR UPDATE SKIP LOCKED);
    DELETE FROM public.person_sessions d WHERE d.token_hash IN (
        SELECT o.token_hash FROM public.person_sessions o WHERE o.expires_at < now() LIMIT 100 FOR UPDATE SKIP LOCKED);
    INSERT INTO public.sign_in_tries AS t (mail_hash) VALUES (tries.mail_hash)
    ON CONFLICT ON CONSTRAINT sign_in_tries_pkey DO UPDATE SET mail_hash = excluded.mail_hash
    RETURNING t.failed, (extract(epoch FROM clock_timestamp() - t.last_at) * 1000)::bigint,
              coalesce(extract(epoch FROM t.locked_until - clock_timestamp()) * 1000, 0)::bigint
    INTO tries.failed, tries.idle_ms, tries.locked_ms;
END
$$;

-- Counts a try before it is known whether it is a good one.
CREATE FUNCTION door.count_try(mail_hash bytea, failed integer, lock_ms bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    UPDATE public.sign_in_tries t SET failed = count_try.failed, last_at = clock_timestamp(),
        locked_until = CASE WHEN count_try.lock_ms > 0 THEN clock_timestamp() + count_try.lock_ms * interval '1 ms' END
    WHERE t.mail_hash = count_try.mail_hash
$$;

-- A good try forgives those before it.
CREATE FUNCTION door.forgive_tries(mail_hash bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DELETE FROM public.sign_in_tries t WHERE t.mail_hash = forgive_tries.mail_hash
$$;

-- Whose mail this is, and what their password is compared with.
CREATE FUNCTION door.user_of(mail text) RETURNS TABLE (user_id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT u.id, u.password_hash FROM public.users u WHERE lower(u.email) = lower(user_of.mail)
$$;

-- A line for each organization of a user whose password somebody did not know. Of nobody, nothing.
CREATE FUNCTION door.note_failed_try(user_id uuid, address text, agent text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    INSERT INTO public.event_logs (organization_id, actor_id, actor_type, event_type, category, severity, title,
                                   ip_address, user_agent)
    SELECT p.organization_id, p.id, 'user', 'person.sign_in_failed', 'access', 'warning',
           'somebody tried to sign in as this person with a wrong password', left(address, 45), left(agent, 256)
    FROM public.profiles p WHERE p.user_id = note_failed_try.user_id
$$;

-- The organizations that a user is a member of.
CREATE FUNCTION door.memberships(user_id uuid)
RETURNS TABLE (organization_id uuid, slug text, name text, profile_id uuid, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT o.id, o.slug::text, o.name::text, p.id, r.role::text
    FROM public.profiles p
    JOIN public.user_roles r ON r.organization_id = p.organization_id AND r.user_id = p.user_id
    JOIN public.organizations o ON o.id = p.organization_id AND o.deleted_at IS NULL
    WHERE p.user_id = memberships.user_id ORDER BY o.slug LIMIT 100
$$;

-- Opens a session of a member, if the user still is one; of more than 20 sessions of a user the oldest end.
CREATE FUNCTION door.open_session(token_hash bytea, user_id uuid, organization_id uuid, valid_ms bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    DELETE FROM public.person_sessions d WHERE d.token_hash IN (
        SELECT o.token_hash FROM public.person_sessions o WHERE o.user_id = open_session.user_id
        ORDER BY o.created_at DESC, o.token_hash OFFSET 19);
    INSERT INTO public.person_sessions (token_hash, organization_id, profile_id, user_id, expires_at)
    SELECT open_session.token_hash, p.organization_id, p.id, p.user_id,
           now() + open_session.valid_ms * interval '1 ms'
    FROM public.profiles p
    WHERE p.user_id = open_session.user_id AND p.organization_id = open_session.organization_id;
END
$$;

-- Whose session this is, while it is good: not expired, not idle for too long, and its user still a member.
-- That it was used is kept by the minute.
CREATE FUNCTION door.person_session(token_hash bytea, idle_ms bigint)
RETURNS TABLE (organization_id uuid, profile_id uuid, role text, ends_ms bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    UPDATE public.person_sessions s SET last_seen_at = now()
    WHERE s.token_hash = person_session.token_hash AND s.last_seen_at < now() - interval '1 minute'
      AND s.last_seen_at >= now() - person_session.idle_ms * interval '1 ms' AND s.expires_at >= now();
    RETURN QUERY
    SELECT s.organization_id, s.profile_id, r.role::text,
           (extract(epoch FROM least(s.expires_at, s.last_seen_at + person_session.idle_ms * interval '1 ms')) * 1000)::bigint
    FROM public.person_sessions s
    JOIN public.profiles p ON p.organization_id = s.organization_id AND p.id = s.profile_id AND p.user_id = s.user_id
    JOIN public.user_roles r ON r.organization_id = s.organization_id AND r.user_id = s.user_id
    JOIN public.organizations o ON o.id = s.organization_id AND o.deleted_at IS NULL
    WHERE s.token_hash = person_session.token_hash AND s.expires_at >= now()
      AND s.last_seen_at >= now() - person_session.idle_ms * interval '1 ms';
END
$$;

CREATE FUNCTION door.end_session(token_hash bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DELETE FROM public.person_sessions s WHERE s.token_hash = end_session.token_hash
$$;

-- Which of these keys and sessions are still good, for those that look on for a long time. Looking on is using.
CREATE FUNCTION door.still_good(secret_hashes bytea[], idle_ms bigint) RETURNS TABLE (secret_hash bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    RETURN QUERY
    SELECT h.shown FROM unnest(still_good.secret_hashes) AS h (shown)
    WHERE EXISTS (SELECT FROM door.api_key(h.shown))
       OR EXISTS (SELECT FROM door.person_session(h.shown, still_good.idle_ms));
END
$$;

-- What an operator does with users. A mail that is known keeps its user and its password.
CREATE FUNCTION door.add_user(id uuid, mail text, password_hash text, OUT user_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO public.users (id, email, password_hash) VALUES (add_user.id, add_user.mail, add_user.password_hash)
    ON CONFLICT (lower(email)) DO NOTHING;
    SELECT u.id INTO add_user.user_id FROM public.users u WHERE lower(u.email) = lower(add_user.mail);
END
$$;

-- Changes a password, which ends every session of the user and forgives every try; false if nobody has the mail.
CREATE FUNCTION door.set_password(mail text, mail_hash bytea, password_hash text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    changed uuid;
BEGIN
    UPDATE public.users u SET password_hash = set_password.password_hash, password_changed_at = now()
    WHERE lower(u.email) = lower(set_password.mail) RETURNING u.id INTO changed;
    DELETE FROM public.person_sessions s WHERE s.user_id = changed;
    DELETE FROM public.sign_in_tries t WHERE t.mail_hash = set_password.mail_hash;
    RETURN changed IS NOT NULL;
END
$$;

-- Ends the sessions of a user whose membership has ended, and forgets a user who is no member any more.
CREATE FUNCTION door.forget_user(user_id uuid, organization_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    DELETE FROM public.person_sessions s
    WHERE s.user_id = forget_user.user_id AND s.organization_id = forget_user.organization_id;
    DELETE FROM public.users u WHERE u.id = forget_user.user_id
        AND NOT EXISTS (SELECT FROM public.user_roles r WHERE r.user_id = u.id);
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA door FROM PUBLIC;
GRANT EXECUTE ON FUNCTION door.tries(bytea), door.count_try(bytea, integer, bigint), door.forgive_tries(bytea),
    door.user_of(text), door.note_failed_try(uuid, text, text), door.memberships(uuid),
    door.open_session(bytea, uuid, uuid, bigint), door.person_session(bytea, bigint), door.end_session(bytea),
    door.still_good(bytea[], bigint) TO fg_app;
GRANT EXECUTE ON FUNCTION door.user_of(text), door.add_user(uuid, text, text), door.set_password(text, bytea, text),
    door.forget_user(uuid, uuid) TO fg_operator;

RESET ROLE;
