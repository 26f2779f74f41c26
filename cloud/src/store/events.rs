//! Events: the exact bytes as the hubs have hashed them, their checkpoints, and what they say of the clock.

use super::streams::EventsCursor;
use super::{StoreError, TenantTx, hash, query, uuid};
use crate::ingest::admit::Stored;
use crate::ingest::project::Chained;
use frostguard_shared::chain::Hash;
use frostguard_shared::checkpoint::Checkpoint;
use frostguard_shared::time::{Boot, DurationMs, RuleMs};
use frostguard_shared::timeline::{ClockFact, Timeline};
use sqlx::Row;

/// The rows of a branch and of its parents before their forks, as `(stream row, first, last)`.
pub(super) fn lineage(cursors: &[EventsCursor], of: i16) -> Vec<(i64, u64, u64)> {
    let mut parts = Vec::new();
    let (mut number, mut end) = (of, u64::MAX);
    while let Some(cursor) = cursors.iter().find(|cursor| cursor.branch.number == number) {
        let from = cursor.branch.forked.map_or(1, |(_, at)| at);
        parts.push((cursor.id, from, end));
        let Some((parent, at)) = cursor.branch.forked.filter(|(parent, _)| *parent < number) else { break };
        (number, end) = (parent, at.saturating_sub(1).min(end));
    }
    parts
}

/// The stored hashes of all branches in a range of numbers, the genesis hash among them if the range begins at 0.
///
/// # Errors
/// The database cannot be asked.
pub async fn hashes(
    tx: &mut TenantTx,
    cursors: &[EventsCursor],
    genesis: Hash,
    first: u64,
    last: u64,
) -> Result<Stored, StoreError> {
    let mut stored = Stored::new();
    for cursor in cursors {
        let branch = cursor.branch.number;
        if first == 0 {
            stored.insert((branch, 0), genesis);
        }
        for (id, from, to) in lineage(cursors, branch) {
            let rows =
                query("SELECT seq, hash FROM hub_events WHERE stream_id = $1 AND seq BETWEEN $2 AND $3")
                    .bind(id)
                    .bind(first.max(from) as i64)
                    .bind(last.min(to).min(i64::MAX as u64) as i64)
                    .fetch_all(tx.connection())
                    .await
                    .map_err(StoreError::step("read stored hashes"))?;
            for row in rows {
                let seq = row.get::<i64, _>("seq") as u64;
                stored.insert((branch, seq), hash(&row.get::<Vec<u8>, _>("hash"))?);
            }
        }
    }
    Ok(stored)
}

/// Every hash of a branch before a number, in order, for building its tree again.
///
/// # Errors
/// The database cannot be asked.
pub async fn hashes_before(
    tx: &mut TenantTx,
    cursors: &[EventsCursor],
    branch: i16,
    before: u64,
) -> Result<Vec<Hash>, StoreError> {
    let mut parts = lineage(cursors, branch);
    parts.reverse();
    let mut hashes = Vec::new();
    for (id, from, to) in parts {
        let rows =
            query("SELECT hash FROM hub_events WHERE stream_id = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq")
                .bind(id)
                .bind(from as i64)
                .bind(to.min(before.saturating_sub(1)) as i64)
                .fetch_all(tx.connection())
                .await
                .map_err(StoreError::step("read the hashes of a branch"))?;
        for row in rows {
            hashes.push(hash(&row.get::<Vec<u8>, _>("hash"))?);
        }
    }
    Ok(hashes)
}

/// Stored assignments and what happened to alerts after a number, in order, at most so many.
///
/// # Errors
/// The database cannot be asked.
pub async fn facts_after(
    tx: &mut TenantTx,
    stream: i64,
    after: u64,
    most: i64,
) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
    // Canonical JSON has one spelling, so that a type can be found in the bytes.
    let rows = query(
        "SELECT seq, bytes FROM hub_events WHERE stream_id = $1 AND seq > $2
           AND (position('\"type\":\"device.assigned/'::bytea IN bytes) > 0 OR position('\"type\":\"alert.'::bytea IN bytes) > 0)
         ORDER BY seq LIMIT $3",
    )
    .bind(stream)
    .bind(after as i64)
    .bind(most)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("read stored facts"))?;
    Ok(rows.iter().map(|row| (row.get::<i64, _>("seq") as u64, row.get("bytes"))).collect())
}

/// Appends events to a stream.
///
/// # Errors
/// The database cannot be asked.
pub async fn append(tx: &mut TenantTx, stream: i64, events: &[Chained]) -> Result<(), StoreError> {
    let seqs: Vec<i64> = events.iter().map(|event| event.seq as i64).collect();
    let hashes: Vec<&[u8]> = events.iter().map(|event| &event.hash.0[..]).collect();
    let bytes: Vec<Option<&[u8]>> = events.iter().map(|event| event.bytes.as_deref()).collect();
    query(
        "INSERT INTO hub_events (stream_id, seq, organization_id, hash, bytes)
         SELECT $1, seq, $2, hash, bytes FROM UNNEST($3::bigint[], $4::bytea[], $5::bytea[]) AS new (seq, hash, bytes)",
    )
    .bind(stream)
    .bind(uuid(tx.organization().as_bytes()))
    .bind(seqs)
    .bind(hashes)
    .bind(bytes)
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("append events"))
}

