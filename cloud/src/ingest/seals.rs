//! Seals: compares the roots that events have sealed with the leaves of the readings that are here.
//!
//! Pure. Seals and readings come in either order, so leaves are kept until the seal over them is known and compared, or
//! until a told gap makes that impossible.

use frostguard_shared::chain::{Hash, root};
use std::collections::BTreeMap;

/// A range that an event has sealed and that is not compared yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seal {
    /// Its first reading.
    pub first: u64,
    /// Its last reading.
    pub last: u64,
    /// How many it says there are.
    pub count: u64,
    /// The root over their leaves.
    pub root: Hash,
}

/// What came of the comparison.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Compared {
    /// Seals by their first reading, and whether the readings match.
    pub verdicts: Vec<(u64, bool)>,
    /// Seals by their first reading that a told gap makes impossible to compare.
    pub unprovable: Vec<u64>,
    /// Up to where everything sealed is dealt with.
    pub sealed_to: u64,
}

/// Compares every seal whose readings have all arrived (up to `last`); takes the leaves that it has used.
pub fn compare(seals: &[Seal], last: u64, sealed_to: u64, leaves: &mut BTreeMap<u64, Hash>) -> Compared {
    let mut compared = Compared { sealed_to, ..Compared::default() };
    for seal in seals.iter().filter(|seal| seal.last <= last) {
        let later = leaves.split_off(&(seal.last + 1));
        let mut range = std::mem::replace(leaves, later);
        let range = range.split_off(&seal.first);
        let hashes: Vec<Hash> = range.into_values().collect();
        if hashes.len() as u64 == seal.last + 1 - seal.first {
            let matches = hashes.len() as u64 == seal.count && root(&hashes) == seal.root;
            compared.verdicts.push((seal.first, matches));
        } else {
            compared.unprovable.push(seal.first);
        }
        compared.sealed_to = compared.sealed_to.max(seal.last);
    }
    compared
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::chain::leaf;

    fn leaves(range: std::ops::RangeInclusive<u64>) -> BTreeMap<u64, Hash> {
        range.map(|seq| (seq, leaf(&seq.to_le_bytes()))).collect()
    }

    fn seal(first: u64, last: u64) -> Seal {
        let hashes: Vec<Hash> = leaves(first..=last).into_values().collect();
        Seal { first, last, count: last + 1 - first, root: root(&hashes) }
    }

    #[test]
    fn ranges_that_have_arrived_are_compared_and_the_rest_waits() {
        let mut here = leaves(1..=25);
        let compared = compare(&[seal(1, 10), seal(11, 20), seal(21, 30)], 25, 0, &mut here);
        assert_eq!(compared.verdicts, [(1, true), (11, true)]);
        assert_eq!(compared.sealed_to, 20);
        assert_eq!(here, leaves(21..=25));
    }

    #[test]
    fn a_changed_reading_fails_its_seal_alone() {
        let mut here = leaves(1..=20);
        here.insert(7, Hash([9; 32]));
        let compared = compare(&[seal(1, 10), seal(11, 20)], 20, 0, &mut here);
        assert_eq!(compared.verdicts, [(1, false), (11, true)]);
        let mut wrong = seal(1, 10);
        wrong.count = 9;
        assert_eq!(compare(&[wrong], 10, 0, &mut leaves(1..=10)).verdicts, [(1, false)]);
    }

    #[test]
    fn a_gap_inside_a_range_makes_it_unprovable_and_nothing_else() {
        let mut here = leaves(1..=20);
        here.remove(&5);
        let compared = compare(&[seal(1, 10), seal(11, 20)], 20, 0, &mut here);
        assert_eq!((compared.verdicts, compared.unprovable), (vec![(11, true)], vec![1]));
        assert!(here.is_empty());
    }
}
