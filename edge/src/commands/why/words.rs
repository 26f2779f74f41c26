//! The words of `frostguard-edge why`: what is known of a unit, for people and for machines. Pure.

use super::Known;
use crate::annunciators::mqtt::rfc3339;
use frostguard_shared::alarm::Condition;
use frostguard_shared::event::{Event, Fact};
use frostguard_shared::ids::PointId;
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::rules::field::{RuleField, Slot};
use frostguard_shared::rules::{
    Acknowledgement, Alert, AlertStatus, Basis, EpisodeKey, Held, Progress, Provenance, RegionNow,
    UnitStatus, Why,
};
use frostguard_shared::time::{DurationMs, RuleMs};
use serde_json::{Value, json};
use std::fmt::Write;

/// What a status means.
const fn meaning(status: UnitStatus) -> &'static str {
    match status {
        UnitStatus::Ok => "all is well",
        UnitStatus::Excursion => "out of range, not yet for long enough to be an alarm",
        UnitStatus::AlarmActive => "out of range for long enough",
        UnitStatus::MonitoringInterrupted => "nothing that could be believed guards it now",
        UnitStatus::ManualRequired => "somebody has to log a temperature by hand",
        UnitStatus::Restoring => "back in range or heard again, not yet for long enough",
        UnitStatus::Offline => "a sensor is late, silent or doubtful",
    }
}

/// The value of a field for people: a name says by its end what is counted.
fn value(basis: &Basis) -> String {
    let (field, value) = (basis.field.as_str(), basis.value);
    let is_length = ["_minutes", "_seconds", "_hours", "_days", "_minutes_per_day"];
    if field.ends_with("_c") || field == "temp_max" || field == "temp_min" {
        celsius(value)
    } else if field.ends_with("_door_open")
        || field.ends_with("_door_closed")
        || is_length.iter().any(|end| field.ends_with(end))
    {
        length(DurationMs(value))
    } else if field.ends_with("_percent") {
        format!("{value} %")
    } else if field == RuleField::Multiplier.word() {
        format!("{}.{:02}", value / 100, value % 100)
    } else {
        value.to_string()
    }
}

/// A length to the second.
fn length(of: DurationMs) -> String {
    let seconds = of.0.saturating_add(500).div_euclid(1_000);
    match (seconds, seconds / 60, seconds % 60) {
        (0..=119, _, _) => format!("{seconds} s"),
        (120..=7_199, minutes, 0) => format!("{minutes} min"),
        (120..=7_199, minutes, rest) => format!("{minutes} min {rest} s"),
        (_, minutes, _) => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

fn celsius(hundredths: i64) -> String {
    let known = i32::try_from(hundredths).ok().and_then(|value| CentiCelsius::new(value).ok());
    known.map_or_else(|| format!("{hundredths} hundredths of a degree"), |value| format!("{value} °C"))
}

fn set_at(provenance: Provenance) -> String {
    match provenance {
        Provenance::System => "nobody has set it, so the system's default".into(),
        Provenance::Template => "by the template of its type".into(),
        other => format!("set at the {}", other.word()),
    }
}

fn field(basis: &Basis) -> String {
    format!("{} = {}, {}", basis.field, value(basis), set_at(basis.provenance))
}

/// The figures of a reason: the last word of a name says what is counted.
fn figures(why: &Why) -> String {
    let each = why.figures.iter().map(|(name, figure)| {
        if let Some(name) = name.strip_suffix("_ms") {
            format!("{} {}", name.replace('_', " "), length(DurationMs(*figure)))
        } else if let Some(name) = name.strip_suffix("_centi_c") {
            format!("{} {}", name.replace('_', " "), celsius(*figure))
        } else {
            format!("{} {figure}", name.replace('_', " "))
        }
    });
    each.collect::<Vec<_>>().join(", ")
}

const fn side(condition: Condition) -> &'static str {
    match condition {
        Condition::TooCold => "cold side",
        _ => "warm side",
    }
}

impl Known<'_> {
    fn clock(&self, at: RuleMs) -> String {
        self.shown(at, "%H:%M:%S")
    }

    fn date(&self, at: RuleMs) -> String {
        self.shown(at, "%Y-%m-%d %H:%M:%S")
    }

    fn shown(&self, at: RuleMs, format: &str) -> String {
        let at = jiff::Timestamp::from_millisecond(self.past.wall_of(at).0).unwrap_or_default();
        at.to_zoned(self.site.zone.clone()).strftime(format).to_string()
    }

    /// A time, with its day if that is not the day that is told of.
    fn time(&self, at: RuleMs) -> String {
        let today = self.shown(self.explained.at, "%F") == self.shown(at, "%F");
        if today { self.clock(at) } else { self.date(at) }
    }

    fn machine_time(&self, at: RuleMs) -> String {
        rfc3339(self.past.wall_of(at))
    }

    fn device(&self, point: PointId) -> String {
        let mut points = self.site.points().filter(|(_, _, known)| known.id == point);
        points
            .next()
            .map_or_else(|| point.to_string(), |(device, channel, _)| format!("{} {channel}", device.key))
    }
}

