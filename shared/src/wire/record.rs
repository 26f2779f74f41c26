//! The record on its way: batches of events and readings, in order and without holes.
//!
//! Each number of a batch is a record or lies in a listed gap. A batch of readings names the events that it was made
//! under, which the cloud must hold first, for they tell boots, corrections and assignments.

use super::{Head, RECORDS_MAX, WireError};
use crate::chain::{Hash, link};
use crate::ids::EpochId;
use crate::reading::READING_BYTES;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// One event: its bytes, or only its hash where a bound has dropped them.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct EventItem {
    /// The exact bytes that were hashed.
    #[n(1)]
    pub bytes: Option<ByteVec>,
    /// The hash in the chain of an event whose bytes were dropped.
    #[n(2)]
    pub hash: Option<Hash>,
}

impl EventItem {
    /// An event with its bytes.
    pub fn of(bytes: Vec<u8>) -> Self {
        Self { bytes: Some(bytes.into()), hash: None }
    }

    /// Its hash in the chain after `previous`; `None` for an item that is neither bytes nor hash.
    pub fn link(&self, previous: Hash) -> Option<Hash> {
        match (&self.bytes, self.hash) {
            (Some(bytes), _) => Some(link(previous, bytes)),
            (None, hash) => hash,
        }
    }
}

/// Events that follow one another.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Events {
    /// The epoch.
    #[n(1)]
    pub epoch: EpochId,
    /// The number of the first.
    #[n(2)]
    pub first: u64,
    /// The hash of the event before the first; for the first of all, the genesis hash.
    #[n(3)]
    pub previous: Hash,
    /// The events.
    #[n(4)]
    pub items: Vec<EventItem>,
    /// The signed checkpoint of the tree up to the last of them.
    #[n(5)]
    pub checkpoint: String,
}

impl Events {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// No events, too many, an item that is nothing, or a first number of 0.
    pub fn check(&self) -> Result<(), WireError> {
        let size = |what| Err(WireError::Size { what });
        if self.items.is_empty() || self.items.len() > RECORDS_MAX {
            return size("a batch has 1 to 4096 events");
        }
        if self.first == 0 || self.first > u64::MAX / 4 {
            return size("events are numbered from 1");
        }
        if self.items.iter().any(|item| item.bytes.is_none() == item.hash.is_none()) {
            return size("each event is its bytes or its hash");
        }
        Ok(())
    }
    /// The number of the last event.
    pub fn last(&self) -> u64 {
        self.first + self.items.len() as u64 - 1
    }
}

/// Why numbers of a batch have no record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(index_only)]
pub enum Missing {
    /// A bound was reached and they were dropped by its policy.
    #[n(1)]
    Bound,
    /// The storage was damaged.
    #[n(2)]
    Damage,
}

/// Numbers without a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Gap {
    /// The first.
    #[n(1)]
    pub first: u64,
    /// The last.
    #[n(2)]
    pub last: u64,
    /// Why.
    #[n(3)]
    pub cause: Missing,
}

/// Readings that follow one another.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Readings {
    /// The epoch.
    #[n(1)]
    pub epoch: EpochId,
    /// The number of the first record or gap.
    #[n(2)]
    pub first: u64,
    /// The readings in their 80-byte form, one after another in the order of their numbers.
    #[n(3)]
    pub rows: ByteVec,
    /// The numbers from `first` on that have no record, ascending.
    #[n(4)]
    pub gaps: Vec<Gap>,
    /// The events that were durable when the last of these readings was.
    #[n(5)]
    pub under: Head,
}

impl Readings {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// No whole rows, too many, or gaps that overlap or stand before the first number.
    pub fn check(&self) -> Result<(), WireError> {
        let size = |what| Err(WireError::Size { what });
        if !self.rows.len().is_multiple_of(READING_BYTES) {
            return size("the rows are no whole readings");
        }
        let rows = self.rows.len() / READING_BYTES;
        if rows + self.gaps.len() == 0 || rows > RECORDS_MAX || self.gaps.len() > RECORDS_MAX {
            return size("a batch has 1 to 4096 readings");
        }
        if self.first == 0 || self.first > u64::MAX / 4 {
            return size("readings are numbered from 1");
        }
        let mut next = self.first;
        for gap in &self.gaps {
            if gap.first < next || gap.last < gap.first || gap.last > u64::MAX / 2 {
                return size("gaps ascend and do not overlap");
            }
            next = gap.last + 1;
        }
        // A gap that stands after the last row must follow on it.
        let end = self.numbers().last().map_or(self.first, |last| last + 1);
        if self.gaps.iter().any(|gap| gap.first > self.end_of_gaps(end)) {
            return size("a gap stands beyond the batch");
        }
        Ok(())
    }

    /// The number of each row: every number from the first on that lies in no gap.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        let mut gaps = self.gaps.iter().peekable();
        let mut next = self.first;
        (0..self.rows.len() / READING_BYTES).map(move |_| {
            while let Some(gap) = gaps.next_if(|gap| gap.first <= next) {
                next = next.max(gap.last + 1);
            }
            next += 1;
            next - 1
        })
    }

    fn end_of_gaps(&self, end: u64) -> u64 {
        self.gaps.iter().fold(end, |end, gap| if gap.first <= end { end.max(gap.last + 1) } else { end })
    }

    /// The last number that the batch accounts for.
    pub fn last(&self) -> u64 {
        let end = self.numbers().last().map_or(self.first, |last| last + 1);
        self.end_of_gaps(end) - 1
    }
}

/// What the cloud holds after a batch: the last number without a hole before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Acknowledged {
    /// The head held.
    #[n(1)]
    pub held: Head,
}
