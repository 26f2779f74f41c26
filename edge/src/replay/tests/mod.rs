//! What a replay makes of lines: their order, their lateness, their points, and what it says of them.

#[cfg(test)]
mod late;
#[cfg(test)]
mod wiring;

use super::*;
use serde_json::Value;

pub(super) const SITE: &str = r#"
[site]
name = "Corner kitchen"
zone = "Europe/Berlin"

[units.freezer]
name = "Freezer"
type = "walk_in_freezer"
[units.freezer.rules.alarm_active]
temp_max_c = -15.0
delay_minutes = 10
severity = "critical"

[units.fridge]
name = "Fridge"
type = "fridge"
[units.fridge.rules.alarm_active]
temp_min_c = 0.0
temp_max_c = 8.0
delay_minutes = 10
"#;

/// The site with nothing but the freezer.
pub(super) fn freezer_alone() -> String {
    SITE.split("[units.fridge]").next().unwrap_or_default().to_owned()
}

pub(super) const MINUTE: i64 = 60_000;
/// 2026-03-02T07:00:00Z
pub(super) const START: i64 = 1_772_434_800_000;

pub(super) fn at(minute: i64) -> i64 {
    START + minute * MINUTE
}

pub(super) fn value(minute: i64, unit: &str, celsius: &str) -> String {
    format!(r#"{{"at":{},"unit":"{unit}","temperature_c":{celsius}}}"#, at(minute))
}

/// Values of one unit, one each minute.
pub(super) fn values(minutes: std::ops::Range<i64>, unit: &str, celsius: &str) -> Vec<String> {
    minutes.map(|minute| value(minute, unit, celsius)).collect()
}

pub(super) fn text(site: &str) -> SiteText<'_> {
    SiteText { name: Path::new("site.toml"), text: site }
}

/// What follows, as written, and the figures.
pub(super) fn replayed(site: &str, lines: &[String]) -> (Vec<Value>, Summary) {
    let mut out = Vec::new();
    let options = Options { keep_going: None, regions: false };
    let summary = run(text(site), lines.join("\n").as_bytes(), &mut out, options).unwrap();
    let out = String::from_utf8(out).unwrap();
    (out.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), summary)
}

/// What follows, in short: minute, unit, status, alert and what became of it, and whether somebody was called.
pub(super) fn told(site: &str, lines: &[String]) -> Vec<String> {
    replayed(site, lines).0.iter().map(short).collect()
}

