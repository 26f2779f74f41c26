//! Rendering: from a view to HTML and JSON. Pure.

use super::day::{Day, REACH};
use super::{chart, configuration};
use crate::annunciators::mqtt::rfc3339;
use crate::desired::RulesFrom;
use crate::site::Site;
use crate::sync::shown::{CloudState, CloudView, Progress};
use crate::watch::{AlarmView, PointView, UnitView, View};
use askama::Template;
use frostguard_shared::alarm::{Condition, Severity, Sounding};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::reading::Door;
use frostguard_shared::rules::UnitStatus;
use frostguard_shared::time::{Trust, WallMs};
use serde_json::{Value, json};

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'a> {
    site: &'a str,
    now: String,
}

#[derive(Template)]
#[template(path = "now.html")]
struct Now<'a> {
    site: &'a str,
    clock: String,
    is_live: bool,
    unsynchronised: bool,
    storage_fault: Option<&'a str>,
    faults: Vec<String>,
    alarms: Vec<Alarm>,
    units: Vec<Unit<'a>>,
    cloud: String,
    configuration: String,
}

pub(super) struct Unit<'a> {
    pub(super) name: &'a str,
    pub(super) link: String,
    pub(super) status: &'static str,
    pub(super) class: &'static str,
    pub(super) notes: Vec<String>,
    pub(super) silenced: Option<String>,
    pub(super) limits: String,
    pub(super) points: Vec<Point<'a>>,
    pub(super) chart: Option<Chart>,
}

pub(super) struct Chart {
    bands: Vec<String>,
    upper: Option<i64>,
    lower: Option<i64>,
    below: i64,
    first: String,
    lowest: String,
    highest: String,
    told: String,
}

pub(super) struct Point<'a> {
    pub(super) role: &'static str,
    pub(super) device: &'a str,
    pub(super) value: String,
    pub(super) when: String,
    pub(super) note: String,
}

struct Alarm {
    link: String,
    unit: String,
    what: &'static str,
    class: &'static str,
    state: &'static str,
    since: String,
    now: String,
    can_be_quieted: bool,
    is_over: bool,
}

#[derive(Template)]
#[template(path = "alarm.html")]
struct AlarmPage<'a> {
    site: &'a str,
    alarm: Alarm,
    people: Vec<(&'a str, &'a str)>,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    site: &'a str,
    text: &'a str,
}

/// The overview around what [`now`] gives.
pub fn overview(site: &Site, now: String) -> Result<String, askama::Error> {
    Overview { site: &site.name, now }.render()
}

/// What the overview shows of this moment.
pub fn now(
    view: &View,
    cloud: &CloudView,
    is_live: bool,
    site: &Site,
    day: &Day,
) -> Result<String, askama::Error> {
    let sources = view
        .sources
        .iter()
        .filter_map(|(name, fault)| fault.as_ref().map(|fault| format!("{name} does not work: {fault}")));
    let outputs = view.outputs.iter().filter_map(|(name, fault)| {
        fault.as_ref().map(|fault| format!("Output “{name}” does not work: {fault}"))
    });
    Now {
        site: &site.name,
        clock: clock(view.at, site),
        is_live,
        unsynchronised: view.trust == Trust::Untrusted,
        storage_fault: view.storage_fault.as_deref(),
        faults: sources.chain(outputs).collect(),
        alarms: view.alarms.iter().map(|alarm| alarm_shown(alarm, site)).collect(),
        units: view
            .units
            .iter()
            .map(|unit| unit_shown(unit, site, chart_shown(unit, view, site, day)))
            .collect(),
        cloud: cloud_shown(cloud, site),
        configuration: configuration::card(view, site)?,
    }
    .render()
}

/// One alarm, with the forms that act on it.
pub fn alarm(view: &AlarmView, site: &Site, error: Option<&str>) -> Result<String, askama::Error> {
    let people = site.people.iter().map(|person| (person.key.as_str(), person.name.as_str())).collect();
    AlarmPage { site: &site.name, alarm: alarm_shown(view, site), people, error }.render()
}

/// A page that says one thing.
pub fn message(text: &str, site: &Site) -> Result<String, askama::Error> {
    Message { site: &site.name, text }.render()
}

fn clock(at: WallMs, site: &Site) -> String {
    local(at, site, "%H:%M")
}

pub(super) fn local(at: WallMs, site: &Site, format: &str) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.to_zoned(site.zone.clone()).strftime(format).to_string()
}

pub(super) fn celsius(value: CentiCelsius) -> String {
    // A tenth is what a person reads across a kitchen; the record keeps the hundredths.
    let tenths = (value.hundredths().abs() + 5) / 10;
    let sign = if value.hundredths() < 0 && tenths > 0 { "−" } else { "" };
    format!("{sign}{}.{} °C", tenths / 10, tenths % 10)
}

