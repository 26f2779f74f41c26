//! The outcome of a story: what people read, what replay printed, and the one form in which the two are compared.
//!
//! Takes the lines of a story, or of replay; gives for each instant and unit what changed. How many lines replay needs to
//! say it does not matter, nor what it says beside it; that anything is said at all that the story does not know, does.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::story::Story;
use crate::times::{Calendar, Reader};

/// What became of an alert at one instant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    pub kind: String,
    pub point: Option<String>,
    /// When the episode began, where the kind has a beginning that people can name.
    pub since: Option<i64>,
    pub words: Vec<String>,
    pub page: bool,
}

/// One line of an outcome.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub at: i64,
    pub unit: String,
    pub status: String,
    pub change: Option<Change>,
    /// The fields that decided. A story names one only where it is part of the story.
    pub by: Vec<String>,
}

/// One call for everything past that is found out at once.
const SUMMARY: &str = "summary";

const KINDS: [(&str, &str); 9] = [
    ("too_warm", "temperature/warm"),
    ("too_cold", "temperature/cold"),
    ("silent", "silence/-"),
    ("fault", "fault/-"),
    ("door", "door/-"),
    ("battery", "battery/-"),
    ("manual", "manual/-"),
    ("calibration", "calibration/-"),
    ("limits", "limits/-"),
];

/// True if the story names the point.
fn names_point(kind: &str) -> bool {
    matches!(kind, "too_warm" | "too_cold" | "silent" | "fault")
}

/// True if the story names when it began.
fn names_since(kind: &str) -> bool {
    names_point(kind) || kind == "door"
}

impl Line {
    /// True if a story's line is met by a line of replay.
    fn is_met_by(&self, actual: &Self) -> bool {
        let same = (self.at, &self.unit, &self.status, &self.change)
            == (actual.at, &actual.unit, &actual.status, &actual.change);
        same && self.by.iter().all(|field| actual.by.contains(field))
    }

    /// As it stands in a story.
    pub fn text(&self, calendar: &Calendar) -> String {
        let day = calendar.date_of(self.at);
        let mut text = format!("{} {} {}", calendar.time_text(self.at), self.unit, self.status);
        if let Some(change) = &self.change {
            text += &format!(": {}", change.kind);
            if let Some(point) = &change.point {
                text += &format!(" {point}");
            }
            if let Some(since) = &change.since {
                text += &format!(" {}", calendar.moment_text(*since, day));
            }
            if !change.words.is_empty() {
                text += &format!(" {}", change.words.join(", "));
            }
            text += if change.page { " PAGE" } else { "" };
        }
        for field in &self.by {
            text += &format!(" by {field}");
        }
        text
    }
}

/// The outcome that a story demands.
pub fn demanded(story: &Story) -> Result<Vec<Line>, String> {
    let mut calendar = Calendar::new(story.zone());
    let mut lines = Vec::new();
    for (number, line) in &story.outcome {
        if !calendar.turns(line) {
            lines.push(read(line, &calendar).map_err(|fault| format!("line {number}: {fault}"))?);
        }
    }
    lines.sort();
    Ok(lines)
}

fn read(line: &str, calendar: &Calendar) -> Result<Line, String> {
    let (line, by) =
        line.split_once(" by ").map_or((line, Vec::new()), |(line, by)| (line, vec![by.to_owned()]));
    let mut reader = Reader::new(line);
    let at = reader.moment(calendar)?;
    let unit = reader.word().ok_or("a line names its unit")?.to_owned();
    let status = reader.word().ok_or("a line names the unit's status")?;
    let Some(status) = status.strip_suffix(':') else {
        return match reader.word() {
            None => Ok(Line { at, unit, status: status.to_owned(), change: None, by }),
            Some(more) => Err(format!("\"{more}\" after the status, and no colon")),
        };
    };
    let is_known = |kind: &str| kind == SUMMARY || KINDS.iter().any(|(known, _)| *known == kind);
    let kind = reader.word().filter(|kind| is_known(kind));
    let kind = kind.ok_or("a change names the kind of its alert")?.to_owned();
    let point = if names_point(&kind) { reader.word().map(str::to_owned) } else { None };
    let since = if names_since(&kind) { Some(reader.moment(calendar)?) } else { None };
    let rest = reader.rest.trim();
    let (rest, page) = rest.strip_suffix("PAGE").map_or((rest, false), |rest| (rest.trim(), true));
    let words = rest.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
    let change = Change { kind, point, since, words, page };
    Ok(Line { at, unit, status: status.to_owned(), change: Some(change), by })
}

