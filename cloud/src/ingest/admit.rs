//! Admission: what a batch of events is to what is held: a repetition, a continuation, a fork, or nothing that fits.
//!
//! Pure. Takes the branches held, the hashes that the batch's own bytes give, and the stored hashes where the two
//! overlap; gives a verdict. Hashes are compared, never numbers alone: the same numbers with other hashes are a fork.

use frostguard_shared::chain::{Hash, genesis};
use frostguard_shared::ids::{EpochId, HubId};
use frostguard_shared::wire::record::Events;
use std::collections::BTreeMap;

/// A branch of an epoch's events, as far as it is held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Branch {
    /// Its small number; 0 is the first.
    pub number: i16,
    /// The branch that it forked from, and the first number that differs.
    pub forked: Option<(i16, u64)>,
    /// The last number held.
    pub last: u64,
    /// The hash at that number.
    pub head: Hash,
}

/// The hashes of a batch, by its own bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Linked {
    /// The number of the first event.
    pub first: u64,
    /// The hash before it, as the batch says.
    pub previous: Hash,
    /// The hash of each event.
    pub hashes: Vec<Hash>,
}

impl Linked {
    /// Links the events of a checked batch. An item that is neither bytes nor hash ends it, which a check excludes.
    pub fn of(batch: &Events) -> Self {
        let mut previous = batch.previous;
        let hashes = batch.items.iter().map_while(|item| {
            previous = item.link(previous)?;
            Some(previous)
        });
        Self { first: batch.first, previous: batch.previous, hashes: hashes.collect() }
    }
    /// The number of the last event.
    pub fn last(&self) -> u64 {
        self.first + self.hashes.len() as u64 - 1
    }
    fn at(&self, seq: u64) -> Option<Hash> {
        if seq + 1 == self.first {
            return Some(self.previous);
        }
        self.hashes.get(seq.checked_sub(self.first)? as usize).copied()
    }
}

/// Stored hashes by branch and number; of a forked branch, those of its parents before the fork as well.
pub type Stored = BTreeMap<(i16, u64), Hash>;

/// What a batch is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Every event is held already.
    Repeated {
        /// On which branch.
        branch: i16,
    },
    /// It goes on where a branch ends, after so many events that are held already.
    Extends {
        /// Which branch.
        branch: i16,
        /// Events held already.
        held: usize,
    },
    /// A known number has another hash: the rest is a branch of its own.
    Forks {
        /// The branch that it forks from.
        parent: i16,
        /// Events that both have.
        held: usize,
    },
    /// Events between what is held and this batch are missing.
    Ahead,
    /// It links to a hash that nobody holds.
    BrokenLink,
}

/// The branch that every epoch begins with.
pub fn trunk(hub: HubId, epoch: EpochId) -> Branch {
    Branch { number: 0, forked: None, last: 0, head: genesis(hub, epoch) }
}

/// The common case, which needs no stored hash: a branch ends where the batch begins.
pub fn extends(branches: &[Branch], batch: &Linked) -> Option<Verdict> {
    let next = |branch: &&Branch| branch.last + 1 == batch.first && branch.head == batch.previous;
    branches.iter().find(next).map(|branch| Verdict::Extends { branch: branch.number, held: 0 })
}

