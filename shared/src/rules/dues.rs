//! Dues: which unit's deadline is next, of all units.
//!
//! Owns a tournament of the units' earliest deadlines: a change costs as many comparisons as the number of units has binary
//! digits, the next one costs none, and nothing is allocated once the units are known.

use crate::time::RuleMs;

/// No deadline.
const NEVER: RuleMs = RuleMs(i64::MAX);

/// The earliest deadline of each unit, by its place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Dues {
    /// A complete binary tree: the root at 1, the leaves from `leaves` on; each node is the earlier of its two children.
    tree: Vec<RuleMs>,
    leaves: usize,
}

impl Dues {
    /// For so many units, none of which has a deadline yet.
    pub(super) fn of(units: usize) -> Self {
        let leaves = units.next_power_of_two();
        Self { tree: vec![NEVER; 2 * leaves], leaves }
    }

    /// The unit's earliest deadline is this.
    pub(super) fn set(&mut self, unit: usize, at: Option<RuleMs>) {
        let mut node = self.leaves + unit;
        let Some(leaf) = self.tree.get_mut(node) else { return };
        *leaf = at.unwrap_or(NEVER);
        while node > 1 {
            node /= 2;
            let (Some(left), Some(right)) = (self.tree.get(2 * node), self.tree.get(2 * node + 1)) else {
                return;
            };
            let earlier = *left.min(right);
            match self.tree.get_mut(node) {
                Some(parent) if *parent != earlier => *parent = earlier,
                _ => return,
            }
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<RuleMs> {
        self.tree.get(1).copied().filter(|at| *at < NEVER)
    }

    /// The first unit of those whose deadline is the earliest.
    pub(super) fn first(&self) -> Option<(RuleMs, usize)> {
        let at = self.next()?;
        let mut node = 1;
        while node < self.leaves {
            node *= 2;
            if self.tree.get(node) != Some(&at) {
                node += 1;
            }
        }
        Some((at, node - self.leaves))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_is_the_earliest_and_of_equals_the_foremost(units in 1usize..20, changes in prop::collection::vec((0usize..20, prop::option::of(0i64..50)), 0..60)) {
            let mut dues = Dues::of(units);
            let mut plain = vec![None; units];
            for (unit, at) in changes.into_iter().filter(|(unit, _)| *unit < units) {
                dues.set(unit, at.map(RuleMs));
                plain[unit] = at;
                let first = plain.iter().enumerate().filter_map(|(unit, at)| Some(((*at)?, unit))).min();
                prop_assert_eq!(dues.first(), first.map(|(at, unit)| (RuleMs(at), unit)));
            }
        }
    }

    #[test]
    fn without_units_there_is_no_deadline() {
        assert_eq!(Dues::default().first(), None);
        assert_eq!(Dues::of(0).next(), None);
    }
}
