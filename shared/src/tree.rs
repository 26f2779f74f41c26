//! The tree over an epoch's events: an append-only Merkle tree (RFC 6962) of which only the right edge is kept.
//!
//! Owns the frontier: the roots of the full subtrees that make up a tree of any size, at most 64 of them. Takes leaves
//! in order; gives the root at the present size in as many hashes as there are subtrees. The leaf of event n is
//! `SHA-256(0x00 ‖ event hash)`, its index n − 1, and the tree's size is the last event's number.

use crate::chain::{Hash, leaf, node, root};
use thiserror::Error;

/// Bytes that are no frontier. Build the tree again from the events' hashes.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the bytes are no frontier of a tree")]
pub struct FrontierError;

/// The right edge of a tree.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frontier {
    size: u64,
    /// Roots of the full subtrees, the largest first: one for each bit set in `size`.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends an event by its hash in the chain.
    pub fn push_event(&mut self, event_hash: Hash) {
        self.push(leaf(&event_hash.0));
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut right = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                right = node(left, right);
            }
        }
        self.peaks.push(right);
        self.size += 1;
    }

    /// The root at this size; of no leaves, the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return root(&[]) };
        peaks.fold(*last, |right, left| node(*left, right))
    }

    /// The size in 8 bytes, little-endian, and the peaks.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_le_bytes().to_vec();
        self.peaks.iter().for_each(|peak| bytes.extend_from_slice(&peak.0));
        bytes
    }

    /// Reads [`Frontier::to_bytes`] back.
    ///
    /// # Errors
    /// A length that does not fit the size.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, rest) = bytes.split_first_chunk::<8>().ok_or(FrontierError)?;
        let size = u64::from_le_bytes(*size);
        let (peaks, remainder) = rest.as_chunks::<32>();
        if !remainder.is_empty() || peaks.len() as u32 != size.count_ones() {
            return Err(FrontierError);
        }
        Ok(Self { size, peaks: peaks.iter().map(|peak| Hash(*peak)).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|n| leaf(&n.to_le_bytes())).collect()
    }

    proptest! {
        #[test]
        fn the_frontier_has_the_root_of_all_leaves_and_reads_back(count in 0usize..300) {
            let leaves = leaves(count);
            let mut frontier = Frontier::default();
            leaves.iter().for_each(|leaf| frontier.push(*leaf));
            prop_assert_eq!(frontier.root(), root(&leaves));
            prop_assert_eq!(frontier.size(), count as u64);
            prop_assert_eq!(Frontier::from_bytes(&frontier.to_bytes()), Ok(frontier));
        }

        #[test]
        fn bytes_of_another_length_are_no_frontier(size in 0u64..1000, extra in 1usize..31) {
            let mut bytes = size.to_le_bytes().to_vec();
            bytes.extend(vec![0; size.count_ones() as usize * 32 + extra]);
            prop_assert_eq!(Frontier::from_bytes(&bytes), Err(FrontierError));
        }
    }
}
