//! Checkpoints: a hub's signed word on the size and root of the tree over its events.
//!
//! Owns the text form: a C2SP tlog-checkpoint inside a C2SP signed note. Lines: origin
//! `frostguard/hub/<hub>/<epoch>/events`, decimal size, root in standard base64, each ended by a newline; an empty
//! line; then `— <origin> <base64 of key id ‖ signature>`. The key id is the first 4 bytes of
//! `SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)`, the name being the origin. A key never signs two trees of one origin
//! that are not one the beginning of the other.

use crate::chain::Hash;
use crate::ids::{EpochId, HubId};
use crate::signature::{PublicKey, SecretKey, Signature};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// A note longer than this is none.
pub const NOTE_MAX: usize = 1_024;

/// A note that is no checkpoint of that hub. Refuse it, and alarm: it may be a forgery.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CheckpointError {
    /// The text has another form.
    #[error("not a checkpoint in a signed note: {0}")]
    Form(&'static str),
    /// The checkpoint is of another log.
    #[error("the checkpoint is of another hub or epoch")]
    Origin,
    /// No signature of the key.
    #[error("the checkpoint has no valid signature of the hub's key")]
    Signature,
}

/// The size and root of a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// The number of the last event.
    pub size: u64,
    /// The root over all of them.
    pub root: Hash,
}

/// The name of the log of a hub's events.
pub fn origin(hub: HubId, epoch: EpochId) -> String {
    format!("frostguard/hub/{hub}/{epoch}/events")
}

fn key_id(name: &str, key: PublicKey) -> [u8; 4] {
    let mut hasher = Sha256::new();
    hasher.update(name.as_bytes());
    hasher.update([0x0A, 0x01]);
    hasher.update(key.0);
    let hash = hasher.finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

impl Checkpoint {
    fn body(&self, origin: &str) -> String {
        format!("{origin}\n{}\n{}\n", self.size, STANDARD.encode(self.root.0))
    }

    /// The signed note.
    pub fn sign(&self, hub: HubId, epoch: EpochId, key: &SecretKey) -> String {
        let origin = origin(hub, epoch);
        let body = self.body(&origin);
        let signature = key.sign(body.as_bytes());
        let mut line = key_id(&origin, key.public()).to_vec();
        line.extend_from_slice(&signature.0);
        format!("{body}\n\u{2014} {origin} {}\n", STANDARD.encode(line))
    }

    /// Reads a note of a hub's log and checks that the hub's key has signed it. Signatures of others are allowed beside it.
    ///
    /// # Errors
    /// Another form, another log, or no signature of the key.
    pub fn verify(note: &str, hub: HubId, epoch: EpochId, key: PublicKey) -> Result<Self, CheckpointError> {
        let form = CheckpointError::Form;
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(form("it has characters that nobody sees"));
        }
        if note.len() > NOTE_MAX {
            return Err(form("it is too long"));
        }
        let (body, signatures) = note.split_once("\n\n").ok_or(form("it has no empty line"))?;
        let mut lines = body.split('\n');
        let mut line = |what| lines.next().ok_or(form(what));
        let (name, size, root) = (line("no origin")?, line("no size")?, line("no root")?);
        if lines.next().is_some() {
            return Err(form("it has extension lines"));
        }
        if name != origin(hub, epoch) {
            return Err(CheckpointError::Origin);
        }
        let size: u64 = size.parse().map_err(|_| form("its size is no number"))?;
        let root = STANDARD.decode(root).ok().and_then(|root| root.try_into().ok());
        let checkpoint = Self { size, root: Hash(root.ok_or(form("its root is no hash"))?) };
        let body = format!("{body}\n");
        if checkpoint.body(name) != body {
            return Err(form("it is not in its one spelling"));
        }
        let signed = signatures.lines().any(|line| is_signed(line, name, body.as_bytes(), key));
        if signed { Ok(checkpoint) } else { Err(CheckpointError::Signature) }
    }
}

fn is_signed(line: &str, name: &str, body: &[u8], key: PublicKey) -> bool {
    let encoded = line.strip_prefix("\u{2014} ").and_then(|rest| rest.strip_prefix(name));
    let Some(encoded) = encoded.and_then(|rest| rest.strip_prefix(' ')) else { return false };
    let Ok(bytes) = STANDARD.decode(encoded) else { return false };
    let Some((id, signature)) = bytes.split_first_chunk::<4>() else { return false };
    let Ok(signature) = signature.try_into() else { return false };
    *id == key_id(name, key) && key.verify(body, &Signature(signature)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (HubId, EpochId) {
        (HubId::from_bytes([1; 16]), EpochId::from_bytes([2; 16]))
    }

    fn key() -> SecretKey {
        SecretKey::from_seed(&[7; 32])
    }

    #[test]
    fn a_checkpoint_reads_back_and_every_other_byte_is_refused() {
        let (hub, epoch) = ids();
        let checkpoint = Checkpoint { size: 42, root: Hash([9; 32]) };
        let note = checkpoint.sign(hub, epoch, &key());
        assert_eq!(Checkpoint::verify(&note, hub, epoch, key().public()), Ok(checkpoint));
        let bytes = note.as_bytes();
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1;
            if let Ok(changed) = String::from_utf8(changed) {
                assert!(Checkpoint::verify(&changed, hub, epoch, key().public()).is_err(), "byte {at}");
            }
        }
    }

    #[test]
    fn a_checkpoint_of_another_hub_or_key_is_named_as_such() {
        let (hub, epoch) = ids();
        let note = Checkpoint { size: 1, root: Hash([9; 32]) }.sign(hub, epoch, &key());
        let other = HubId::from_bytes([3; 16]);
        assert_eq!(Checkpoint::verify(&note, other, epoch, key().public()), Err(CheckpointError::Origin));
        let stranger = SecretKey::from_seed(&[8; 32]).public();
        assert_eq!(Checkpoint::verify(&note, hub, epoch, stranger), Err(CheckpointError::Signature));
        assert!(matches!(Checkpoint::verify("", hub, epoch, stranger), Err(CheckpointError::Form(_))));
    }

    #[test]
    fn the_golden_checkpoint_has_the_golden_text() {
        let (hub, epoch) = ids();
        let note = Checkpoint { size: 42, root: Hash([9; 32]) }.sign(hub, epoch, &key());
        assert_eq!(note, include_str!("../../tests/golden/checkpoint-v1.txt"));
    }
}
