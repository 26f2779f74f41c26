//! What late data changes in alerts, on one point with one limit.

use super::*;
use crate::alarm::Severity;
use crate::ids::{PointId, UnitId};
use crate::point::{Assignment, Role};
use crate::quantity::CentiCelsius;
use crate::reading::{Quality, Reading};
use crate::rules::{
    Field, SilenceRule, SilenceTrigger, SiteRules, Telling, ThermalRule, UnitRules, UnitStatus, refold,
};
use crate::time::{Boot, BoottimeMs, Trust, WallMs};

const MINUTE: i64 = 60_000;

fn unit() -> UnitId {
    UnitId::from_bytes([1; 16])
}

fn point() -> PointId {
    PointId::from_bytes([2; 16])
}

/// At most 8 °C for five minutes, and the sensor may be silent for fifteen hours.
fn start() -> State {
    let telling = Telling { severity: Field::unit(Severity::Warning), ..Telling::DEFAULT };
    let limits = ThermalRule {
        telling,
        max: Field::unit(Some(CentiCelsius::literal(800))),
        off_delay: Field::unit(DurationMs(0)),
        ..ThermalRule::DEFAULT
    };
    let trigger = SilenceTrigger::Checkins { late_after: Field::unit(1), lost_after: Field::unit(900) };
    let silence = SilenceRule { trigger, ..SilenceRule::DEFAULT };
    let rules = UnitRules { silence, ..UnitRules::of_limits(limits) };
    let rules =
        SiteRules { units: [(unit(), rules)].into(), points: [point()].into(), ..SiteRules::default() };
    let assignment = Assignment { point: point(), unit: unit(), role: Role::Air, from: RuleMs(0) };
    let assigned = Record::given(RuleMs(0), Input::Assigned(assignment), 1);
    refold(State::default(), vec![Record::rules(RuleMs(0), rules), assigned]).0
}

fn at(minute: i64, hundredths: i32) -> Record {
    Record::of_reading(&Reading {
        seq: 1,
        at: WallMs(0),
        boot: Boot(1),
        boottime: BoottimeMs(0),
        rule: RuleMs(minute * MINUTE),
        age_ms: 0,
        trust: Trust::Synced,
        point: point(),
        temperature: CentiCelsius::new(hundredths).unwrap(),
        humidity: None,
        battery_percent: None,
        battery: None,
        signal: None,
        door: None,
        quality: Quality::Valid,
    })
}

fn compared(known: &[Record], late: &[Record]) -> (Outcome, State) {
    let (before, issued) = refold(start(), known.to_vec());
    let (after, effects) = refold(start(), [known, late].concat());
    let issued = |key: &EpisodeKey| {
        issued.iter().any(|effect| matches!(effect, Effect::Alert { episode, .. } if episode == key))
    };
    (reconcile(&before, &after, &effects, issued), after)
}

fn raised(outcome: &Outcome) -> Vec<(&str, bool)> {
    let word = |change: &AlertChange| match change {
        AlertChange::Raised { .. } => "raised",
        AlertChange::Upgraded { .. } => "upgraded",
        AlertChange::Cleared { .. } => "cleared",
        AlertChange::Relapsed { .. } => "relapsed",
        AlertChange::AckExpired => "expired",
        AlertChange::Escalated { .. } => "escalated",
        AlertChange::Told { .. } => "told",
    };
    outcome.changes.iter().map(|revealed| (word(&revealed.change), revealed.retro)).collect()
}

#[test]
fn an_excursion_that_lay_wholly_in_an_outage_is_told_in_retrospect_and_in_one_sentence() {
    let known = [at(0, 400), at(100, 400), at(101, 400)];
    let late: Vec<Record> =
        (10..30).map(|minute| at(minute, 1_000)).chain([at(30, 400), at(31, 400)]).collect();
    let (outcome, after) = compared(&known, &late);
    assert_eq!(raised(&outcome), [("raised", true), ("cleared", true)]);
    let AlertChange::Raised { why, .. } = &outcome.changes[0].change else { panic!() };
    assert!(
        why.text.ends_with("it was over after 21 min, and was found in values that came late"),
        "{}",
        why.text
    );
    assert_eq!(after.status(unit()), UnitStatus::Ok);
}

#[test]
fn an_excursion_that_late_data_shows_to_be_going_on_is_raised_like_any_other() {
    let known = [at(0, 400), at(100, 1_000)];
    let late: Vec<Record> = (90..100).map(|minute| at(minute, 1_000)).collect();
    let (outcome, after) = compared(&known, &late);
    assert_eq!(raised(&outcome), [("raised", false)]);
    assert_eq!(after.status(unit()), UnitStatus::AlarmActive);
}

#[test]
fn an_issued_alert_whose_episode_began_earlier_is_carried_on_and_not_raised_again() {
    let known: Vec<Record> = (100..110).map(|minute| at(minute, 1_000)).collect();
    let (outcome, _) = compared(&known, &[at(99, 1_000)]);
    assert_eq!(outcome.changes, []);
    assert_eq!(outcome.renamed.len(), 1);
    assert_eq!(outcome.renamed[0].0.since, RuleMs(99 * MINUTE));
}

#[test]
fn an_issued_alert_that_late_data_shows_to_be_an_hour_old_becomes_critical_and_not_another() {
    let known: Vec<Record> = (100..110).map(|minute| at(minute, 1_000)).collect();
    let late: Vec<Record> = (40..100).map(|minute| at(minute, 1_000)).collect();
    let (outcome, after) = compared(&known, &late);
    assert_eq!(outcome.renamed.len(), 1);
    let upgraded =
        outcome.changes.iter().find(|revealed| matches!(revealed.change, AlertChange::Upgraded { .. }));
    let upgraded = upgraded.expect("it is told to be worse");
    assert_eq!(upgraded.episode, outcome.renamed[0].0);
    assert_eq!(after.alert(&upgraded.episode).map(|alert| alert.severity), Some(Severity::Critical));
}

#[test]
fn an_issued_alert_that_late_data_shows_to_have_been_over_clears_visibly() {
    let known = [at(0, 1_000), at(3, 1_000), at(40, 1_000)];
    let late = [at(1, 400), at(2, 400), at(4, 400), at(5, 400)];
    let (outcome, _) = compared(&known, &late);
    assert_eq!(raised(&outcome), [("cleared", false)]);
}

#[test]
fn what_was_said_of_an_alert_goes_to_the_name_that_it_has_now() {
    let key = |minute| EpisodeKey {
        unit: unit(),
        point: point(),
        condition: crate::alarm::Condition::TooWarm,
        since: RuleMs(minute * MINUTE),
    };
    let said = Input::Acknowledged { episode: key(100), until: RuleMs(130 * MINUTE) };
    let mut records = [at(99, 1_000), Record::given(RuleMs(110 * MINUTE), said, 1)];
    assert!(rename(&mut records, |_| Some(key(99))));
    assert_eq!(records[1].input, Input::Acknowledged { episode: key(99), until: RuleMs(130 * MINUTE) });
    assert!(!rename(&mut records, |_| Some(key(99))), "it has that name already");
}