/// An alert as replay shows it.
#[derive(Clone, PartialEq, Eq, Default)]
struct Facts {
    severity: String,
    condition: String,
    ack: String,
    level: i64,
}

/// What replay says of one unit at one instant.
struct Instant {
    at: i64,
    unit: String,
    before: String,
    status: String,
    alerts: BTreeMap<String, Seen>,
    /// It is the one call for everything past that was found out now.
    summary: bool,
}

/// An alert within an instant.
struct Seen {
    before: Option<Facts>,
    after: Facts,
    page: bool,
    by: Vec<String>,
}

/// The outcome that replay printed, in the form of a story.
pub fn printed(output: &[Value]) -> Result<Vec<Line>, String> {
    let mut instants: Vec<Instant> = Vec::new();
    let mut latest: BTreeMap<String, usize> = BTreeMap::new();
    let mut known: BTreeMap<String, Facts> = BTreeMap::new();
    for line in output {
        let at = instant_of(&line["at"])?;
        let unit = text_of(line, "unit")?;
        let status = text_of(line, "status")?;
        if line["retro"] == true {
            // What is past changes nothing of what the unit is now.
            let before = status.clone();
            let mut instant = Instant { at, unit, before, status, alerts: BTreeMap::new(), summary: false };
            instant.summary = line["why"]["change"] == "summary";
            take_alert(line, &mut instant, &mut known)?;
            instants.push(instant);
            continue;
        }
        let last = latest.get(&unit).copied();
        let place = match last.filter(|last| instants[*last].at == at) {
            Some(place) => place,
            None => {
                let before = last.map_or("ok".to_owned(), |last| instants[last].status.clone());
                let (unit, status, alerts) = (unit.clone(), before.clone(), BTreeMap::new());
                instants.push(Instant { at, unit, before, status, alerts, summary: false });
                instants.len() - 1
            }
        };
        latest.insert(unit, place);
        instants[place].status = status;
        take_alert(line, &mut instants[place], &mut known)?;
    }
    let mut lines = Vec::new();
    for instant in instants {
        lines.extend(lines_of(instant)?);
    }
    lines.sort();
    Ok(lines)
}

fn take_alert(
    line: &Value,
    instant: &mut Instant,
    known: &mut BTreeMap<String, Facts>,
) -> Result<(), String> {
    let Some(alert) = line.get("alert").filter(|alert| !alert.is_null()) else { return Ok(()) };
    let id = text_of(alert, "id")?;
    let after = Facts {
        severity: text_of(alert, "severity")?,
        condition: text_of(alert, "condition")?,
        ack: text_of(alert, "ack")?,
        level: alert["level"].as_i64().ok_or_else(|| format!("no level in {line}"))?,
    };
    let before = known.insert(id.clone(), after.clone());
    let seen = Seen { before, after: after.clone(), page: false, by: Vec::new() };
    let seen = instant.alerts.entry(id).or_insert(seen);
    seen.after = after;
    seen.page |= line["page"].as_bool().ok_or_else(|| format!("no page in {line}"))?;
    let field = line["why"].get("field").or_else(|| line["why"]["basis"].get("field"));
    seen.by.extend(field.and_then(Value::as_str).map(str::to_owned));
    Ok(())
}

