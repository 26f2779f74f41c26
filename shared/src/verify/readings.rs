//! The walk over readings: each sealed range against its root, and no number missing that no gap tells of.
//!
//! Seals come first, for events stand before readings; of readings only the leaves of one range are kept. A seal fails
//! by itself: whatever is wrong in one range, the next is checked as if nothing had been.

use super::bad::{Bad, EventFault, FormFault, Found, ReadingFault, SealFault};
use crate::chain::{Hash, SEAL_MAX, root};

/// The most seals that are kept: four million hours, or four thousand million readings.
const SEALS_MAX: usize = 4_000_000;

/// How a seal came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SealState {
    /// Not all of its readings have come yet.
    Open,
    /// The readings are those that were sealed.
    Holds,
    /// They are not.
    Fails,
}

/// A range of readings and the event that seals it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seal {
    /// The first reading.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// The event.
    pub event: u64,
    /// How it came out.
    pub state: SealState,
    root: Hash,
    /// True if readings between the seal before and this one need a told gap to explain them.
    leaves_out: bool,
}

/// Readings that are told to be missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub(super) gaps: u64,
    pub(super) readings: u64,
    pub(super) first: u64,
    pub(super) last: u64,
}

pub(super) struct ReadingWalk {
    seals: Vec<Seal>,
    /// An event since the last seal is there by its hash alone: it may have been a seal.
    seal_may_be_dropped: bool,
    /// The seal that is being filled, or the next one.
    at: usize,
    next: u64,
    leaves: Vec<Hash>,
    /// A gap was told since the seal before.
    gap_told: bool,
    sealed: u64,
    loose: u64,
    told: Option<Told>,
}

impl ReadingWalk {
    pub(super) fn new() -> Self {
        Self {
            seals: Vec::new(),
            seal_may_be_dropped: false,
            at: 0,
            next: 1,
            leaves: Vec::with_capacity(SEAL_MAX),
            gap_told: false,
            sealed: 0,
            loose: 0,
            told: None,
        }
    }

    /// Readings whose seals hold.
    pub(super) fn sealed(&self) -> u64 {
        self.sealed
    }
    /// Readings that no seal covers.
    pub(super) fn loose(&self) -> u64 {
        self.loose
    }
    pub(super) fn told(&self) -> Option<Told> {
        self.told
    }
    pub(super) fn into_seals(self) -> Vec<Seal> {
        self.seals
    }

    pub(super) fn event_without_bytes(&mut self) {
        self.seal_may_be_dropped = true;
    }

    /// Takes a seal; one that cannot be one is bad and covers nothing.
    pub(super) fn seal(
        &mut self,
        event: u64,
        (first, last, count): (u64, u64, u64),
        root: Hash,
        found: &mut Found,
    ) {
        let sealed_to = self.seals.last().map_or(0, |seal| seal.last);
        let what = if first <= sealed_to {
            Some("are sealed already")
        } else if last < first || last == u64::MAX || count != last - first + 1 {
            Some("are not as many as it says")
        } else if count > SEAL_MAX as u64 {
            Some("are more than one seal can cover")
        } else {
            None
        };
        if let Some(what) = what {
            return found.add(Bad::Event { seq: event, why: EventFault::Seal { first, last, what } });
        }
        if self.seals.len() >= SEALS_MAX {
            return found.add(Bad::Form { line: event + 1, why: FormFault::Seals });
        }
        let leaves_out = first != sealed_to + 1 && !self.seal_may_be_dropped;
        self.seal_may_be_dropped = false;
        self.seals.push(Seal { first, last, event, state: SealState::Open, root, leaves_out });
    }

