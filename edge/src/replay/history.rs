//! The history: what was folded lately, so that what comes late can be folded at its place.
//!
//! Owns the entries of the last 72 hours, at most 200,000 of them, and snapshots of the state in between. The oldest go
//! first; what comes late from before them can no longer be folded, and the caller counts it.

use super::entry::Entry;
use frostguard_shared::rules::State;
use frostguard_shared::time::{DurationMs, RuleMs};
use std::collections::VecDeque;

/// How far back what comes late is folded.
pub(super) const REACH: DurationMs = DurationMs::minutes(72 * 60);
/// Entries kept, at most.
pub(super) const ENTRIES_MAX: usize = 200_000;
/// Entries between two snapshots.
const SEGMENT: usize = 4_096;

/// A state, and how many entries of all time were folded into it.
struct Snapshot {
    folded: u64,
    /// The time of the last of them; none before the first.
    reached: Option<RuleMs>,
    state: State,
}

/// The entries since the oldest snapshot.
pub(super) struct History {
    entries: VecDeque<Entry>,
    snapshots: VecDeque<Snapshot>,
    bound: usize,
}

impl History {
    /// An empty history on top of a state.
    pub(super) fn new(state: State) -> Self {
        Self::bounded(state, ENTRIES_MAX)
    }

    pub(super) fn bounded(state: State, bound: usize) -> Self {
        let first = Snapshot { folded: 0, reached: None, state };
        Self { entries: VecDeque::new(), snapshots: VecDeque::from([first]), bound }
    }

    fn first(&self) -> u64 {
        self.snapshots.front().map_or(0, |snapshot| snapshot.folded)
    }

    fn folded(&self) -> u64 {
        self.first() + self.entries.len() as u64
    }

    /// Keeps the entries of one instant, which were folded into this state.
    pub(super) fn keep(&mut self, at: RuleMs, entries: impl IntoIterator<Item = Entry>, state: &State) {
        self.entries.extend(entries);
        let folded = self.folded();
        let last = self.snapshots.back().map_or(0, |snapshot| snapshot.folded);
        if folded - last >= SEGMENT as u64 {
            self.snapshots.push_back(Snapshot { folded, reached: Some(at), state: state.clone() });
            self.forget(at);
        }
    }

    /// Whole segments go, from the oldest on: beyond the bound, or before the reach.
    fn forget(&mut self, now: RuleMs) {
        while let Some(second) = self.snapshots.get(1) {
            let is_old = second.reached.is_some_and(|reached| reached < now - REACH);
            if !is_old && self.entries.len() <= self.bound {
                return;
            }
            let gone = usize::try_from(second.folded - self.first()).unwrap_or(self.entries.len());
            self.entries.drain(..gone.min(self.entries.len()));
            self.snapshots.pop_front();
        }
    }

    /// What is earlier than this, or at it, can no longer be folded.
    pub(super) fn reaches(&self) -> Option<RuleMs> {
        self.snapshots.front().and_then(|snapshot| snapshot.reached)
    }

    /// The last state from before a time that can be reached, and the entries that were folded since; they are taken
    /// out, to be kept again as they are folded again.
    pub(super) fn rewind(&mut self, from: RuleMs) -> Option<(State, Vec<Entry>)> {
        let before = |snapshot: &Snapshot| snapshot.reached.is_none_or(|reached| reached < from);
        let place = self.snapshots.iter().rposition(before)?;
        self.snapshots.truncate(place + 1);
        let first = self.first();
        let snapshot = self.snapshots.back()?;
        let kept = usize::try_from(snapshot.folded - first).unwrap_or(usize::MAX);
        let entries = self.entries.split_off(kept.min(self.entries.len()));
        Some((snapshot.state.clone(), entries.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::rules::Input;

    fn tick(at: i64) -> Entry {
        Entry::given(RuleMs(at), 1, Input::Tick)
    }

    fn filled(count: i64, apart: i64, bound: usize) -> History {
        let mut history = History::bounded(State::default(), bound);
        for at in (0..count).map(|n| n * apart) {
            history.keep(RuleMs(at), [tick(at)], &State::default());
        }
        history
    }

    #[test]
    fn all_of_a_short_history_can_be_folded_again_from_before_its_beginning() {
        let mut history = filled(100, 1_000, ENTRIES_MAX);
        assert_eq!(history.reaches(), None);
        let (_, entries) = history.rewind(RuleMs(-5)).unwrap();
        assert_eq!((entries.len(), history.entries.len()), (100, 0));
    }

    #[test]
    fn only_what_follows_the_last_snapshot_from_before_is_folded_again() {
        let mut history = filled(3 * SEGMENT as i64, 1, ENTRIES_MAX);
        let (_, entries) = history.rewind(RuleMs(2 * SEGMENT as i64 + 5)).unwrap();
        assert_eq!(entries.first().map(|entry| entry.at), Some(RuleMs(2 * SEGMENT as i64)));
        assert_eq!(entries.len(), SEGMENT);
        assert_eq!(history.entries.len(), 2 * SEGMENT);
    }

    #[test]
    fn a_full_history_forgets_its_oldest_and_says_how_far_it_reaches() {
        let mut history = filled(10 * SEGMENT as i64, 1, 2 * SEGMENT);
        assert_eq!(history.entries.len(), 2 * SEGMENT);
        let reached = history.reaches().unwrap();
        assert_eq!(reached, RuleMs(8 * SEGMENT as i64 - 1));
        assert!(history.rewind(reached).is_none());
        assert!(history.rewind(reached + DurationMs(1)).is_some());
    }

    #[test]
    fn what_is_older_than_three_days_is_forgotten() {
        let minute = 60_000;
        let history = filled(4 * SEGMENT as i64, minute, ENTRIES_MAX);
        let reached = history.reaches().unwrap();
        assert!(reached < RuleMs((4 * SEGMENT as i64 - 1) * minute) - REACH);
        assert!(history.entries.len() < 3 * SEGMENT);
    }
}
