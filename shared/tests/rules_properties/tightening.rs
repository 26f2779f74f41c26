//! Owns the promise that a limit which is made tighter takes no alarm away.
//! Takes one history under two limits, or a limit changed in its midst; compares when alarms were on.
//! Must never use a daily allowance: what is used up earlier is there again for what comes later.

use frostguard_shared::rules::{AlertChange, Condition, Effect, Record};
use frostguard_shared::time::RuleMs;
use proptest::prelude::*;

use crate::fold::{Folding, rank, spans};
use crate::history::{Happening, History, Item, Taste, UNITS, items};
use crate::site::{DAY, Plan, plan, unit};

/// A plan with upper limits only, under which no door holds anything back by a daily allowance.
fn upper(mut plan: Plan) -> Plan {
    for mix in plan.versions.iter_mut().flatten() {
        mix.mask = 0;
        mix.tiers.iter_mut().for_each(|tier| tier.lower = false);
    }
    plan
}

/// The same spans, those that touch each other as one.
fn merged(mut spans: Vec<(RuleMs, RuleMs)>) -> Vec<(RuleMs, RuleMs)> {
    spans.sort();
    let mut merged: Vec<(RuleMs, RuleMs)> = vec![];
    for (from, to) in spans {
        match merged.last_mut() {
            Some((_, end)) if *end >= from => *end = to.max(*end),
            _ => merged.push((from, to)),
        }
    }
    merged
}

fn folded(records: &[Record], plan: &Plan, tighter: i32) -> Folding {
    let mut folding = Folding::default();
    for record in records {
        let is_rules = matches!(record.input, frostguard_shared::rules::Input::RulesApplied(_));
        let under = Record::rules(record.at, plan.rules(0, tighter));
        folding.fold(if is_rules { &under } else { record });
    }
    folding
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// I6, over whole histories.
    #[test]
    fn under_a_tighter_limit_an_alarm_is_on_whenever_it_was_on_under_the_looser_one(
        plan in plan(1..2), items in items(Taste { rules: 0, ..Taste::ALL }, 60), tighter in 1i32..400,
    ) {
        let plan = upper(plan);
        let mut history = History::of(plan.clone(), &items);
        history.wait(DAY);
        history.happen(&Happening::Tick);
        let tight = folded(&history.records, &plan, tighter);
        for n in UNITS {
            let on = |folding: &Folding| merged(spans(&folding.effects, unit(n), Condition::TooWarm));
            let (loose, tight) = (on(&history.folding), on(&tight));
            for (from, to) in loose {
                let is_covered = tight.iter().any(|(begin, end)| *begin <= from && to <= *end);
                prop_assert!(is_covered, "unit {} from {:?} to {:?}, tight {:?}", n, from, to, tight);
            }
        }
    }

    /// I6, for a limit that is changed while things go on.
    #[test]
    fn a_limit_that_is_made_tighter_ends_nothing(
        plan in plan(1..2), items in items(Taste { rules: 0, ..Taste::ALL }, 60), tighter in 1i32..400,
    ) {
        let items: Vec<Item> = items;
        let mut history = History::of(plan, &items);
        history.wait(1);
        history.happen(&Happening::Tick);
        let before = history.folding.clone();
        let rules = history.plan.rules(0, tighter);
        let record = Record::rules(history.now(), rules);
        history.take(record);
        let after = &history.folding;
        let cleared = after.effects[before.effects.len()..].iter().find(|effect| {
            matches!(effect, Effect::Alert { episode, change: AlertChange::Cleared { .. }, .. }
                if episode.condition != Condition::TooCold)
        });
        prop_assert_eq!(cleared, None);
        for n in UNITS {
            prop_assert!(rank(after.status(unit(n))) >= rank(before.status(unit(n))));
        }
    }
}
