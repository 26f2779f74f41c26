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
        let all = self.all_until(minute);
        let dated = |outcome: Outcome| {
            let after = outcome.at - BEGIN;
            (after / MINUTE, after % MINUTE, outcome.came)
        };
        all.into_iter().filter(|outcome| !matches!(outcome.came, Came::Status(_))).map(dated).collect()
    }

    fn statuses_until(&mut self, minute: i64) -> Vec<(i64, Status)> {
        let statuses = |outcome: Outcome| match outcome.came {
            Came::Status(status) => Some(((outcome.at - BEGIN) / MINUTE, status)),
            _ => None,
        };
        self.all_until(minute).into_iter().filter_map(statuses).collect()
    }

    fn all_until(&mut self, minute: i64) -> Vec<Outcome> {
        self.events.retain(|event| event.at < BEGIN + minute * MINUTE);
        self.at(minute * MINUTE, What::Tick);
        let unit =
            Unit { name: "u".into(), area: None, points: vec!["u.a".into()], doors: vec!["u.d".into()] };
        let events = std::mem::take(&mut self.events);
        outcomes(&History { zone: "Europe/Berlin".into(), units: vec![unit], events }).outcomes
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
        [(2, Status::Excursion), (7, Status::AlarmActive), (20, Status::Restoring), (30, Status::Ok),]
    );
}

/// Rules in which nobody is told of doors.
fn silent_doors(tier: Tier) -> Rules {
    Rules { door_warning: None, door_critical: None, ..Rules::of(vec![tier]) }
}

fn raised(condition: Condition, severity: Severity) -> Came {
    Came::Raised(condition, severity)
}

use Came::{AckExpired, Cleared, Escalated, Paged, Upgraded};
use Condition::{DoorOpen, LowBattery, ManualMissed, SensorFault, Silent, TooCold, TooWarm};
use Severity::{Critical, Warning};

#[test]
fn an_open_door_excuses_until_its_budget_is_used_up() {
    let tier = Tier { open: 20 * MINUTE, ..warm() };
    let mut story = Story::of(Rules { mask: 10 * MINUTE, ..silent_doors(tier) });
    // Half of twenty minutes are used when the mask is, at 12; half of five minutes are left from there.
    story.door(1, true).readings(0, &[400; 2]).readings(2, &[600; 18]);
    assert_eq!(story.until(20), [(14, 30_000, raised(TooWarm, Critical)), (14, 30_000, Paged(TooWarm))]);
}

#[test]
fn closing_the_door_neither_begins_the_time_anew_nor_jumps_it() {
    let mut story = Story::of(silent_doors(Tier { open: 20 * MINUTE, ..warm() }));
    // Eight of twenty minutes, then three of five.
    story.door(0, true).door(8, false).readings(0, &[600; 16]);
    assert_eq!(story.until(16), [(11, 0, raised(TooWarm, Critical)), (11, 0, Paged(TooWarm))]);
}

#[test]
fn a_defrost_is_given_its_own_time_and_the_cold_side_none() {
    let tier = Tier { defrost: 45 * MINUTE, min: Some(-100), ..warm() };
    let rules = Rules { defrosts: vec![10 * 60 + 15], defrost_for: 30 * MINUTE, ..silent_doors(tier) };
    let mut story = Story::of(rules.clone());
    // Thirty of forty-five minutes until 45, then a third of five.
    story.readings(0, &[400; 15]).readings(15, &[600; 40]);
    assert_eq!(story.until(50), [(46, 40_000, raised(TooWarm, Critical)), (46, 40_000, Paged(TooWarm))]);
    let mut story = Story::of(rules);
    story.door(0, true).readings(0, &[200; 15]).readings(15, &[-200; 10]);
    assert_eq!(story.until(24), [(20, 0, raised(TooCold, Critical)), (20, 0, Paged(TooCold))]);
}

