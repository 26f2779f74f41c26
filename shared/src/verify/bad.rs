//! What is bad: the first record that does not fit, and in which way.
//!
//! Owns the kinds of record that can be named, the ways in which each can fail, and their words. Gives a text for
//! people and an object with `kind`, numbers and `why` for programs. Nothing is repaired here.

use crate::checkpoint::CheckpointError;
use crate::time::RuleMs;
use serde::ser::{Serialize, SerializeMap, Serializer};
use thiserror::Error;

/// A record that does not fit. Everything from it on is in doubt: alarm, keep the bundle as it is, and compare it with
/// that of the other side.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Bad {
    /// An event.
    #[error("event {seq} {why}")]
    Event {
        /// Its number.
        seq: u64,
        /// In which way.
        why: EventFault,
    },
    /// A sealed range of readings: one of them was changed, added or removed.
    #[error("readings {first} to {last} do not match their seal in event {sealed_by}: {why}")]
    Readings {
        /// The first reading of the range.
        first: u64,
        /// The last.
        last: u64,
        /// The event that seals them.
        sealed_by: u64,
        /// In which way.
        why: SealFault,
    },
    /// A single reading.
    #[error("reading {seq} {why}")]
    Reading {
        /// Its number.
        seq: u64,
        /// In which way.
        why: ReadingFault,
    },
    /// A checkpoint.
    #[error("the checkpoint after event {after} {why}")]
    Checkpoint {
        /// The event after which it stands.
        after: u64,
        /// In which way.
        why: CheckpointFault,
    },
    /// The bundle itself.
    #[error("line {line} of the bundle {why}")]
    Form {
        /// The line, from 1.
        line: u64,
        /// In which way.
        why: FormFault,
    },
}

/// Why an event does not fit.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum EventFault {
    /// Its number was passed over.
    #[error("is missing: the next one is event {found}")]
    Missing {
        /// What came instead.
        found: u64,
    },
    /// Its number has been there before.
    #[error("stands after a later one, or twice")]
    Order,
    /// The link is broken.
    #[error("does not match its hash: its bytes, its hash, or the event before it was changed")]
    Link,
    /// The bytes are no event in canonical form.
    #[error("has bytes that are no event in its one spelling")]
    Bytes,
    /// The envelope names another hub, epoch, number or version.
    #[error("says of itself another {0} than that of its place")]
    Place(&'static str),
    /// The rule axis went back.
    #[error("stands at {at} ms on the rule axis, not after the event before it", at = at.0)]
    Axis {
        /// Where it stands.
        at: RuleMs,
    },
    /// The first event is no `epoch.started`, or only its hash is there.
    #[error("must be epoch.started, with its bytes, for it names the hub's key")]
    First,
    /// An epoch begins twice.
    #[error("begins an epoch in the midst of one")]
    Begins,
    /// The key is none.
    #[error("names a key that is none")]
    Key,
    /// The key is not the one that was asked for.
    #[error("names another key than the one given")]
    OtherKey,
    /// The chains of two bundles hold, and this event is another in either.
    #[error("is not the same in both bundles, and each is consistent in itself: the record was forked")]
    Forked,
    /// The seal cannot be one.
    #[error("seals readings {first} to {last}, which {what}")]
    Seal {
        /// The first reading that it names.
        first: u64,
        /// The last.
        last: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Why a sealed range does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SealFault {
    /// The root is another.
    #[error("at least one of them was changed")]
    Root,
    /// One is not there.
    #[error("reading {seq} is missing")]
    Missing {
        /// Its number.
        seq: u64,
    },
    /// One is said to be missing; what is sealed was there.
    #[error("reading {seq} is told as a gap, but it was there when it was sealed")]
    Told {
        /// Its number.
        seq: u64,
    },
    /// One has bytes that are no reading.
    #[error("what is stored as reading {seq} is no reading")]
    Unreadable {
        /// Its number.
        seq: u64,
    },
}

impl SealFault {
    /// The reading that is known to be at fault.
    fn reading(self) -> Option<u64> {
        match self {
            Self::Root => None,
            Self::Missing { seq } | Self::Told { seq } | Self::Unreadable { seq } => Some(seq),
        }
    }
}

/// Why a single reading does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ReadingFault {
    /// Its number has been there before.
    #[error("stands after a later one, or twice")]
    Order,
    /// It is not there, no seal covers it, and no gap tells of it.
    #[error("is missing, and no gap tells of it")]
    Missing,
    /// The bytes are no reading.
    #[error("is stored as bytes that are no reading")]
    Unreadable,
    /// Its seal fails here and holds in the other bundle, where it differs.
    #[error("was changed: the other bundle's differs, and there the seal holds")]
    Changed,
    /// It differs between two bundles, and no seal says which is right.
    #[error("is not the same in both bundles, and no seal tells which of them is right")]
    Forked,
}

/// Why a checkpoint does not fit.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CheckpointFault {
    /// The note is none of the hub's.
    #[error("cannot be believed: {0}")]
    Note(CheckpointError),
    /// No key is known to check it with.
    #[error("cannot be checked: the record names no key")]
    NoKey,
    /// It covers more than there is.
    #[error("covers {size} events: those after the last one here were removed")]
    Removed {
        /// How many it covers.
        size: u64,
    },
    /// It covers less than stands before it.
    #[error("covers {size} events and belongs right after the last of them")]
    Place {
        /// How many it covers.
        size: u64,
    },
    /// The tree is another.
    #[error("has another root: an event before it was changed and the chain made anew")]
    Root,
}

