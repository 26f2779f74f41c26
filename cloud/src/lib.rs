//! FrostGuard's cloud: receives the hubs' record, keeps it apart for each organization, and shows it to people far away.
//!
//! The modules in the order in which a record passes them:
//! [`hub`] speaks to hubs (login, enrolment, batches); [`ingest`] decides what of a batch is taken and what follows from
//! it; [`store`] keeps it, each organization behind its own wall; [`api`] shows it to whoever [`sign_in`] or a key lets
//! in, [`watch`] tells them what changes, and [`dashboard`] is the page that shows it to people. The other way, from
//! people to hubs: [`configuration`] makes what is desired of each hub, signed, and [`hub`] gives it to hubs that wait
//! for it. Around them: [`config`] says where things are, [`key`] is what the hubs pin, [`admission`] bounds what is in
//! work, [`clock`] and [`entropy`] are the only places that read time and randomness,
//! [`counters`] tells operators how it goes, [`service`] puts all of it together, [`commands`] is what an operator types.
//!
//! Invariants:
//! - A batch counts exactly once: its cursor is locked, moved and committed with everything that follows from it, and
//!   only then is it acknowledged.
//! - What cannot be used is kept and counted (quarantine, branches), never dropped and never in the way.
//! - Nothing reaches the database but through a transaction that knows its organization, or through a named door.
//! - The process keeps nothing that matters: any number of them can serve beside each other.

pub mod admission;
pub mod api;
pub mod clock;
pub mod commands;
pub mod config;
pub mod configuration;
pub mod counters;
pub mod dashboard;
pub mod entropy;
#[cfg(feature = "faults")]
pub mod faults;
pub mod hub;
pub mod ingest;
pub mod key;
pub mod service;
pub mod sign_in;
pub mod store;
pub mod watch;
