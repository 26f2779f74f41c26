-- Roles, organizations and what they own. Why it looks like this:
-- * Every tenant table carries organization_id and forced row-level security, from its first day. The policy reads the
--   transaction's own setting, inlines, and gives no rows when nothing is set.
-- * Foreign keys inside a tenant name the organization too: PostgreSQL checks them as the owner, past every policy.
-- * Nobody who serves requests owns a table. fg_owner owns; fg_app serves the API; fg_ingest takes the hubs' record;
--   fg_door is what the few named functions run as that look across organizations before one is known.
-- * fg_operator is what an operator's commands run as: only it makes organizations, codes and keys and sees which
--   organizations there are. Whoever migrates gets it; the service's login never does, so that a service taken over
--   can neither let itself in nor learn who else is here.
-- * Deleting is soft; no delete cascades from organizations, units, devices or alerts.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['fg_owner', 'fg_door', 'fg_app', 'fg_ingest', 'fg_operator'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT NOBYPASSRLS', role);
        END IF;
    END LOOP;
    EXECUTE format('GRANT fg_owner, fg_door, fg_operator TO %I', current_user);
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO fg_owner;
GRANT USAGE ON SCHEMA public TO fg_door, fg_app, fg_ingest, fg_operator;
CREATE SCHEMA door AUTHORIZATION fg_door;
GRANT USAGE ON SCHEMA door TO fg_app, fg_ingest, fg_operator;

SET LOCAL ROLE fg_owner;

CREATE TYPE unit_type AS ENUM ('fridge', 'freezer', 'display_case', 'walk_in_cooler', 'walk_in_freezer', 'blast_chiller');
CREATE TYPE unit_status AS ENUM ('ok', 'excursion', 'alarm_active', 'monitoring_interrupted', 'manual_required', 'restoring', 'offline');
CREATE TYPE temp_unit AS ENUM ('F', 'C');
CREATE TYPE alert_type AS ENUM ('alarm_active', 'monitoring_interrupted', 'missed_manual_entry', 'low_battery', 'sensor_fault', 'door_open', 'calibration_due');
CREATE TYPE alert_severity AS ENUM ('info', 'warning', 'critical');
CREATE TYPE alert_status AS ENUM ('active', 'acknowledged', 'resolved', 'escalated');
CREATE TYPE app_role AS ENUM ('owner', 'admin', 'manager', 'staff', 'viewer');
CREATE TYPE device_status AS ENUM ('active', 'inactive', 'pairing', 'error');
CREATE TYPE compliance_mode AS ENUM ('standard', 'haccp');

CREATE TABLE organizations (
    id              uuid PRIMARY KEY,
    name            varchar(256) NOT NULL,
    slug            varchar(256) NOT NULL UNIQUE,
    timezone        varchar(100) NOT NULL DEFAULT 'UTC',
    compliance_mode compliance_mode NOT NULL DEFAULT 'standard',
    sensor_limit    integer NOT NULL DEFAULT 10,
    logo_url        text,
    created_at      timestamptz(3) NOT NULL DEFAULT now(),
    updated_at      timestamptz(3) NOT NULL DEFAULT now(),
    deleted_at      timestamptz(3)
);

-- A person's membership of one organization. A person known to a hub alone has a PIN, but neither login nor mail.
CREATE TABLE profiles (
    id                uuid PRIMARY KEY,
    user_id           uuid,
    organization_id   uuid NOT NULL REFERENCES organizations (id),
    email             varchar(256),
    full_name         varchar(256),
    avatar_url        text,
    phone             varchar(50),
    phone_verified    boolean NOT NULL DEFAULT false,
    push_enabled      boolean NOT NULL DEFAULT true,
    email_enabled     boolean NOT NULL DEFAULT true,
    sms_enabled       boolean NOT NULL DEFAULT false,
    digest_daily      boolean NOT NULL DEFAULT false,
    digest_weekly     boolean NOT NULL DEFAULT false,
    digest_daily_time varchar(5) NOT NULL DEFAULT '09:00',
    digest_site_ids   jsonb,
    timezone          varchar(64) NOT NULL DEFAULT 'UTC',
    pin_hash          text,
    language          varchar(35),
    created_at        timestamptz(3) NOT NULL DEFAULT now(),
    updated_at        timestamptz(3) NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    UNIQUE (user_id, organization_id)
);
CREATE INDEX profiles_email_idx ON profiles (email);

CREATE TABLE user_roles (
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    role            app_role NOT NULL DEFAULT 'viewer',
    created_at      timestamptz(3) NOT NULL DEFAULT now(),
    updated_at      timestamptz(3) NOT NULL DEFAULT now(),
    UNIQUE (user_id, organization_id)
);
CREATE INDEX user_roles_org_idx ON user_roles (organization_id);

CREATE TABLE sites (
    id                         uuid PRIMARY KEY,
    organization_id            uuid NOT NULL REFERENCES organizations (id),
    name                       varchar(256) NOT NULL,
    address                    text,
    city                       varchar(128),
    state                      varchar(64),
    postal_code                varchar(20),
    country                    varchar(64),
    timezone                   varchar(100) NOT NULL DEFAULT 'UTC',
    compliance_mode            compliance_mode DEFAULT 'standard',
    manual_log_cadence_seconds integer,
    corrective_action_required boolean DEFAULT false,
    latitude                   varchar(32),
    longitude                  varchar(32),
    is_active                  boolean NOT NULL DEFAULT true,
    created_at                 timestamptz(3) NOT NULL DEFAULT now(),
    updated_at                 timestamptz(3) NOT NULL DEFAULT now(),
    deleted_at                 timestamptz(3),
    UNIQUE (organization_id, id)
);
CREATE INDEX sites_active_idx ON sites (organization_id, is_active);

CREATE TABLE areas (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    site_id         uuid NOT NULL,
    name            varchar(256) NOT NULL,
    description     text,
    sort_order      integer NOT NULL DEFAULT 0,
    is_active       boolean NOT NULL DEFAULT true,
    created_at      timestamptz(3) NOT NULL DEFAULT now(),
    updated_at      timestamptz(3) NOT NULL DEFAULT now(),
    deleted_at      timestamptz(3),
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, site_id) REFERENCES sites (organization_id, id)
);
CREATE INDEX areas_sort_idx ON areas (organization_id, site_id, sort_order);