#[test]
fn nothing_holds_back_the_longest_excursion_not_even_a_shelve() {
    let mut story = Story::of(Rules::of(vec![Tier { closed: 5 * HOUR, severity: Warning, ..warm() }]));
    story.readings(0, &[400; 2]).readings(2, &[600; 80]);
    story.at(10 * MINUTE, What::Shelve { unit: "u".into(), until: BEGIN + 200 * MINUTE });
    assert_eq!(story.until(70), [(62, 0, raised(TooWarm, Critical)), (62, 0, Paged(TooWarm))]);
}

#[test]
fn a_spike_is_dropped_and_a_jump_that_stays_counts_from_its_first_value() {
    let mut story = Story::of(Rules::of(vec![warm()]));
    story.readings(0, &[400; 6]).readings(6, &[3_000]).readings(7, &[400; 20]);
    assert_eq!(story.until(26), []);
    let mut story = Story::of(Rules::of(vec![warm()]));
    story.readings(0, &[400; 6]).readings(6, &[3_000; 20]);
    assert_eq!(story.until(20), [(11, 0, raised(TooWarm, Critical)), (11, 0, Paged(TooWarm))]);
}

#[test]
fn three_impossible_values_are_a_fault_and_two_good_ones_end_it() {
    let mut story = Story::of(Rules::of(vec![warm()]));
    story.readings(0, &[400; 5]).readings(5, &[8_500, 8_500, 8_500, 400, 8_500, 400, 400, 400]);
    assert_eq!(
        story.until(12),
        [(7, 0, raised(SensorFault, Warning)), (7, 0, Paged(SensorFault)), (11, 0, Cleared(SensorFault))]
    );
}

#[test]
fn a_point_is_lost_after_its_missed_check_ins_but_not_while_nobody_listens() {
    let mut story = Story::of(Rules::of(vec![warm()]));
    story.readings(0, &[400; 10]).readings(20, &[400; 3]);
    assert_eq!(
        story.until(22),
        [(14, 30_000, raised(Silent, Warning)), (14, 30_000, Paged(Silent)), (21, 0, Cleared(Silent))]
    );
    let mut story = Story::of(Rules::of(vec![warm()]));
    story.readings(0, &[400; 10]);
    story.at(20 * MINUTE, What::Started { down_from: Some(BEGIN + 10 * MINUTE), known: true });
    assert_eq!(story.until(30), [(24, 30_000, raised(Silent, Warning)), (24, 30_000, Paged(Silent))]);
}

#[test]
fn an_unanswered_alert_climbs_three_levels_and_an_answer_holds_for_a_while() {
    let mut story = Story::of(Rules::of(vec![Tier { cap: None, ..warm() }]));
    story.readings(0, &[400; 2]).readings(2, &[600; 130]);
    assert_eq!(
        story.until(120),
        [
            (7, 0, raised(TooWarm, Critical)),
            (7, 0, Paged(TooWarm)),
            (22, 0, Escalated(TooWarm, 1)),
            (22, 0, Paged(TooWarm)),
            (37, 0, Escalated(TooWarm, 2)),
            (37, 0, Paged(TooWarm)),
            (52, 0, Escalated(TooWarm, 3)),
            (52, 0, Paged(TooWarm)),
            (112, 0, Paged(TooWarm)),
        ]
    );
    let mut story = Story::of(Rules::of(vec![Tier { cap: None, ..warm() }]));
    story.readings(0, &[400; 2]).readings(2, &[600; 130]);
    let until = BEGIN + 23 * MINUTE;
    story.at(8 * MINUTE, What::Acknowledge { unit: "u".into(), condition: TooWarm, until });
    assert_eq!(
        story.until(40),
        [
            (7, 0, raised(TooWarm, Critical)),
            (7, 0, Paged(TooWarm)),
            (23, 0, AckExpired(TooWarm)),
            (23, 0, Paged(TooWarm)),
            (38, 0, Escalated(TooWarm, 1)),
            (38, 0, Paged(TooWarm)),
        ]
    );
}

