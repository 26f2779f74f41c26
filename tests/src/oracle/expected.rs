//! Owns what must follow from a hub's journal: its chain, and every projection that the cloud keeps of it.
//! Takes the events and readings of the journal; gives lines in the form in which psql shows what is stored.
//! Must never share a line with the cloud's own projecting; only the arithmetic of the clock is shared.

use std::collections::BTreeMap;

use frostguard_shared::chain::{genesis, link};
use frostguard_shared::event::Event;
use frostguard_shared::ids::{EpochId, HubId};
use frostguard_shared::time::{Boot, RuleMs};
use frostguard_shared::timeline::{ClockFact, Timeline};
use serde_json::Value;

use super::journal::{Journal, ReadingRow};
use crate::error::SiteError;

const HOUR_MS: i64 = 3_600_000;
/// The streams as the database numbers them.
pub const READINGS: u8 = 1;
/// The stream of events.
pub const EVENTS: u8 = 2;

/// What a point measures, and where its frames come from.
#[derive(Clone, Debug, Default)]
pub struct PointOf {
    /// The radio address of its device.
    pub address: String,
    /// Its channel.
    pub channel: String,
    device: String,
    /// From which rule time on it measures which unit, in which role.
    stretches: Vec<(i64, String, String)>,
}

/// A reading where it belongs.
#[derive(Clone, Debug)]
struct Placed {
    reading: ReadingRow,
    unit: String,
    device: String,
    counts: bool,
    recorded: i64,
}

#[derive(Clone, Debug, Default)]
struct Alert {
    kind: String,
    severity: String,
    about: String,
    triggered: i64,
    quiet: Option<i64>,
    acknowledged: Option<i64>,
    by: String,
    until: Option<i64>,
    cleared: Option<i64>,
    resolved: Option<i64>,
    done_by: String,
    level: i64,
    escalated: Option<i64>,
}

impl Alert {
    fn status(&self) -> &'static str {
        match (self.resolved, self.until, self.level) {
            (Some(_), _, _) => "resolved",
            (None, Some(_), _) => "acknowledged",
            (None, None, 0) => "active",
            (None, None, _) => "escalated",
        }
    }
}

/// What must be stored.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The hash of each event, made anew.
    pub chain: Vec<String>,
    /// Cursors: `stream|branch|last|head`.
    pub cursors: Vec<String>,
    /// Alerts.
    pub alerts: Vec<String>,
    /// Door events.
    pub doors: Vec<String>,
    /// Logs by hand: `unit|person|temperature|note|taken`, sorted.
    pub by_hand: Vec<String>,
    /// Seals: `first|last|count|root|event|matched`.
    pub seals: Vec<String>,
    points: BTreeMap<String, PointOf>,
    placed: Vec<Placed>,
    statuses: BTreeMap<String, String>,
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value, key: &str) -> i64 {
    value[key].as_i64().unwrap_or_default()
}

fn shown(value: Option<i64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The hex of an id as it stands in events.
fn plain(id: &str) -> String {
    id.replace('-', "")
}

fn id_bytes(hex_id: &str) -> Result<[u8; 16], SiteError> {
    let bytes = hex::decode(hex_id).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| SiteError::Unexpected(format!("{hex_id} is no id")))
}

impl Expected {
    /// What follows from a journal.
    ///
    /// # Errors
    /// When an event in it is none.
    pub fn of(journal: &Journal) -> Result<Expected, SiteError> {
        let facts = journal.facts()?;
        let mut timeline = Timeline::default();
        let mut expected = Expected {
            chain: chain(journal)?,
            cursors: cursors(journal),
            alerts: Vec::new(),
            doors: Vec::new(),
            by_hand: Vec::new(),
            seals: Vec::new(),
            points: BTreeMap::new(),
            placed: Vec::new(),
            statuses: BTreeMap::new(),
        };
        let mut alerts = BTreeMap::new();
        let mut doors = Vec::new();
        for (row, fact) in journal.events.iter().zip(&facts) {
            let event = Event::from_bytes(&row.bytes)
                .map_err(|error| SiteError::Unexpected(format!("event {}: {error}", row.seq)))?;
            if let Some((boot, said)) = ClockFact::of_event(&event) {
                timeline.take(boot, said);
            }
            let boot = event.envelope.boot;
            let wall = |rule_ms: i64| timeline.recorded(boot, RuleMs(rule_ms), 0).at.0;
            take_alert(&mut alerts, fact, wall);
            expected.take(fact, &mut doors, wall, journal);
        }
        expected.alerts = alerts.iter().map(|(id, alert)| alert_line(id, alert)).collect();
        expected.doors = door_lines(doors);
        expected.by_hand.sort();
        expected.seals.sort_by_key(|line| line.split('|').next().and_then(|first| first.parse::<u64>().ok()));
        for reading in &journal.readings {
            let recorded =
                timeline.recorded(Boot(reading.boot), RuleMs(reading.rule_ms), reading.age_ms).at.0;
            let Some(point) = expected.points.get(&reading.point) else { continue };
            let stretch = point.stretches.iter().rfind(|(from, _, _)| *from <= reading.rule_ms);
            let Some((_, unit, role)) = stretch else { continue };
            let counts = reading.quality == 0 && (role == "air" || role == "product");
            let (unit, device) = (unit.clone(), point.device.clone());
            expected.placed.push(Placed { reading: reading.clone(), unit, device, counts, recorded });
        }
        Ok(expected)
    }

