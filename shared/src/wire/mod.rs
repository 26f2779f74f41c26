//! The wire: everything that hub and cloud say to each other, and its one spelling.
//!
//! Owns the messages, their integer keys, their limits and the paths they travel. Every message is deterministic CBOR
//! (RFC 8949, section 4.2.1): a map with integer keys, UUIDs, keys and hashes as byte strings, no tags, floats or
//! indefinite lengths. A key is never used again for something else; a key that is not known is skipped, so that
//! either side may be the newer one. Bodies are packed with zstd and named [`MEDIA_TYPE`].
//!
//! Keys of the messages, in order of their numbers:
//! - Challenge request: 1 hub. Challenge: 1 nonce.
//! - Login: 1 hub, 2 epoch, 3 nonce, 4 signature, 5 software, 6 hash of the site message, 7 events head.
//!   Reply: 1 token, 2 valid for ms, 3 cloud time ms, 4 signature of the time, 5 events held, 6 readings held,
//!   7 standing, 8 site message wanted.
//! - Enrolment: 1 claim secret, 2 hub, 3 key, 4 signature, 5 name, 6 site message, 7 takeover.
//!   Reply: 1 cloud key, 2 signature, 3 site, 4 site name, 5 organization name.
//! - Site: 1 site, 2 name, 3 zone, 4 people, 5 units, 6 devices; see [`site`].
//! - Events: 1 epoch, 2 first seq, 3 hash before it, 4 items (1 bytes, or 2 hash of dropped bytes), 5 checkpoint.
//! - Readings: 1 epoch, 2 first seq, 3 rows of 80 bytes, 4 gaps (1 first, 2 last, 3 cause), 5 events head.
//! - Acknowledgement of either: 1 head held (1 seq, 2 hash).
//! - Live: 1 epoch, 2 counter, 3 at ms, 4 units, 5 alarms, 6 events waiting, 7 readings waiting; see [`live`].
//! - Poll: 1 epoch, 2 version decided on, 3 version applied, 4 commands received. Desired: 1 document, 2 commands, both
//!   signed (1 bytes, 2 signature); see [`desired`] for what is in the bytes.
//! - Problem: 1 reason, 2 text, 3 head held.

mod canonical;
pub mod desired;
pub mod live;
pub mod login;
pub mod record;
pub mod site;

pub use canonical::NotCanonical;

use crate::chain::Hash;
use minicbor::{Decode, Encode};
use thiserror::Error;

/// The name of every body.
pub const MEDIA_TYPE: &str = "application/vnd.frostguard.v1+cbor";
/// Records in one batch.
pub const RECORDS_MAX: usize = 4_096;
/// Bytes of a packed body.
pub const PACKED_MAX: usize = 1 << 20;
/// Bytes of a body unpacked.
pub const UNPACKED_MAX: usize = 8 << 20;

/// Where each message goes, always by POST.
pub mod path {
    /// Asks for a challenge.
    pub const CHALLENGE: &str = "/hub/v1/challenge";
    /// Logs in.
    pub const LOGIN: &str = "/hub/v1/login";
    /// Makes a hub a hub of a site.
    pub const ENROL: &str = "/hub/v1/enrol";
    /// Tells the site as the hub knows it.
    pub const SITE: &str = "/hub/v1/site";
    /// Brings events.
    pub const EVENTS: &str = "/hub/v1/events";
    /// Brings readings.
    pub const READINGS: &str = "/hub/v1/readings";
    /// Tells how things are now.
    pub const LIVE: &str = "/hub/v1/live";
    /// Asks what is desired, and waits for it.
    pub const DESIRED: &str = "/hub/v1/desired";
}

