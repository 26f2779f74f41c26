//! The chain: links events, roots sealed ranges of readings, and finds the first record that does not fit.
//!
//! Owns the hashes of FrostGuard's record. Takes exact bytes; gives hashes and verdicts. It never looks inside an
//! event: what is hashed is what is stored.
//!
//! - Event link: `SHA-256(0x02 ‖ previous ‖ bytes)`; the first previous is
//!   `SHA-256("frostguard/events/v1" ‖ 0x00 ‖ hub ‖ epoch)`, ids and hashes as raw bytes.
//! - Reading leaf: `SHA-256(0x00 ‖ 80 bytes)`; node: `SHA-256(0x01 ‖ left ‖ right)` (RFC 6962, section 2.1).
//! - A seal is the RFC 6962 root over the leaves of consecutive readings in seq order, at most 1,024 of them.

use crate::ids::{EpochId, HubId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use thiserror::Error;

/// The most readings that one seal covers.
pub const SEAL_MAX: usize = 1_024;

/// A SHA-256 hash; lower-case hex in text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub [u8; 32]);

/// A text that is no hash. Refuse what carried it.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("not a SHA-256 hash in lower-case hex")]
pub struct HashError;

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl TryFrom<String> for Hash {
    type Error = HashError;
    fn try_from(text: String) -> Result<Self, HashError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| HashError)?;
        if hex::encode(bytes) == text { Ok(Self(bytes)) } else { Err(HashError) }
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

/// What the first event of an epoch links to.
pub fn genesis(hub: HubId, epoch: EpochId) -> Hash {
    sha256(&[b"frostguard/events/v1", &[0], hub.as_bytes(), epoch.as_bytes()])
}

/// The hash of an event that follows `previous`.
pub fn link(previous: Hash, event_bytes: &[u8]) -> Hash {
    sha256(&[&[2], &previous.0, event_bytes])
}

/// The leaf of some bytes: a reading's 80, or an event's hash.
pub fn leaf(bytes: &[u8]) -> Hash {
    sha256(&[&[0], bytes])
}

pub(crate) fn node(left: Hash, right: Hash) -> Hash {
    sha256(&[&[1], &left.0, &right.0])
}

/// SHA-256 of some bytes as they are, with nothing before them: how a site message is named.
pub fn digest(bytes: &[u8]) -> Hash {
    sha256(&[bytes])
}

/// The RFC 6962 root over leaves; of no leaves, the hash of nothing.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [only] => *only,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            node(root(&leaves[..split]), root(&leaves[split..]))
        }
    }
}

/// What a verifier walks over, one stored event after another.
#[derive(Clone, Copy, Debug)]
pub struct StoredEvent<'a> {
    /// The number it is stored under.
    pub seq: u64,
    /// The stored bytes.
    pub bytes: &'a [u8],
    /// The stored hash.
    pub hash: Hash,
}

/// The first event that does not fit. The record was altered or damaged there: alarm, never repair it silently.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ChainError {
    /// A number is missing or out of order.
    #[error("event {expected} is missing: the next one stored is {found}")]
    Missing {
        /// The number that should have come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The hash is not that of the previous hash and these bytes.
    #[error("event {seq} does not match its hash: its bytes, its hash or the event before it was changed")]
    Broken {
        /// The event's number.
        seq: u64,
    },
}

/// Walks a chain of events from its genesis, one at a time, in bounded memory.
#[derive(Clone, Copy, Debug)]
pub struct ChainWalk {
    next: u64,
    head: Hash,
}

impl ChainWalk {
    /// A walk that has seen nothing yet.
    pub fn new(hub: HubId, epoch: EpochId) -> Self {
        Self { next: 1, head: genesis(hub, epoch) }
    }
    /// Checks the next stored event.
    ///
    /// # Errors
    /// The number is not the next one, or the hash does not follow.
    pub fn take(&mut self, event: StoredEvent<'_>) -> Result<(), ChainError> {
        if event.seq != self.next {
            return Err(ChainError::Missing { expected: self.next, found: event.seq });
        }
        if link(self.head, event.bytes) != event.hash {
            return Err(ChainError::Broken { seq: event.seq });
        }
        self.head = event.hash;
        self.next += 1;
        Ok(())
    }
    /// The hash of the last event taken.
    pub fn head(&self) -> Hash {
        self.head
    }
    /// How many events were taken.
    pub fn taken(&self) -> u64 {
        self.next - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids() -> (HubId, EpochId) {
        (HubId::from_bytes([1; 16]), EpochId::from_bytes([2; 16]))
    }

    #[test]
    fn the_golden_links_and_roots_hold() {
        let (hub, epoch) = ids();
        let golden: Vec<&str> = include_str!("../../tests/golden/chain-v1.txt").lines().collect();
        let first = genesis(hub, epoch);
        let leaves: Vec<Hash> = (0u8..7).map(|n| leaf(&[n; 80])).collect();
        let seen = [
            first,
            link(first, b"{}"),
            leaf(&[0; 80]),
            root(&[]),
            root(&leaves[..1]),
            root(&leaves[..3]),
            root(&leaves),
        ];
        assert_eq!(seen.map(|hash| hash.to_string()).to_vec(), golden);
    }

    fn chain(bodies: &[Vec<u8>]) -> Vec<(u64, Vec<u8>, Hash)> {
        let (hub, epoch) = ids();
        let mut head = genesis(hub, epoch);
        let mut seq = 0;
        bodies
            .iter()
            .map(|body| {
                head = link(head, body);
                seq += 1;
                (seq, body.clone(), head)
            })
            .collect()
    }

    fn walk(stored: &[(u64, Vec<u8>, Hash)]) -> Result<u64, ChainError> {
        let (hub, epoch) = ids();
        let mut walk = ChainWalk::new(hub, epoch);
        for (seq, bytes, hash) in stored {
            walk.take(StoredEvent { seq: *seq, bytes, hash: *hash })?;
        }
        Ok(walk.taken())
    }

    proptest! {
        #[test]
        fn an_untouched_chain_verifies_and_any_flipped_byte_or_lost_event_is_named(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 2..20), at in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>()
        ) {
            let stored = chain(&bodies);
            prop_assert_eq!(walk(&stored), Ok(bodies.len() as u64));
            let victim = at.index(stored.len());
            let mut changed = stored.clone();
            let position = byte.index(changed[victim].1.len());
            changed[victim].1[position] ^= 1;
            prop_assert_eq!(walk(&changed), Err(ChainError::Broken { seq: victim as u64 + 1 }));
            let mut lost = stored.clone();
            lost.remove(victim);
            if victim + 1 < stored.len() {
                prop_assert_eq!(walk(&lost), Err(ChainError::Missing { expected: victim as u64 + 1, found: victim as u64 + 2 }));
            }
        }

        #[test]
        fn a_root_changes_with_every_leaf_and_with_their_order(count in 2usize..70, at in any::<prop::sample::Index>()) {
            let mut leaves: Vec<Hash> = (0..count).map(|n| leaf(&n.to_le_bytes())).collect();
            let whole = root(&leaves);
            let victim = at.index(count);
            leaves.swap(victim, (victim + 1) % count);
            prop_assert_ne!(root(&leaves), whole);
        }
    }
}
