//! Being known: challenge, login and enrolment.
//!
//! A hub proves who it is by signing the cloud's challenge; what is signed is in [`crate::signature`]. A challenge is
//! good for one login. The token that follows is short-lived and named in `Authorization: Bearer`, in hex.

use super::{Head, site};
use crate::chain::Hash;
use crate::ids::{EpochId, HubId, SiteId};
use crate::signature::{PublicKey, Signature};
use crate::time::WallMs;
use minicbor::{Decode, Encode};

/// Asks for a challenge.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct ChallengeRequest {
    /// The hub that wants to log in.
    #[n(1)]
    pub hub: HubId,
}

/// A challenge, good for one login within a minute. An unknown hub gets one like any other.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Challenge {
    /// Random bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub nonce: [u8; 32],
}

/// Logs in.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Login {
    /// The hub.
    #[n(1)]
    pub hub: HubId,
    /// The epoch of its journal.
    #[n(2)]
    pub epoch: EpochId,
    /// The challenge that it answers.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub nonce: [u8; 32],
    /// Over [`crate::signature::login_text`], by the hub's key.
    #[n(4)]
    pub signature: Signature,
    /// Its software's version.
    #[n(5)]
    pub software: String,
    /// SHA-256 of the site message as it would send it now.
    #[n(6)]
    pub site_hash: Hash,
    /// The last durable event of its journal in this epoch.
    #[n(7)]
    pub events: Head,
}

/// How the hub's journal stands to what the cloud holds of the same epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(index_only)]
pub enum Standing {
    /// What the cloud holds is the beginning of the journal, as far as the cloud can tell: go on from there.
    #[n(1)]
    Extends,
    /// The cloud holds more than the journal: it was restored. Begin a new epoch before sending anything.
    #[n(2)]
    Behind,
    /// The cloud holds something else under the same numbers. Begin a new epoch before sending anything.
    #[n(3)]
    Beside,
}

/// The hub is known.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct LoginReply {
    /// What every further request carries.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub token: [u8; 32],
    /// How long it is good for, in ms.
    #[n(2)]
    pub valid_ms: u64,
    /// The cloud's wall clock.
    #[n(3)]
    pub time: WallMs,
    /// Over [`crate::signature::time_text`], by the cloud's key.
    #[n(4)]
    pub time_signature: Signature,
    /// The events that the cloud holds of this epoch.
    #[n(5)]
    pub events: Head,
    /// The readings that the cloud holds of this epoch.
    #[n(6)]
    pub readings: Head,
    /// How the journal stands to that.
    #[n(7)]
    pub standing: Standing,
    /// True if the cloud has no site message of that hash.
    #[n(8)]
    pub site_wanted: bool,
}

/// What becomes of the hub's own units where the site has units already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(index_only)]
pub enum Takeover {
    /// Nothing was said: refuse if there is a choice to make.
    #[n(1)]
    Ask,
    /// The hub's units join those of the site.
    #[n(2)]
    Adopt,
    /// The hub's units are not taken over.
    #[n(3)]
    Discard,
}

/// Makes a hub a hub of the site that the claim code is for.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Enrol {
    /// The claim code's secret half.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub secret: [u8; 10],
    /// The hub, by its own id.
    #[n(2)]
    pub hub: HubId,
    /// Its public key.
    #[n(3)]
    pub key: PublicKey,
    /// Over [`crate::signature::enrol_text`], by that key.
    #[n(4)]
    pub signature: Signature,
    /// What people call it: its host name.
    #[n(5)]
    pub name: String,
    /// The site as the hub knows it.
    #[n(6)]
    pub site: site::Site,
    /// What to do if the site has units already.
    #[n(7)]
    pub takeover: Takeover,
}

/// The hub is enrolled.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct EnrolReply {
    /// The cloud's key, whose fingerprint the claim code carries.
    #[n(1)]
    pub cloud: PublicKey,
    /// Over [`crate::signature::enrolled_text`], by that key.
    #[n(2)]
    pub signature: Signature,
    /// The site in the cloud.
    #[n(3)]
    pub site: SiteId,
    /// Its name.
    #[n(4)]
    pub site_name: String,
    /// The organization's name.
    #[n(5)]
    pub organization_name: String,
}
