//! The golden histories: stories whose outcome was worked out by hand, told to the engine.
//!
//! Each file in `golden/rules` is one story. What it demands is compared with what `replay` makes of it, and each field of a
//! rule is taken away in turn to see that some story notices. `FROSTGUARD_SHOW=NAME` prints what replay makes of a story.

mod engine;
mod history;
mod outcome;
mod site;
mod story;
mod times;

use frostguard_shared::rules::AlertType;
use frostguard_shared::rules::field::RuleField;
use serde_json::Value;
use story::Story;
use times::Calendar;

/// Stories that there are at least.
const AT_LEAST: usize = 45;

#[test]
fn every_story_has_a_title_its_reasons_and_a_history_in_order() {
    let stories = story::all();
    assert!(stories.len() >= AT_LEAST, "only {} stories", stories.len());
    for story in &stories {
        assert!(!story.title.is_empty() && story.prose.len() > 80, "{}: no reasons", story.name);
        let arrivals = history::expand(story).unwrap_or_else(|fault| panic!("{}: {fault}", story.name));
        assert!(arrivals.len() >= 2, "{}: nothing happens", story.name);
        for arrival in &arrivals {
            let line: Value = serde_json::from_str(&arrival.line).expect("a line of JSON");
            assert!(line["at"].is_i64(), "{}: {line}", story.name);
        }
        let demanded = outcome::demanded(story).unwrap_or_else(|fault| panic!("{}: {fault}", story.name));
        let last = arrivals.last().expect("the last arrival").at;
        for line in demanded {
            assert!(line.at <= last, "{}: {line:?} is after the end of the history", story.name);
        }
    }
}

#[test]
fn a_line_of_a_story_reads_back_as_it_was_written() {
    for story in story::all() {
        let mut calendar = Calendar::new(story.zone());
        let demanded = outcome::demanded(&story).expect("an outcome");
        let again: Vec<String> = demanded.iter().map(|line| line.text(&calendar)).collect();
        let mut written: Vec<String> = Vec::new();
        for (_, line) in &story.outcome {
            if !calendar.turns(line) {
                written.push(line.clone());
            }
        }
        let mut sorted = again.clone();
        sorted.sort();
        written.sort();
        assert_eq!(sorted, written, "{}", story.name);
    }
}

#[test]
fn every_story_ends_as_it_must() {
    let told = story::all().into_iter().filter_map(|story| {
        let demanded = outcome::demanded(&story).expect("an outcome");
        let printed = engine::outcome(&story);
        let calendar = Calendar::new(story.zone());
        match printed {
            Ok(printed) if outcome::is_met(&demanded, &printed) => None,
            Ok(printed) => {
                Some(format!("{}\n{}", story.name, outcome::difference(&demanded, &printed, &calendar)))
            }
            Err(fault) => Some(format!("{}\n  {fault}\n", story.name)),
        }
    });
    let told: Vec<String> = told.collect();
    assert!(
        told.is_empty(),
        "{} stories end otherwise (- the story, + the engine):\n{}",
        told.len(),
        told.join("\n")
    );
}

#[test]
fn a_story_that_is_asked_for_is_shown_as_the_engine_tells_it() {
    let name = std::env::var("FROSTGUARD_SHOW").unwrap_or_else(|_| "loading_with_the_door_open".to_owned());
    let story = story::load(&name);
    let lines = engine::outcome(&story).unwrap_or_else(|fault| panic!("{name}: {fault}"));
    let mut calendar = Calendar::new(story.zone());
    let mut shown = String::new();
    for line in &lines {
        let day = calendar.date_of(line.at);
        if calendar.day != Some(day) {
            calendar.day = Some(day);
            shown += &format!("{day}\n");
        }
        shown += &format!("{}\n", line.text(&calendar));
    }
    eprintln!("{shown}");
    assert!(!lines.is_empty() || story.outcome.is_empty(), "{name}: the engine tells nothing");
}

#[test]
fn each_field_of_a_rule_matters_in_some_story() {
    let stories = story::all();
    let told: Vec<_> = stories.iter().map(|story| engine::outcome(story).map(forget_why)).collect();
    let mut unnoticed = Vec::new();
    for kind in AlertType::ALL {
        for field in RuleField::ALL.iter().filter(|field| field.belongs_to(kind)) {
            let is_noticed = stories.iter().zip(&told).any(|(story, told)| {
                let Some(without) = without(story, kind, *field) else { return false };
                // A site that is refused without the field shows nothing of what the engine makes of it.
                engine::outcome(&without).is_ok_and(|without| Ok(forget_why(without)) != *told)
            });
            if !is_noticed {
                unnoticed.push(format!("{}.{}", kind.word(), field.word()));
            }
        }
    }
    assert!(unnoticed.is_empty(), "no story notices when these are taken away: {unnoticed:?}");
}