    /// The number that should come next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Takes what stands in a reading's place: its leaf, or nothing if it is no reading.
    pub(super) fn row(&mut self, seq: u64, leaf: Option<Hash>, found: &mut Found) {
        if seq < self.next || seq == u64::MAX {
            return found.add(Bad::Reading { seq, why: ReadingFault::Order });
        }
        if seq > self.next {
            self.pass_over(seq - 1, false, found);
        }
        self.next = seq + 1;
        let Some(seal) = self.open_seal(seq, found) else {
            self.loose += 1;
            if leaf.is_none() {
                found.add(Bad::Reading { seq, why: ReadingFault::Unreadable });
            }
            return;
        };
        match leaf {
            Some(leaf) => self.leaves.push(leaf),
            None => self.fail(SealFault::Unreadable { seq }, found),
        }
        if seq == seal.last {
            self.close(found);
        }
    }

    /// Takes a told gap; gives false if it is none.
    pub(super) fn gap(&mut self, first: u64, last: u64, found: &mut Found) -> bool {
        if first < self.next || last < first || last == u64::MAX {
            return false;
        }
        if first > self.next {
            self.pass_over(first - 1, false, found);
        }
        self.pass_over(last, true, found);
        let told = self.told.get_or_insert(Told { gaps: 0, readings: 0, first, last });
        told.gaps += 1;
        told.readings = told.readings.saturating_add(last - first + 1);
        told.last = last;
        true
    }

    /// What is sealed and has not come is missing.
    pub(super) fn finish(&mut self, found: &mut Found) {
        if let Some(last) = self.seals.last().map(|seal| seal.last).filter(|last| *last >= self.next) {
            self.pass_over(last, false, found);
        }
    }

    /// The seal that covers a number, now the one being filled.
    fn open_seal(&mut self, seq: u64, found: &mut Found) -> Option<Seal> {
        let seal = self.seals.get(self.at).copied().filter(|seal| seal.first <= seq)?;
        if seq == seal.first {
            self.explain(seal, found);
        }
        Some(seal)
    }

    /// Between seals nothing may be left out but around a told gap.
    fn explain(&mut self, seal: Seal, found: &mut Found) {
        if seal.leaves_out && !self.gap_told {
            let what = "do not follow on those sealed before, and no gap tells why";
            let why = EventFault::Seal { first: seal.first, last: seal.last, what };
            found.add(Bad::Event { seq: seal.event, why });
        }
        self.gap_told = false;
    }

    /// All numbers from the next one to this are missing; those that were sealed were there once.
    fn pass_over(&mut self, to: u64, is_told: bool, found: &mut Found) {
        while self.next <= to {
            let Some(seal) = self.seals.get(self.at).copied().filter(|seal| seal.first <= to) else {
                self.pass_unsealed(is_told, found);
                self.next = to + 1;
                return;
            };
            if self.next < seal.first {
                self.pass_unsealed(is_told, found);
                self.next = seal.first;
            }
            if self.next == seal.first {
                self.explain(seal, found);
            }
            let seq = self.next;
            self.fail(if is_told { SealFault::Told { seq } } else { SealFault::Missing { seq } }, found);
            self.next = seal.last.min(to) + 1;
            if self.next > seal.last {
                self.close(found);
            }
        }
    }

    fn pass_unsealed(&mut self, is_told: bool, found: &mut Found) {
        if is_told {
            self.gap_told = true;
        } else {
            found.add(Bad::Reading { seq: self.next, why: ReadingFault::Missing });
        }
    }

    /// The seal that is being filled fails, once.
    fn fail(&mut self, why: SealFault, found: &mut Found) {
        let Some(seal) = self.seals.get_mut(self.at).filter(|seal| seal.state == SealState::Open) else {
            return;
        };
        seal.state = SealState::Fails;
        let Seal { first, last, event: sealed_by, .. } = *seal;
        found.add(Bad::Readings { first, last, sealed_by, why });
    }

    /// The seal that is being filled is full.
    fn close(&mut self, found: &mut Found) {
        let Some(seal) = self.seals.get_mut(self.at) else { return };
        if seal.state == SealState::Open {
            if root(&self.leaves) == seal.root {
                seal.state = SealState::Holds;
                self.sealed += self.leaves.len() as u64;
            } else {
                self.fail(SealFault::Root, found);
            }
        }
        self.leaves.clear();
        self.at += 1;
    }
}
