-- One organization with something in every table, as enrolment and ingest would leave it. `@o@` stands for the eight
-- digits that all of its ids begin with, `@name@` for the word that all of its texts hold. What is asked for by its
-- time lies around midnight UTC between June and July 2025; three readings, an entry and a set-aside reading are
-- of now.

INSERT INTO organizations (id, name, slug) VALUES ('@o@-0000-7000-8000-000000000000', '@name@ Foods', '@name@');

INSERT INTO profiles (id, organization_id, full_name) VALUES
    ('@o@-0000-7000-8000-000800000001', '@o@-0000-7000-8000-000000000000', '@name@ Person');
-- A person who signs in with each role, and the session of each.
INSERT INTO users (id, email, password_hash)
SELECT ('@o@-0000-7000-8000-00110000000' || n)::uuid, role || '@@name@.example', '$argon2id$@name@'
FROM (VALUES (1, 'viewer'), (2, 'staff'), (3, 'manager'), (4, 'admin'), (5, 'owner')) AS people (n, role);
INSERT INTO profiles (id, user_id, organization_id, email, full_name)
SELECT ('@o@-0000-7000-8000-00080000001' || n)::uuid, ('@o@-0000-7000-8000-00110000000' || n)::uuid,
       '@o@-0000-7000-8000-000000000000', role || '@@name@.example', '@name@ ' || role
FROM (VALUES (1, 'viewer'), (2, 'staff'), (3, 'manager'), (4, 'admin'), (5, 'owner')) AS people (n, role);
INSERT INTO user_roles (id, user_id, organization_id, role)
SELECT ('@o@-0000-7000-8000-00100000000' || n)::uuid, ('@o@-0000-7000-8000-00110000000' || n)::uuid,
       '@o@-0000-7000-8000-000000000000', role::app_role
FROM (VALUES (1, 'viewer'), (2, 'staff'), (3, 'manager'), (4, 'admin'), (5, 'owner')) AS people (n, role);
INSERT INTO person_sessions (token_hash, organization_id, profile_id, user_id, created_at, last_seen_at, expires_at)
SELECT sha256(encode(sha256(('@name@ ' || kind)::bytea), 'hex')::bytea), '@o@-0000-7000-8000-000000000000',
       ('@o@-0000-7000-8000-00080000001' || n)::uuid, ('@o@-0000-7000-8000-00110000000' || n)::uuid, now(),
       CASE kind WHEN 'idle' THEN now() - interval '12 hours 1 second' ELSE now() END,
       CASE kind WHEN 'expired' THEN now() - interval '1 ms' ELSE now() + interval '1 day' END
FROM (VALUES (1, 'viewer'), (2, 'staff'), (3, 'manager'), (4, 'admin'), (5, 'owner'), (5, 'idle'), (5, 'expired'))
     AS sessions (n, kind);

INSERT INTO credentials (id, organization_id, name, secret_hash, last4, role, revoked_at, expires_at)
SELECT ('@o@-0000-7000-8000-00090000000' || n)::uuid, '@o@-0000-7000-8000-000000000000', '@name@ ' || kind,
       sha256(('fg_@name@_' || kind)::bytea), 'last', role::app_role,
       CASE kind WHEN 'revoked' THEN now() END,
       CASE kind WHEN 'expired' THEN now() - interval '1 ms' WHEN 'viewer' THEN now() + interval '1 day' END
FROM (VALUES (1, 'viewer', 'viewer'), (2, 'staff', 'staff'), (3, 'manager', 'manager'), (4, 'admin', 'admin'),
             (5, 'owner', 'owner'), (6, 'revoked', 'owner'), (7, 'expired', 'owner')) AS keys (n, kind, role);

INSERT INTO sites (id, organization_id, name, timezone, city, created_at, deleted_at) VALUES
    ('@o@-0000-7000-8000-000100000001', '@o@-0000-7000-8000-000000000000', '@name@ Harbour', 'Europe/Berlin',
    'Hamburg',
     '2025-06-01T00:00:00Z', NULL),
    ('@o@-0000-7000-8000-000100000002', '@o@-0000-7000-8000-000000000000', '@name@ Hill', 'UTC', NULL,
     '2025-06-01T00:00:00Z', NULL),
    ('@o@-0000-7000-8000-000100000003', '@o@-0000-7000-8000-000000000000', '@name@ Given Up', 'UTC', NULL,
     '2025-06-01T00:00:00Z', '2025-06-02T00:00:00Z');
