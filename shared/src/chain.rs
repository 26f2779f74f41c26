//! The chain: links events and roots sealed ranges of readings.
//!
//! Owns the hashes of FrostGuard's record. Takes exact bytes; gives hashes. It never looks inside an event: what is
//! hashed is what is stored. [`crate::verify`] finds the first record that does not fit.
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

    proptest! {
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
