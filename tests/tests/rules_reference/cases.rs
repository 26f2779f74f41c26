//! Owns cases whose outcome was computed by hand, so that the reference itself is known to be right.
//! Takes short histories; gives a pass or the difference.
//! Must never take an expected outcome from a run.

use crate::model::*;
use crate::reference::outcomes;

/// 2026-06-01 10:00 in Berlin, a Monday.
const BEGIN: Ms = 1_780_300_800_000;

/// A history of one unit `u` with the point `u.a` and the door `u.d`, told minute by minute.
struct Story {
    events: Vec<Event>,
}

impl Story {
    fn of(rules: Rules) -> Story {
        let mut story = Story { events: Vec::new() };
        story.at(0, What::Started { down_from: None, known: true });
        story.at(0, What::Rules { unit: "u".into(), rules: Box::new(rules) });
        story
    }

    fn at(&mut self, millis: Ms, what: What) -> &mut Story {
        self.events.push(Event { at: BEGIN + millis, what });
        self
    }

    /// A live reading of each of these values, one a minute from this minute on.
    fn readings(&mut self, from: i64, values: &[i32]) -> &mut Story {
        for (minute, value) in (from..).zip(values) {
            let what = What::Reading { point: "u.a".into(), value: *value, sound: true, live: true };
            self.at(minute * MINUTE, what);
        }
        self
    }

    fn door(&mut self, minute: i64, open: bool) -> &mut Story {
        self.at(minute * MINUTE, What::Door { point: "u.d".into(), open })
    }

    /// What comes of it until this minute, with the minutes and milliseconds of each, without statuses.
    fn until(&mut self, minute: i64) -> Vec<(i64, Ms, Came)> {
        self.at(minute * MINUTE, What::Tick);
        let unit = Unit {
            name: "u".into(),
            area: None,
            points: vec!["u.a".into()],
            doors: vec!["u.d".into()],
        };
        let events = std::mem::take(&mut self.events);
        let history = History { zone: "Europe/Berlin".into(), units: vec![unit], events };
        let dated = |outcome: Outcome| {
            let after = outcome.at - BEGIN;
            (after / MINUTE, after % MINUTE, outcome.came)
        };
        let all = outcomes(&history).outcomes.into_iter();
        all.filter(|outcome| !matches!(outcome.came, Came::Status(_))).map(dated).collect()
    }

    fn statuses_until(&mut self, minute: i64) -> Vec<(i64, Status)> {
        self.at(minute * MINUTE, What::Tick);
        let unit =
            Unit { name: "u".into(), area: None, points: vec!["u.a".into()], doors: vec!["u.d".into()] };
        let events = std::mem::take(&mut self.events);
        let history = History { zone: "Europe/Berlin".into(), units: vec![unit], events };
        let all = outcomes(&history).outcomes.into_iter();
        all.filter_map(|outcome| match outcome.came {
            Came::Status(status) => Some(((outcome.at - BEGIN) / MINUTE, status)),
            _ => None,
        })
        .collect()
    }
}

fn warm() -> Tier {
    Tier::below(500)
}

#[test]
fn five_minutes_too_warm_are_an_alert_and_ten_minutes_well_clear_it() {
    let mut story = Story::of(Rules::of(vec![warm()]));
    story.readings(0, &[400; 2]).readings(2, &[600; 8]).readings(10, &[400; 16]);
    assert_eq!(
        story.until(26),
        [
            (7, 0, Came::Raised(Condition::TooWarm, Severity::Critical)),
            (7, 0, Came::Paged(Condition::TooWarm)),
            (20, 0, Came::Cleared(Condition::TooWarm)),
        ]
    );
    let mut story = Story::of(Rules::of(vec![warm()]));
    story.readings(0, &[400; 2]).readings(2, &[600; 8]).readings(10, &[400; 30]);
    assert_eq!(
        story.statuses_until(40),
        [
            (2, Status::Excursion),
            (7, Status::AlarmActive),
            (20, Status::Restoring),
            (30, Status::Ok),
        ]
    );
}
