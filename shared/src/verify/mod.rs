//! Verifying: recomputes a record from its bytes and names the first thing that does not fit.
//!
//! Owns the one walk over a record, whoever holds it: the hub over its journal, `frostguard-verify` over a bundle of the
//! hub or of the cloud. Takes the lines of a [`crate::bundle`] after the first, in their order; gives a [`Verdict`] that
//! also says what no bundle can prove. Pure, and bounded in memory by the number of seals: of the readings only the
//! leaves of one sealed range are kept, of the events only the right edge of their tree.
//!
//! It does not stop at the first bad record: what follows is checked as far as it can be, so that two bundles can be
//! compared record for record and each seal is known to hold or to fail in either.

mod bad;
mod events;
mod readings;
#[cfg(test)]
mod tests;
mod unproved;

pub use bad::{Bad, CheckpointFault, EventFault, FormFault, ReadingFault, SealFault};
pub use readings::{Seal, SealState};
pub use unproved::Unproved;

use crate::bundle::{BundledGap, End, Line};
use crate::chain::{Hash, leaf};
use crate::checkpoint::Checkpoint;
use crate::ids::{EpochId, HubId};
use crate::reading::{READING_BYTES, Reading};
use crate::signature::PublicKey;
use bad::Found;
use events::EventWalk;
use readings::ReadingWalk;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Which part of the bundle the walk is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Part {
    Events,
    Readings,
    End,
}

/// A walk over one record, line after line.
pub struct Walk {
    hub: HubId,
    epoch: EpochId,
    key_is_given: bool,
    events: EventWalk,
    readings: ReadingWalk,
    found: Found,
    part: Part,
    line: u64,
    counted: End,
}

/// What a walk has found.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The hub.
    pub hub: HubId,
    /// The epoch.
    pub epoch: EpochId,
    /// Events.
    pub events: u64,
    /// The hash of the last event; without events, the genesis hash.
    pub head: Hash,
    /// Readings whose seals hold.
    pub readings_sealed: u64,
    /// Readings that no seal covers.
    pub readings_unsealed: u64,
    /// Alerts raised, by the record.
    pub alerts_raised: u64,
    /// The key that the checkpoints were checked with.
    pub key: Option<PublicKey>,
    /// The newest checkpoint that holds.
    pub checkpoint: Option<Checkpoint>,
    /// The first bad record.
    pub bad: Option<Bad>,
    /// How many bad records there are.
    pub bad_count: u64,
    /// What cannot be proved from this.
    pub unproved: Vec<Unproved>,
    seals: Vec<Seal>,
}

impl Walk {
    /// A walk that has seen no more than the first line. With a key, the record must be that key's.
    pub fn new(hub: HubId, epoch: EpochId, key: Option<PublicKey>) -> Self {
        Self {
            hub,
            epoch,
            key_is_given: key.is_some(),
            events: EventWalk::new(hub, epoch, key),
            readings: ReadingWalk::new(),
            found: Found::default(),
            part: Part::Events,
            line: 1,
            counted: End { events: 0, checkpoints: 0, readings: 0 },
        }
    }

    /// Takes the next line.
    pub fn take(&mut self, line: &Line) {
        self.line += 1;
        let part = match line {
            Line::Event(_) | Line::Checkpoint(_) => Part::Events,
            Line::Reading(_) | Line::Unreadable(_) | Line::Gap(_) => Part::Readings,
            Line::End(_) => Part::End,
        };
        if self.part == Part::End {
            return self.form(FormFault::AfterEnd);
        }
        if part < self.part {
            self.form(FormFault::Order);
        }
        self.part = part.max(self.part);
        match line {
            Line::Event(event) => {
                self.counted.events += 1;
                let bytes = event.bytes.as_ref().map(|bytes| bytes.0.as_slice());
                self.events.event(event.seq, event.hash, bytes, &mut self.readings, &mut self.found);
            }
            Line::Checkpoint(note) => {
                self.counted.checkpoints += 1;
                self.events.checkpoint(note, &mut self.found);
            }
            Line::Reading(bytes) => self.reading(&bytes.0),
            Line::Unreadable(row) => {
                self.counted.readings += 1;
                self.readings.row(row.seq, None, &mut self.found);
            }
            Line::Gap(gap) => self.gap(gap),
            Line::End(end) => {
                self.readings.finish(&mut self.found);
                if *end != self.counted {
                    self.form(FormFault::Count);
                }
            }
        }
    }