    /// The points, by their id in hex.
    pub fn points(&self) -> impl Iterator<Item = (&String, &PointOf)> {
        self.points.iter()
    }

    fn take(&mut self, fact: &Value, doors: &mut Vec<Door>, wall: impl Fn(i64) -> i64, journal: &Journal) {
        let data = &fact["data"];
        match fact["type"].as_str().unwrap_or_default() {
            "device.assigned/1" => {
                let point = self.points.entry(plain(&text(fact, "point"))).or_default();
                point.address = text(data, "address");
                point.channel = text(data, "channel");
                point.device = text(fact, "device");
                point.stretches.push((number(fact, "rule_ms"), text(fact, "unit"), text(data, "role")));
            }
            "door.changed/1" => doors.push(Door {
                at: wall(number(fact, "rule_ms")),
                unit: text(fact, "unit"),
                device: text(fact, "device"),
                state: text(data, "door"),
            }),
            "manual_log.recorded/1" => {
                let read = data["temperature_centi_c"].as_i64();
                let (unit, person) = (text(fact, "unit"), text(&fact["actor"], "id"));
                let (note, taken) = (text(data, "note"), wall(number(data, "taken_ms")));
                self.by_hand.push(format!("{unit}|{person}|{}|{note}|{taken}", shown(read)));
            }
            "unit.transition/1" => {
                self.statuses.insert(text(fact, "unit"), text(data, "status"));
            }
            "readings.sealed/1" => {
                let last = number(data, "last");
                let here = journal.readings.last().is_some_and(|reading| reading.seq as i64 >= last);
                self.seals.push(format!(
                    "{}|{last}|{}|{}|{}|{}",
                    number(data, "first"),
                    number(data, "count"),
                    text(data, "root"),
                    number(fact, "seq"),
                    if here { "t" } else { "" }
                ));
            }
            _ => {}
        }
    }

    fn kept<'e>(&'e self, set_aside: &'e [u64]) -> impl Iterator<Item = &'e Placed> {
        self.placed.iter().filter(|placed| set_aside.binary_search(&placed.reading.seq).is_err())
    }

    /// Readings of the table: `seq|unit|device|recorded`.
    pub fn places(&self, set_aside: &[u64]) -> Vec<String> {
        let line = |p: &Placed| format!("{}|{}|{}|{}", p.reading.seq, p.unit, p.device, p.recorded);
        self.kept(set_aside).map(line).collect()
    }

    /// Hours: `unit|start|min|max|sum|count|humidity min|max|sum|count`.
    pub fn hours(&self, set_aside: &[u64]) -> Vec<String> {
        let mut hours: BTreeMap<(&str, i64), HourValues> = BTreeMap::new();
        for placed in self.kept(set_aside).filter(|placed| placed.counts) {
            let start = placed.recorded.div_euclid(HOUR_MS) * HOUR_MS;
            let hour = hours.entry((&placed.unit, start)).or_default();
            hour.temperatures.push(placed.reading.temperature);
            hour.humidities.extend(placed.reading.humidity);
        }
        let spread = |values: &[i64]| {
            let sum = values.first().map(|_| values.iter().sum::<i64>());
            let (least, most) = (values.iter().min().copied(), values.iter().max().copied());
            format!("{}|{}|{}|{}", shown(least), shown(most), shown(sum), values.len())
        };
        let mut lines = Vec::new();
        for ((unit, start), hour) in &hours {
            lines.push(format!("{unit}|{start}|{}|{}", spread(&hour.temperatures), spread(&hour.humidities)));
        }
        lines
    }

    /// The latest of each unit: `unit|status|at|temperature|humidity`.
    pub fn latest(&self, set_aside: &[u64]) -> Vec<String> {
        let mut latest: BTreeMap<&str, &Placed> = BTreeMap::new();
        for placed in self.kept(set_aside).filter(|placed| placed.counts) {
            let known = latest.entry(&placed.unit).or_insert(placed);
            if placed.recorded >= known.recorded {
                *known = placed;
            }
        }
        let units = latest.keys().copied().chain(self.statuses.keys().map(String::as_str));
        let units: std::collections::BTreeSet<&str> = units.collect();
        let line = |unit: &str| {
            let status = self.statuses.get(unit).map_or("ok", String::as_str);
            let last = latest.get(unit);
            format!(
                "{unit}|{status}|{}|{}|{}",
                shown(last.map(|placed| placed.recorded)),
                shown(last.map(|placed| placed.reading.temperature)),
                shown(last.and_then(|placed| placed.reading.humidity)),
            )
        };
        units.into_iter().map(line).collect()
    }
}