/// For people.
pub(super) fn people(known: &Known<'_>) -> String {
    let mut out = String::new();
    let (unit, explained) = (known.unit, &known.explained);
    line(&mut out, format_args!("{} ({}): {}", unit.name, unit.key, explained.status.word()));
    line(&mut out, format_args!("  {}; as of {}", meaning(explained.status), known.date(explained.at)));
    alerts(&mut out, known);
    if !explained.excursions.is_empty() {
        line(&mut out, format_args!("\nOut of range"));
        explained.excursions.iter().for_each(|progress| excursion(&mut out, known, progress));
    }
    supervision(&mut out, known);
    line(&mut out, format_args!("\nRegions"));
    explained.regions.iter().for_each(|now| region(&mut out, known, now));
    line(&mut out, format_args!("\nLast moves"));
    if known.moves.is_empty() {
        line(&mut out, format_args!("  none is recorded"));
    }
    known.moves.iter().for_each(|event| moved(&mut out, known, event));
    line(
        &mut out,
        format_args!("\nRules that somebody has set (all others are the system's defaults; --json has them)"),
    );
    rules(&mut out, known);
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

fn because(out: &mut String, why: &Why) {
    let field = why.basis.as_ref().map(|basis| format!("by {}", field(basis)));
    let figures = Some(figures(why)).filter(|figures| !figures.is_empty());
    let both: Vec<String> = field.into_iter().chain(figures).collect();
    if !both.is_empty() {
        line(out, format_args!("             {}", both.join("; ")));
    }
}

fn alerts(out: &mut String, known: &Known<'_>) {
    line(out, format_args!("\nAlerts"));
    if known.explained.alerts.is_empty() {
        line(out, format_args!("  none"));
    }
    for ((episode, alert), life) in known.explained.alerts.iter().zip(&known.lives) {
        line(
            out,
            format_args!(
                "  {} ({}), {}, {}",
                episode.condition.word().replace('_', " "),
                episode.condition.alert_type().word(),
                alert.severity.word(),
                standing(known, episode, alert)
            ),
        );
        for event in life {
            if let Some((text, why)) = happened(known, event) {
                line(out, format_args!("    {} {text}", known.time(event.envelope.rule_ms)));
                why.into_iter().for_each(|why| because(out, why));
            }
        }
        for text in told(known, alert) {
            line(out, format_args!("    {text}"));
        }
    }
}

const fn word(status: AlertStatus) -> &'static str {
    match status {
        AlertStatus::Active => "nobody is on it",
        AlertStatus::Acknowledged => "somebody is on it",
        AlertStatus::Escalated => "nobody is on it, and it was told upwards",
        AlertStatus::Resolved => "somebody is done with it",
    }
}

fn standing(known: &Known<'_>, episode: &EpisodeKey, alert: &Alert) -> String {
    let since = known.time(episode.since);
    match alert.cleared {
        Some(cleared) => format!("since {since}, over since {}", known.time(cleared)),
        None => format!("since {since}, {}", word(alert.status())),
    }
}

/// What was recorded of an alert.
fn happened<'a>(known: &Known<'_>, event: &'a Event) -> Option<(String, Option<&'a Why>)> {
    Some(match event.fact()? {
        Fact::AlertRaised { why, retro: false, .. } => (format!("raised: {}", why.text), Some(why)),
        Fact::AlertRaised { why, .. } => (format!("found in retrospect: {}", why.text), Some(why)),
        Fact::AlertUpgraded { severity, why, .. } => {
            (format!("now {}: {}", severity.word(), why.text), Some(why))
        }
        Fact::AlertCleared { why, .. } => (format!("over: {}", why.text), Some(why)),
        Fact::AlertRelapsed { why, .. } => (format!("back again: {}", why.text), Some(why)),
        Fact::AlertEscalated { level, .. } => (format!("nobody was on it: told at level {level}"), None),
        Fact::AlertQuieted { until_ms, .. } => (format!("quiet until {}", known.time(*until_ms)), None),
        Fact::AlertAcknowledged { until_ms, .. } => {
            let who = event.envelope.actor.and_then(|actor| actor.id);
            let person = known.site.people.iter().find(|person| Some(person.id) == who);
            let who = person.map_or("somebody", |person| person.name.as_str());
            (format!("{who} is on it, until {}", known.time(*until_ms)), None)
        }
        Fact::AlertAckExpired { .. } => ("it outlasted whoever was on it".into(), None),
        Fact::AlertResolved { .. } => ("somebody is done with it".into(), None),
        _ => return None,
    })
}