    /// Takes a line that could not be read.
    pub fn take_unreadable(&mut self, why: FormFault) {
        self.line += 1;
        self.form(why);
    }

    /// How many bad records there are so far.
    pub fn bad_count(&self) -> u64 {
        self.found.count()
    }

    /// The verdict, after the last line.
    pub fn finish(mut self) -> Verdict {
        self.readings.finish(&mut self.found);
        if self.part != Part::End {
            self.line += 1;
            self.form(FormFault::Cut);
        }
        let unproved = unproved::of(&self.events, &self.readings, self.key_is_given);
        Verdict {
            hub: self.hub,
            epoch: self.epoch,
            events: self.counted.events,
            head: self.events.head(),
            readings_sealed: self.readings.sealed(),
            readings_unsealed: self.readings.loose(),
            alerts_raised: self.events.alerts_raised,
            key: self.events.key(),
            checkpoint: self.events.checkpoint,
            bad: self.found.first().cloned(),
            bad_count: self.found.count(),
            unproved,
            seals: self.readings.into_seals(),
        }
    }

    fn form(&mut self, why: FormFault) {
        self.found.add(Bad::Form { line: self.line, why });
    }

    fn reading(&mut self, bytes: &[u8]) {
        self.counted.readings += 1;
        let form = <&[u8; READING_BYTES]>::try_from(bytes).ok();
        match form.and_then(|form| Reading::from_bytes(form).ok()) {
            Some(reading) => self.readings.row(reading.seq, Some(leaf(bytes)), &mut self.found),
            // Bytes that are no reading have no number to be believed: they stand where the next should.
            None => self.readings.row(self.readings.next(), None, &mut self.found),
        }
    }

    fn gap(&mut self, gap: &BundledGap) {
        let is_known = matches!(gap.cause.as_str(), "bound" | "damage");
        if !is_known || !self.readings.gap(gap.first, gap.last, &mut self.found) {
            self.form(FormFault::Gap);
        }
    }
}

impl Verdict {
    /// True if nothing bad was found.
    pub fn passes(&self) -> bool {
        self.bad.is_none()
    }

    /// The seal over a reading, if there is one.
    pub fn seal_of(&self, reading: u64) -> Option<Seal> {
        let at = self.seals.partition_point(|seal| seal.last < reading);
        self.seals.get(at).copied().filter(|seal| seal.first <= reading)
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_map(None)?;
        object.serialize_entry("verdict", if self.passes() { "PASS" } else { "FAIL" })?;
        object.serialize_entry("hub", &self.hub)?;
        object.serialize_entry("epoch", &self.epoch)?;
        object.serialize_entry("events", &self.events)?;
        object.serialize_entry("head", &self.head)?;
        object.serialize_entry("readings_sealed", &self.readings_sealed)?;
        object.serialize_entry("readings_unsealed", &self.readings_unsealed)?;
        object.serialize_entry("alerts_raised", &self.alerts_raised)?;
        object.serialize_entry("key", &self.key)?;
        let checkpoint = self
            .checkpoint
            .map(|checkpoint| serde_json::json!({ "size": checkpoint.size, "root": checkpoint.root }));
        object.serialize_entry("checkpoint", &checkpoint)?;
        object.serialize_entry("bad", &self.bad)?;
        object.serialize_entry("bad_count", &self.bad_count)?;
        let unproved: Vec<String> = self.unproved.iter().map(ToString::to_string).collect();
        object.serialize_entry("cannot_prove", &unproved)?;
        object.end()
    }
}