INSERT INTO areas (id, organization_id, site_id, name) VALUES
    ('@o@-0000-7000-8000-000200000001', '@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000100000001',
    '@name@ Kitchen'),
    ('@o@-0000-7000-8000-000200000002', '@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000100000002',
    '@name@ Cellar');

-- Units 1 to 7, all made at once; of the third its door alone was heard, the seventh is given up.
INSERT INTO units (id, organization_id, area_id, name, unit_type, temp_min, temp_max, created_at, deleted_at)
SELECT ('@o@-0000-7000-8000-00030000000' || n)::uuid, '@o@-0000-7000-8000-000000000000',
       CASE WHEN n <= 4 THEN '@o@-0000-7000-8000-000200000001' ELSE '@o@-0000-7000-8000-000200000002' END::uuid,
       '@name@ Freezer ' || n, 'freezer', -2500, -1500, '2025-06-01T00:00:00Z',
       CASE n WHEN 7 THEN timestamptz '2025-06-02T00:00:00Z' END
FROM generate_series(1, 7) AS n;

INSERT INTO alert_rules (id, organization_id, unit_id, name) VALUES
    ('@o@-0000-7000-8000-000d00000001', '@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000300000001',
    '@name@ rule');

-- The first hub is heard for as long as any test may last, the second no longer is.
INSERT INTO hubs (id, organization_id, site_id, name, mac_address, firmware_version, last_seen_at, public_key,
                  enrolled_at, created_at) VALUES
    ('@o@-0000-7000-8000-000400000001', '@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000100000001',
    '@name@ Hub',
     'b8:27:eb:00:00:01', '0.1.0', now() + interval '1 day', sha256('@o@ key'), '2025-06-01T00:00:00Z', '2025-06-01T00:00:00Z'),
    ('@o@-0000-7000-8000-000400000002', '@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000100000002',
    '@name@ Silent Hub',
     NULL, NULL, now() - interval '2 minutes 1 second', sha256('@o@ other key'), '2025-06-01T00:00:00Z',
     '2025-06-01T00:00:00Z');
INSERT INTO devices (id, organization_id, unit_id, hub_id, device_eui, name, status) VALUES
    ('@o@-0000-7000-8000-000500000001', '@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000300000001',
     '@o@-0000-7000-8000-000400000001', 'A4C138000001', '@name@ sensor', 'active');
INSERT INTO points (id, organization_id, device_id, channel) VALUES
    ('@o@-0000-7000-8000-000600000001', '@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000500000001', 'air');
INSERT INTO point_assignments (organization_id, point_id, from_ms, unit_id, role) VALUES
    ('@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000600000001', 0, '@o@-0000-7000-8000-000300000001',
    'air');
INSERT INTO claim_codes (secret_hash, organization_id, site_id, expires_at) VALUES
    (sha256('@o@ code'), '@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000100000001',
    now() + interval '1 day');
INSERT INTO hub_sessions (token_hash, organization_id, hub_id, epoch, expires_at) VALUES
    (sha256('@o@ token'), '@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000400000001',
     '@o@-0000-4000-8000-000000000001', now() + interval '1 day');

-- Two lives of a journal, each with a stream of readings and one of events.
INSERT INTO hub_streams (organization_id, feed, epoch, stream, last_seq, head, sealed_to, updated_at)
SELECT '@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000400000001',
       ('@o@-0000-4000-8000-00000000000' || life)::uuid, kind, 30,
       CASE kind WHEN 2 THEN sha256('@o@ head') END, CASE kind WHEN 1 THEN 20 ELSE 0 END, '2025-07-01T00:00:00Z'
FROM generate_series(1, 2) AS life, generate_series(1, 2) AS kind ORDER BY life, kind;

