//! How things are now: a small message that overtakes the record. The latest one wins, and any may be lost.

use crate::ids::{AlertId, EpochId, UnitId};
use crate::time::WallMs;
use minicbor::{Decode, Encode};

/// Units in one message.
pub const UNITS_MAX: usize = 1_024;
/// Alarms in one message; the most urgent ones are told.
pub const ALARMS_MAX: usize = 256;

/// A unit now.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Unit {
    /// Which.
    #[n(1)]
    pub unit: UnitId,
    /// Its status, a word of the database's list.
    #[n(2)]
    pub status: String,
    /// The worst believable temperature of its points in 0.01 °C.
    #[n(3)]
    pub temperature_centi_c: Option<i32>,
    /// When that was measured.
    #[n(4)]
    pub measured: Option<WallMs>,
}

/// An alarm now.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Alarm {
    /// Which.
    #[n(1)]
    pub alert: AlertId,
    /// Of which unit.
    #[n(2)]
    pub unit: UnitId,
    /// What it is about, as [`crate::alarm::Condition::word`].
    #[n(3)]
    pub condition: String,
    /// How urgent, as [`crate::alarm::Severity::word`].
    #[n(4)]
    pub severity: String,
    /// What annunciators do, as [`crate::alarm::Sounding::word`].
    #[n(5)]
    pub sounding: String,
    /// When the episode began.
    #[n(6)]
    pub since: WallMs,
}

/// The hub now.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Live {
    /// The epoch.
    #[n(1)]
    pub epoch: EpochId,
    /// Grows with every message of the epoch: the latest one wins.
    #[n(2)]
    pub counter: u64,
    /// The hub's corrected wall clock.
    #[n(3)]
    pub at: WallMs,
    /// Units.
    #[n(4)]
    pub units: Vec<Unit>,
    /// Alarms.
    #[n(5)]
    pub alarms: Vec<Alarm>,
    /// Events that wait to be sent.
    #[n(6)]
    pub events_waiting: u64,
    /// Readings that wait to be sent.
    #[n(7)]
    pub readings_waiting: u64,
}
