//! Identities: one distinct type for each kind of thing, so that two of them cannot be swapped.
//!
//! All are UUIDs: lower-case with hyphens in text, 16 bytes in network order in binary, never sorted by.
//! Ids of things are version 7 (time and random bits are passed in); an [`EpochId`] is random, version 4.
//! This file never makes an id from a clock or from randomness of its own.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use uuid::Uuid;

/// A text was not the lower-case, hyphenated form of a UUID. Refuse the input that carried it.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("\"{text}\" is not a lower-case hyphenated UUID")]
pub struct IdError {
    /// The refused text, at most 64 characters of it.
    pub text: String,
}

/// The 10 random bytes that an id of version 7 needs beside its time.
pub type IdRandom = [u8; 10];

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A version 7 id of the given Unix time in milliseconds and random bytes.
            pub fn v7(unix_ms: u64, random: IdRandom) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
            }
            /// The id whose 16 bytes, in network order, are given.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
            /// The 16 bytes in network order.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                to: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                to.bytes(self.as_bytes()).map(|_| ())
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                from: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                crate::wire::exactly(from).map(Self::from_bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.hyphenated())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let refused = || IdError { text: text.chars().take(64).collect() };
                let id = Uuid::try_parse(text).map_err(|_| refused())?;
                if id.hyphenated().to_string() == text { Ok(Self(id)) } else { Err(refused()) }
            }
        }
    };
}

id!(
    /// An organization: the tenant. Only the cloud knows of it; nothing hashed names it.
    OrganizationId
);
id!(
    /// A hub: one box on one premises, with one key. New hardware is a new hub.
    HubId
);
id!(
    /// A site: the premises that a hub guards.
    SiteId
);
id!(
    /// A unit: one piece of equipment (fridge, freezer, walk-in, …).
    UnitId
);
id!(
    /// A device: one sensor as hardware. A replacement is a new device.
    DeviceId
);
id!(
    /// A point: one channel of one device.
    PointId
);
id!(
    /// A person's membership of the organization; never a name.
    PersonId
);
id!(
    /// An alert, made where its episode was confirmed.
    AlertId
);
id!(
    /// A command: something that a person far away asks a hub to do, once.
    CommandId
);
id!(
    /// The life of one journal database: random, made with it, never reused.
    EpochId
);

impl EpochId {
    /// A version 4 id of the given random bytes.
    pub fn v4(random: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(random).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text_and_refuses_every_other_spelling() {
        let id = UnitId::v7(1_764_000_000_000, [7; 10]);
        assert_eq!(id.to_string().parse::<UnitId>().unwrap(), id);
        assert_eq!(id.to_string().len(), 36);
        for bad in
            [id.to_string().to_uppercase(), id.to_string().replace('-', ""), String::new(), "x".repeat(900)]
        {
            assert!(bad.parse::<UnitId>().is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn an_id_of_a_thing_is_version_7_and_an_epoch_version_4() {
        assert_eq!(HubId::v7(1, [0; 10]).0.get_version_num(), 7);
        assert_eq!(EpochId::v4([0; 16]).0.get_version_num(), 4);
    }
}
