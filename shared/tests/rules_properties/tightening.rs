//! Owns the promise that a limit which is made tighter takes no alarm away.
//! Takes one history under two limits, or a limit changed in its midst; compares when alarms were on.
//! Must never use a daily allowance: what is used up earlier is there again for what comes later.

use frostguard_shared::ids::UnitId;
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

/// When alarms about warm air were raised at the unit.
fn raised(effects: &[Effect], unit: UnitId) -> Vec<RuleMs> {
    let raised = effects.iter().filter_map(|effect| match effect {
        Effect::Alert { at, episode, change: AlertChange::Raised { .. }, .. }
            if episode.unit == unit && episode.condition == Condition::TooWarm =>
        {
            Some(*at)
        }
        _ => None,
    });
    raised.collect()
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
    #![proptest_config(crate::config(128))]

    /// I6, over whole histories.
    #[test]
    fn under_a_tighter_limit_each_alarm_of_the_looser_one_is_on_when_that_would_have_come(
        plan in plan(1..2), items in items(Taste { rules: 0, ..Taste::ALL }, 60), tighter in 1i32..400,
    ) {
        let plan = upper(plan);
        let mut history = History::of(plan.clone(), &items);
        history.wait(DAY);
        history.happen(&Happening::Tick);
        let tight = folded(&history.records, &plan, tighter);
        for n in UNITS {
            let on = spans(&tight.effects, unit(n), Condition::TooWarm);
            for at in raised(&history.folding.effects, unit(n)) {
                let is_on = on.iter().any(|(from, to)| (*from..=*to).contains(&at));
                prop_assert!(is_on, "unit {} at {:?}, under the tighter limit {:?}", n, at, on);
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
