//! Owns what must not depend on how records come: by which way, in which order, how often, and how often time is told.
//! Takes whole histories; compares folds of the same records, as a whole state and every effect.
//! Must never compare less than what hub and cloud would show of it.

use frostguard_shared::rules::{Effect, Input, Record, State, next_deadline, refold};
use frostguard_shared::time::RuleMs;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::bytes::through_bytes;
use crate::fold::Folding;
use crate::history::{History, Taste, items};
use crate::site::{DAY, plan};

fn bytes_of(state: &State) -> String {
    serde_json::to_string(state).unwrap()
}

/// The records in some other order, some of them twice.
fn mixed(records: &[Record], swaps: &[(Index, Index)]) -> Vec<Record> {
    let mut mixed: Vec<Record> = records.to_vec();
    mixed.extend(records.iter().step_by(3).cloned());
    for (one, other) in swaps {
        let (one, other) = (one.index(mixed.len()), other.index(mixed.len()));
        mixed.swap(one, other);
    }
    mixed
}

fn swaps() -> impl Strategy<Value = Vec<(Index, Index)>> {
    prop::collection::vec(any::<(Index, Index)>(), 0..120)
}

/// A hub: it folds what comes; what comes late it folds again with all that it has of the time since.
fn as_they_come(begin: &State, records: &[Record]) -> State {
    let mut state = begin.clone();
    let mut had: Vec<Record> = vec![];
    for record in records {
        had.push(record.clone());
        let (next, effects) = frostguard_shared::rules::step(state.clone(), record);
        let is_late = record.at < state.frontier();
        if is_late && matches!(record.input, Input::Reading { .. }) {
            let asks =
                |effect: &Effect| matches!(effect, Effect::NeedHistory { from, .. } if *from == record.at);
            assert!(effects.iter().all(asks), "a late reading asks for history and does nothing else");
            assert_eq!(next, state);
        }
        // A record of the present instant may come in any order too, and only a fold of both knows which goes first.
        let is_tied = record.at == state.frontier();
        state = if is_late || is_tied { refold(begin.clone(), had.clone()).0 } else { next };
    }
    state
}

