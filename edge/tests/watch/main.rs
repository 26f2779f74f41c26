//! The watch over a real journal: what it records, what it decides, and what survives.

mod alarms;
mod bad_input;
mod record;
mod time_table;
mod world;