/// Bytes that are no message. Refuse the request with 400, count it; sending the same bytes again is useless.
#[derive(Debug, Error)]
pub enum WireError {
    /// Not in the one allowed spelling.
    #[error("the body is not deterministic CBOR")]
    Spelling(#[from] NotCanonical),
    /// Not the message that belongs here.
    #[error("the body is not the message that belongs here")]
    Message(#[source] minicbor::decode::Error),
    /// Something is left after the message.
    #[error("the body goes on after its message")]
    Trailing,
    /// More records than one batch may have, or rows that are no whole readings.
    #[error("{what}")]
    Size {
        /// What is wrong with the size.
        what: &'static str,
    },
}

/// The bytes of a message.
pub fn to_bytes<M: Encode<()>>(message: &M) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing into memory cannot fail, and no message refuses to be written.
    match minicbor::encode(message, &mut bytes) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}

/// Reads a message that is all of the bytes and in the one allowed spelling.
///
/// # Errors
/// The bytes are no such message.
pub fn from_bytes<'b, M: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<M, WireError> {
    canonical::check(bytes)?;
    let mut decoder = minicbor::Decoder::new(bytes);
    let message = decoder.decode().map_err(WireError::Message)?;
    if decoder.position() == bytes.len() { Ok(message) } else { Err(WireError::Trailing) }
}

/// A byte string of exactly so many bytes.
pub(crate) fn exactly<const N: usize>(
    from: &mut minicbor::Decoder<'_>,
) -> Result<[u8; N], minicbor::decode::Error> {
    from.bytes()?.try_into().map_err(|_| minicbor::decode::Error::message("a byte string of another length"))
}

macro_rules! byte_string {
    ($($name:ty),*) => { $(
        impl<C> Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                to: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                to.bytes(&self.0).map(|_| ())
            }
        }
        impl<'b, C> Decode<'b, C> for $name {
            fn decode(from: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                exactly(from).map(Self)
            }
        }
    )* };
}
byte_string!(Hash, crate::signature::PublicKey, crate::signature::Signature);

impl<C> Encode<C> for crate::time::WallMs {
    fn encode<W: minicbor::encode::Write>(
        &self,
        to: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        to.i64(self.0).map(|_| ())
    }
}

impl<'b, C> Decode<'b, C> for crate::time::WallMs {
    fn decode(from: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        from.i64().map(Self)
    }
}

/// The last record of a stream that somebody holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Head {
    /// Its number; 0 for an empty stream.
    #[n(1)]
    pub seq: u64,
    /// For events: its hash in the chain, or the genesis hash of an empty stream.
    #[n(2)]
    pub hash: Option<Hash>,
}

/// Why the cloud does not take something. The number is what travels; it is never used again for something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(index_only)]
pub enum Reason {
    /// The body is no message (400). Do not send it again as it is.
    #[n(1)]
    Garbled,
    /// The body is too large (413). Send less at once.
    #[n(2)]
    TooLarge,
    /// The token is unknown or has expired (401). Log in again.
    #[n(3)]
    Token,
    /// No such hub is enrolled here (404). Enrol it.
    #[n(4)]
    UnknownHub,
    /// The signature does not fit, or the challenge was used before (401). Ask for a new challenge.
    #[n(5)]
    Login,
    /// The readings were made under events that the cloud does not hold yet (409). Send those first.
    #[n(6)]
    EventsFirst,
    /// Records between the head held and this batch are missing (409). Send from the head held.
    #[n(7)]
    Ahead,
    /// The batch links to a hash that the cloud does not hold (409). Begin a new epoch.
    #[n(8)]
    BrokenLink,
    /// The claim code is unknown, used or expired (403). Ask for a new one.
    #[n(9)]
    ClaimCode,
    /// The site has units already: say whether to adopt or to discard them (409).
    #[n(10)]
    SiteNotEmpty,
    /// An id of the message belongs to something else (409). Nothing of the message was taken.
    #[n(11)]
    ForeignId,
    /// Too much at once (429). Wait as long as Retry-After says.
    #[n(12)]
    Busy,
    /// The cloud cannot do it now (503). Try again later.
    #[n(13)]
    Unavailable,
    /// A signature inside the message does not fit (422).
    #[n(14)]
    Signature,
    /// The hub is enrolled already (409).
    #[n(15)]
    AlreadyEnrolled,
    /// The media type or encoding is another (415).
    #[n(16)]
    MediaType,
}

/// What a hub is told when something is not taken.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Problem {
    /// Why.
    #[n(1)]
    pub reason: Reason,
    /// The same for people.
    #[n(2)]
    pub text: String,
    /// The head that the cloud holds, where that helps to go on.
    #[n(3)]
    pub held: Option<Head>,
}

#[cfg(test)]
mod tests;