/// Why the bundle itself does not fit.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum FormFault {
    /// It is no line of a bundle.
    #[error("cannot be read: {0}")]
    Line(String),
    /// It is longer than any line.
    #[error("is longer than any line of a bundle")]
    Long,
    /// It stands in the wrong part.
    #[error("stands in the wrong place: events come first, then readings, then the end")]
    Order,
    /// Something follows the end.
    #[error("follows the end")]
    AfterEnd,
    /// The counts at the end are others.
    #[error("counts other records than there are: lines were removed or added")]
    Count,
    /// There is no end.
    #[error("should be the last one, and is not there: the bundle was cut")]
    Cut,
    /// A gap that is none.
    #[error("tells of a gap that is none")]
    Gap,
    /// More seals than are kept in memory.
    #[error("holds more seals than can be checked at once")]
    Seals,
}

impl Serialize for Bad {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_map(None)?;
        let why = match self {
            Self::Event { seq, why } => {
                object.serialize_entry("kind", "event")?;
                object.serialize_entry("seq", seq)?;
                why.to_string()
            }
            Self::Readings { first, last, sealed_by, why } => {
                object.serialize_entry("kind", "readings")?;
                object.serialize_entry("first", first)?;
                object.serialize_entry("last", last)?;
                object.serialize_entry("sealed_by", sealed_by)?;
                if let Some(seq) = why.reading() {
                    object.serialize_entry("seq", &seq)?;
                }
                why.to_string()
            }
            Self::Reading { seq, why } => {
                object.serialize_entry("kind", "reading")?;
                object.serialize_entry("seq", seq)?;
                why.to_string()
            }
            Self::Checkpoint { after, why } => {
                object.serialize_entry("kind", "checkpoint")?;
                object.serialize_entry("after", after)?;
                why.to_string()
            }
            Self::Form { line, why } => {
                object.serialize_entry("kind", "form")?;
                object.serialize_entry("line", line)?;
                why.to_string()
            }
        };
        object.serialize_entry("why", &why)?;
        object.end()
    }
}

/// What was found bad so far: the first is kept, the rest is counted.
#[derive(Clone, Default, Debug)]
pub(super) struct Found {
    first: Option<Bad>,
    count: u64,
}

impl Found {
    pub(super) fn add(&mut self, bad: Bad) {
        self.count += 1;
        self.first.get_or_insert(bad);
    }
    pub(super) fn first(&self) -> Option<&Bad> {
        self.first.as_ref()
    }
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}
