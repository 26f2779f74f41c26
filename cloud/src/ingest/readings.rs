//! Taking readings: each number becomes a row, a row in quarantine, or part of a told gap; never two of these, never none.

use super::place::{World, points_named, split};
use super::rollup::{roll_up, spans};
use super::seals::compare;
use super::{NotTaken, Taken, fault_point};
use crate::counters::Count;
use crate::hub::body::Refusal;
use crate::store::doors::Session;
use crate::store::event_log::{self, Noticed};
use crate::store::partitions::Partitions;
use crate::store::streams::{EventsCursor, Journal, ReadingsCursor};
use crate::store::{self, TenantTx, rollups, streams};
use frostguard_shared::chain::{Hash, genesis, leaf};
use frostguard_shared::ids::{HubId, UnitId};
use frostguard_shared::reading::{READING_BYTES, Reading};
use frostguard_shared::time::Boot;
use frostguard_shared::wire::record::{Gap, Readings};
use frostguard_shared::wire::{Head, Reason};
use serde_json::json;
use std::collections::BTreeMap;

type Row = (u64, [u8; READING_BYTES]);

/// Takes a checked batch; the transaction is the caller's to commit.
///
/// # Errors
/// The events that it was made under are not here yet, numbers before it are missing, or the database cannot.
pub async fn take(
    tx: &mut TenantTx,
    session: &Session,
    partitions: &Partitions,
    batch: &Readings,
) -> Result<Taken, NotTaken> {
    let journal = Journal { hub: session.hub, epoch: batch.epoch };
    let cursors = streams::events(tx, journal).await?;
    let branch = branch_under(tx, journal, &cursors, batch.under).await?;
    let mut cursor = streams::lock_readings(tx, journal, &branch.branch).await?;
    fault_point!("ingest.readings.locked");
    if batch.first > cursor.last + 1 {
        let held = Head { seq: cursor.last, hash: None };
        return Err(Refusal::holding(Reason::Ahead, "readings before these are missing", held).into());
    }
    let rows = new_rows(batch, cursor.last);
    if batch.last() <= cursor.last {
        Count::BatchesRepeated.one();
        return Ok(Taken { held: Head { seq: cursor.last, hash: None }, new: 0 });
    }
    let aside = store_rows(tx, &cursors, branch, cursor, partitions, &rows).await?;
    let gaps = new_gaps(batch, cursor.last);
    store::readings::keep_gaps(tx, cursor.id, &gaps).await?;
    if !gaps.is_empty() {
        let missing: u64 = gaps.iter().map(|gap| gap.last + 1 - gap.first).sum();
        Count::ReadingsMissing.add(missing);
        let details = json!({ "epoch": batch.epoch, "first_seq": gaps[0].first, "count": missing });
        event_log::notice(tx, session.hub, Noticed::Missing, details).await?;
    }
    cursor.last = batch.last();
    let leaves = rows.iter().map(|(seq, bytes)| (*seq, leaf(bytes))).collect();
    let cursor = compare_seals(tx, session.hub, cursor, leaves).await?;
    streams::advance_readings(tx, cursor).await?;
    if aside > 0 {
        Count::ReadingsQuarantined.add(aside);
        let details = json!({ "epoch": batch.epoch, "first_seq": batch.first, "last_seq": batch.last(), "count": aside });
        event_log::notice(tx, session.hub, Noticed::Quarantined, details).await?;
    }
    Count::ReadingsTaken.add(rows.len() as u64 - aside);
    Ok(Taken { held: Head { seq: cursor.last, hash: None }, new: rows.len() as u64 })
}

/// The branch of events that the readings were made under: the one that has that hash at that number.
async fn branch_under<'c>(
    tx: &mut TenantTx,
    journal: Journal,
    cursors: &'c [EventsCursor],
    under: Head,
) -> Result<&'c EventsCursor, NotTaken> {
    let at_head = |cursor: &&EventsCursor| {
        cursor.branch.last == under.seq && under.hash.is_none_or(|hash| hash == cursor.branch.head)
    };
    if let Some(cursor) = cursors.iter().find(at_head) {
        return Ok(cursor);
    }
    let longest = cursors.iter().max_by_key(|cursor| cursor.branch.last);
    let held = longest.map_or(Head { seq: 0, hash: None }, |cursor| Head {
        seq: cursor.branch.last,
        hash: Some(cursor.branch.head),
    });
    if under.seq > held.seq || longest.is_none() {
        let text = "these readings were made under events that are not here yet";
        return Err(Refusal::holding(Reason::EventsFirst, text, held).into());
    }
    let first = genesis(journal.hub, journal.epoch);
    let stored = store::events::hashes(tx, cursors, first, under.seq, under.seq).await?;
    let has = |cursor: &&EventsCursor| stored.get(&(cursor.branch.number, under.seq)).copied() == under.hash;
    cursors.iter().find(has).ok_or_else(|| {
        let text = "these readings were made under events that are not the ones here";
        Refusal::holding(Reason::BrokenLink, text, held).into()
    })
}

