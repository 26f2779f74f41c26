//! Owns the promises about temperatures out of their limits: each belongs to an episode, and one that lasts is told of.
//! Takes histories; reckons from the rules alone by when a violation that goes on must have become an alarm.
//! Must never ask the engine how long something may last.

use frostguard_shared::ids::UnitId;
use frostguard_shared::rules::{Condition, Effect, Record, Severity, SiteRules, ThermalRule, UnitStatus};
use frostguard_shared::time::RuleMs;
use proptest::prelude::*;

use crate::believing::Believing;
use crate::fold::{Folding, spans};
use crate::history::{Happening, History, Item, Taste, item, items, unit_of};
use crate::site::{FREEZER, MINUTE, Plan, plan, point, unit};

/// True if a value is beyond a limit of the unit, above or below.
fn is_outside(rules: &SiteRules, unit: UnitId, value: i32) -> bool {
    rules.units[&unit].limits.iter().any(|tier| {
        let beyond = |outside: i32| outside > 0 || (tier.inclusive.value && outside == 0);
        let above = tier.max.value.is_some_and(|max| beyond(value - max.hundredths()));
        let below = tier.min.value.is_some_and(|min| beyond(min.hundredths() - value));
        above || below
    })
}

/// How long nothing can hold back an alarm of a violation that goes on.
fn cap(tier: &ThermalRule) -> i64 {
    tier.max_excursion.value.map_or(i64::MAX, |cap| cap.0)
}

/// The shortest and the longest time for which a tier's delays can hold back an alarm of a violation that goes on.
fn delays(tier: &ThermalRule) -> (i64, i64) {
    let closed = tier.confirm_closed.value.unwrap_or(tier.delay.value).0;
    let open = tier.confirm_open.value.unwrap_or(tier.delay.value).0;
    let defrost = closed.max(tier.defrost_length.value.0 * 3 / 2);
    let cap = cap(tier);
    // What a simulated product does meanwhile is not for this test to say.
    let longest = if tier.product_tau.value.is_some() { i64::MAX } else { closed.max(open).max(defrost) };
    (closed.min(open).min(cap), longest.min(cap))
}

/// The longest of a unit: its quickest tier decides.
fn longest(rules: &SiteRules, of: usize) -> i64 {
    rules.units[&unit(of)].limits.iter().map(|tier| delays(tier).1).min().unwrap()
}

/// Everything at the freezer's first sensor but its values is somebody else's doing.
fn is_noise(item: &Item) -> bool {
    match item.what {
        Happening::Value { sensor, .. }
        | Happening::Stretch { sensor, .. }
        | Happening::Code { sensor, .. }
        | Happening::Fault { sensor }
        | Happening::Recovered { sensor } => sensor != 0,
        Happening::Assign { .. } | Happening::Rules(_) | Happening::Correct { .. } => false,
        Happening::Restart { down, .. } => down < MINUTE,
        _ => true,
    }
}

fn noise(most: usize) -> impl Strategy<Value = Vec<Item>> {
    let taste = Taste { doors: 12, people: 12, rules: 0, ..Taste::ALL };
    let single = |mut item: Item| {
        if let Happening::Stretch { sensor, above, .. } = item.what {
            item.what = Happening::Value { sensor, above, late: false, battery: None };
        }
        item.after = 1 + item.after % 40_000;
        item
    };
    prop::collection::vec(item(taste).prop_map(single).prop_filter("of the sensor", is_noise), 0..most)
}

/// A value out of its limits every minute until `length` has passed; gives when the first came.
fn violate(history: &mut History, above: i32, length: i64, noise: &[Item]) -> RuleMs {
    let mut noise = noise.iter().cycle().take(noise.len() * 4);
    history.wait(1);
    history.value(0, above);
    let begin = history.now();
    let mut next = begin.0 + MINUTE;
    let end = begin.0 + length;
    while next <= end {
        let between = noise.next().filter(|item| history.now().0 + item.after + MINUTE < next + MINUTE - 1);
        if let Some(item) = between {
            history.live(std::slice::from_ref(item));
        }
        // A restart in between takes its time.
        let now = history.now().0;
        history.wait((next - now).max(1));
        history.value(0, above);
        next = history.now().0 + MINUTE;
    }
    begin
}

fn is_never_moved(item: &Item) -> bool {
    !matches!(item.what, Happening::Assign { .. })
}