/// Which field decided is no outcome.
fn forget_why(mut lines: Vec<outcome::Line>) -> Vec<outcome::Line> {
    lines.iter_mut().for_each(|line| line.by.clear());
    lines
}

/// The story with a field taken out of all its site documents, if any of them says it.
fn without(story: &Story, kind: AlertType, field: RuleField) -> Option<Story> {
    let mut other = story.clone();
    let documents = std::iter::once(&mut other.site).chain(other.rules.values_mut());
    let said = documents.map(|document| site::blank(document, kind.word(), field.word()));
    let is_said = said.fold(false, |any, said| any | said);
    is_said.then_some(other)
}

/// A story of one unit in Berlin with this history and this outcome.
fn sample(history: &str, outcome: &str) -> Story {
    let text = format!(
        "# Title\n\nProse.\n\n## Site\n[site]\nname = \"S\"\nzone = \"Europe/Berlin\"\n[units.a]\n\n## Rules b\n[units.a]\n\n## History\n{history}\n\n## Outcome\n{outcome}\n"
    );
    story::parse("sample", &text).expect("a sample that can be read")
}

fn expanded(history: &str) -> Result<Vec<String>, String> {
    history::expand(&sample(history, "")).map(|all| all.into_iter().map(|arrival| arrival.line).collect())
}

