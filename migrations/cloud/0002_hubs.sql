-- Hubs, what they hear, and what may speak for an organization. Why it looks like this:
-- * Ids of a hub's world are made on the hub and adopted here, so that a stand-alone history needs no translation.
-- * Codes, keys and tokens are kept as their SHA-256 alone: a dump of this database opens nothing.
-- * A challenge is a row, so that any of several processes can take the answer, once.

SET LOCAL ROLE fg_owner;

CREATE TABLE hubs (
    id               uuid PRIMARY KEY,
    organization_id  uuid NOT NULL,
    site_id          uuid NOT NULL,
    name             varchar(256) NOT NULL,
    mac_address      varchar(17),
    firmware_version varchar(32),
    last_seen_at     timestamptz(3),
    is_online        boolean NOT NULL DEFAULT false,
    is_active        boolean NOT NULL DEFAULT true,
    public_key       bytea NOT NULL CHECK (length(public_key) = 32),
    -- False if its operator has said at its enrolment that its own units are not to join the site's.
    takes_units      boolean NOT NULL DEFAULT true,
    -- SHA-256 of the last site message taken from it.
    site_hash        bytea CHECK (length(site_hash) = 32),
    enrolled_at      timestamptz(3) NOT NULL DEFAULT now(),
    created_at       timestamptz(3) NOT NULL DEFAULT now(),
    updated_at       timestamptz(3) NOT NULL DEFAULT now(),
    deleted_at       timestamptz(3),
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, mac_address),
    FOREIGN KEY (organization_id, site_id) REFERENCES sites (organization_id, id)
);
CREATE INDEX hubs_site_idx ON hubs (organization_id, site_id);

CREATE TABLE devices (
    id               uuid PRIMARY KEY,
    organization_id  uuid NOT NULL REFERENCES organizations (id),
    unit_id          uuid,
    hub_id           uuid,
    device_eui       varchar(32) NOT NULL,
    name             varchar(256),
    device_type      varchar(64),
    status           device_status NOT NULL DEFAULT 'inactive',
    battery          integer,
    signal_strength  integer,
    firmware_version varchar(32),
    last_seen_at     timestamptz(3),
    is_active        boolean NOT NULL DEFAULT true,
    created_at       timestamptz(3) NOT NULL DEFAULT now(),
    updated_at       timestamptz(3) NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, unit_id) REFERENCES units (organization_id, id),
    FOREIGN KEY (organization_id, hub_id) REFERENCES hubs (organization_id, id)
);
-- An address is one device's at a time; a retired device keeps its row.
CREATE UNIQUE INDEX devices_eui_idx ON devices (organization_id, device_eui) WHERE is_active;
CREATE INDEX devices_unit_idx ON devices (organization_id, unit_id);
CREATE INDEX devices_hub_idx ON devices (organization_id, hub_id);

-- A point is one channel of one device. Readings name it by its small number n: 12 bytes a row less.
CREATE TABLE points (
    n               integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              uuid NOT NULL UNIQUE,
    organization_id uuid NOT NULL,
    device_id       uuid NOT NULL,
    channel         varchar(16) NOT NULL,
    created_at      timestamptz(3) NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    UNIQUE (device_id, channel),
    FOREIGN KEY (organization_id, device_id) REFERENCES devices (organization_id, id)
);

-- What a point measures from when to when, on the rule axis. A reading's unit is the one valid at its rule time.
CREATE TABLE point_assignments (
    organization_id uuid NOT NULL,
    point_id        uuid NOT NULL,
    from_ms         bigint NOT NULL,
    to_ms           bigint,
    unit_id         uuid NOT NULL,
    role            varchar(16) NOT NULL,
    created_at      timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (point_id, from_ms),
    CHECK (to_ms IS NULL OR to_ms > from_ms),
    FOREIGN KEY (organization_id, point_id) REFERENCES points (organization_id, id),
    FOREIGN KEY (organization_id, unit_id) REFERENCES units (organization_id, id)
);

-- Keys that speak for an organization at the API.
CREATE TABLE credentials (
    id              uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    name            varchar(256) NOT NULL,
    secret_hash     bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    last4           varchar(4) NOT NULL,
    role            app_role NOT NULL DEFAULT 'viewer',
    expires_at      timestamptz(3),
    revoked_at      timestamptz(3),
    created_at      timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX credentials_org_idx ON credentials (organization_id);

-- Codes with which a hub becomes a hub of a site, once.
CREATE TABLE claim_codes (
    secret_hash     bytea PRIMARY KEY CHECK (length(secret_hash) = 32),
    organization_id uuid NOT NULL,
    site_id         uuid NOT NULL,
    expires_at      timestamptz(3) NOT NULL,
    used_by         uuid,
    used_at         timestamptz(3),
    created_at      timestamptz(3) NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, site_id) REFERENCES sites (organization_id, id)
);

-- Challenges have no tenant yet: anyone may ask for one. Only doors see them.
CREATE TABLE hub_challenges (
    nonce      bytea PRIMARY KEY CHECK (length(nonce) = 32),
    hub_id     uuid NOT NULL,
    expires_at timestamptz(3) NOT NULL
);
CREATE INDEX hub_challenges_expires_idx ON hub_challenges (expires_at);

CREATE TABLE hub_sessions (
    token_hash      bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    organization_id uuid NOT NULL,
    hub_id          uuid NOT NULL,
    epoch           uuid NOT NULL,
    expires_at      timestamptz(3) NOT NULL,
    created_at      timestamptz(3) NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, hub_id) REFERENCES hubs (organization_id, id)
);
CREATE INDEX hub_sessions_hub_idx ON hub_sessions (organization_id, hub_id);
CREATE INDEX hub_sessions_expires_idx ON hub_sessions (expires_at);

RESET ROLE;