INSERT INTO hub_events (stream_id, seq, organization_id, hash, bytes)
SELECT id, 1, organization_id, sha256('@o@ event'), '@name@ event' FROM hub_streams
    WHERE feed = '@o@-0000-7000-8000-000400000001' AND stream = 2;
INSERT INTO hub_clock (stream_id, seq, organization_id, boot, trusted)
SELECT id, 1, organization_id, 1, true FROM hub_streams WHERE feed = '@o@-0000-7000-8000-000400000001' AND stream = 2;
INSERT INTO hub_checkpoints (stream_id, size, organization_id, note)
SELECT id, 1, organization_id, '@name@ note' FROM hub_streams WHERE feed = '@o@-0000-7000-8000-000400000001'
    AND stream = 2;
INSERT INTO reading_seals (stream_id, first_seq, organization_id, last_seq, count, root, event_seq)
SELECT id, 1, organization_id, 20, 20, sha256('@o@ root'), 1 FROM hub_streams
    WHERE feed = '@o@-0000-7000-8000-000400000001' AND stream = 1;
INSERT INTO reading_leaves (stream_id, first_seq, organization_id, last_seq, leaves)
SELECT id, 21, organization_id, 30, '\x00' FROM hub_streams WHERE feed = '@o@-0000-7000-8000-000400000001'
    AND stream = 1;
INSERT INTO reading_gaps (stream_id, first_seq, organization_id, last_seq, cause)
SELECT id, 1, organization_id, 1, 'thinned' FROM hub_streams WHERE feed = '@o@-0000-7000-8000-000400000001'
    AND stream = 1;

-- Readings 1 to 30 of each life: six at each of five moments, twelve with those of the other life, across midnight.
SELECT make_readings_partition(month) FROM (VALUES
    (date '2025-06-01'), (date '2025-07-01'), (now()::date), ((now() - interval '1 month')::date)) AS months (month);
INSERT INTO sensor_readings (organization_id, unit_id, device_id, recorded_at, received_at, stream_id, seq, at_ms,
    boottime_ms,
                             rule_ms, age_ms, point_n, boot, battery, signal_strength, battery_mv, trust, quality,
                             door,
                             is_estimated, temperature, humidity, source)
SELECT s.organization_id, '@o@-0000-7000-8000-000300000001', '@o@-0000-7000-8000-000500000001', moment,
       '2025-07-01T01:00:00Z', s.id, seq, 0, 0, 0, 0, p.n, 1, 87, -61, 2980, 2, 0, 1, false, -18.05 - seq / 100.0,
       61.25, 'ble'
FROM hub_streams s, points p, generate_series(1, 30) AS seq,
     LATERAL (SELECT timestamptz '2025-06-30T23:50:00Z' + (seq - 1) / 6 * interval '5 minutes' AS moment) AS moments
WHERE s.feed = '@o@-0000-7000-8000-000400000001' AND s.stream = 1 AND p.id = '@o@-0000-7000-8000-000600000001';
INSERT INTO sensor_readings (organization_id, unit_id, recorded_at, received_at, stream_id, seq, at_ms, boottime_ms,
    rule_ms,
                             age_ms, point_n, boot, trust, quality, is_estimated, temperature)
SELECT organization_id, '@o@-0000-7000-8000-000300000001', now() - n * interval '1 hour', now(), id, 30 + n, 0, 0,
    0, 0, 0, 1, 0, 1, true, 4.00
FROM hub_streams, generate_series(1, 3) AS n
WHERE feed = '@o@-0000-7000-8000-000400000001' AND stream = 1 AND epoch = '@o@-0000-4000-8000-000000000002';

INSERT INTO readings_quarantine (stream_id, seq, organization_id, reason, bytes, recorded_at_ms, received_at)
SELECT id, 100 + n, organization_id, CASE WHEN n <= 6 THEN 'out_of_range' ELSE 'unassigned' END, '\x0102',
    4291747200000,
       CASE n WHEN 10 THEN now() - interval '1 hour' ELSE timestamptz '2025-07-01T00:00:00Z' END
