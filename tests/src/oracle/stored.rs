//! Owns what the cloud's database holds of a hub's record, as psql shows it.
//! Takes a database and whose record; gives lines in the same form as what is expected.
//! Must never leave a row out: what is there twice is two lines.

use frostguard_shared::quantity::{BasisPointsRh, BatteryPercent, Dbm, Millivolts};
use frostguard_shared::reading::{Door, Reading};

use super::journal::Journal;
use crate::cloud::database::Database;
use crate::error::SiteError;

/// What is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Events: `seq|hash|bytes`.
    pub events: Vec<String>,
    /// Readings of the table and of the quarantine, as in the journal.
    pub readings: Vec<String>,
    /// Numbers in quarantine.
    pub set_aside: Vec<String>,
    /// Readings of the table: `seq|unit|device|recorded`.
    pub places: Vec<String>,
    /// Cursors: `stream|branch|last|head`.
    pub cursors: Vec<String>,
    /// Alerts.
    pub alerts: Vec<String>,
    /// Door events.
    pub doors: Vec<String>,
    /// Logs by hand, sorted.
    pub by_hand: Vec<String>,
    /// Hours.
    pub hours: Vec<String>,
    /// The latest of each unit.
    pub latest: Vec<String>,
    /// Seals: `first|last|count|root|event|matched`.
    pub seals: Vec<String>,
}

const READINGS: &str =
    "SELECT r.seq, replace(p.id::text, '-', ''), r.boot, r.at_ms, r.boottime_ms, r.rule_ms, r.age_ms,
    r.trust, (r.temperature * 100)::integer, r.quality, (r.humidity * 100)::integer, r.battery, r.battery_mv,
    r.signal_strength, r.door
    FROM sensor_readings r JOIN hub_streams s ON s.id = r.stream_id LEFT JOIN points p ON p.n = r.point_n";
const PLACES: &str =
    "SELECT r.seq, r.unit_id, r.device_id, (extract(epoch FROM r.recorded_at) * 1000)::bigint
    FROM sensor_readings r JOIN hub_streams s ON s.id = r.stream_id";
const ALERTS: &str = "SELECT a.id, a.unit_id, a.alert_type, a.severity, a.condition, a.episode, a.is_retro, a.status,
    (extract(epoch FROM a.triggered_at) * 1000)::bigint, (extract(epoch FROM a.quiet_until) * 1000)::bigint,
    (extract(epoch FROM a.acknowledged_at) * 1000)::bigint, a.acknowledged_by,
    (extract(epoch FROM a.acknowledged_until) * 1000)::bigint, (extract(epoch FROM a.cleared_at) * 1000)::bigint,
    (extract(epoch FROM a.resolved_at) * 1000)::bigint, a.resolved_by, a.escalation_level,
    (extract(epoch FROM a.escalated_at) * 1000)::bigint
    FROM alerts a";
const BY_HAND: &str = "SELECT m.unit_id, m.profile_id, (m.temperature * 100)::bigint, m.notes,
    (extract(epoch FROM m.recorded_at) * 1000)::bigint FROM manual_temperature_logs m";
const DOORS: &str =
    "SELECT d.unit_id, d.device_id, d.state, (extract(epoch FROM d.timestamp) * 1000)::bigint,
    d.duration_seconds FROM door_events d";
const HOURS: &str =
    "SELECT m.unit_id, (extract(epoch FROM m.period_start) * 1000)::bigint, (m.temp_min * 100)::bigint,
    (m.temp_max * 100)::bigint, (m.temp_sum * 100)::bigint, m.reading_count, (m.humidity_min * 100)::bigint,
    (m.humidity_max * 100)::bigint, (m.humidity_sum * 100)::bigint, m.humidity_count
    FROM reading_metrics m";
const LATEST: &str = "SELECT l.unit_id, l.status, (extract(epoch FROM l.last_reading_at) * 1000)::bigint,
    l.last_temperature, l.last_humidity FROM unit_latest l";
const SEALS: &str = "SELECT e.first_seq, e.last_seq, e.count, encode(e.root, 'hex'), e.event_seq, e.matched
    FROM reading_seals e JOIN hub_streams s ON s.id = e.stream_id";