fn short(line: &Value) -> String {
    let at: jiff::Timestamp = line["at"].as_str().unwrap().parse().unwrap();
    let seconds = (at.as_millisecond() - START) / 1_000;
    let word = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let mut parts =
        vec![format!("{}:{:02}", seconds / 60, seconds % 60), word(&line["unit"]), word(&line["status"])];
    if let Some(alert) = line.get("alert") {
        let id = word(&alert["id"]);
        let kind: Vec<&str> = id.split('/').skip(1).take(3).collect();
        parts.push(kind.join("/"));
        parts.push(word(&alert["severity"]));
    }
    parts.push(word(&line["why"]["change"]));
    parts.push(if line["page"] == true { "PAGE".to_owned() } else { word(&line["why"]["held_by"]) });
    parts.push(if line["retro"] == true { "retro".to_owned() } else { String::new() });
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

/// An excursion of the freezer from minute 20 to 34, and a fridge that is well.
fn history() -> Vec<String> {
    excursion(20..34)
}

fn excursion(minutes: std::ops::Range<i64>) -> Vec<String> {
    let mut lines = Vec::new();
    for minute in 0..70 {
        let celsius = if minutes.contains(&minute) { "-9.5" } else { "-18.0" };
        lines.push(value(minute, "freezer", celsius));
        lines.push(value(minute, "fridge", "4"));
    }
    lines
}

const STORY: [&str; 4] = [
    "20:00 freezer excursion",
    "30:00 freezer alarm_active air/temperature/warm critical raised PAGE",
    "44:00 freezer restoring air/temperature/warm critical cleared",
    "54:00 freezer ok",
];

#[test]
fn a_history_is_told_as_it_would_have_happened() {
    assert_eq!(told(SITE, &history()), STORY);
}

#[test]
fn a_line_carries_all_that_its_form_promises() {
    let (lines, summary) = replayed(SITE, &history());
    let raised = &lines[1];
    assert_eq!(raised["at"], "2026-03-02T07:30:00.000Z");
    assert_eq!(raised["status"], "alarm_active");
    assert_eq!(raised["alert"]["id"], format!("freezer/air/temperature/warm/{}", at(20)));
    assert_eq!(raised["alert"]["type"], "alarm_active");
    assert_eq!(raised["alert"]["condition"], "active");
    assert_eq!((&raised["alert"]["ack"], &raised["alert"]["level"]), (&"none".into(), &0.into()));
    assert_eq!(
        (&raised["why"]["field"], &raised["why"]["value"]),
        (&"delay_minutes".into(), &600_000.into())
    );
    assert_eq!(raised["why"]["provenance"], "unit");
    assert!(raised["why"]["text"].as_str().unwrap().contains("-9.50"));
    assert_eq!(lines[2]["alert"]["condition"], "cleared");
    assert_eq!(lines[0].get("alert"), None);
    assert_eq!((summary.lines, summary.written), (140, Counts { lines: 4, pages: 1 }));
}

#[test]
fn lines_of_one_time_count_as_simultaneous_whatever_their_order() {
    let mut lines = history();
    for pair in lines.chunks_mut(2) {
        pair.reverse();
    }
    assert_eq!(told(SITE, &lines), STORY);
    let door = |minute, state| format!(r#"{{"at":{},"unit":"freezer","door":"{state}"}}"#, at(minute));
    let one = [vec![door(25, "open"), value(25, "freezer", "-9.5")], history()].concat();
    let other = [vec![value(25, "freezer", "-9.5"), door(25, "open")], history()].concat();
    let sorted = |mut lines: Vec<String>| {
        lines.sort_by_key(|line| Line::parse(line.as_bytes()).unwrap().at);
        told(SITE, &lines)
    };
    assert_eq!(sorted(one), sorted(other));
}

#[test]
fn it_does_not_matter_how_often_time_is_told_to_pass() {
    let mut lines = history();
    for second in (0..70 * 60).step_by(7) {
        lines.push(format!(r#"{{"at":{},"tick":true}}"#, START + second * 1_000));
    }
    lines.sort_by_key(|line| Line::parse(line.as_bytes()).unwrap().at);
    assert_eq!(told(SITE, &lines), STORY);
}

#[test]
fn what_is_due_at_the_last_line_has_happened_and_no_more() {
    let lines = [history()[..60].to_vec(), vec![format!(r#"{{"at":{},"tick":true}}"#, at(30))]].concat();
    assert_eq!(told(SITE, &lines), STORY[..2]);
    let early = [history()[..60].to_vec(), vec![format!(r#"{{"at":{},"tick":true}}"#, at(30) - 1)]].concat();
    assert_eq!(told(SITE, &early), STORY[..1]);
}

#[test]
fn an_acknowledgement_is_told_with_its_name_ends_by_itself_and_is_void_where_nothing_is_active() {
    let ack = |minute| format!(r#"{{"at":{},"ack":{{"unit":"freezer","by":"Maria"}}}}"#, at(minute));
    let mut lines = excursion(20..50);
    lines.insert(20, ack(9));
    lines.insert(63, ack(31));
    let (written, _) = replayed(SITE, &lines);
    let short: Vec<String> = written.iter().map(short).collect();
    assert_eq!(
        short,
        [
            STORY[0],
            STORY[1],
            "31:00 freezer alarm_active air/temperature/warm critical acknowledged",
            "46:00 freezer alarm_active air/temperature/warm critical ack_expired PAGE",
            "60:00 freezer restoring air/temperature/warm critical cleared",
        ]
    );
    assert_eq!(
        (&written[2]["why"]["by"], &written[2]["alert"]["ack"]),
        (&"Maria".into(), &"acknowledged".into())
    );
    assert_eq!(written[3]["alert"]["ack"], "expired");
    assert_eq!(written[4]["alert"]["ack"], "expired");
}

#[test]
fn what_is_held_back_says_by_what_and_is_told_when_that_ends() {
    let shelve = format!(
        r#"{{"at":{},"shelve":{{"unit":"freezer","minutes":25,"reason":"cleaning","by":"Maria"}}}}"#,
        at(10)
    );
    let mut lines = history();
    lines.insert(22, shelve);
    assert_eq!(
        told(SITE, &lines)[1..3],
        [
            "30:00 freezer alarm_active air/temperature/warm critical raised shelve",
            "35:00 freezer alarm_active air/temperature/warm critical told PAGE",
        ]
    );
}

#[test]
fn all_that_happens_to_an_alert_at_one_time_is_one_line_and_one_page() {
    let site =
        SITE.replacen("severity = \"critical\"", "severity = \"warning\"\nmax_excursion_minutes = 10", 1);
    let lines = told(&site, &history());
    assert_eq!(lines[1], "30:00 freezer alarm_active air/temperature/warm critical raised PAGE");
    assert_eq!(lines.iter().filter(|line| line.starts_with("30:00")).count(), 1);
}

#[test]
fn the_status_that_was_written_last_is_the_status_of_the_engine() {
    let door = |minute, state| format!(r#"{{"at":{},"unit":"freezer","door":"{state}"}}"#, at(minute));
    let mut lines =
        [history(), values(80..90, "fridge", "9.5"), vec![door(15, "open"), door(55, "closed")]].concat();
    lines.sort_by_key(|line| Line::parse(line.as_bytes()).unwrap().at);
    for length in 1..=lines.len() {
        let site = Site::without_a_hub(text(SITE)).unwrap();
        let mut one = Single { course: Course::new(), written: Written::new(std::io::sink(), true) };
        replay(&site, lines[..length].join("\n").as_bytes(), &mut one, None).unwrap();
        for unit in &site.units {
            assert_eq!(one.written.status_of(unit.id), one.course.state().status(unit.id), "{length} lines");
        }
    }
}

#[test]
fn a_wrong_line_ends_the_replay_with_its_number_after_what_came_before() {
    let mut lines = history();
    lines.insert(100, r#"{"at":"2026-03-02T08:00:00+01:00","unit":"frezer","temperature_c":1}"#.to_owned());
    lines.insert(0, String::new());
    let mut out = Vec::new();
    let options = Options { keep_going: None, regions: false };
    let fault = run(text(SITE), lines.join("\n").as_bytes(), &mut out, options).unwrap_err();
    assert_eq!(fault.to_string(), "line 102: there is no unit \"frezer\" in the site document");
    assert_eq!(String::from_utf8(out).unwrap().lines().count(), 3);
}

#[test]
fn wrong_lines_are_named_by_number_and_left_out_if_that_is_asked_for() {
    let mut lines = vec!["{".to_owned(), value(-60, "frezer", "1")];
    lines.extend(history());
    lines.insert(50, format!("{{\"at\":{},\"unit\":\"freezer\",\"temperature_c\":\"-18\"}}", at(20)));
    lines.insert(60, "x".repeat(70_000));
    let mut told = Vec::new();
    let mut tell = |number: u64, what: &LineError| told.push((number, what.to_string()));
    let mut out = Vec::new();
    let options = Options { keep_going: Some(&mut tell), regions: false };
    let summary = run(text(SITE), lines.join("\n").as_bytes(), &mut out, options).unwrap();
    assert_eq!((summary.lines, summary.malformed), (140, 4));
    assert_eq!(told.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2, 51, 61]);
    assert_eq!(told[3].1, "it is longer than 64 KiB");
    let (clean, _) = replayed(SITE, &history());
    let out = String::from_utf8(out).unwrap();
    let out: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(out, clean, "the time of a line that was left out counts for nothing");
}

#[test]
fn of_a_line_that_is_wrong_nothing_is_taken() {
    let site = freezer_alone();
    let wrong =
        format!(r#"{{"at":{},"unit":"freezer","door":"open","temperature_c":1,"point":"lid"}}"#, at(1));
    let lines = [values(0..2, "freezer", "-18"), vec![wrong], values(2..9, "freezer", "-18")].concat();
    let mut tell = |_: u64, _: &LineError| {};
    let mut out = Vec::new();
    let options = Options { keep_going: Some(&mut tell), regions: true };
    run(text(&site), lines.join("\n").as_bytes(), &mut out, options).unwrap();
    assert!(!String::from_utf8(out).unwrap().contains("door"), "no door has opened");
}

#[test]
fn moves_of_regions_are_written_if_they_are_asked_for() {
    let mut out = Vec::new();
    let options = Options { keep_going: None, regions: true };
    run(text(SITE), history().join("\n").as_bytes(), &mut out, options).unwrap();
    let out = String::from_utf8(out).unwrap();
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let moves: Vec<&Value> = lines.iter().filter_map(|line| line.get("region")).collect();
    assert!(moves.iter().any(|region| {
        region["name"] == "thermal" && region["point"] == "air" && region["to"] == "pending"
    }));
    assert_eq!(lines.len() - moves.len(), STORY.len());
}

#[test]
fn an_empty_history_says_nothing() {
    assert_eq!(replayed(SITE, &[]), (Vec::new(), Summary::default()));
}

fn differences(other: &str, lines: &[String]) -> Vec<Value> {
    let mut out = Vec::new();
    let options = Options { keep_going: None, regions: false };
    compare(text(SITE), text(other), lines.join("\n").as_bytes(), &mut out, options).unwrap();
    let out = String::from_utf8(out).unwrap();
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_same_rules_differ_in_nothing_and_the_figures_say_so() {
    let lines = differences(SITE, &history());
    assert_eq!(lines.len(), 3, "two units and all");
    assert_eq!(lines[2]["summary"]["unit"], Value::Null);
    assert_eq!(lines[2]["summary"]["pages"], serde_json::json!({"site": 1, "other": 1, "saved": 0}));
    assert_eq!(lines[0]["summary"]["minutes_later"], serde_json::json!({"mean": 0.0, "max": 0.0}));
}

#[test]
fn other_rules_are_compared_by_pages_excursions_and_minutes() {
    let slower = SITE.replacen("delay_minutes = 10", "delay_minutes = 12", 1);
    let lines = differences(&slower, &history());
    assert_eq!(
        (&lines[0]["difference"], &lines[0]["minutes_later"]),
        (&"later".into(), &serde_json::json!(2.0))
    );
    let looser = SITE.replacen("-15.0", "-9.0", 1);
    let lines = differences(&looser, &history());
    assert_eq!(lines[0]["difference"], "missed");
    assert_eq!(lines[0]["site"]["pages"], 1);
    let freezer = &lines[1]["summary"];
    assert_eq!(freezer["unit"], "freezer");
    assert_eq!(freezer["pages"]["saved"], 1);
    assert_eq!(freezer["excursions"]["missed"][0]["id"], format!("freezer/air/temperature/warm/{}", at(20)));
}

#[test]
fn rules_that_lack_a_unit_are_not_compared() {
    let lacking = SITE.split("[units.fridge]").next().unwrap();
    let options = Options { keep_going: None, regions: false };
    let fault = compare(text(SITE), text(lacking), &b""[..], std::io::sink(), options).unwrap_err();
    assert!(matches!(fault, ReplayError::Lacks(unit) if unit == "fridge"));
}