fn chart_shown(unit: &UnitView, view: &View, site: &Site, day: &Day) -> Option<Chart> {
    let drawn = chart::of(unit, day, view.rule)?;
    let (lowest, highest) = (celsius(drawn.lowest), celsius(drawn.highest));
    let gaps = match drawn.bands.len() {
        1 => "without a gap".to_owned(),
        stretches => format!("in {stretches} stretches with gaps between"),
    };
    Some(Chart {
        told: format!("The last 24 hours: {lowest} to {highest}, {gaps}"),
        first: local(WallMs(view.at.0 - REACH.0), site, "%a %H:%M"),
        bands: drawn.bands,
        upper: drawn.upper,
        lower: drawn.lower,
        below: drawn.below,
        lowest,
        highest,
    })
}

pub(super) fn unit_shown<'a>(unit: &'a UnitView, site: &Site, chart: Option<Chart>) -> Unit<'a> {
    let (status, class) = match unit.status {
        UnitStatus::Ok | UnitStatus::MonitoringInterrupted
            if unit.conditions.contains(&Condition::Unguarded) =>
        {
            ("No limits set", "warn")
        }
        UnitStatus::Ok if unit.limits == (None, None) => ("No limits", "warn"),
        UnitStatus::Ok if !unit.conditions.is_empty() => ("Look at it", "warn"),
        UnitStatus::Ok => ("OK", "ok"),
        UnitStatus::Excursion => ("Out of range", "warn"),
        UnitStatus::AlarmActive => ("Alarm", "alarm"),
        UnitStatus::MonitoringInterrupted => ("No data", "alarm"),
        UnitStatus::ManualRequired => ("Manual check due", "warn"),
        UnitStatus::Restoring => ("Recovering", "warn"),
        UnitStatus::Offline => ("Sensor late", "warn"),
    };
    let limits = match unit.limits {
        (Some(min), Some(max)) => format!("{} to {}", celsius(min), celsius(max)),
        (None, Some(max)) => format!("at most {}", celsius(max)),
        (Some(min), None) => format!("at least {}", celsius(min)),
        (None, None) => "none".into(),
    };
    let mut notes: Vec<String> =
        unit.conditions.iter().map(|condition| capital(in_words(*condition))).collect();
    if let Some(left) = unit.mask_left {
        notes.push(match left.0 {
            0 => "The open door excuses warm air no more today".into(),
            _ => format!("The open door excuses warm air for {left} more today"),
        });
    }
    let silenced = unit.shelved_until.map(|until| format!("Silenced until {}", local(until, site, "%H:%M")));
    let limits = match unit.rules_from {
        RulesFrom::Site => limits,
        RulesFrom::Cloud(_) => format!("{limits} (from the cloud)"),
    };
    Unit {
        name: &unit.name,
        link: format!("/units/{}", unit.key),
        status,
        class,
        notes,
        silenced,
        limits,
        points: unit.points.iter().map(|point| point_shown(point, site)).collect(),
        chart,
    }
}

fn point_shown<'a>(point: &'a PointView, site: &Site) -> Point<'a> {
    let (value, when) = match (point.last, point.door) {
        (Some((at, value)), _) => (celsius(value), local(at, site, "%H:%M:%S")),
        (None, Some(Door::Open)) => ("Open".into(), String::new()),
        (None, Some(Door::Closed)) => ("Closed".into(), String::new()),
        (None, None) => ("–".into(), "not heard yet".into()),
    };
    let note = match (point.heard, point.instrument) {
        ("lost", _) => "silent",
        ("late", _) => "late",
        (_, "fault") => "sensor fault",
        (_, "suspect") => "value doubtful",
        _ => "",
    };
    Point { role: point.role.word(), device: &point.device, value, when, note: note.into() }
}

fn alarm_shown(view: &AlarmView, site: &Site) -> Alarm {
    let alarm = &view.alarm;
    let (state, class) = match (alarm.sounding, alarm.severity) {
        (Sounding::Sounding, Severity::Critical) if view.level > 0 => ("Act now: nobody has", "alarm"),
        (Sounding::Sounding, Severity::Critical) => ("Act now", "alarm"),
        (Sounding::Sounding, Severity::Warning | Severity::Info) => ("Look at it", "warn"),
        (Sounding::Quiet, _) => ("Quiet for a while", "warn"),
        (Sounding::Acknowledged, _) => ("Someone is on it", "held"),
        (Sounding::Cleared, _) => ("Over, not acknowledged", "ok"),
    };
    Alarm {
        link: format!("/alarms/{}", alarm.alert),
        unit: alarm.unit_name.clone(),
        what: in_words(alarm.condition),
        class,
        state,
        since: local(alarm.since, site, "%H:%M"),
        now: view.now.map_or_else(|| "unknown".into(), celsius),
        can_be_quieted: view.can_be_quieted,
        is_over: alarm.sounding == Sounding::Cleared,
    }
}