#[test]
fn a_short_line_stands_for_these_records() {
    let lines = expanded(
        "2026-03-02\n08:00..08:03 every 1m a -18.0 > -16.5\n08:00:30 a probe1 -0.05\n08:01:30 a door open\n\
         08:02:30.250 shelve a 60m \"by hand\" maria\n+1 00:00 tick\n08:04 arrives 07:00..07:20 every 10m a 1.0, 2.25\n\
         08:05 arrives 07:00 a manual 4.0 by sam\n08:06 a door fault",
    );
    let at = |clock: &str| -> i64 {
        let zoned: jiff::Zoned = format!("{clock}[Europe/Berlin]").parse().expect("a time");
        zoned.timestamp().as_millisecond()
    };
    let (eight, midnight) = (at("2026-03-02T08:00"), at("2026-03-03T00:00"));
    let expected = [
        format!(r#"{{"at":{eight},"temperature_c":-18.00,"unit":"a"}}"#),
        format!(r#"{{"at":{},"point":"probe1","temperature_c":-0.05,"unit":"a"}}"#, eight + 30_000),
        format!(r#"{{"at":{},"temperature_c":-17.50,"unit":"a"}}"#, eight + 60_000),
        format!(r#"{{"at":{},"door":"open","unit":"a"}}"#, eight + 90_000),
        format!(r#"{{"at":{},"temperature_c":-17.00,"unit":"a"}}"#, eight + 120_000),
        format!(
            r#"{{"at":{},"shelve":{{"by":"maria","minutes":60,"reason":"by hand","unit":"a"}}}}"#,
            eight + 150_250
        ),
        format!(r#"{{"at":{},"late":true,"temperature_c":1.00,"unit":"a"}}"#, eight - 3_600_000),
        format!(r#"{{"at":{},"late":true,"temperature_c":2.25,"unit":"a"}}"#, eight - 3_000_000),
        format!(
            r#"{{"at":{},"manual_log":{{"by":"sam","taken":{},"temperature_c":4.00}},"unit":"a"}}"#,
            eight + 300_000,
            eight - 3_600_000
        ),
        format!(r#"{{"at":{},"fault":true,"point":"door","unit":"a"}}"#, eight + 360_000),
        format!(r#"{{"at":{midnight},"tick":true}}"#),
    ];
    assert_eq!(lines.expect("a history"), expected);
}

#[test]
fn a_time_that_exists_twice_or_never_says_its_offset_or_is_refused() {
    for missing in ["2026-03-29\n02:30 tick", "2026-10-25\n02:30 tick", "08:00 tick", "2026-03-02\n8 tick"] {
        assert!(expanded(missing).is_err(), "{missing}");
    }
    let both = expanded("2026-10-25\n02:30+02:00 tick\n02:30+01:00 tick").expect("two instants");
    let at = |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["at"].as_i64().expect("a time");
    assert_eq!(at(&both[1]) - at(&both[0]), 3_600_000);
}

#[test]
fn a_line_that_means_nothing_is_refused() {
    let day = |line: &str| format!("2026-03-02\n{line}");
    let nonsense =
        ["08:00", "08:00 a 18", "08:00 a 1.234", "08:00..08:00 every 1m a 1.0", "08:00..09:00 a 1.0"];
    let unknown = ["08:00 rules c", "08:00 clock back", "08:00 a manual 4.0", "08:00 shelve a 60m maria"];
    for line in nonsense.into_iter().chain(unknown) {
        assert!(expanded(&day(line)).is_err(), "{line}");
    }
}

/// A line as replay prints it.
fn replayed(at: &str, status: &str, alert: [&str; 4], level: i64, page: bool) -> Value {
    let [id, severity, condition, ack] = alert;
    let alert = serde_json::json!({"id": id, "type": "alarm_active", "severity": severity,
        "condition": condition, "ack": ack, "level": level});
    serde_json::json!({"at": at, "unit": "a", "status": status, "alert": alert, "page": page,
        "why": {"text": "words", "field": "delay_minutes"}})
}

#[test]
fn what_replay_prints_becomes_what_people_read() {
    let story = sample("2026-03-02\n08:00 tick", "");
    let id = "a/air/temperature/warm/1772434800000";
    let quiet = serde_json::json!({"at": "2026-03-02T07:00:00.000Z", "unit": "a", "status": "excursion",
        "page": false, "why": {"text": "words"}});
    let output = [
        quiet.clone(),
        quiet,
        replayed("2026-03-02T07:10:00.000Z", "alarm_active", [id, "warning", "active", "none"], 0, true),
        replayed("2026-03-02T07:10:00.000Z", "alarm_active", [id, "critical", "active", "none"], 0, false),
        replayed("2026-03-02T07:11:00.000Z", "alarm_active", [id, "critical", "active", "none"], 0, false),
        replayed("2026-03-02T07:25:00.250Z", "alarm_active", [id, "critical", "active", "expired"], 1, true),
        replayed("2026-03-02T07:30:00.000Z", "restoring", [id, "critical", "cleared", "none"], 1, false),
        replayed(
            "2026-03-02T07:31:00.000Z",
            "alarm_active",
            [id, "critical", "active", "acknowledged"],
            1,
            false,
        ),
    ];
    let printed = outcome::printed(&output).expect("an outcome");
    let calendar = Calendar::new(story.zone());
    let text: Vec<String> = printed.iter().map(|line| line.text(&calendar)).collect();
    assert_eq!(
        text,
        [
            "08:00 a excursion",
            "08:10 a alarm_active: too_warm air 08:00 raised critical PAGE by delay_minutes by delay_minutes",
            "08:25:00.250 a alarm_active: too_warm air 08:00 expired, level 1 PAGE by delay_minutes",
            "08:30 a restoring: too_warm air 08:00 unacknowledged, cleared by delay_minutes",
            "08:31 a alarm_active: too_warm air 08:00 acknowledged, relapsed by delay_minutes",
        ]
    );
}

#[test]
fn an_outcome_that_differs_in_one_word_is_a_difference_and_is_shown() {
    let written =
        "2026-03-02\n08:00 a excursion\n08:10 a alarm_active: too_warm air 08:00 raised warning PAGE";
    let demanded = |outcome: &str| outcome::demanded(&sample("", outcome)).expect("an outcome");
    let first = demanded(written);
    assert!(
        outcome::is_met(&first, &demanded(&format!("{written} by delay_minutes"))),
        "more said than demanded"
    );
    for (from, to) in [("warning", "critical"), (" PAGE", ""), ("08:10", "08:11"), ("air 08:00", "air 08:01")]
    {
        let other = demanded(&written.replace(from, to));
        assert!(!outcome::is_met(&first, &other), "{from} and {to}");
    }
    let told = demanded(&format!("{written} by hard_limit_c"));
    assert!(!outcome::is_met(&told, &first), "the field that decided is demanded");
    let other = demanded(&written.replace("warning", "critical"));
    let calendar = Calendar::new(sample("", "").zone());
    assert_eq!(
        outcome::difference(&first, &other, &calendar),
        "    2026-03-02 08:00 a excursion\n  - 2026-03-02 08:10 a alarm_active: too_warm air 08:00 raised warning PAGE\n  \
         + 2026-03-02 08:10 a alarm_active: too_warm air 08:00 raised critical PAGE\n"
    );
}
