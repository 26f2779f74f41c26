//! The history of a story: short lines for people, and the long list of records that they stand for.
//!
//! Takes the lines and the site's zone; gives the input of `frostguard-edge replay`, in order of arrival. Temperatures are
//! hundredths from the first to the last line.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::site;
use crate::story::Story;
use crate::times::{Calendar, Reader};

/// One line of replay's input, and when it arrives.
pub struct Arrival {
    pub at: i64,
    pub line: String,
}

/// All input lines of a story in the order of arrival.
pub fn expand(story: &Story) -> Result<Vec<Arrival>, String> {
    let rules: BTreeMap<&str, String> =
        story.rules.iter().map(|(name, rules)| (name.as_str(), site::text(rules))).collect();
    let mut calendar = Calendar::new(story.zone());
    let mut arrivals = Vec::new();
    for (number, line) in &story.history {
        if calendar.turns(line) {
            continue;
        }
        let expanded =
            expand_line(line, &calendar, &rules).map_err(|fault| format!("line {number}: {fault}"))?;
        arrivals.extend(expanded);
    }
    arrivals.sort_by_key(|arrival| arrival.at);
    Ok(arrivals)
}

fn expand_line(
    line: &str,
    calendar: &Calendar,
    rules: &BTreeMap<&str, String>,
) -> Result<Vec<Arrival>, String> {
    let mut reader = Reader::new(line);
    let mut first = Reader { rest: reader.rest };
    let arrives = first.moment(calendar).ok().filter(|_| first.take(" arrives "));
    if arrives.is_some() {
        reader = first;
    }
    let moments = moments(&mut reader, calendar)?;
    let words = Reader::new(reader.rest).rest;
    let mut records = Vec::new();
    for (index, at) in moments.iter().enumerate() {
        let mut record = record(words, index, moments.len(), calendar, rules, *at)?;
        let arrival = arrives.unwrap_or(*at);
        let log = record.get_mut("manual_log").and_then(Value::as_object_mut);
        match (arrives, log) {
            // A log is written down when it arrives, and says when it was taken.
            (Some(_), Some(log)) => log.insert("taken".to_owned(), json!(at)),
            (Some(_), None) => record.insert("late".to_owned(), json!(true)),
            (None, _) => None,
        };
        let is_late = record.contains_key("late");
        record.insert("at".to_owned(), json!(if is_late { *at } else { arrival }));
        let line = Value::Object(record).to_string();
        records.push(Arrival { at: arrival, line: literal(&line) });
    }
    Ok(records)
}

/// When a line happens: once, or again and again.
fn moments(reader: &mut Reader, calendar: &Calendar) -> Result<Vec<i64>, String> {
    let from = reader.moment(calendar)?;
    if !reader.take("..") {
        return Ok(vec![from]);
    }
    let to = reader.moment(calendar)?;
    if reader.word() != Some("every") {
        return Err("a range says how often: every 1m".to_owned());
    }
    let every = reader.length()?;
    if to <= from || every <= 0 {
        return Err("a range that holds nothing".to_owned());
    }
    let count = (to - from + every - 1) / every;
    Ok((0..count).map(|n| from + n * every).collect())
}

/// Temperatures stand in a record as hundredths inside a marked text until the line is written: they never are floats.
const MARK: &str = "hundredths:";
/// The mark as it stands in a line.
const QUOTED_MARK: &str = "\"hundredths:";

fn literal(line: &str) -> String {
    let mut parts = line.split(QUOTED_MARK);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once('"').expect("a marked text ends");
        text.push_str(number);
        text.push_str(rest);
    }
    text
}

fn degrees(hundredths: i64) -> Value {
    let sign = if hundredths < 0 { "-" } else { "" };
    let size = hundredths.abs();
    Value::String(format!("{MARK}{sign}{}.{:02}", size / 100, size % 100))
}

/// Hundredths from the digits of a literal.
pub fn hundredths(text: &str) -> Result<i64, String> {
    let refused = || format!("\"{text}\" is no temperature like -18.0");
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').ok_or_else(refused)?;
    if fraction.len() > 2 || fraction.is_empty() {
        return Err(refused());
    }
    let whole: i64 = whole.parse().map_err(|_| refused())?;
    let fraction: i64 = format!("{fraction:0<2}").parse().map_err(|_| refused())?;
    Ok(sign * (whole * 100 + fraction))
}

