//! Batches: from rows of the outbox to packed messages.
//!
//! Owns the form of a batch and the checkpoint that goes with each batch of events. What is vouched for is durable: it
//! was read from what is committed. A batch that does not pack small enough is read again as half of it.

use super::http::{Failure, is_small_enough, packed};
use crate::store::journal::{Heads, Stream};
use crate::store::outbox::{EventRows, ReadingRows, Wanted};
use crate::store::{Outbox, StoreError};
use frostguard_shared::checkpoint::Checkpoint;
use frostguard_shared::ids::{EpochId, HubId};
use frostguard_shared::reading::READING_BYTES;
use frostguard_shared::signature::SecretKey;
use frostguard_shared::wire::record::{EventItem, Events, Readings};
use thiserror::Error;

/// A round cannot be made. Try again later; [`BatchError::breaks_the_record`] tells what time will not mend.
#[derive(Debug, Error)]
pub enum BatchError {
    /// The journal.
    #[error("the journal cannot be read for sending")]
    Store(#[from] StoreError),
    /// The packer.
    #[error("a batch cannot be packed")]
    Packing(#[source] Failure),
    /// The thread that reads has ended.
    #[error("reading was interrupted")]
    Interrupted,
}

impl BatchError {
    /// Why the record in the file does not fit together, if it does not.
    pub fn breaks_the_record(&self) -> Option<&StoreError> {
        match self {
            Self::Store(fault) if fault.is_damage() => Some(fault),
            Self::Store(_) | Self::Packing(_) | Self::Interrupted => None,
        }
    }
}

/// A batch, ready to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// Of which stream.
    pub stream: Stream,
    /// Records and gaps in it.
    pub count: usize,
    /// The last number that it accounts for.
    pub last: u64,
    /// The packed message.
    pub body: Vec<u8>,
    /// The checkpoint that goes with it, with its size.
    pub checkpoint: Option<(u64, String)>,
}

/// What is sent in one round: the events go first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prepared {
    /// What was durable when it was read.
    pub heads: Heads,
    /// The batches in their order.
    pub batches: Vec<Batch>,
}

/// Who sends.
#[derive(Clone)]
pub struct Sender {
    /// The hub.
    pub hub: HubId,
    /// Its key.
    pub key: SecretKey,
}

impl Sender {
    /// Reads and packs a round.
    ///
    /// # Errors
    /// The journal cannot be read, or its record does not fit together.
    pub fn prepare(&self, outbox: &mut Outbox, wanted: &Wanted) -> Result<Prepared, BatchError> {
        let mut wanted = *wanted;
        loop {
            let round = outbox.read(&wanted)?;
            let epoch = round.heads.epoch;
            let events = round.events.map(|rows| self.events(epoch, rows)).transpose()?;
            let readings = round.readings.map(|rows| readings(epoch, rows)).transpose()?;
            let batches: Vec<Batch> = events.into_iter().chain(readings).collect();
            let large = batches.iter().find(|batch| batch.count > 1 && !is_small_enough(&batch.body));
            match large.map(|batch| (batch.stream, batch.count / 2)) {
                Some((Stream::Events, most)) => wanted.events_most = most,
                Some((Stream::Readings, most)) => wanted.readings_most = most,
                None => return Ok(Prepared { heads: round.heads, batches }),
            }
        }
    }

    fn events(&self, epoch: EpochId, rows: EventRows) -> Result<Batch, BatchError> {
        let (size, count) = (rows.tree.size(), rows.items.len());
        let checkpoint = Checkpoint { size, root: rows.tree.root() }.sign(self.hub, epoch, &self.key);
        let message = Events {
            epoch,
            first: rows.first,
            previous: rows.previous,
            items: rows.items.into_iter().map(EventItem::of).collect(),
            checkpoint: checkpoint.clone(),
        };
        let body = packed(&message).map_err(BatchError::Packing)?;
        Ok(Batch { stream: Stream::Events, count, last: size, body, checkpoint: Some((size, checkpoint)) })
    }
}

fn readings(epoch: EpochId, rows: ReadingRows) -> Result<Batch, BatchError> {
    let count = rows.rows.len() / READING_BYTES + rows.gaps.len();
    let message =
        Readings { epoch, first: rows.first, rows: rows.rows.into(), gaps: rows.gaps, under: rows.under };
    let (last, body) = (message.last(), packed(&message).map_err(BatchError::Packing)?);
    Ok(Batch { stream: Stream::Readings, count, last, body, checkpoint: None })
}
