//! Configuration: what is desired of hubs, from what people set to the documents that hubs are given.
//!
//! Pure: [`fields`] (the fields that a person can set, and what each may be), [`document`] (what a hub is told, and what
//! of it has changed, in words). The shell is [`publish`]: in the transaction in which something was set, every hub that it
//! concerns gets a new document. What a hub makes of it comes back with its record.

pub mod document;
pub mod fields;
pub mod publish;
