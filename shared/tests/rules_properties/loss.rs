//! Owns the promise that less knowledge is never better news: no data, no power, no clock, no configuration.
//! Takes histories and then losses alone; compares each unit's status before and after.
//! Must never count a believed value, a person's act or a repair as a loss.

use frostguard_shared::reading::Quality;
use frostguard_shared::rules::{Record, SiteRules, UnitStatus};
use proptest::prelude::*;
use proptest::sample::select;

use crate::fold::rank;
use crate::history::{ALL_SENSORS, Happening, History, Item, Taste, UNITS, above, correct, items, restart};
use crate::site::{DAY, DOOR, HOUR, MINUTE, POINTS, plan, point, unit};

fn loss() -> impl Strategy<Value = Item> {
    let after = select(vec![1i64, MINUTE, 7 * MINUTE, 40 * MINUTE, 5 * HOUR, DAY]);
    let sensor = select(vec![0usize, 1, 2, DOOR]);
    let code = |sensor: usize| Happening::Code { sensor, code: -12_700, quality: Quality::ProbeUnreadable };
    let what = prop_oneof![
        4 => Just(Happening::Tick),
        2 => sensor.clone().prop_map(|sensor| Happening::Fault { sensor }),
        2 => select(ALL_SENSORS.to_vec()).prop_map(code),
        4 => restart(),
        1 => correct(),
        1 => Just(Happening::Untrust),
    ];
    (after, what).prop_map(|(after, what)| Item { after, what })
}

fn stays(item: &Item) -> bool {
    !matches!(item.what, Happening::Assign { .. })
}

fn ranks(history: &History) -> [u8; 2] {
    UNITS.map(|n| rank(history.folding.status(unit(n))))
}

proptest! {
    #![proptest_config(crate::config(128))]

    /// I5, for data, power and clock.
    #[test]
    fn no_loss_moves_a_status_towards_ok(
        plan in plan(1..3), items in items(Taste::ALL, 40), last in prop::collection::vec(above(), 0..4),
        losses in prop::collection::vec(loss(), 1..20),
    ) {
        let items: Vec<Item> = items.into_iter().filter(stays).collect();
        let mut history = History::of(plan, &items);
        // So that there is something to lose.
        for above in last {
            history.wait(MINUTE);
            history.value(0, above);
            history.wait(1);
            history.value(2, above);
        }
        let mut before = ranks(&history);
        for loss in losses {
            history.live(std::slice::from_ref(&loss));
            let after = ranks(&history);
            prop_assert!(before.iter().zip(&after).all(|(b, a)| a >= b), "{:?} to {:?} by {:?}", before, after, loss);
            before = after;
        }
    }

    /// I5, for the configuration.
    #[test]
    fn a_unit_whose_rules_are_lost_is_not_ok_and_an_alarm_of_it_does_not_end_unseen(
        plan in plan(1..3), items in items(Taste::ALL, 40),
    ) {
        let items: Vec<Item> = items.into_iter().filter(stays).collect();
        let mut history = History::of(plan, &items);
        history.wait(1);
        let rules = SiteRules {
            units: [].into(),
            points: (0..POINTS.len()).map(point).collect(),
            ..history.plan.rules(0, 0)
        };
        let record = Record::rules(history.now(), rules);
        let open = history.folding.open().clone();
        history.take(record);
        for n in UNITS {
            prop_assert!(rank(history.folding.status(unit(n))) >= rank(UnitStatus::MonitoringInterrupted));
        }
        for episode in open {
            let is_told = history.folding.open().contains(&episode) || history.folding.has_cleared(&episode);
            prop_assert!(is_told, "{}", episode);
        }
    }
}
