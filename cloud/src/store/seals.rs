//! Seals and the leaves that wait for theirs.

use super::{StoreError, TenantTx, hash, query, uuid};
use crate::ingest::project::Sealed;
use crate::ingest::seals::{Compared, Seal};
use frostguard_shared::chain::Hash;
use sqlx::Row;
use std::collections::BTreeMap;

/// Keeps seals that events have told of. One that begins where another does already is kept in its event alone.
///
/// # Errors
/// The database cannot be asked.
pub async fn keep(tx: &mut TenantTx, stream: i64, seals: &[Sealed]) -> Result<(), StoreError> {
    query(
        "INSERT INTO reading_seals (stream_id, first_seq, organization_id, last_seq, count, root, event_seq)
         SELECT $1, first, $2, last, least(count, 2147483647), root, event
         FROM UNNEST($3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bigint[]) AS new (first, last, count, root, event)
         ON CONFLICT (stream_id, first_seq) DO NOTHING",
    )
    .bind(stream)
    .bind(uuid(tx.organization().as_bytes()))
    .bind(seals.iter().map(|sealed| sealed.seal.first as i64).collect::<Vec<_>>())
    .bind(seals.iter().map(|sealed| sealed.seal.last as i64).collect::<Vec<_>>())
    .bind(seals.iter().map(|sealed| sealed.seal.count.min(i64::MAX as u64) as i64).collect::<Vec<_>>())
    .bind(seals.iter().map(|sealed| &sealed.seal.root.0[..]).collect::<Vec<_>>())
    .bind(seals.iter().map(|sealed| sealed.event as i64).collect::<Vec<_>>())
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("keep seals"))
}

/// The seals that can be compared when readings are here up to a number.
///
/// # Errors
/// The database cannot be asked.
pub async fn due(tx: &mut TenantTx, stream: i64, sealed_to: u64, last: u64) -> Result<Vec<Seal>, StoreError> {
    let rows = query(
        "SELECT first_seq, last_seq, count, root FROM reading_seals
         WHERE stream_id = $1 AND matched IS NULL AND last_seq > $2 AND last_seq <= $3 ORDER BY first_seq",
    )
    .bind(stream)
    .bind(sealed_to as i64)
    .bind(last as i64)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("read seals"))?;
    rows.iter()
        .map(|row| {
            Ok(Seal {
                first: row.get::<i64, _>("first_seq") as u64,
                last: row.get::<i64, _>("last_seq") as u64,
                count: row.get::<i32, _>("count") as u64,
                root: hash(&row.get::<Vec<u8>, _>("root"))?,
            })
        })
        .collect()
}

/// Takes the waiting leaves out.
///
/// # Errors
/// The database cannot be asked.
pub async fn take_leaves(tx: &mut TenantTx, stream: i64) -> Result<BTreeMap<u64, Hash>, StoreError> {
    let rows = query("DELETE FROM reading_leaves WHERE stream_id = $1 RETURNING first_seq, leaves")
        .bind(stream)
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step("take waiting leaves"))?;
    let mut leaves = BTreeMap::new();
    for row in rows {
        let first = row.get::<i64, _>("first_seq") as u64;
        let bytes: Vec<u8> = row.get("leaves");
        let (hashes, _) = bytes.as_chunks::<32>();
        leaves.extend((first..).zip(hashes).map(|(seq, hash)| (seq, Hash(*hash))));
    }
    Ok(leaves)
}

/// Puts leaves that still wait back, a row for each unbroken run of numbers.
///
/// # Errors
/// The database cannot be asked.
pub async fn put_leaves(
    tx: &mut TenantTx,
    stream: i64,
    leaves: &BTreeMap<u64, Hash>,
) -> Result<(), StoreError> {
    let mut runs: Vec<(u64, u64, Vec<u8>)> = Vec::new();
    for (seq, hash) in leaves {
        match runs.last_mut() {
            Some((_, last, bytes)) if *last + 1 == *seq => {
                *last = *seq;
                bytes.extend_from_slice(&hash.0);
            }
            _ => runs.push((*seq, *seq, hash.0.to_vec())),
        }
    }
    if runs.is_empty() {
        return Ok(());
    }
    query(
        "INSERT INTO reading_leaves (stream_id, first_seq, organization_id, last_seq, leaves)
         SELECT $1, first, $2, last, leaves FROM UNNEST($3::bigint[], $4::bigint[], $5::bytea[]) AS new (first, last, leaves)",
    )
    .bind(stream)
    .bind(uuid(tx.organization().as_bytes()))
    .bind(runs.iter().map(|(first, _, _)| *first as i64).collect::<Vec<_>>())
    .bind(runs.iter().map(|(_, last, _)| *last as i64).collect::<Vec<_>>())
    .bind(runs.iter().map(|(_, _, bytes)| bytes.as_slice()).collect::<Vec<_>>())
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("keep waiting leaves"))
}

/// Notes what the comparison said.
///
/// # Errors
/// The database cannot be asked.
pub async fn note(tx: &mut TenantTx, stream: i64, compared: &Compared) -> Result<(), StoreError> {
    if compared.verdicts.is_empty() {
        return Ok(());
    }
    query(
        "UPDATE reading_seals SET matched = verdict.matched
         FROM UNNEST($2::bigint[], $3::boolean[]) AS verdict (first, matched)
         WHERE stream_id = $1 AND first_seq = verdict.first",
    )
    .bind(stream)
    .bind(compared.verdicts.iter().map(|(first, _)| *first as i64).collect::<Vec<_>>())
    .bind(compared.verdicts.iter().map(|(_, matched)| *matched).collect::<Vec<_>>())
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("note what a seal's comparison said"))
}