FROM hub_streams, generate_series(1, 10) AS n
WHERE feed = '@o@-0000-7000-8000-000400000001' AND stream = 1 AND epoch = '@o@-0000-4000-8000-000000000001';

-- Alerts 1 to 8, two at each moment, one status after the other.
INSERT INTO alerts (id, organization_id, unit_id, hub_id, alert_type, severity, status, message, trigger_temperature,
                    threshold_violated, triggered_at, acknowledged_at, acknowledged_by, condition, episode,
                    is_retro, metadata)
SELECT ('@o@-0000-7000-8000-00070000000' || n)::uuid, '@o@-0000-7000-8000-000000000000',
       CASE WHEN n <= 6 THEN '@o@-0000-7000-8000-000300000001' ELSE '@o@-0000-7000-8000-000300000002' END::uuid,
       '@o@-0000-7000-8000-000400000001', 'alarm_active', 'critical', (ARRAY['active', 'acknowledged', 'resolved',
       'escalated'])[(n - 1) % 4 + 1]::alert_status,
       '@name@ too warm', -1210, 'max', timestamptz '2025-07-01T00:00:00Z' + (n - 1) / 2 * interval '1 minute',
       CASE (n - 1) % 4 WHEN 1 THEN timestamptz '2025-07-01T00:10:00.250Z' END,
       CASE (n - 1) % 4 WHEN 1 THEN uuid '@o@-0000-7000-8000-000800000001' END, 'too_warm', '@name@ episode ' || n,
       false, '{"value_centi_c": -1210}'
FROM generate_series(1, 8) AS n;

INSERT INTO door_events (id, organization_id, unit_id, device_id, state, "timestamp", duration_seconds)
SELECT ('@o@-0000-7000-8000-000c0000000' || n)::uuid, '@o@-0000-7000-8000-000000000000',
    '@o@-0000-7000-8000-000300000001',
       '@o@-0000-7000-8000-000500000001', CASE n % 2 WHEN 1 THEN 'open' ELSE 'closed' END,
       timestamptz '2025-07-01T00:00:00Z' + n / 3 * interval '1 second', CASE n % 2 WHEN 0 THEN 40 END
FROM generate_series(1, 9) AS n;

INSERT INTO reading_metrics (organization_id, unit_id, granularity, period_start, period_end, temp_min, temp_max,
    temp_avg, temp_sum,
                             humidity_min, humidity_max, humidity_avg, humidity_sum, humidity_count, reading_count)
SELECT '@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000300000001', 'hourly',
       timestamptz '2025-06-30T00:00:00Z' + n * interval '1 hour',
       timestamptz '2025-06-30T01:00:00Z' + n * interval '1 hour',
       -18.20, -17.95, -18.07, -1084.20, 60.10, 61.00, 60.50, 3630.00, 60, 60
FROM generate_series(0, 29) AS n;

INSERT INTO unit_latest (unit_id, organization_id, status, status_at, last_reading_at, last_temperature,
    last_humidity, door, door_at,
                         live_status, live_temperature, live_at)
SELECT id, organization_id, CASE name WHEN '@name@ Freezer 2' THEN 'alarm_active' ELSE 'ok' END::unit_status,
    '2025-07-01T00:00:00.123Z',
       '2025-07-01T00:10:00Z', -1835, 6125, 'closed', '2025-07-01T00:05:00Z', 'excursion', -1790,
       '2025-07-01T00:20:00Z'
FROM units WHERE organization_id = '@o@-0000-7000-8000-000000000000' AND name <> '@name@ Freezer 3';
INSERT INTO unit_latest (unit_id, organization_id, door, door_at) VALUES
    ('@o@-0000-7000-8000-000300000003', '@o@-0000-7000-8000-000000000000', 'open', '2025-07-01T00:05:00Z');
INSERT INTO hub_live (hub_id, organization_id, epoch, counter, at, received_at, alarms, events_waiting,
    readings_waiting) VALUES
    ('@o@-0000-7000-8000-000400000001', '@o@-0000-7000-8000-000000000000', '@o@-0000-4000-8000-000000000002', 7,
     '2025-07-01T00:20:00Z', '2025-07-01T00:20:01Z', '[{"condition": "too_warm"}]', 3, 1200);

