//! Reconciling: what late data changes in alerts that were issued already.
//!
//! Pure. Compares the state before and after folding again. An issued alert is never taken back: it is carried on
//! under its episode's new name, or it clears, visibly. An episode that late data reveals and that is over is told
//! once, as found in retrospect; one that is still going on is raised like any other.

use frostguard_shared::rules::{AlertChange, Effect, EpisodeKey, State, Why};
use frostguard_shared::time::RuleMs;

/// What follows from folding again.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Episodes that turn out to have begun at another time: the new name and the issued one.
    pub renamed: Vec<(EpisodeKey, EpisodeKey)>,
    /// What happened to alerts: when, to which, what, and whether only in retrospect.
    pub changes: Vec<(RuleMs, EpisodeKey, AlertChange, bool)>,
}

fn is_open(state: &State, key: &EpisodeKey) -> bool {
    state.alert(key).is_some_and(|alert| alert.cleared.is_none())
}

fn is_same_subject(one: &EpisodeKey, other: &EpisodeKey) -> bool {
    (one.unit, one.point, one.condition) == (other.unit, other.point, other.condition)
}

/// Compares two states, given the effects that led to the second and which episodes have an alert already.
pub fn reconcile(
    before: &State,
    after: &State,
    effects: &[Effect],
    is_issued: impl Fn(&EpisodeKey) -> bool,
) -> Outcome {
    let open_before: Vec<EpisodeKey> =
        before.alerts().map(|(key, _)| *key).filter(|key| is_open(before, key)).collect();
    let mut outcome = Outcome::default();
    let mut carried = Vec::new();
    for effect in effects {
        let Effect::Alert { at, episode, change } = effect else { continue };
        if is_issued(episode) || outcome.renamed.iter().any(|(new, _)| new == episode) {
            continue;
        }
        let going_on = is_open(after, episode);
        let same = open_before.iter().find(|old| is_same_subject(old, episode) && !is_open(after, old));
        match (change, same) {
            (AlertChange::Raised { .. }, Some(old)) if going_on => {
                outcome.renamed.push((*episode, *old));
                carried.push(*old);
            }
            (AlertChange::Raised { .. } | AlertChange::Cleared { .. } | AlertChange::Relapsed { .. }, _) => {
                outcome.changes.push((*at, *episode, change.clone(), !going_on));
            }
            (AlertChange::AckExpired, _) => {}
        }
    }
    let reopened = before.alerts().filter(|(key, alert)| alert.cleared.is_some() && is_open(after, key));
    for (key, _) in reopened.filter(|(key, _)| is_issued(key)) {
        let why = Why::because("values that came late show that it goes on");
        outcome.changes.push((after.frontier(), *key, AlertChange::Relapsed { why }, false));
    }
    for key in open_before.into_iter().filter(|key| !is_open(after, key) && !carried.contains(key)) {
        let why = Why::because("values that came late show that it had ended");
        outcome.changes.push((after.frontier(), key, AlertChange::Cleared { why }, false));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::ids::{PointId, UnitId};
    use frostguard_shared::point::Role;
    use frostguard_shared::quantity::{CentiCelsius, CentiDegrees};
    use frostguard_shared::reading::{Quality, Reading};
    use frostguard_shared::rules::{
        Field, Record, Severity, SilenceRule, SiteRules, ThermalRule, UnitRules, refold,
    };
    use frostguard_shared::time::{Boot, BoottimeMs, DurationMs, Trust, WallMs};

    const MINUTE: i64 = 60_000;

    fn unit() -> UnitId {
        UnitId::from_bytes([1; 16])
    }

    fn point() -> PointId {
        PointId::from_bytes([2; 16])
    }

    fn start() -> State {
        let thermal = ThermalRule {
            min: None,
            max: Some(Field::unit(CentiCelsius::literal(800))),
            inclusive: false,
            hysteresis: Field::unit(CentiDegrees::HALF_A_DEGREE),
            delay: Field::unit(DurationMs::minutes(5)),
            off_delay: Field::unit(DurationMs(0)),
            severity: Field::unit(Severity::Critical),
        };
        let silence = SilenceRule { lost_after: Field::unit(900), ..SilenceRule::DEFAULT };
        let rules = UnitRules { thermal: Some(thermal), silence };
        let rules = SiteRules { units: [(unit(), rules)].into(), points: [point()].into() };
        let assignment = frostguard_shared::point::Assignment {
            point: point(),
            unit: unit(),
            role: Role::Air,
            from: RuleMs(0),
        };
        let mut assigned = Record::tick(RuleMs(0));
        assigned.input = frostguard_shared::rules::Input::Assigned(assignment);
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

    #[test]
    fn an_excursion_that_lay_wholly_in_an_outage_is_told_in_retrospect_and_once() {
        let known = [at(0, 400), at(100, 400), at(101, 400)];
        let late: Vec<Record> =
            (10..30).map(|minute| at(minute, 1_000)).chain([at(30, 400), at(31, 400)]).collect();
        let (outcome, _) = compared(&known, &late);
        let told: Vec<_> = outcome
            .changes
            .iter()
            .map(|(_, _, change, retro)| (matches!(change, AlertChange::Raised { .. }), *retro))
            .collect();
        assert_eq!(told, [(true, true), (false, true)]);
    }

    #[test]
    fn an_excursion_that_late_data_shows_to_be_going_on_is_raised_like_any_other() {
        let known = [at(0, 400), at(100, 1_000)];
        let late: Vec<Record> = (90..100).map(|minute| at(minute, 1_000)).collect();
        let (outcome, after) = compared(&known, &late);
        assert!(matches!(outcome.changes[..], [(_, _, AlertChange::Raised { .. }, false)]));
        assert_eq!(after.status(unit()), frostguard_shared::rules::UnitStatus::AlarmActive);
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
    fn an_issued_alert_that_late_data_shows_to_have_been_over_clears_visibly() {
        let known = [at(0, 1_000), at(3, 1_000), at(40, 1_000)];
        let late = [at(1, 400), at(2, 400), at(4, 400), at(5, 400)];
        let (outcome, _) = compared(&known, &late);
        assert!(matches!(outcome.changes[..], [(_, _, AlertChange::Cleared { .. }, false)]));
    }
}
