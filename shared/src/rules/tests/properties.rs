//! What holds for every history of a freezer.

use super::*;
use proptest::prelude::*;

fn history() -> impl Strategy<Value = Vec<(i64, i32, bool)>> {
    prop::collection::vec(
        (1i64..400_000, prop_oneof![-1900i32..-1300, Just(-1400), Just(-1700)], any::<bool>()),
        1..80,
    )
}

fn records_of(history: &[(i64, i32, bool)]) -> Vec<Record> {
    let mut at = T0;
    history
        .iter()
        .map(|(passed, value, valid)| {
            at += passed;
            let quality = if *valid || value % 3 != 0 { Quality::Valid } else { Quality::PowerOnDefault };
            reading(7, at, *value, quality)
        })
        .collect()
}

proptest! {
    #[test]
    fn results_do_not_depend_on_how_often_one_ticks(history in history(), ticks in prop::collection::vec(1i64..20_000_000, 0..40)) {
        let records = records_of(&history);
        let mut plain = Site::freezer();
        records.iter().for_each(|record| { plain.fold(record.clone()); });
        let mut ticked = Site::freezer();
        let mut all: Vec<Record> = records.clone();
        let end = records.last().unwrap().at;
        all.extend(ticks.iter().map(|t| Record::tick(RuleMs(T0 + t))).filter(|tick| tick.at <= end));
        all.sort_by(Record::order);
        all.into_iter().for_each(|record| { ticked.fold(record); });
        prop_assert_eq!(plain.effects, ticked.effects);
    }

    #[test]
    fn any_arrival_order_and_any_duplication_folds_to_the_same_state(history in history(), seed in any::<u64>()) {
        let site = Site::freezer();
        let records = records_of(&history);
        let (in_order, effects) = refold(site.state.clone(), records.clone());
        let mut shuffled = records.clone();
        shuffled.extend(records.iter().take(records.len() / 2).cloned());
        let mut random = seed | 1;
        for at in (1..shuffled.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(at, (random >> 33) as usize % (at + 1));
        }
        prop_assert_eq!(refold(site.state, shuffled), (in_order, effects));
    }

    #[test]
    fn a_long_enough_violation_always_confirms_and_at_most_one_alert_is_open_for_it(history in history(), minutes in 6i64..30) {
        let mut site = Site::freezer();
        records_of(&history).into_iter().for_each(|record| { site.fold(record); });
        let from = (site.state.frontier().0 - T0) / MINUTE + 1;
        site.values(from..from + minutes + 1, -1000);
        prop_assert_eq!(site.status(), UnitStatus::AlarmActive);
        let warm = site.state.alerts().filter(|(key, alert)| key.condition == Condition::TooWarm && alert.cleared.is_none());
        prop_assert_eq!(warm.count(), 1);
    }

    #[test]
    fn the_passing_of_time_alone_never_improves_a_status(history in history(), wait in 1i64..50_000_000) {
        let mut site = Site::freezer();
        records_of(&history).into_iter().for_each(|record| { site.fold(record); });
        let rank = |status| match status {
            UnitStatus::Ok => 0,
            UnitStatus::Restoring => 1,
            UnitStatus::Offline => 2,
            UnitStatus::Excursion => 3,
            UnitStatus::MonitoringInterrupted | UnitStatus::ManualRequired => 4,
            UnitStatus::AlarmActive => 5,
        };
        let before = rank(site.status());
        let at = site.state.frontier().0 + wait;
        site.tick(at);
        prop_assert!(rank(site.status()) >= before, "{:?} from rank {}", site.status(), before);
    }
}
