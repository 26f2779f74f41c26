//! The site as a hub knows it: what an empty site in the cloud adopts, with the hub's own ids.

use crate::ids::{DeviceId, PersonId, PointId, SiteId, UnitId};
use crate::point::{Channel, Role};
use minicbor::{Decode, Encode};

/// A person who may acknowledge at the hub.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Person {
    /// Id.
    #[n(1)]
    pub id: PersonId,
    /// Name, 1 to 256 characters.
    #[n(2)]
    pub name: String,
    /// Argon2id hash of the PIN, in PHC form.
    #[n(3)]
    pub pin_hash: String,
}

/// A unit.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Unit {
    /// Id.
    #[n(1)]
    pub id: UnitId,
    /// Name, 1 to 256 characters.
    #[n(2)]
    pub name: String,
    /// Kind of equipment, a word of the database's list (`fridge`, `freezer`, …).
    #[n(3)]
    pub kind: String,
    /// Its resolved rules: the JSON of [`crate::rules::UnitRules`].
    #[n(4)]
    pub rules: String,
}

/// A point of a device.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Point {
    /// Id.
    #[n(1)]
    pub id: PointId,
    /// The channel.
    #[cbor(n(2), with = "words")]
    pub channel: Channel,
    /// The unit that it measures.
    #[n(3)]
    pub unit: UnitId,
    /// What it measures there.
    #[cbor(n(4), with = "words")]
    pub role: Role,
}

/// A device.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Device {
    /// Id.
    #[n(1)]
    pub id: DeviceId,
    /// Model.
    #[n(2)]
    pub model: String,
    /// Radio address, as its label shows it.
    #[n(3)]
    pub address: String,
    /// Its points.
    #[n(4)]
    pub points: Vec<Point>,
}

/// The whole site, without outputs: those are the hub's own affair.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Site {
    /// The id that the hub gave it.
    #[n(1)]
    pub id: SiteId,
    /// Name.
    #[n(2)]
    pub name: String,
    /// IANA time zone.
    #[n(3)]
    pub zone: String,
    /// People.
    #[n(4)]
    pub people: Vec<Person>,
    /// Units.
    #[n(5)]
    pub units: Vec<Unit>,
    /// Devices.
    #[n(6)]
    pub devices: Vec<Device>,
}

/// Types that travel as their word.
mod words {
    use minicbor::decode::{Decoder, Error};
    use minicbor::encode::{self, Encoder, Write};
    use std::fmt::Display;
    use std::str::FromStr;

    pub(super) fn encode<C, T: ToWord, W: Write>(
        value: &T,
        to: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        to.str(&value.to_word()).map(|_| ())
    }

    pub(super) fn decode<C, T: FromStr<Err: Display>>(from: &mut Decoder<'_>, _: &mut C) -> Result<T, Error> {
        from.str()?.parse().map_err(|fault: T::Err| Error::message(fault.to_string()))
    }

    pub(super) trait ToWord {
        fn to_word(&self) -> String;
    }
    impl ToWord for super::Channel {
        fn to_word(&self) -> String {
            self.to_string()
        }
    }
    impl ToWord for super::Role {
        fn to_word(&self) -> String {
            self.word().to_owned()
        }
    }
}
