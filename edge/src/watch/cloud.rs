//! What the watch does for the cloud's sake: checkpoints, and what the cloud is known to hold.
//!
//! Nothing here waits for anyone: what the cloud says is noted with the next group, and a hub without a cloud signs
//! its checkpoints all the same.

use super::{CHECKPOINT_EVERY, Watch, WatchError};
use crate::clock::Voucher;
use crate::store::Draft;
use crate::store::journal::{Also, Heads, Held, Stream};
use frostguard_shared::checkpoint::Checkpoint;
use frostguard_shared::event::Fact;
use frostguard_shared::ids::SiteId;
use frostguard_shared::signature::PublicKey;
use frostguard_shared::time::ClockSample;

impl Watch {
    /// What is durable of the record.
    pub fn heads(&self) -> Heads {
        self.journal.durable()
    }

    /// The last number of a stream that the cloud is known to hold.
    pub fn acknowledged(&self, stream: Stream) -> u64 {
        self.acknowledged.get(&stream).copied().unwrap_or(0)
    }

    /// Notes what the cloud holds, with the next group: if it is lost, the cloud says it again at the next login.
    pub fn note_held(&mut self, held: Held) {
        if held.epoch != self.journal.epoch() {
            return;
        }
        for (stream, seq) in [(Stream::Events, held.events), (Stream::Readings, held.readings)] {
            if self.acknowledged.insert(stream, seq) != Some(seq) {
                self.journal.also(Also::Acknowledged { stream, seq });
            }
        }
        if !self.standing().received.is_empty() {
            self.stands();
        }
        if let Some((size, note)) = held.checkpoint {
            self.journal.also(Also::Checkpoint { size, note });
        }
    }

    /// Records that the hub became a hub of a site, once.
    ///
    /// # Errors
    /// The watch cannot go on.
    pub fn note_enrolled(
        &mut self,
        cloud: PublicKey,
        site: SiteId,
        now: ClockSample,
    ) -> Result<(), WatchError> {
        if self.enrolled == Some((cloud, site)) {
            return Ok(());
        }
        self.begin(now)?;
        self.enrolled = Some((cloud, site));
        self.journal.also(Also::Enrolled { cloud, site });
        self.append(Draft::new(Fact::HubEnrolled { cloud, site }))?;
        self.settle()
    }

    /// Who vouches for the wall clock from here on.
    pub fn vouched_by(&mut self, voucher: Voucher) {
        self.voucher = voucher;
    }

    /// Signs a checkpoint over everything appended, if one is due. It is written with the records that it covers, or not
    /// at all, so no word of this key leaves the process before they are durable.
    pub(super) fn sign_checkpoint(&mut self) {
        let size = self.journal.tree().size();
        let at = self.axis.now(self.now);
        let is_hour = at - self.last_checkpoint >= CHECKPOINT_EVERY && self.journal.has_open_records();
        if size == 0 || !(self.sealed || is_hour) {
            return;
        }
        let checkpoint = Checkpoint { size, root: self.journal.tree().root() };
        let note = checkpoint.sign(self.identity.hub(), self.journal.epoch(), &self.identity.key());
        self.journal.also(Also::Checkpoint { size, note });
        (self.sealed, self.last_checkpoint) = (false, at);
        // What was vouched for must be known even to a hub whose journal is put back to an earlier state.
        self.last_mark = None;
    }
}
