//! FrostGuard's hub: hears sensors, decides by itself, sounds the alarm, and keeps a record that cannot be changed unseen.
//!
//! The modules in the order in which a temperature passes them:
//! [`sources`] turn a radio's bytes into frames; [`intake`] decides what of them becomes a record; [`store`] keeps
//! the journal; [`watch`] folds records by the shared rules and records what follows; [`annunciators`] make it
//! heard; [`page`] shows it; [`sync`] takes the record to the cloud if the hub is enrolled in one, and [`desired`]
//! decides what the hub does of what that cloud wants. Beside them, [`replay`] runs the same rules over a history, and
//! [`comparison`] says in what two sets of rules differ. Around them: [`config`] and [`site`] say what is where,
//! [`identity`] says who this hub is, [`clock`] and [`entropy`] are the only places that read time and randomness,
//! [`hub`] puts all of it together.
//!
//! Invariants:
//! - Nothing acts on a reading before what follows from it is durable. The one exception: if the disk fails, readings
//!   still reach the rules, and the disk's fault is itself an alarm.
//! - Sources know neither journal nor rules; annunciators take a desired state and know no rules; SQL stands under
//!   [`store`] alone; only [`hub`] knows all parts.
//! - The network is needed for nothing that guards food.

pub mod annunciators;
pub mod clock;
pub mod commands;
pub mod comparison;
pub mod config;
pub mod desired;
pub mod durable;
pub mod enrolment;
pub mod entropy;
#[cfg(feature = "faults")]
pub mod faults;
pub mod hub;
pub mod identity;
pub mod intake;
pub mod page;
pub mod pin;
pub mod replay;
pub mod site;
pub mod sources;
pub mod store;
pub mod sync;
pub mod watch;
