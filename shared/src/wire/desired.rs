//! What is desired of a hub: the signed document of its rules, and signed commands.
//!
//! A hub asks with [`Poll`] and is answered at once if there is something that it does not know yet, else after at most
//! [`WAIT_MAX_MS`] with nothing. What a hub makes of a document or a command it tells in events of its journal, never here.
//! Both are signed over their bytes as they came ([`crate::signature::document_text`], [`crate::signature::command_text`])
//! by the cloud's key that was pinned at enrolment, and both name the hub, so that neither is worth anything elsewhere.

use super::{WireError, from_bytes};
use crate::ids::{AlertId, CommandId, EpochId, HubId, PersonId, UnitId};
use crate::signature::{PublicKey, SecretKey, Signature, SignatureError, command_text, document_text};
use crate::time::WallMs;
use minicbor::{Decode, Encode};
use thiserror::Error;

/// The longest time that an answer is held back, in ms.
pub const WAIT_MAX_MS: u64 = 25_000;
/// Commands in one answer, and commands that a poll names as known. The oldest ones go first.
pub const COMMANDS_MAX: usize = 32;
/// Units in one document.
pub const UNITS_MAX: usize = 1_024;

/// Asks what is desired.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Poll {
    /// The epoch of the hub's journal.
    #[n(1)]
    pub epoch: EpochId,
    /// The newest version on which the hub has decided, whatever it decided; 0 for none.
    #[n(2)]
    pub decided: u64,
    /// The version whose rules are in force; 0 for those of its own site document.
    #[n(3)]
    pub applied: u64,
    /// Commands that it has received and that the cloud may not know of yet.
    #[n(4)]
    pub received: Vec<CommandId>,
}

/// What is desired and not known to the hub yet.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode)]
#[cbor(map)]
pub struct Desired {
    /// The newest document, if it is newer than what the hub has decided on.
    #[n(1)]
    pub document: Option<Signed>,
    /// Commands that the hub has not named.
    #[n(2)]
    pub commands: Vec<Signed>,
}

/// Bytes and the cloud's signature over them.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Signed {
    /// The CBOR of a [`Document`] or a [`Command`].
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
    /// Over the text of its kind.
    #[n(2)]
    pub signature: Signature,
}

/// The rules that a hub should run: a whole, never a change to something.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Document {
    /// The hub that it is for.
    #[n(1)]
    pub hub: HubId,
    /// Its version, from 1, higher than every one before it.
    #[n(2)]
    pub version: u64,
    /// When it was made, by the cloud's clock.
    #[n(3)]
    pub made: WallMs,
    /// The units that the hub guards, by id.
    #[n(4)]
    pub units: Vec<UnitDocument>,
}

/// The rules of one unit.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct UnitDocument {
    /// The unit.
    #[n(1)]
    pub unit: UnitId,
    /// Its resolved rules, each field with its provenance: the JSON of [`crate::rules::UnitRules`].
    #[n(2)]
    pub rules: String,
}

/// Something to do once.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Command {
    /// Its id: a hub does one command once, however often it comes.
    #[n(1)]
    pub id: CommandId,
    /// The hub that it is for.
    #[n(2)]
    pub hub: HubId,
    /// When it was asked for, by the cloud's clock.
    #[n(3)]
    pub made: WallMs,
    /// From then on it is refused.
    #[n(4)]
    pub expires: WallMs,
    /// The person who asks, by the membership of the organization.
    #[n(5)]
    pub person: Option<PersonId>,
    /// What to do: [`ACKNOWLEDGE`], [`IDENTIFY`], [`SELF_TEST`]. A hub refuses a word that it does not know.
    #[n(6)]
    pub kind: String,
    /// For an acknowledgement: of which alert.
    #[n(7)]
    pub alert: Option<AlertId>,
}

/// The person is on it: acknowledge an alert.
pub const ACKNOWLEDGE: &str = "acknowledge";
/// Make the hub show itself: its annunciators and its page say which one it is.
pub const IDENTIFY: &str = "identify";
/// Try everything that an alarm needs, and tell.
pub const SELF_TEST: &str = "self_test";