/// When people were told, when they are told again, and what holds that back.
fn told(known: &Known<'_>, alert: &Alert) -> Vec<String> {
    let mut told = Vec::new();
    told.push(match alert.told {
        Some(at) => format!("people were last told at {}", known.time(at)),
        None => "people have not been told".into(),
    });
    if !alert.is_active() {
        return told;
    }
    match alert.held {
        Held::BySchedule(Some(opens)) => {
            told.push(format!("held back by the hours of its rule, which begin at {}", known.time(opens)));
        }
        Held::BySchedule(None) => told.push("held back by the hours of its rule, which never begin".into()),
        Held::ByShelve => told.push("held back because the unit is silenced".into()),
        Held::No => {}
    }
    if let Acknowledgement::Until(until) = alert.acknowledgement {
        told.push(format!("held back because somebody is on it, until {}", known.time(until)));
    }
    if let Some(until) = alert.quiet.until {
        told.push(format!("its beep is held back until {}", known.time(until)));
    }
    if let Some(at) = alert.tells_at {
        told.push(format!("told again at {} unless somebody says that they are on it", known.time(at)));
    }
    told
}

fn excursion(out: &mut String, known: &Known<'_>, progress: &Progress) {
    let tier = if progress.tier == 0 { String::new() } else { format!(", tier {}", progress.tier) };
    let (point, since) = (known.device(progress.point), known.time(progress.since));
    line(out, format_args!("  {point}, {}{tier}: since {since}", side(progress.side)));
    if let Some(limit) = &progress.limit {
        line(out, format_args!("    beyond {}", field(limit)));
    }
    let [closed, open, defrost] = progress.spent;
    let spent = [(closed, ""), (open, " with the door open"), (defrost, " while it defrosts")];
    let spent: Vec<String> = spent
        .iter()
        .filter(|(spent, _)| spent.0 > 0)
        .map(|(spent, what)| format!("{}{what}", length(*spent)))
        .collect();
    let spent = if spent.is_empty() { "nothing".into() } else { spent.join(" and ") };
    let state = match (progress.confirmed, progress.running) {
        (true, _) => "it counts",
        (false, true) => "not yet long enough",
        (false, false) => "it stands still, for the last value was in range",
    };
    line(out, format_args!("    used {spent}: {state}"));
    let moment = match progress.counts_as {
        "open" if progress.allowed.field == RuleField::ConfirmOpen.word() => "the open door gives it longer",
        "open" => "the open door gives it no longer",
        "defrost" => "the defrost gives it longer",
        _ => "nothing gives it longer",
    };
    line(out, format_args!("    {moment}: {}", field(&progress.allowed)));
    if let Some(at) = progress.confirms_at.filter(|_| !progress.confirmed) {
        line(out, format_args!("    if nothing changes it counts at {}", known.time(at)));
    }
    if let (Some(cap), Some(at)) = (&progress.cap, progress.capped_at) {
        line(out, format_args!("    nothing holds it back after {}: {}", known.time(at), field(cap)));
    }
}

fn supervision(out: &mut String, known: &Known<'_>) {
    let explained = &known.explained;
    if let Some(until) = explained.shelved {
        line(out, format_args!("\nSilenced until {}", known.time(until)));
    }
    let mask = &explained.mask;
    let spending = if mask.spending { ", and is being used now" } else { "" };
    line(
        out,
        format_args!(
            "\nAn open door may excuse warm air for {} more today{spending}: {}",
            length(mask.left),
            field(&mask.budget)
        ),
    );
}

fn region(out: &mut String, known: &Known<'_>, now: &RegionNow) {
    let side = now.side.map_or(String::new(), |condition| format!(", {}", side(condition)));
    let what = format!("{}{side}", now.region.word());
    let point = now.point.map_or_else(|| "the unit".to_owned(), |point| known.device(point));
    line(out, format_args!("  {what:<22} {point:<24} {}", now.state));
}

fn moved(out: &mut String, known: &Known<'_>, event: &Event) {
    if let Some(Fact::UnitTransition { region, from, to, status, since_ms, why }) = event.fact() {
        let point = event.envelope.subject.point.map(|point| format!(" of {}", known.device(point)));
        let (at, point) = (known.time(*since_ms), point.unwrap_or_default());
        let (region, status) = (region.word(), status.word());
        line(out, format_args!("  {at} {region}{point}: {from} to {to}, status {status}: {}", why.text));
        because(out, why);
    }
}