impl Stored {
    /// Reads everything of a hub's epoch. Projections are all of its organization's, which has one hub.
    ///
    /// # Errors
    /// When psql refuses, or a row in quarantine is no reading.
    pub fn read(database: &Database, journal: &Journal) -> Result<Stored, SiteError> {
        let own = format!("s.feed = '{}' AND s.epoch = '{}'", journal.hub, journal.epoch);
        let of = |table: &str| {
            format!(
                "{table}.organization_id = (SELECT organization_id FROM hubs WHERE id = '{}')",
                journal.hub
            )
        };
        let lines =
            |sql: String| Ok::<_, SiteError>(database.psql(&sql)?.lines().map(str::to_owned).collect());
        let aside: Vec<String> = lines(format!(
            "SELECT q.seq, encode(q.bytes, 'hex') FROM readings_quarantine q JOIN hub_streams s ON s.id = q.stream_id
             WHERE {own} ORDER BY q.seq"
        ))?;
        let mut readings: Vec<String> = lines(format!("{READINGS} WHERE {own}"))?;
        let mut set_aside = Vec::new();
        for row in &aside {
            let (seq, bytes) = row.split_once('|').unwrap_or((row, ""));
            set_aside.push(seq.to_owned());
            readings.push(quarantined(bytes)?);
        }
        readings.sort_by_key(|line| number(line));
        let mut by_hand: Vec<String> = lines(format!("{BY_HAND} WHERE {}", of("m")))?;
        by_hand.sort();
        Ok(Stored {
            by_hand,
            events: lines(format!(
                "SELECT e.seq, encode(e.hash, 'hex'), encode(e.bytes, 'hex') FROM hub_events e
                 JOIN hub_streams s ON s.id = e.stream_id WHERE {own} ORDER BY e.seq, s.branch"
            ))?,
            readings,
            set_aside,
            places: lines(format!("{PLACES} WHERE {own} ORDER BY r.seq"))?,
            cursors: lines(format!(
                "SELECT s.stream, s.branch, s.last_seq, encode(s.head, 'hex') FROM hub_streams s
                 WHERE {own} ORDER BY s.stream, s.branch"
            ))?,
            alerts: lines(format!("{ALERTS} WHERE {} ORDER BY a.id", of("a")))?,
            doors: lines(format!(
                "{DOORS} WHERE {} ORDER BY d.timestamp, d.unit_id, d.device_id, d.state",
                of("d")
            ))?,
            hours: lines(format!("{HOURS} WHERE {} ORDER BY 1, 2", of("m")))?,
            latest: lines(format!("{LATEST} WHERE {} ORDER BY 1", of("l")))?,
            seals: lines(format!("{SEALS} WHERE {own} ORDER BY 1"))?,
        })
    }
}

fn number(line: &str) -> u64 {
    line.split('|').next().and_then(|seq| seq.parse().ok()).unwrap_or(0)
}

/// The line of a reading in quarantine, from its bytes.
fn quarantined(bytes: &str) -> Result<String, SiteError> {
    let odd = || SiteError::Unexpected(format!("in quarantine: {bytes}"));
    let bytes = hex::decode(bytes).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(odd)?;
    let reading = Reading::from_bytes(&bytes).map_err(|_| odd())?;
    let or_none = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
    let columns = [
        reading.seq.to_string(),
        hex::encode(reading.point.as_bytes()),
        reading.boot.0.to_string(),
        reading.at.0.to_string(),
        reading.boottime.0.to_string(),
        reading.rule.0.to_string(),
        reading.age_ms.to_string(),
        reading.trust.code().to_string(),
        reading.temperature.hundredths().to_string(),
        reading.quality.code().to_string(),
        or_none(reading.humidity.map(BasisPointsRh::basis_points).map(i64::from)),
        or_none(reading.battery_percent.map(BatteryPercent::percent).map(i64::from)),
        or_none(reading.battery.map(Millivolts::millivolts).map(i64::from)),
        or_none(reading.signal.map(Dbm::dbm).map(i64::from)),
        or_none(reading.door.map(|door| i64::from(door == Door::Open))),
    ];
    Ok(columns.join("|"))
}