fn severity_of(folding: &Folding, condition: Condition) -> Option<Severity> {
    let mut alerts = folding.state.alerts();
    let open = alerts.find(|(key, alert)| {
        key.unit == unit(FREEZER) && key.condition == condition && alert.cleared.is_none()
    });
    open.map(|(_, alert)| alert.severity)
}

proptest! {
    #![proptest_config(crate::config(96))]

    /// I1.
    #[test]
    fn every_believed_value_out_of_its_limits_belongs_to_an_episode(
        plan in plan(1..3), items in items(Taste { clock: 1, ..Taste::ALL }, 80),
    ) {
        let items: Vec<Item> = items.into_iter().filter(is_never_moved).collect();
        let history = History::of(plan, &items);
        let (mut folding, mut believing) = (Folding::default(), Believing::default());
        for record in &history.records {
            folding.fold(record);
            let Some((sensor, value)) = believing.take(record) else { continue };
            if is_outside(believing.rules(), unit_of(sensor), value) {
                let is_in_episode = folding.is_thermal(point(sensor), &["pending", "confirmed"]);
                prop_assert!(is_in_episode, "{} of sensor {} at {:?}", value, sensor, record.at);
                prop_assert_ne!(folding.status(unit_of(sensor)), UnitStatus::Ok);
            }
        }
    }

    /// I4.
    #[test]
    fn a_violation_that_goes_on_becomes_an_alarm_whatever_else_happens(
        plan in plan(1..2), before in items(Taste { rules: 0, ..Taste::ALL }, 30), noise in noise(40), above in 1i32..200,
    ) {
        let mut history = History::of(plan.clone(), &before);
        let rules = plan.rules(0, 0);
        // The calibration may put the value back inside.
        let above = above + 100;
        let within = longest(&rules, FREEZER);
        prop_assume!(within < i64::MAX);
        let begin = violate(&mut history, above, within, &noise);
        let after = Record::tick(RuleMs((begin.0 + within + 1).max(history.now().0 + 1)));
        history.take(after);
        let warm = history.folding.is_open(unit(FREEZER), Condition::TooWarm);
        prop_assert!(warm && history.folding.status(unit(FREEZER)) == UnitStatus::AlarmActive);
        // What nothing can hold back is critical.
        let cap = rules.units[&unit(FREEZER)].limits.iter().map(cap).min().unwrap();
        if cap < i64::MAX {
            if cap > within {
                violate(&mut history, above, cap - within + MINUTE, &noise);
            }
            let late = RuleMs((begin.0 + cap + 1).max(history.now().0 + 1));
            history.take(Record::tick(late));
            prop_assert_eq!(severity_of(&history.folding, Condition::TooWarm), Some(Severity::Critical));
        }
    }

    /// I4, from the other end: nothing that is said to be held back comes at once.
    #[test]
    fn no_alarm_comes_before_the_shortest_of_its_delays(
        plan in plan(1..2), doors in noise(30), above in 101i32..200,
    ) {
        let plan = simple(plan);
        let doors: Vec<Item> =
            doors.into_iter().filter(|item| matches!(item.what, Happening::Door(_) | Happening::Defrost { .. })).collect();
        let rules = plan.rules(0, 0);
        let tiers = &rules.units[&unit(FREEZER)].limits;
        let mut history = History::begin(plan.clone(), 0);
        let begin = violate(&mut history, above, 100 * MINUTE, &doors);
        let shortest = tiers.iter().map(|tier| delays(tier).0).min().unwrap();
        let longest = longest(&rules, FREEZER);
        let spans = spans(&history.folding.effects, unit(FREEZER), Condition::TooWarm);
        prop_assert_eq!(spans.len(), 1);
        let took = spans[0].0.0 - begin.0;
        prop_assert!((shortest..=longest).contains(&took), "{} is not from {} to {}", took, shortest, longest);
        let raised = history.folding.effects.iter().filter(|effect| matches!(effect, Effect::Alert { episode, .. } if episode.since == begin));
        prop_assert!(raised.count() > 0, "the episode is named by its first bad value");
    }
}

/// A plan whose limits hold an alarm back by time alone.
fn simple(mut plan: Plan) -> Plan {
    for tier in plan.versions.iter_mut().flatten().flat_map(|mix| mix.tiers.iter_mut()) {
        (tier.hard, tier.tau, tier.cumulative) = (None, None, false);
    }
    plan
}
