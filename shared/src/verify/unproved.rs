//! What no bundle can prove, said plainly, so that a PASS is not taken for more than it is.

use super::events::EventWalk;
use super::readings::ReadingWalk;
use crate::ids::EpochId;
use thiserror::Error;

/// Something that a verdict says nothing about. None of it is a fault; all of it is for whoever reads the verdict.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Unproved {
    /// Always: what the sensors saw.
    #[error("that the sensors told the truth: the record shows what the hub was told, unchanged")]
    Sensors,
    /// Always: that the bundle is the latest.
    #[error("that nothing newer exists: it ends where its maker ended it")]
    Newer,
    /// Always: what the key's holder could do.
    #[error(
        "what happened before somebody else first held a checkpoint (before enrolment in a cloud): until then whoever \
         had the hub and its key could have left things out or written all of it anew"
    )]
    BeforeEnrolment,
    /// Without `--key`.
    #[error(
        "that the key is the hub's: it was taken from the record itself; give the key from the hub or its label"
    )]
    Key,
    /// Events after the newest checkpoint.
    #[error("the last {events} events: they are linked, but no checkpoint signs them")]
    AfterCheckpoint {
        /// How many.
        events: u64,
    },
    /// No checkpoint at all.
    #[error("that the hub wrote it: no checkpoint is in it, so that nothing is signed")]
    NoCheckpoint,
    /// Readings without a seal.
    #[error("{readings} readings that no seal covers yet: they could have been changed")]
    Unsealed {
        /// How many.
        readings: u64,
    },
    /// Events whose bytes were dropped.
    #[error("what {events} events said: only their hashes are left")]
    Dropped {
        /// How many.
        events: u64,
    },
    /// Told gaps.
    #[error(
        "what {readings} readings said that are told to be missing, in {gaps} gaps from {first} to {last}"
    )]
    Gaps {
        /// How many gaps.
        gaps: u64,
        /// How many readings.
        readings: u64,
        /// The first missing reading.
        first: u64,
        /// The last.
        last: u64,
    },
    /// Events of later versions.
    #[error("what {events} events mean: their types are not known to this version; their links were checked")]
    UnknownTypes {
        /// How many.
        events: u64,
    },
    /// The record goes on from an older one.
    #[error(
        "the epoch before this one: it goes on from event {seq} of epoch {epoch}, which is a bundle of its own"
    )]
    OldEpoch {
        /// The epoch before.
        epoch: EpochId,
        /// Its last event known.
        seq: u64,
    },
}

pub(super) fn of(events: &EventWalk, readings: &ReadingWalk, key_is_given: bool) -> Vec<Unproved> {
    let mut unproved = vec![Unproved::Sensors, Unproved::Newer, Unproved::BeforeEnrolment];
    if !key_is_given {
        unproved.push(Unproved::Key);
    }
    match events.checkpoint.map(|checkpoint| events.last() - checkpoint.size) {
        None => unproved.push(Unproved::NoCheckpoint),
        Some(0) => {}
        Some(events) => unproved.push(Unproved::AfterCheckpoint { events }),
    }
    let some = |count: u64| (count > 0).then_some(count);
    unproved.extend(some(readings.loose()).map(|readings| Unproved::Unsealed { readings }));
    unproved.extend(some(events.dropped).map(|events| Unproved::Dropped { events }));
    unproved.extend(readings.told().map(|told| Unproved::Gaps {
        gaps: told.gaps,
        readings: told.readings,
        first: told.first,
        last: told.last,
    }));
    unproved.extend(some(events.unknown).map(|events| Unproved::UnknownTypes { events }));
    unproved.extend(events.old.as_ref().map(|old| Unproved::OldEpoch { epoch: old.epoch, seq: old.seq }));
    unproved
}
