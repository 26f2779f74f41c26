//! The watch over a real journal: what it records, what it decides, and what survives.
#![expect(clippy::unwrap_used, reason = "a test world that cannot be made fails its test")]

mod alarms;
mod bad_input;
mod cloud;
mod commands;
mod desired;
mod epochs;
mod outbox;
mod page;
mod people;
mod record;
mod sync;
mod synced;
mod time_table;
mod why;
mod world;