-- Entries 1 to 12: four of each of three types at one moment; the thirteenth is of now.
INSERT INTO event_logs (id, organization_id, actor_type, event_type, title, unit_id, hub_id, event_data, event_hash,
    previous_hash, recorded_at)
SELECT ('@o@-0000-7000-8000-000b000000' || lpad(n::text, 2, '0'))::uuid, '@o@-0000-7000-8000-000000000000', 'hub',
       (ARRAY['alert.raised', 'door.changed', 'hub.enrolled'])[n % 3 + 1], '@name@ entry ' || n,
       CASE n % 3 WHEN 2 THEN NULL ELSE uuid '@o@-0000-7000-8000-000300000001' END, '@o@-0000-7000-8000-000400000001',
       '{"of": "@name@"}', encode(sha256('@o@ event'), 'hex'), NULL,
       CASE n WHEN 13 THEN now() - interval '1 hour' ELSE timestamptz '2025-07-01T00:00:00Z' END
FROM generate_series(1, 13) AS n;

-- Somebody has read a thermometer by hand.
INSERT INTO manual_temperature_logs (organization_id, unit_id, profile_id, temperature, notes, recorded_at) VALUES
    ('@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000300000001', '@o@-0000-7000-8000-000800000001', -18.5,
     '@name@ log', '2025-07-01T00:00:00Z');

-- The first hub guards the units of its site; its first document is in force, its second is pending. An acknowledgement
-- of the first alert is under way, and it has shown itself once.
UPDATE hubs SET guards = ARRAY(SELECT ('@o@-0000-7000-8000-00030000000' || n)::uuid FROM generate_series(1, 4) AS n)
WHERE id = '@o@-0000-7000-8000-000400000001';
INSERT INTO alert_rules_history (organization_id, alert_rule_id, changed_by, change_type, new_values) VALUES
    ('@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000d00000001', '@o@-0000-7000-8000-000800000001', 'created',
     '{"of": "@name@"}');
INSERT INTO hub_configs (hub_id, organization_id, decided_version, applied_version, applied_at) VALUES
    ('@o@-0000-7000-8000-000400000001', '@o@-0000-7000-8000-000000000000', 1, 1, '2025-07-01T00:00:02Z');
INSERT INTO config_documents (hub_id, version, organization_id, bytes, signature, content_hash, made_at, made_by, changes,
                              state, decided_at)
SELECT '@o@-0000-7000-8000-000400000001', n, '@o@-0000-7000-8000-000000000000', '@name@ document',
       sha256('@o@ signed') || sha256('@o@ signed'), sha256('@o@ content'),
       timestamptz '2025-07-01T00:00:00Z' + (n - 1) * interval '1 hour', '@o@-0000-7000-8000-000800000001',
       jsonb_build_array('@name@ change ' || n), CASE n WHEN 1 THEN 'applied' ELSE 'pending' END,
       CASE n WHEN 1 THEN timestamptz '2025-07-01T00:00:02Z' END
FROM generate_series(1, 2) AS n;
INSERT INTO hub_commands (id, organization_id, hub_id, kind, alert_id, bytes, signature, state, outcome, asked_at, asked_by,
                          expires_at, decided_at)
VALUES
    ('@o@-0000-7000-8000-000e00000001', '@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000400000001', 'acknowledge',
     '@o@-0000-7000-8000-000700000001', '@name@ command', sha256('@o@ signed') || sha256('@o@ signed'), 'pending', NULL,
     '2025-07-01T00:02:00Z', '@o@-0000-7000-8000-000800000001', now() + interval '1 day', NULL),
    ('@o@-0000-7000-8000-000e00000002', '@o@-0000-7000-8000-000000000000', '@o@-0000-7000-8000-000400000001', 'identify',
     NULL, '@name@ command', sha256('@o@ signed') || sha256('@o@ signed'), 'done', '@name@ shows itself',
     '2025-07-01T00:01:00Z', NULL, '2025-07-01T00:11:00Z', '2025-07-01T00:01:01Z');