/// What the batch is, with the stored hashes from `first − 1` to the end of the overlap.
pub fn judge(branches: &[Branch], batch: &Linked, stored: &Stored) -> Verdict {
    if let Some(verdict) = extends(branches, batch) {
        return verdict;
    }
    let mut best: Option<(usize, Verdict)> = None;
    for branch in branches {
        let hash = |seq: u64| stored.get(&(branch.number, seq)).copied();
        if hash(batch.first - 1) != Some(batch.previous) {
            continue;
        }
        let end = batch.last().min(branch.last);
        let same = (batch.first..=end).take_while(|seq| hash(*seq) == batch.at(*seq)).count();
        let overlap = (end + 1 - batch.first) as usize;
        let verdict = match (same == overlap, batch.last() <= branch.last) {
            (true, true) => Verdict::Repeated { branch: branch.number },
            (true, false) => Verdict::Extends { branch: branch.number, held: same },
            (false, _) => Verdict::Forks { parent: branch.number, held: same },
        };
        let is_fork = matches!(verdict, Verdict::Forks { .. });
        // A branch that holds all of it beats one that would be forked; else the longest common beginning does.
        let score = if is_fork { same } else { usize::MAX };
        if best.is_none_or(|(found, _)| score > found) {
            best = Some((score, verdict));
        }
    }
    let longest = branches.iter().map(|branch| branch.last).max().unwrap_or(0);
    best.map_or(
        if batch.first > longest + 1 { Verdict::Ahead } else { Verdict::BrokenLink },
        |(_, verdict)| verdict,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::chain::link;
    use proptest::prelude::*;

    fn ids() -> (HubId, EpochId) {
        (HubId::from_bytes([1; 16]), EpochId::from_bytes([2; 16]))
    }

    /// The hashes of a chain, the genesis first.
    fn chain(words: &[u8]) -> Vec<Hash> {
        let (hub, epoch) = ids();
        let mut hashes = vec![genesis(hub, epoch)];
        for word in words {
            hashes.push(link(hashes[hashes.len() - 1], &[*word]));
        }
        hashes
    }

    fn held(words: &[u8]) -> (Vec<Branch>, Stored) {
        let hashes = chain(words);
        let last = words.len() as u64;
        let branch = Branch { number: 0, forked: None, last, head: hashes[words.len()] };
        (vec![branch], (0..=last).map(|seq| ((0, seq), hashes[seq as usize])).collect())
    }

    fn batch(words: &[u8], first: usize) -> Linked {
        let hashes = chain(words);
        Linked { first: first as u64, previous: hashes[first - 1], hashes: hashes[first..].to_vec() }
    }

    #[test]
    fn a_first_batch_extends_the_trunk_and_a_later_one_is_ahead() {
        let (hub, epoch) = ids();
        let branches = [trunk(hub, epoch)];
        assert_eq!(
            judge(&branches, &batch(b"ab", 1), &Stored::new()),
            Verdict::Extends { branch: 0, held: 0 }
        );
        assert_eq!(judge(&branches, &batch(b"abc", 3), &Stored::new()), Verdict::Ahead);
    }

    #[test]
    fn a_batch_that_links_to_nothing_held_is_a_broken_link() {
        let (branches, stored) = held(b"abcd");
        let mut wrong = batch(b"abcde", 5);
        wrong.previous = Hash([9; 32]);
        assert_eq!(judge(&branches, &wrong, &stored), Verdict::BrokenLink);
        wrong.first = 3;
        assert_eq!(judge(&branches, &wrong, &stored), Verdict::BrokenLink);
    }

    #[test]
    fn a_second_batch_of_a_fork_goes_on_its_branch() {
        let (mut branches, mut stored) = held(b"abcd");
        let other = chain(b"abxy");
        branches.push(Branch { number: 1, forked: Some((0, 3)), last: 4, head: other[4] });
        stored.extend((0..=4).map(|seq| ((1, seq), other[seq as usize])));
        assert_eq!(judge(&branches, &batch(b"abxyz", 5), &stored), Verdict::Extends { branch: 1, held: 0 });
        assert_eq!(judge(&branches, &batch(b"abxyz", 2), &stored), Verdict::Extends { branch: 1, held: 3 });
        assert_eq!(judge(&branches, &batch(b"abxq", 2), &stored), Verdict::Forks { parent: 1, held: 2 });
    }

    proptest! {
        #[test]
        fn whatever_is_sent_again_is_held_and_only_what_differs_forks(
            old in prop::collection::vec(0u8..3, 1..12), new in prop::collection::vec(0u8..3, 1..12), from in any::<prop::sample::Index>()
        ) {
            let (branches, stored) = held(&old);
            let first = from.index(new.len()) + 1;
            let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
            let verdict = judge(&branches, &batch(&new, first), &stored);
            let expected = if first > old.len() + 1 {
                Verdict::Ahead
            } else if same < first - 1 {
                Verdict::BrokenLink
            } else if same >= new.len() {
                Verdict::Repeated { branch: 0 }
            } else if same >= old.len() {
                Verdict::Extends { branch: 0, held: same + 1 - first }
            } else {
                Verdict::Forks { parent: 0, held: same + 1 - first }
            };
            prop_assert_eq!(verdict, expected);
        }
    }
}