fn lines_of(instant: Instant) -> Result<Vec<Line>, String> {
    let Instant { at, unit, before, status, alerts, summary } = instant;
    let mut lines = Vec::new();
    if summary {
        let change =
            Change { kind: SUMMARY.to_owned(), point: None, since: None, words: Vec::new(), page: true };
        lines.push(Line {
            at,
            unit: unit.clone(),
            status: status.clone(),
            change: Some(change),
            by: Vec::new(),
        });
    }
    for (id, seen) in alerts {
        let words = words(seen.before.as_ref(), &seen.after);
        if words.is_empty() && !seen.page {
            continue;
        }
        let (kind, point, since) = parts(&id)?;
        let change = Change {
            point: names_point(kind).then_some(point),
            since: names_since(kind).then_some(since),
            kind: kind.to_owned(),
            words,
            page: seen.page,
        };
        let (unit, status) = (unit.clone(), status.clone());
        lines.push(Line { at, unit, status, change: Some(change), by: seen.by });
    }
    if lines.is_empty() && before != status {
        lines.push(Line { at, unit, status, change: None, by: Vec::new() });
    }
    Ok(lines)
}

fn words(before: Option<&Facts>, after: &Facts) -> Vec<String> {
    let raised = Facts {
        severity: after.severity.clone(),
        condition: "active".to_owned(),
        ack: "none".to_owned(),
        level: 0,
    };
    let mut words = Vec::new();
    let before = before.unwrap_or_else(|| {
        words.push(format!("raised {}", after.severity));
        &raised
    });
    if before.severity != after.severity {
        words.push(format!("upgraded {}", after.severity));
    }
    if before.ack != after.ack {
        words.push(if after.ack == "none" { "unacknowledged" } else { &after.ack }.to_owned());
    }
    if before.level != after.level {
        words.push(format!("level {}", after.level));
    }
    if before.condition != after.condition {
        words.push(if after.condition == "active" { "relapsed" } else { &after.condition }.to_owned());
    }
    words
}

/// Kind, point and beginning from an episode's key `unit/point/kind/side/ms`.
fn parts(id: &str) -> Result<(&'static str, String, i64), String> {
    let refused = || format!("\"{id}\" is no episode key");
    let parts: Vec<&str> = id.split('/').collect();
    let [_, point, kind, side, since] = parts[..] else { return Err(refused()) };
    let key = format!("{kind}/{side}");
    let kind = KINDS.iter().find(|(_, known)| *known == key).ok_or_else(refused)?.0;
    Ok((kind, point.to_owned(), since.parse().map_err(|_| refused())?))
}

fn text_of(value: &Value, key: &str) -> Result<String, String> {
    value[key].as_str().map(str::to_owned).ok_or_else(|| format!("no text \"{key}\" in {value}"))
}

fn instant_of(value: &Value) -> Result<i64, String> {
    let text = value.as_str().ok_or_else(|| format!("{value} is no time"))?;
    let at: jiff::Timestamp = text.parse().map_err(|fault| format!("{text}: {fault}"))?;
    Ok(at.as_millisecond())
}

/// True if what replay printed is what the story demands.
pub fn is_met(demanded: &[Line], printed: &[Line]) -> bool {
    demanded.len() == printed.len() && demanded.iter().zip(printed).all(|(one, other)| one.is_met_by(other))
}

/// The two side by side: what both say, what only the story says (−), what only replay says (+).
pub fn difference(demanded: &[Line], printed: &[Line], calendar: &Calendar) -> String {
    let (rows, columns) = (demanded.len(), printed.len());
    let mut common = vec![vec![0_usize; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            common[row][column] = if demanded[row].is_met_by(&printed[column]) {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let (mut row, mut column, mut text) = (0, 0, String::new());
    while row < rows || column < columns {
        let same = row < rows && column < columns && demanded[row].is_met_by(&printed[column]);
        let missing = column == columns || (row < rows && common[row + 1][column] >= common[row][column + 1]);
        let (mark, line) = match (same, missing) {
            (true, _) => (' ', &demanded[row]),
            (false, true) => ('-', &demanded[row]),
            (false, false) => ('+', &printed[column]),
        };
        text += &format!("  {mark} {} {}\n", calendar.date_of(line.at), line.text(calendar));
        row += usize::from(mark != '+');
        column += usize::from(mark != '-');
    }
    text
}
