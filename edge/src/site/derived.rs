//! Ids derived from keys, for looking at a site document without a hub: a replay, or a check.
//!
//! Owns the derivation. The same keys give the same ids everywhere and always; they are never those of a hub.

use super::Ids;
use frostguard_shared::chain::leaf;
use frostguard_shared::ids::{DeviceId, PersonId, PointId, UnitId};
use frostguard_shared::point::Channel;
use std::convert::Infallible;

/// The maker of derived ids.
pub struct Derived;

/// The first half of the hash of a kind and what it is called, each with its length before it.
fn bytes(kind: &str, names: &[&str]) -> [u8; 16] {
    let mut text = kind.to_owned();
    for name in names {
        text.push_str(&format!("/{}:{name}", name.len()));
    }
    let hash = leaf(text.as_bytes());
    let mut half = [0; 16];
    half.copy_from_slice(hash.0.split_at(16).0);
    half
}

/// The id of a point that is known by its unit and a name alone.
pub fn point(unit: &str, name: &str) -> PointId {
    PointId::from_bytes(bytes("point of unit", &[unit, name]))
}

impl Ids for Derived {
    type Fault = Infallible;

    fn person(&mut self, key: &str) -> Result<PersonId, Infallible> {
        Ok(PersonId::from_bytes(bytes("person", &[key])))
    }
    fn unit(&mut self, key: &str) -> Result<UnitId, Infallible> {
        Ok(UnitId::from_bytes(bytes("unit", &[key])))
    }
    fn device(&mut self, hardware: &str) -> Result<DeviceId, Infallible> {
        Ok(DeviceId::from_bytes(bytes("device", &[hardware])))
    }
    fn point(&mut self, hardware: &str, channel: Channel) -> Result<PointId, Infallible> {
        Ok(PointId::from_bytes(bytes("point", &[hardware, &channel.to_string()])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_keys_have_the_same_ids_and_no_two_names_run_together() {
        assert_eq!(Derived.unit("freezer"), Derived.unit("freezer"));
        assert_ne!(point("a", "b/c"), point("a/b", "c"));
        assert_ne!(point("a", ""), point("", "a"));
        assert_ne!(Derived.unit("a").map(|id| *id.as_bytes()), Derived.device("a").map(|id| *id.as_bytes()));
    }
}