-- status and last_* of a unit change with every batch of readings: they live in unit_latest.
CREATE TABLE units (
    id                         uuid PRIMARY KEY,
    organization_id            uuid NOT NULL,
    area_id                    uuid NOT NULL,
    name                       varchar(256) NOT NULL,
    unit_type                  unit_type NOT NULL,
    temp_min                   integer,
    temp_max                   integer,
    temp_unit                  temp_unit NOT NULL DEFAULT 'C',
    manual_monitoring_required boolean NOT NULL DEFAULT false,
    manual_monitoring_interval integer,
    is_active                  boolean NOT NULL DEFAULT true,
    sort_order                 integer NOT NULL DEFAULT 0,
    created_at                 timestamptz(3) NOT NULL DEFAULT now(),
    updated_at                 timestamptz(3) NOT NULL DEFAULT now(),
    deleted_at                 timestamptz(3),
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, area_id) REFERENCES areas (organization_id, id)
);
CREATE INDEX units_active_idx ON units (organization_id, area_id, is_active);
CREATE INDEX units_type_idx ON units (organization_id, unit_type);

CREATE TABLE alert_rules (
    id                                   uuid PRIMARY KEY,
    organization_id                      uuid NOT NULL REFERENCES organizations (id),
    site_id                              uuid,
    area_id                              uuid,
    unit_id                              uuid,
    tier                                 smallint NOT NULL DEFAULT 0,
    name                                 varchar(256) NOT NULL,
    temp_min                             integer,
    temp_max                             integer,
    delay_minutes                        integer NOT NULL DEFAULT 5,
    manual_interval_minutes              integer,
    manual_grace_minutes                 integer,
    expected_reading_interval_seconds    integer,
    offline_trigger_multiplier           integer,
    offline_trigger_additional_minutes   integer,
    offline_warning_missed_checkins      integer,
    offline_critical_missed_checkins     integer,
    manual_log_missed_checkins_threshold integer,
    door_open_warning_minutes            integer,
    door_open_critical_minutes           integer,
    door_open_max_mask_minutes_per_day   integer,
    excursion_confirm_minutes_door_closed integer,
    excursion_confirm_minutes_door_open  integer,
    max_excursion_minutes                integer,
    alert_type                           alert_type NOT NULL DEFAULT 'alarm_active',
    severity                             alert_severity NOT NULL DEFAULT 'warning',
    is_enabled                           boolean NOT NULL DEFAULT true,
    schedule                             jsonb,
    created_at                           timestamptz(3) NOT NULL DEFAULT now(),
    updated_at                           timestamptz(3) NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, site_id) REFERENCES sites (organization_id, id),
    FOREIGN KEY (organization_id, area_id) REFERENCES areas (organization_id, id),
    FOREIGN KEY (organization_id, unit_id) REFERENCES units (organization_id, id)
);
-- One rule a slot: a scope, an alert type and a tier.
CREATE UNIQUE INDEX alert_rules_slot_idx ON alert_rules (organization_id, site_id, area_id, unit_id, alert_type, tier)
    NULLS NOT DISTINCT WHERE is_enabled;
CREATE INDEX alert_rules_unit_idx ON alert_rules (organization_id, unit_id);

RESET ROLE;
