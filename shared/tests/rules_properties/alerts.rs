//! Owns the promises about alerts: one for one thing, gone only when the thing is over, and told as they are.
//! Takes histories in which people acknowledge and resolve at any time; watches every alert after every record.
//! Must never take the engine's word for a condition that the values alone can tell of.

use std::collections::{BTreeMap, BTreeSet};

use frostguard_shared::rules::{EpisodeKey, Input, Record};
use proptest::prelude::*;

use crate::believing::Believing;
use crate::fold::Folding;
use crate::history::{Happening, History, Item, Taste, items, unit_of};
use crate::site::{MAX, POINTS, SENSORS, plan, point};
use frostguard_shared::rules::Condition;

const BUSY: Taste = Taste { people: 16, ..Taste::ALL };

fn open_in_state(folding: &Folding) -> BTreeSet<EpisodeKey> {
    folding.state.alerts().filter(|(_, alert)| alert.cleared.is_none()).map(|(key, _)| *key).collect()
}

proptest! {
    #![proptest_config(crate::config(96))]

    /// I9.
    #[test]
    fn a_unit_has_at_most_one_open_alert_for_each_condition_and_effects_tell_of_it(
        plan in plan(1..3), items in items(BUSY, 80),
    ) {
        let history = History::of(plan, &items);
        let mut folding = Folding::default();
        for record in &history.records {
            folding.fold(record);
            let open = open_in_state(&folding);
            prop_assert_eq!(&open, folding.open(), "what is open, and what was told of it");
            let mut counts: BTreeMap<_, usize> = BTreeMap::new();
            open.iter().for_each(|key| *counts.entry((key.unit, key.condition)).or_default() += 1);
            prop_assert!(counts.values().all(|count| *count == 1), "{:?}", open);
        }
    }

    /// I10.
    #[test]
    fn nothing_that_a_person_does_takes_away_an_alert_whose_condition_goes_on(
        plan in plan(1..3), items in items(BUSY, 80),
    ) {
        let history = History::of(plan, &items);
        let mut folding = Folding::default();
        for record in &history.records {
            let is_person = matches!(record.input, Input::Resolved { .. } | Input::Acknowledged { .. }
                | Input::Quieted { .. } | Input::Shelved { .. } | Input::Unshelved { .. });
            // What time alone clears is cleared before.
            if is_person {
                folding.fold(&Record::tick(record.at));
            }
            let before: Vec<EpisodeKey> = folding.state.alerts().map(|(episode, _)| *episode).collect();
            let open = folding.open().clone();
            folding.fold(record);
            for episode in &before {
                let is_there = folding.state.alert(episode).is_some();
                prop_assert!(is_there || folding.has_cleared(episode), "{} is gone", episode);
                let is_kept = is_there && folding.open().contains(episode);
                prop_assert!(!is_person || !open.contains(episode) || is_kept, "{} was cleared by hand", episode);
            }
        }
    }

    /// I10, by the values: as long as the last one of an alarm's own sensor is out of range, the alarm is there.
    #[test]
    fn an_alarm_stays_while_the_last_value_of_its_sensor_is_out_of_its_limits(
        plan in plan(1..2), items in items(Taste { rules: 0, ..BUSY }, 80),
    ) {
        let mut plan = plan;
        let tiers = plan.versions.iter_mut().flatten().flat_map(|mix| mix.tiers.iter_mut());
        tiers.for_each(|tier| tier.lower = false);
        let items: Vec<Item> =
            items.into_iter().filter(|item| !matches!(item.what, Happening::Assign { .. })).collect();
        let history = History::of(plan, &items);
        let (mut folding, mut believing) = (Folding::default(), Believing::default());
        for record in &history.records {
            let confirmed = (0..SENSORS).filter(|n| folding.is_thermal(point(*n), &["confirmed"]));
            let confirmed: Vec<usize> = confirmed.collect();
            folding.fold(record);
            believing.take(record);
            for sensor in confirmed {
                let is_out = believing.certain(sensor).is_some_and(|value| value > MAX[POINTS[sensor].0]);
                let is_open = folding.is_open(unit_of(sensor), Condition::TooWarm);
                prop_assert!(!is_out || is_open, "sensor {} at {:?}", sensor, record.at);
            }
        }
    }
}