#[test]
fn a_jump_of_the_clock_is_no_time_out_of_range() {
    let mut story = Story::of(Rules::of(vec![warm()]));
    story.readings(0, &[400; 2]).readings(2, &[600; 2]);
    story.at(4 * MINUTE, What::Clock { to: BEGIN + 64 * MINUTE, offset: 0 });
    story.readings(65, &[600; 10]);
    assert_eq!(story.until(70), [(67, 0, raised(TooWarm, Critical)), (67, 0, Paged(TooWarm))]);
}

#[test]
fn a_warning_waits_for_its_hours_and_is_told_when_they_begin() {
    let tier = Tier { severity: Warning, cap: None, ..warm() };
    let hours = Schedule { days: vec![1], start: 11, end: 18 };
    let mut story = Story::of(Rules { thermal_schedule: Some(hours), ..Rules::of(vec![tier]) });
    story.readings(0, &[400; 2]).readings(2, &[600; 70]);
    assert_eq!(story.until(70), [(7, 0, raised(TooWarm, Warning)), (60, 0, Paged(TooWarm))]);
}

#[test]
fn a_door_that_shuts_for_a_moment_stays_open() {
    let mut story = Story::of(Rules::of(vec![warm()]));
    story.readings(0, &[400; 20]).door(1, true).door(13, false);
    story.at(2 * MINUTE, What::Door { point: "u.d".into(), open: false });
    story.at(2 * MINUTE + 9_000, What::Door { point: "u.d".into(), open: true });
    assert_eq!(
        story.until(18),
        [
            (4, 0, raised(DoorOpen, Warning)),
            (4, 0, Paged(DoorOpen)),
            (11, 0, Upgraded(DoorOpen, Critical)),
            (11, 0, Paged(DoorOpen)),
            (13, 10_000, Cleared(DoorOpen)),
        ]
    );
}

#[test]
fn a_simulated_product_follows_slowly_and_only_its_own_time_counts() {
    let mut story = Story::of(Rules::of(vec![Tier { tau: Some(10 * MINUTE), cap: Some(HOUR), ..warm() }]));
    // A tenth of the distance each minute: 52.2 % of it are behind after the seventh, at 8.
    story.readings(0, &[400; 2]).readings(2, &[600; 20]);
    assert_eq!(story.until(20), [(13, 0, raised(TooWarm, Critical)), (13, 0, Paged(TooWarm))]);
}

#[test]
fn cumulative_time_adds_up_over_separate_excursions() {
    let mut story = Story::of(Rules::of(vec![Tier { cumulative: true, closed: 7 * MINUTE, ..warm() }]));
    // Four minutes, then three more.
    story.readings(0, &[600; 4]).readings(4, &[400; 20]).readings(24, &[600; 6]);
    assert_eq!(story.until(29), [(27, 0, raised(TooWarm, Critical)), (27, 0, Paged(TooWarm))]);
}

#[test]
fn silence_makes_a_log_by_hand_due_and_the_log_satisfies() {
    let rules = Rules { manual_interval: HOUR, lost_after: 9 * HOUR, ..Rules::of(vec![warm()]) };
    let mut story = Story::of(rules);
    story.readings(0, &[400; 10]);
    let taken = BEGIN + 105 * MINUTE;
    story.at(105 * MINUTE, What::Manual { unit: "u".into(), value: Some(400), taken });
    assert_eq!(
        story.until(190),
        [
            (99, 0, raised(ManualMissed, Warning)),
            (99, 0, Paged(ManualMissed)),
            (105, 0, Cleared(ManualMissed)),
        ]
    );
}

#[test]
fn a_battery_is_low_after_its_delay_until_it_is_clearly_better() {
    let mut story = Story::of(Rules::of(vec![warm()]));
    story.readings(0, &[400; 20]);
    for (minute, percent) in [(1, 15), (8, 22), (10, 25)] {
        story.at(minute * MINUTE, What::Battery { point: "u.a".into(), percent });
    }
    assert_eq!(
        story.until(20),
        [(6, 0, raised(LowBattery, Warning)), (6, 0, Paged(LowBattery)), (10, 0, Cleared(LowBattery))]
    );
}