/// A document or command that is not the cloud's. Refuse it, and tell.
#[derive(Debug, Error)]
pub enum NotSigned {
    /// The signature is not the pinned cloud's over these bytes.
    #[error("it is not signed by the cloud that this hub is enrolled at")]
    Signature(#[from] SignatureError),
    /// The bytes are signed, but not the message that belongs here.
    #[error("it is signed, but it cannot be read")]
    Unreadable(#[from] WireError),
}

impl Document {
    /// The document with the cloud's signature.
    pub fn signed(&self, key: &SecretKey) -> Signed {
        let bytes = super::to_bytes(self);
        let signature = key.sign(&document_text(&bytes));
        Signed { bytes, signature }
    }
}

impl Command {
    /// The command with the cloud's signature.
    pub fn signed(&self, key: &SecretKey) -> Signed {
        let bytes = super::to_bytes(self);
        let signature = key.sign(&command_text(&bytes));
        Signed { bytes, signature }
    }
}

impl Signed {
    /// The document in it.
    ///
    /// # Errors
    /// It is not signed by this key, or no document.
    pub fn document(&self, cloud: &PublicKey) -> Result<Document, NotSigned> {
        cloud.verify(&document_text(&self.bytes), &self.signature)?;
        Ok(from_bytes(&self.bytes)?)
    }

    /// The command in it.
    ///
    /// # Errors
    /// It is not signed by this key, or no command.
    pub fn command(&self, cloud: &PublicKey) -> Result<Command, NotSigned> {
        cloud.verify(&command_text(&self.bytes), &self.signature)?;
        Ok(from_bytes(&self.bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::to_bytes;
    use super::*;

    fn document() -> Document {
        Document {
            hub: HubId::from_bytes([1; 16]),
            version: 7,
            made: WallMs(1_764_000_000_000),
            units: vec![UnitDocument { unit: UnitId::from_bytes([2; 16]), rules: "{}".into() }],
        }
    }

    fn command() -> Command {
        Command {
            id: CommandId::from_bytes([3; 16]),
            hub: HubId::from_bytes([1; 16]),
            made: WallMs(1_764_000_000_000),
            expires: WallMs(1_764_000_600_000),
            person: Some(PersonId::from_bytes([4; 16])),
            kind: ACKNOWLEDGE.into(),
            alert: Some(AlertId::from_bytes([5; 16])),
        }
    }

    fn key() -> SecretKey {
        SecretKey::from_seed(&[7; 32])
    }

    #[test]
    fn documents_and_commands_have_their_golden_bytes() {
        let written = [
            hex::encode(to_bytes(&document())),
            hex::encode(document().signed(&key()).signature.0),
            hex::encode(to_bytes(&command())),
            hex::encode(command().signed(&key()).signature.0),
        ];
        let golden = include_str!("../../../tests/golden/wire-desired-v1.hex");
        assert_eq!(written.join("\n"), golden.trim());
    }

    #[test]
    fn what_is_signed_reads_back_and_every_other_key_or_byte_is_refused() {
        let (document, command) = (document(), command());
        let (one, two) = (document.signed(&key()), command.signed(&key()));
        assert_eq!(one.document(&key().public()).unwrap(), document);
        assert_eq!(two.command(&key().public()).unwrap(), command);
        let stranger = SecretKey::from_seed(&[8; 32]).public();
        assert!(matches!(one.document(&stranger), Err(NotSigned::Signature(_))));
        for at in 0..one.bytes.len() {
            let mut changed = one.clone();
            changed.bytes[at] ^= 1;
            assert!(matches!(changed.document(&key().public()), Err(NotSigned::Signature(_))), "byte {at}");
        }
    }

    #[test]
    fn a_signed_command_is_no_document_and_a_signed_document_no_command() {
        let one = Signed {
            signature: key().sign(&command_text(&to_bytes(&document()))),
            ..document().signed(&key())
        };
        assert!(matches!(one.document(&key().public()), Err(NotSigned::Signature(_))));
        assert!(matches!(one.command(&key().public()), Err(NotSigned::Unreadable(_))));
    }

    #[test]
    fn an_answer_without_anything_is_an_empty_map() {
        let nothing = Desired::default();
        assert_eq!(from_bytes::<Desired>(&to_bytes(&nothing)).unwrap(), nothing);
    }
}