fn record(
    words: &str,
    index: usize,
    count: usize,
    calendar: &Calendar,
    rules: &BTreeMap<&str, String>,
    at: i64,
) -> Result<Map<String, Value>, String> {
    let mut reader = Reader::new(words);
    let first = reader.word().ok_or("nothing happens")?;
    let rest = reader.rest.trim();
    let second = reader.word().unwrap_or_default();
    let value = match (first, second) {
        ("tick", "") => json!({"tick": true}),
        ("untrusted", "") => json!({"untrusted": true}),
        ("ack", unit) => json!({"ack": {"unit": unit, "by": reader.rest.trim()}}),
        ("quiet", unit) => json!({"quiet": {"unit": unit}}),
        ("resolve", unit) => json!({"resolve": {"unit": unit}}),
        ("rules", name) => {
            let text = rules.get(name).ok_or_else(|| format!("there is no section \"Rules {name}\""))?;
            json!({"rules": text})
        }
        ("shelve", unit) => shelve(unit, reader.rest)?,
        ("started", _) => started(rest, calendar)?,
        ("clock", _) => clock(rest, calendar, at)?,
        (unit, what) => of_unit(unit, what, rest, index, count)?,
    };
    match value {
        Value::Object(record) => Ok(record),
        other => Err(format!("{other} is no record")),
    }
}

fn of_unit(unit: &str, what: &str, rest: &str, index: usize, count: usize) -> Result<Value, String> {
    let argument = rest.strip_prefix(what).unwrap_or_default().trim();
    Ok(match what {
        "door" if argument == "fault" => json!({"unit": unit, "point": "door", "fault": true}),
        "door" => json!({"unit": unit, "door": argument}),
        "defrost" => json!({"unit": unit, "defrost": argument}),
        "fault" => json!({"unit": unit, "fault": true}),
        "replaced" => json!({"unit": unit, "replaced": true}),
        "battery" => {
            let percent: u8 = argument.parse().map_err(|_| format!("\"{argument}\" is no percentage"))?;
            json!({"unit": unit, "battery_pct": percent})
        }
        "manual" => {
            let (value, by) = argument.split_once(" by ").ok_or("a log by hand says who: 4.2 by sam")?;
            json!({"unit": unit, "manual_log": {"temperature_c": degrees(hundredths(value)?), "by": by}})
        }
        point if point.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            let value = degrees(value(argument, index, count)?);
            json!({"unit": unit, "point": point, "temperature_c": value})
        }
        _ => json!({"unit": unit, "temperature_c": degrees(value(rest, index, count)?)}),
    })
}

/// The value of one of several lines: a constant, a straight line `a > b`, or a cycle `a, b`.
fn value(text: &str, index: usize, count: usize) -> Result<i64, String> {
    if let Some((from, to)) = text.split_once('>') {
        let (from, to) = (hundredths(from.trim())?, hundredths(to.trim())?);
        let (index, count) = (index as i64, count as i64);
        return Ok(from + (to - from) * index / count);
    }
    let cycle: Vec<&str> = text.split(',').collect();
    hundredths(cycle[index % cycle.len()].trim())
}

fn shelve(unit: &str, rest: &str) -> Result<Value, String> {
    let mut reader = Reader::new(rest);
    let minutes = reader.length()? / 60_000;
    let quoted: Vec<&str> = reader.rest.split('"').collect();
    let [_, reason, by] = quoted[..] else { return Err("a shelve says why, in quotes, and who".to_owned()) };
    Ok(json!({"shelve": {"unit": unit, "minutes": minutes, "reason": reason, "by": by.trim()}}))
}

fn started(rest: &str, calendar: &Calendar) -> Result<Value, String> {
    let mut reader = Reader::new(rest);
    if reader.word() != Some("after") {
        return Err("a start says after which time: started after 08:25 known".to_owned());
    }
    let down_from = reader.moment(calendar)?;
    let known = match reader.word() {
        Some("known") => true,
        Some("unknown") => false,
        _ => return Err("a downtime is known or unknown".to_owned()),
    };
    Ok(json!({"started": {"down_from": down_from, "known": known}}))
}

fn clock(rest: &str, calendar: &Calendar, at: i64) -> Result<Value, String> {
    let mut reader = Reader::new(rest);
    match reader.word() {
        Some("forward") => Ok(json!({"clock": {"to": reader.moment(calendar)?, "offset_ms": 0}})),
        Some("shows") => {
            let wall = reader.moment(calendar)?;
            Ok(json!({"clock": {"to": at, "offset_ms": at - wall}}))
        }
        _ => Err("the clock goes forward, or shows something".to_owned()),
    }
}