/// Keeps a checkpoint that fits.
///
/// # Errors
/// The database cannot be asked.
pub async fn keep_checkpoint(
    tx: &mut TenantTx,
    stream: i64,
    checkpoint: Checkpoint,
    note: &str,
) -> Result<(), StoreError> {
    query(
        "INSERT INTO hub_checkpoints (stream_id, size, organization_id, note) VALUES ($1, $2, $3, $4)
         ON CONFLICT (stream_id, size) DO NOTHING",
    )
    .bind(stream)
    .bind(checkpoint.size as i64)
    .bind(uuid(tx.organization().as_bytes()))
    .bind(note)
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("keep a checkpoint"))
}

/// Keeps what events say of the clock.
///
/// # Errors
/// The database cannot be asked.
pub async fn keep_clock(
    tx: &mut TenantTx,
    stream: i64,
    facts: &[(u64, Boot, ClockFact)],
) -> Result<(), StoreError> {
    if facts.is_empty() {
        return Ok(());
    }
    let correction = |fact: &ClockFact| match fact {
        ClockFact::Started { .. } => (None, None, None),
        ClockFact::Corrected { from, to, offset } => (Some(from.0), Some(to.0), Some(offset.0)),
    };
    let seqs: Vec<i64> = facts.iter().map(|(seq, _, _)| *seq as i64).collect();
    let boots: Vec<i32> = facts.iter().map(|(_, boot, _)| boot.0 as i32).collect();
    let trusted: Vec<Option<bool>> = facts
        .iter()
        .map(|(_, _, fact)| match fact {
            ClockFact::Started { trusted } => Some(*trusted),
            ClockFact::Corrected { .. } => None,
        })
        .collect();
    let froms: Vec<Option<i64>> = facts.iter().map(|(_, _, fact)| correction(fact).0).collect();
    let tos: Vec<Option<i64>> = facts.iter().map(|(_, _, fact)| correction(fact).1).collect();
    let offsets: Vec<Option<i64>> = facts.iter().map(|(_, _, fact)| correction(fact).2).collect();
    query(
        "INSERT INTO hub_clock (stream_id, seq, organization_id, boot, trusted, from_ms, to_ms, offset_ms)
         SELECT $1, seq, $2, boot, trusted, from_ms, to_ms, offset_ms
         FROM UNNEST($3::bigint[], $4::integer[], $5::boolean[], $6::bigint[], $7::bigint[], $8::bigint[])
              AS new (seq, boot, trusted, from_ms, to_ms, offset_ms)",
    )
    .bind(stream)
    .bind(uuid(tx.organization().as_bytes()))
    .bind(seqs)
    .bind(boots)
    .bind(trusted)
    .bind(froms)
    .bind(tos)
    .bind(offsets)
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("keep what events say of the clock"))
}

/// The timeline of a branch for the boots from one to another, with the offset in force before them.
///
/// # Errors
/// The database cannot be asked.
pub async fn timeline(
    tx: &mut TenantTx,
    cursors: &[EventsCursor],
    branch: i16,
    boots: (Boot, Boot),
) -> Result<Timeline, StoreError> {
    let parts = lineage(cursors, branch);
    let ids: Vec<i64> = parts.iter().map(|(id, _, _)| *id).collect();
    let lasts: Vec<i64> = parts.iter().map(|(_, _, last)| (*last).min(i64::MAX as u64) as i64).collect();
    let rows = query(
        "SELECT c.boot, c.trusted, c.from_ms, c.to_ms, c.offset_ms
         FROM hub_clock c JOIN UNNEST($1::bigint[], $2::bigint[]) AS part (id, last) ON c.stream_id = part.id AND c.seq <= part.last
         WHERE c.boot BETWEEN $3 AND $4
            OR c.seq = (SELECT max(b.seq) FROM hub_clock b
                            JOIN UNNEST($1::bigint[], $2::bigint[]) AS past (id, last) ON b.stream_id = past.id AND b.seq <= past.last
                        WHERE b.boot < $3 AND b.from_ms IS NOT NULL)
         ORDER BY c.seq",
    )
    .bind(ids)
    .bind(lasts)
    .bind(boots.0.0 as i32)
    .bind(boots.1.0 as i32)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("read the timeline"))?;
    let mut timeline = Timeline::default();
    for row in rows {
        let boot = Boot(row.get::<i32, _>("boot") as u32);
        let correction: (Option<i64>, Option<i64>, Option<i64>) =
            (row.get("from_ms"), row.get("to_ms"), row.get("offset_ms"));
        let fact = match correction {
            (Some(from), Some(to), Some(offset)) => {
                ClockFact::Corrected { from: RuleMs(from), to: RuleMs(to), offset: DurationMs(offset) }
            }
            _ => ClockFact::Started { trusted: row.get::<Option<bool>, _>("trusted").unwrap_or(false) },
        };
        timeline.take(boot, fact);
    }
    Ok(timeline)
}
