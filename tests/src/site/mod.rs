//! Owns the simulated site: physics, sensors' bytes, the radio side and the network side.
//! Takes a pace and faults; gives frames to a hub through the message bus and the broker only.
//! Must never import the hub or share code with its decoders.

pub mod bluez;
mod bluez_properties;
pub mod broker;
pub mod chirpstack;
pub mod dbus;
pub mod encode_bthome;
pub mod encode_em300;
pub mod encode_govee;
pub mod encode_lht65;
pub mod encode_ruuvi;
pub mod routine;
pub mod sensor;
pub mod simulation;
pub mod subscriber;
pub mod thermal;