/// The rows of a batch that are not held yet, with their numbers.
fn new_rows(batch: &Readings, held: u64) -> Vec<Row> {
    let (rows, _) = batch.rows.as_chunks::<READING_BYTES>();
    batch.numbers().zip(rows).filter(|(seq, _)| *seq > held).map(|(seq, row)| (seq, *row)).collect()
}

/// The told gaps as far as they are beyond what is held: what is held is no gap, whatever is told later.
fn new_gaps(batch: &Readings, held: u64) -> Vec<Gap> {
    let beyond = batch.gaps.iter().filter(|gap| gap.last > held);
    beyond.map(|gap| Gap { first: gap.first.max(held + 1), ..*gap }).collect()
}

async fn store_rows(
    tx: &mut TenantTx,
    cursors: &[EventsCursor],
    branch: &EventsCursor,
    cursor: ReadingsCursor,
    partitions: &Partitions,
    rows: &[Row],
) -> Result<u64, NotTaken> {
    // A boot beyond what the database can hold is nobody's: its row is dated by the last offset known.
    let readings = rows.iter().filter_map(|(_, bytes)| Reading::from_bytes(bytes).ok());
    let boots = readings.map(|reading| reading.boot).filter(|boot| boot.0 <= i32::MAX as u32);
    let span = (boots.clone().min().unwrap_or(Boot(0)), boots.max().unwrap_or(Boot(0)));
    let timeline = store::events::timeline(tx, cursors, branch.branch.number, span).await?;
    let points = store::readings::points(tx, &points_named(rows)).await?;
    let stretches = partitions.stretches(tx).await?;
    let split = split(rows, &World { timeline: &timeline, points: &points, partitions: &stretches });
    let inserted = store::readings::insert(tx, cursor.id, &split.placed).await;
    if let Err(fault) = inserted {
        // A month may have been detached since it was remembered; the hub's next try finds it gone.
        partitions.forget();
        return Err(fault.into());
    }
    store::readings::set_aside(tx, cursor.id, &split.aside).await?;
    fault_point!("ingest.readings.stored");
    let mut units: Vec<UnitId> = split.placed.iter().map(|placed| placed.unit).collect();
    units.sort_unstable();
    units.dedup();
    let limits = store::readings::limits(tx, &units).await?;
    rollups::note_spans(tx, &spans(&split.placed)).await?;
    rollups::add(tx, &roll_up(&split.placed, &limits)).await?;
    fault_point!("ingest.readings.rolled_up");
    Ok(split.aside.len() as u64)
}

/// Compares every seal whose readings are here, with the leaves that waited and those that came now.
pub(super) async fn compare_seals(
    tx: &mut TenantTx,
    hub: HubId,
    mut cursor: ReadingsCursor,
    new: Vec<(u64, Hash)>,
) -> Result<ReadingsCursor, NotTaken> {
    let due = store::seals::due(tx, cursor.id, cursor.sealed_to, cursor.last).await?;
    if due.is_empty() {
        store::seals::put_leaves(tx, cursor.id, &new.into_iter().collect()).await?;
        return Ok(cursor);
    }
    let mut leaves: BTreeMap<u64, Hash> = store::seals::take_leaves(tx, cursor.id).await?;
    leaves.extend(new);
    let compared = compare(&due, cursor.last, cursor.sealed_to, &mut leaves);
    store::seals::put_leaves(tx, cursor.id, &leaves).await?;
    store::seals::note(tx, cursor.id, &compared).await?;
    let bad: Vec<u64> =
        compared.verdicts.iter().filter(|(_, matches)| !matches).map(|(first, _)| *first).collect();
    if !bad.is_empty() {
        Count::SealsBad.add(bad.len() as u64);
        event_log::notice(tx, hub, Noticed::SealBad, json!({ "first_seqs": bad })).await?;
    }
    if !compared.unprovable.is_empty() {
        Count::SealsBad.add(compared.unprovable.len() as u64);
        let details =
            json!({ "first_seqs": compared.unprovable, "why": "readings of the range are missing" });
        event_log::notice(tx, hub, Noticed::SealBad, details).await?;
    }
    if compared.sealed_to > cursor.sealed_to {
        cursor.sealed_to = compared.sealed_to;
        streams::advance_readings(tx, cursor).await?;
    }
    Ok(cursor)
}