/// What an hour of a unit is made of.
#[derive(Default)]
struct HourValues {
    temperatures: Vec<i64>,
    humidities: Vec<i64>,
}

fn chain(journal: &Journal) -> Result<Vec<String>, SiteError> {
    let (hub, epoch) = (id_bytes(&journal.hub)?, id_bytes(&journal.epoch)?);
    let mut head = genesis(HubId::from_bytes(hub), EpochId::from_bytes(epoch));
    let mut hashes = Vec::with_capacity(journal.events.len());
    for row in &journal.events {
        head = link(head, &row.bytes);
        hashes.push(hex::encode(head.0));
    }
    Ok(hashes)
}

fn cursors(journal: &Journal) -> Vec<String> {
    let mut cursors = Vec::new();
    if let Some(last) = journal.readings.last() {
        cursors.push(format!("{READINGS}|0|{}|", last.seq));
    }
    if let Some(last) = journal.events.last() {
        cursors.push(format!("{EVENTS}|0|{}|{}", last.seq, last.hash));
    }
    cursors
}

/// An alert is done when its condition has ended and somebody has acknowledged it, or said to be done with it.
fn take_alert(alerts: &mut BTreeMap<String, Alert>, fact: &Value, wall: impl Fn(i64) -> i64) {
    let id = text(fact, "alert");
    let data = &fact["data"];
    let since = wall(number(data, "since_ms"));
    let at = wall(number(fact, "rule_ms"));
    let kind = fact["type"].as_str().unwrap_or_default();
    if kind == "alert.raised/1" {
        let unit = text(data, "episode").split('/').next().unwrap_or_default().to_owned();
        let retro = if data["retro"] == true { "t" } else { "f" };
        let kind = format!("{unit}|{}", text(data, "alert_type"));
        let about = format!("{}|{}|{retro}", text(data, "condition"), text(data, "episode"));
        let severity = text(data, "severity");
        alerts.insert(id, Alert { kind, severity, about, triggered: since, ..Alert::default() });
        return;
    }
    let Some(alert) = alerts.get_mut(&id) else { return };
    match kind {
        "alert.quieted/1" => alert.quiet = Some(wall(number(data, "until_ms"))),
        "alert.acknowledged/1" => {
            alert.acknowledged = Some(at);
            alert.until = Some(wall(number(data, "until_ms")));
            alert.by = text(&fact["actor"], "id");
            alert.resolved = alert.cleared.map(|_| alert.resolved.unwrap_or(at));
        }
        "alert.ack_expired/1" => alert.until = None,
        "alert.upgraded/1" => {
            alert.severity = text(data, "severity");
            // What lasted for as long as anything may hold it back is everybody's again.
            if text(&data["why"]["basis"], "field") == "max_excursion_minutes" {
                (alert.until, alert.quiet) = (None, None);
            }
        }
        "alert.escalated/1" => (alert.level, alert.escalated) = (number(data, "level"), Some(since)),
        "alert.resolved/1" => (alert.resolved, alert.done_by) = (Some(at), text(&fact["actor"], "id")),
        "alert.cleared/1" => {
            alert.cleared = Some(since);
            alert.resolved = alert.acknowledged.map(|_| since);
        }
        "alert.relapsed/1" => {
            (alert.cleared, alert.resolved) = (None, None);
            alert.done_by.clear();
        }
        _ => {}
    }
}

fn alert_line(id: &str, alert: &Alert) -> String {
    format!(
        "{id}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
        alert.kind,
        alert.severity,
        alert.about,
        alert.status(),
        alert.triggered,
        shown(alert.quiet),
        shown(alert.acknowledged),
        alert.by,
        shown(alert.until),
        shown(alert.cleared),
        shown(alert.resolved),
        alert.done_by,
        alert.level,
        shown(alert.escalated)
    )
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Door {
    at: i64,
    unit: String,
    device: String,
    state: String,
}

/// Each with the time since the door's event before, in whole seconds as Postgres rounds a numeric.
fn door_lines(doors: Vec<Door>) -> Vec<String> {
    let mut last: BTreeMap<(String, String), i64> = BTreeMap::new();
    let mut sorted = Vec::new();
    for door in doors {
        let before = last.insert((door.unit.clone(), door.device.clone()), door.at);
        let lasted = before.map(|before| (door.at - before + 500).div_euclid(1_000));
        sorted.push((door, lasted));
    }
    sorted.sort();
    let line = |(door, lasted): (Door, Option<i64>)| {
        format!("{}|{}|{}|{}|{}", door.unit, door.device, door.state, door.at, shown(lasted))
    };
    sorted.into_iter().map(line).collect()
}