fn slot(slot: Slot) -> String {
    match slot.tier {
        0 => slot.kind.word().to_owned(),
        tier => format!("{} tier {tier}", slot.kind.word()),
    }
}

fn rules(out: &mut String, known: &Known<'_>) {
    for (of, field, said) in known.rules.fields() {
        if said.is_said() {
            let (value, by) = (field.in_words(said.value), set_at(said.provenance));
            line(out, format_args!("  {:<24} {} = {value}, {by}", slot(of), field.word()));
        }
    }
}

/// For machines.
pub(super) fn machine(known: &Known<'_>) -> Value {
    let explained = &known.explained;
    let fields = known.rules.fields().into_iter().map(|(of, field, said)| {
        json!({
            "alert_type": of.kind.word(),
            "tier": of.tier,
            "field": field.word(),
            "value": field.in_words(said.value),
            "set_at": said.provenance,
        })
    });
    let alerts = explained.alerts.iter().zip(&known.lives).map(|((episode, alert), life)| {
        let life = life.iter().map(|event| {
            json!({
                "at": known.machine_time(event.envelope.rule_ms),
                "seq": event.envelope.seq,
                "type": event.envelope.kind,
                "why": event.fact().and_then(why),
            })
        });
        let time = |at: Option<RuleMs>| at.map(|at| known.machine_time(at));
        json!({
            "alert": known.past.alert(episode),
            "episode": episode,
            "condition": episode.condition.word(),
            "type": episode.condition.alert_type().word(),
            "severity": alert.severity.word(),
            "status": alert.status(),
            "since": known.machine_time(episode.since),
            "raised": known.machine_time(alert.raised),
            "cleared": time(alert.cleared),
            "level": alert.level,
            "told": time(alert.told),
            "tells_at": time(alert.tells_at),
            "held": held(alert),
            "life": life.collect::<Vec<_>>(),
        })
    });
    let moves = known.moves.iter().filter_map(|event| {
        let Some(Fact::UnitTransition { region, from, to, status, since_ms, why }) = event.fact() else {
            return None;
        };
        let point = event.envelope.subject.point;
        let at = known.machine_time(*since_ms);
        Some(json!({ "at": at, "region": region, "point": point, "from": from, "to": to, "status": status, "why": why }))
    });
    json!({
        "unit": known.unit.key,
        "name": known.unit.name,
        "id": known.unit.id,
        "as_of": known.machine_time(explained.at),
        "status": explained.status,
        "regions": explained.regions,
        "excursions": explained.excursions.iter().map(|progress| machine_excursion(known, progress)).collect::<Vec<_>>(),
        "mask": explained.mask,
        "shelved_until": explained.shelved.map(|until| known.machine_time(until)),
        "alerts": alerts.collect::<Vec<_>>(),
        "moves": moves.collect::<Vec<_>>(),
        "rules": fields.collect::<Vec<_>>(),
    })
}

fn machine_excursion(known: &Known<'_>, progress: &Progress) -> Value {
    let [closed, open, defrost] = progress.spent;
    json!({
        "point": progress.point,
        "device": known.device(progress.point),
        "side": progress.side.word(),
        "tier": progress.tier,
        "since": known.machine_time(progress.since),
        "limit": progress.limit,
        "spent_ms": { "closed": closed, "open": open, "defrost": defrost },
        "running": progress.running,
        "confirmed": progress.confirmed,
        "counts_as": progress.counts_as,
        "allowed": progress.allowed,
        "confirms_at": progress.confirms_at.map(|at| known.machine_time(at)),
        "cap": progress.cap,
        "capped_at": progress.capped_at.map(|at| known.machine_time(at)),
    })
}

/// Everything that holds back that people are told.
fn held(alert: &Alert) -> Vec<&'static str> {
    let by = match alert.held {
        Held::No => None,
        Held::BySchedule(_) => Some("schedule"),
        Held::ByShelve => Some("shelve"),
    };
    let acknowledged =
        matches!(alert.acknowledgement, Acknowledgement::Until(_)).then_some("acknowledgement");
    let quiet = alert.quiet.until.map(|_| "quiet");
    by.into_iter().chain(acknowledged).chain(quiet).filter(|_| alert.is_active()).collect()
}

fn why(fact: &Fact) -> Option<&Why> {
    match fact {
        Fact::AlertRaised { why, .. }
        | Fact::AlertUpgraded { why, .. }
        | Fact::AlertCleared { why, .. }
        | Fact::AlertRelapsed { why, .. } => Some(why),
        _ => None,
    }
}
