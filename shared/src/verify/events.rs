//! The walk over events: links from the genesis hash on, what each event says of its place, the tree, its checkpoints.
//!
//! Goes on after something bad with what is stored, so that one changed event is one bad event and not all that follow.
//! Takes events and notes in their order; gives the seals that it meets to the walk over readings.

use super::bad::{Bad, CheckpointFault, EventFault, Found};
use super::readings::ReadingWalk;
use crate::chain::{Hash, genesis, link};
use crate::checkpoint::Checkpoint;
use crate::event::{Event, Fact, OldEpoch, Said};
use crate::ids::{EpochId, HubId};
use crate::signature::PublicKey;
use crate::time::RuleMs;
use crate::tree::Frontier;

pub(super) struct EventWalk {
    hub: HubId,
    epoch: EpochId,
    given_key: Option<PublicKey>,
    told_key: Option<PublicKey>,
    last: u64,
    head: Hash,
    tree: Frontier,
    rule: Option<RuleMs>,
    pub(super) old: Option<OldEpoch>,
    pub(super) dropped: u64,
    pub(super) unknown: u64,
    pub(super) alerts_raised: u64,
    pub(super) checkpoint: Option<Checkpoint>,
}

impl EventWalk {
    pub(super) fn new(hub: HubId, epoch: EpochId, given_key: Option<PublicKey>) -> Self {
        Self {
            hub,
            epoch,
            given_key,
            told_key: None,
            last: 0,
            head: genesis(hub, epoch),
            tree: Frontier::default(),
            rule: None,
            old: None,
            dropped: 0,
            unknown: 0,
            alerts_raised: 0,
            checkpoint: None,
        }
    }

    /// The number of the last event.
    pub(super) fn last(&self) -> u64 {
        self.last
    }
    pub(super) fn head(&self) -> Hash {
        self.head
    }
    /// The key that checkpoints are checked with: the one given, else the one that the record names.
    pub(super) fn key(&self) -> Option<PublicKey> {
        self.given_key.or(self.told_key)
    }

    pub(super) fn event(
        &mut self,
        seq: u64,
        hash: Hash,
        bytes: Option<&[u8]>,
        readings: &mut ReadingWalk,
        found: &mut Found,
    ) {
        let mut bad = |seq, why| found.add(Bad::Event { seq, why });
        if seq <= self.last {
            return bad(seq, EventFault::Order);
        }
        if seq != self.last + 1 {
            bad(self.last + 1, EventFault::Missing { found: seq });
        } else if bytes.is_some_and(|bytes| link(self.head, bytes) != hash) {
            bad(seq, EventFault::Link);
        }
        (self.last, self.head) = (seq, hash);
        self.tree.push_event(hash);
        let Some(bytes) = bytes else {
            self.dropped += 1;
            readings.event_without_bytes();
            if seq == 1 {
                bad(seq, EventFault::First);
            }
            return;
        };
        match Event::from_bytes(bytes) {
            Ok(event) => self.said(seq, &event, readings, found),
            Err(_) => bad(seq, EventFault::Bytes),
        }
    }

    fn said(&mut self, seq: u64, event: &Event, readings: &mut ReadingWalk, found: &mut Found) {
        let mut bad = |why| found.add(Bad::Event { seq, why });
        let envelope = &event.envelope;
        let places = [
            (envelope.v == 1, "version"),
            (envelope.hub == self.hub, "hub"),
            (envelope.epoch == self.epoch, "epoch"),
            (envelope.seq == seq, "number"),
        ];
        if let Some((_, what)) = places.iter().find(|(fits, _)| !fits) {
            bad(EventFault::Place(what));
        }
        if self.rule.is_some_and(|before| envelope.rule_ms <= before) {
            bad(EventFault::Axis { at: envelope.rule_ms });
        }
        self.rule = self.rule.max(Some(envelope.rule_ms));
        let begins = matches!(event.fact(), Some(Fact::EpochStarted { .. }));
        if begins != (seq == 1) {
            bad(if begins { EventFault::Begins } else { EventFault::First });
        }
        match &event.said {
            Said::Known(Fact::EpochStarted { key, old, .. }) if seq == 1 => {
                self.old = old.clone();
                self.told_key = PublicKey::try_from(key.clone()).ok();
                if self.told_key.is_none() {
                    bad(EventFault::Key);
                } else if self.given_key.is_some_and(|given| self.told_key != Some(given)) {
                    bad(EventFault::OtherKey);
                }
            }
            Said::Known(Fact::ReadingsSealed { first, last, count, root }) => {
                readings.seal(seq, (*first, *last, *count), *root, found);
            }
            Said::Known(Fact::AlertRaised { .. }) => self.alerts_raised += 1,
            Said::Known(_) => {}
            Said::Unknown(_) => self.unknown += 1,
        }
    }

    pub(super) fn checkpoint(&mut self, note: &str, found: &mut Found) {
        match self.judge(note) {
            Ok(checkpoint) => self.checkpoint = Some(checkpoint),
            Err(why) => found.add(Bad::Checkpoint { after: self.last, why }),
        }
    }

    fn judge(&self, note: &str) -> Result<Checkpoint, CheckpointFault> {
        let key = self.key().ok_or(CheckpointFault::NoKey)?;
        let checkpoint =
            Checkpoint::verify(note, self.hub, self.epoch, key).map_err(CheckpointFault::Note)?;
        let size = checkpoint.size;
        if size > self.last {
            return Err(CheckpointFault::Removed { size });
        }
        if size < self.last || self.checkpoint.is_some_and(|before| before.size == size) {
            return Err(CheckpointFault::Place { size });
        }
        if checkpoint.root != self.tree.root() {
            return Err(CheckpointFault::Root);
        }
        Ok(checkpoint)
    }
}
