//! FrostGuard's shared core: the words that hub and cloud both speak, and every decision about food and medicine.
//!
//! Owns: the vocabulary (ids, quantities, times, points, readings), the exact bytes that are hashed
//! and stored (reading, event, link, seal), the rule axis, and the rule engine.
//! Takes values; gives values. It must never read a clock, draw randomness, do I/O, or log: whoever
//! calls it passes the time and the ids in, so hub, cloud and replay fold the same record to the same result.
//!
//! Read it in the order in which a temperature travels:
//! [`quantity`] and [`ids`] name things, [`point`] says what a sensor channel measures, [`time`] and [`axis`] say when,
//! [`reading`] and [`event`] fix the bytes, [`chain`] and [`tree`] make them tamper-evident, [`signature`] and
//! [`checkpoint`] vouch for them, [`rules`] decides, [`claim`] makes a hub known to a cloud, [`wire`] carries the record
//! away, [`timeline`] dates it for people, [`bundle`] hands it to whoever wants to check it, [`verify`] checks it.
//!
//! Invariants that hold throughout:
//! - Temperatures are integers of 0.01 °C. There is no float in a reading, rule or hash.
//! - Rules run on [`time::RuleMs`] alone, the one axis that never goes back.
//! - A published form is never edited: a changed form is a new version with new golden bytes.

pub mod alarm;
pub mod axis;
pub mod bundle;
pub mod causes;
pub mod chain;
pub mod checkpoint;
pub mod claim;
pub mod event;
pub mod ids;
pub mod point;
pub mod quantity;
pub mod reading;
pub mod rules;
pub mod signature;
pub mod time;
pub mod timeline;
pub mod tree;
pub mod unit;
pub mod verify;
pub mod wire;