proptest! {
    #![proptest_config(crate::config(96))]

    /// I2: one fold on the hub, from what it has in its hands, and in the cloud, from what came over the wire.
    #[test]
    fn a_hub_and_a_cloud_that_has_only_the_bytes_come_to_the_same(
        plan in plan(1..3), items in items(Taste::ALL, 60), page in 1usize..40,
    ) {
        let hub = History::of(plan, &items);
        let numbered = hub.records.iter().zip(1..);
        let received: Vec<Record> = numbered.filter_map(|(record, seq)| through_bytes(record, seq)).collect();
        let mut cloud = State::default();
        let mut effects = vec![];
        for page in received.chunks(page) {
            let (state, more) = refold(cloud, page.to_vec());
            cloud = state;
            effects.extend(more);
        }
        // What only a tick of the hub brought about comes to the cloud with the next record, so both are told of a last one.
        let end = Record::tick(hub.now());
        let mut hub = hub.folding;
        hub.fold(&end);
        let (cloud, more) = refold(cloud, vec![end]);
        effects.extend(more);
        prop_assert_eq!(hub.effects, effects);
        prop_assert_eq!(bytes_of(&hub.state), bytes_of(&cloud));
    }

    /// I3: the order of arrival and what arrives twice change nothing, folded at once or as it comes.
    #[test]
    fn any_order_of_arrival_and_any_duplication_come_to_the_same(
        plan in plan(1..3), items in items(Taste::ALL, 40), swaps in swaps(),
    ) {
        let history = History::of(plan, &items);
        let (state, effects) = refold(State::default(), history.records.clone());
        prop_assert_eq!(&effects, &history.folding.effects, "one by one, and at once");
        prop_assert_eq!(&state, history.state());
        let mixed = mixed(&history.records, &swaps);
        let (other, others) = refold(State::default(), mixed.clone());
        prop_assert_eq!(&effects, &others);
        prop_assert_eq!(&state, &other);
    }

    /// I3: a hub that gets its readings late, in any order, ends where it would have ended anyway.
    #[test]
    fn what_comes_late_ends_in_the_same_episodes(
        plan in plan(1..2), items in items(Taste { clock: 1, ..Taste::ALL }, 24), swaps in swaps(),
    ) {
        let history = History::of(plan, &items);
        let state = as_they_come(&State::default(), &mixed(&history.records, &swaps));
        prop_assert_eq!(bytes_of(&state), bytes_of(history.state()));
    }

    /// I7: a hub that dies at any record and starts from an older snapshot does what it would have done, once.
    #[test]
    fn a_restart_from_a_snapshot_and_its_tail_does_the_same_and_nothing_twice(
        plan in plan(1..3), items in items(Taste::ALL, 60), death in any::<Index>(), snapshot in any::<Index>(),
    ) {
        let history = History::of(plan, &items);
        let death = death.index(history.records.len());
        let snapshot = snapshot.index(death + 1);
        let mut before = Folding::default();
        history.records[..snapshot].iter().for_each(|record| { before.fold(record); });
        let kept: State = serde_json::from_str(&bytes_of(&before.state)).unwrap();
        let (state, replayed) = refold(kept, history.records[snapshot..death].to_vec());
        let mut after = before;
        after.state = state;
        after.effects.extend(replayed);
        history.records[death..].iter().for_each(|record| { after.fold(record); });
        prop_assert_eq!(&after.effects, &history.folding.effects);
        prop_assert_eq!(bytes_of(&after.state), bytes_of(history.state()));
        for (n, effect) in after.effects.iter().enumerate() {
            let is_alert = matches!(effect, Effect::Alert { .. });
            prop_assert!(!is_alert || !after.effects[..n].contains(effect), "twice: {:?}", effect);
        }
    }

    #[test]
    fn results_do_not_depend_on_how_often_one_ticks(
        plan in plan(1..3), items in items(Taste::ALL, 50), every in 1i64..10_000_000,
    ) {
        let history = History::of(plan, &items);
        let end = Record::tick(RuleMs(history.now().0 + DAY));
        let mut plain = history.folding;
        plain.fold(&end);
        let mut ticked = Folding::default();
        for record in history.records.iter().chain([&end]) {
            let mut at = ticked.state.frontier().0 + every;
            // A correction jumps over a time that was never lived through.
            let lived = ticked.state.frontier() != RuleMs(0) && !comes_from_a_jump(&history.records, record);
            while lived && at < record.at.0 && at > 0 {
                ticked.fold(&Record::tick(RuleMs(at)));
                at += every.max((record.at.0 - at) / 50);
            }
            ticked.fold(record);
        }
        prop_assert_eq!(plain.effects, ticked.effects);
        prop_assert_eq!(bytes_of(&plain.state), bytes_of(&ticked.state));
    }

    #[test]
    fn a_deadline_fires_once_all_of_its_instant_is_known_and_is_dated_by_it(
        plan in plan(1..3), items in items(Taste::ALL, 40),
    ) {
        let mut folding = History::of(plan, &items).folding;
        let mut last = folding.state.frontier();
        for _ in 0..60 {
            // What changed rules make overdue is due now.
            let Some(due) = next_deadline(&folding.state) else { break };
            if due > last {
                prop_assert_eq!(folding.fold(&Record::tick(due)), vec![]);
            }
            let due = due.max(last);
            last = RuleMs(due.0 + 1);
            let effects = folding.fold(&Record::tick(last));
            for effect in &effects {
                prop_assert_eq!(time_of(effect), Some(due));
            }
            prop_assert!(next_deadline(&folding.state).is_none_or(|next| next >= last));
        }
    }
}

/// True if the time before the record was not lived through: the hub was down, or the axis jumped.
fn comes_from_a_jump(records: &[Record], record: &Record) -> bool {
    let before = records.iter().take_while(|other| other.at < record.at).last();
    matches!(record.input, Input::Started { .. })
        || before.is_some_and(|before| matches!(before.input, Input::ClockCorrected { .. }))
}

fn time_of(effect: &Effect) -> Option<RuleMs> {
    match effect {
        Effect::Transition(transition) => Some(transition.at),
        Effect::Alert { at, .. } | Effect::ShelveEnded { at, .. } => Some(*at),
        Effect::NeedHistory { .. } => None,
    }
}