/// What is wrong, in words that follow the name of a unit.
const fn in_words(condition: Condition) -> &'static str {
    match condition {
        Condition::TooWarm => "too warm",
        Condition::TooCold => "too cold",
        Condition::Silent => "sensor silent",
        Condition::SensorFault => "sensor fault",
        Condition::DoorOpen => "door open",
        Condition::LowBattery => "battery low",
        Condition::ManualMissed => "log due",
        Condition::CalibrationDue => "calibration due",
        Condition::Unguarded => "no limits",
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The cloud in one line.
fn cloud_shown(cloud: &CloudView, site: &Site) -> String {
    let name = cloud.name.as_deref().unwrap_or("the cloud");
    let waiting = match cloud.waiting() {
        0 => "nothing waits".to_owned(),
        1 => "1 record waits".to_owned(),
        count => format!("{count} records wait"),
    };
    let error = cloud.error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
    match cloud.state {
        CloudState::NotEnrolled => format!("not connected to a cloud{error}"),
        CloudState::Connecting => format!("connecting to {name}; {waiting}{error}"),
        CloudState::Live => format!("{name} holds the record; {waiting}{error}"),
        CloudState::Draining => {
            let progress = cloud.progress.map(|progress| {
                let Progress { percent, per_second, seconds_left } = progress;
                format!(": {percent} % sent, {per_second} a second, {seconds_left} s left")
            });
            format!("sending to {name}; {waiting}{}{error}", progress.unwrap_or_default())
        }
        CloudState::Waiting => {
            let until =
                cloud.until.map(|until| format!("trying again at {}; ", local(until, site, "%H:%M:%S")));
            let since = local(cloud.since, site, "%H:%M");
            format!("{name} not reached since {since}; {}{waiting}{error}", until.unwrap_or_default())
        }
    }
}

fn cloud_status(cloud: &CloudView) -> Value {
    json!({
        "state": cloud.state,
        "url": cloud.url,
        "name": cloud.name,
        "events": cloud.events,
        "readings": cloud.readings,
        "waiting": cloud.waiting(),
        "since": rfc3339(cloud.since),
        "until": cloud.until.map(rfc3339),
        "error": cloud.error,
        "progress": cloud.progress,
    })
}

/// The same for machines.
pub fn status(view: &View, cloud: &CloudView, is_live: bool) -> Value {
    let units: Vec<Value> = view
        .units
        .iter()
        .map(|unit| {
            let points: Vec<Value> = unit.points.iter().map(point_status).collect();
            json!({
                "key": unit.key,
                "name": unit.name,
                "type": unit.kind,
                "status": unit.status.word(),
                "conditions": unit.conditions.iter().map(|condition| condition.word()).collect::<Vec<_>>(),
                "shelved_until": unit.shelved_until.map(rfc3339),
                "mask_left_seconds": unit.mask_left.map(|left| left.0 / 1_000),
                "has_limits": unit.limits != (None, None),
                "limits": configuration::limits(unit),
                "points": points,
            })
        })
        .collect();
    // What is over is shown on the page until someone acknowledges it, but it is no alarm any more.
    let (cleared, alarms): (Vec<_>, Vec<_>) =
        view.alarms.iter().partition(|view| view.alarm.sounding == Sounding::Cleared);
    json!({
        "hub": view.hub,
        "at": rfc3339(view.at),
        "clock": view.trust.word(),
        "rules_live": is_live,
        "units": units,
        "alarms": alarms.into_iter().map(alarm_status).collect::<Vec<_>>(),
        "cleared": cleared.into_iter().map(alarm_status).collect::<Vec<_>>(),
        "sources": view.sources.iter().map(|(name, fault)| ((*name).to_owned(), fault_status(fault))).collect::<serde_json::Map<_, _>>(),
        "outputs": view.outputs.iter().map(|(name, fault)| (name.clone(), fault_status(fault))).collect::<serde_json::Map<_, _>>(),
        "storage": fault_status(&view.storage_fault),
        "counters": view.counters,
        "cloud": cloud_status(cloud),
        "configuration": configuration::status(view),
    })
}

fn fault_status(fault: &Option<String>) -> Value {
    match fault {
        Some(fault) => json!({ "works": false, "fault": fault }),
        None => json!({ "works": true }),
    }
}

fn point_status(point: &PointView) -> Value {
    json!({
        "device": point.device,
        "channel": point.channel.to_string(),
        "role": point.role.word(),
        "temperature_c": point.last.map(|(_, value)| value.to_string()),
        "measured_at": point.last.map(|(at, _)| rfc3339(at)),
        "door": point.door.map(|door| if door == Door::Open { "open" } else { "closed" }),
        "heard": point.heard,
        "instrument": point.instrument,
        "rssi_dbm": point.signal.map(|signal| signal.dbm()),
        "last_heard_at": point.last_heard.map(rfc3339),
    })
}

fn alarm_status(view: &AlarmView) -> Value {
    let alarm = &view.alarm;
    json!({
        "alert": alarm.alert,
        "unit": alarm.unit_key,
        "unit_name": alarm.unit_name,
        "kind": alarm.condition.word(),
        "severity": alarm.severity.word(),
        "state": alarm.sounding.word(),
        "level": view.level,
        "since": rfc3339(alarm.since),
        "temperature_c": view.now.map(|value| value.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_is_shown_to_the_tenth_and_never_as_minus_zero() {
        for (hundredths, shown) in
            [(-1842, "−18.4 °C"), (-1845, "−18.5 °C"), (-4, "0.0 °C"), (5, "0.1 °C"), (425, "4.3 °C")]
        {
            assert_eq!(celsius(CentiCelsius::literal(hundredths)), shown);
        }
    }
}
