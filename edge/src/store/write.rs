//! Writing: the rows of one group, inside the transaction that the journal opens.
//!
//! Owns the statements that change tables, and the bounds of those tables that have one.

use super::journal::{Also, HISTORY, Snapshot, WAITING_MAX};
use super::rows;
use crate::desired::command::Progress;
use frostguard_shared::ids::PointId;
use frostguard_shared::reading::Reading;
use frostguard_shared::wire::to_bytes;
use rusqlite::{Transaction, params};
use std::collections::HashMap;

/// Of the snapshots in such a stretch of the axis only the last is kept.
const SNAPSHOT_EVERY_MS: i64 = 15 * 60_000;
/// Signed checkpoints kept; the oldest go first.
const CHECKPOINTS_KEPT: i64 = 256;

/// Writes readings; gives the numbers of the points that had none in this file before.
pub(super) fn write_readings(
    transaction: &Transaction<'_>,
    readings: &[Reading],
    known: &HashMap<PointId, i64>,
) -> rusqlite::Result<HashMap<PointId, i64>> {
    let mut new = HashMap::new();
    for point in readings.iter().map(|reading| reading.point) {
        if known.contains_key(&point) || new.contains_key(&point) {
            continue;
        }
        transaction.execute("INSERT OR IGNORE INTO points (point) VALUES (?1)", params![point.as_bytes()])?;
        let n = transaction.query_row(
            "SELECT n FROM points WHERE point = ?1",
            params![point.as_bytes()],
            |row| row.get(0),
        )?;
        new.insert(point, n);
    }
    let mut insert = transaction.prepare_cached(rows::INSERT)?;
    for reading in readings {
        let n = known.get(&reading.point).or_else(|| new.get(&reading.point));
        rows::insert(&mut insert, reading, n.copied().unwrap_or_default())?;
    }
    Ok(new)
}

pub(super) fn write_also(transaction: &Transaction<'_>, also: &Also) -> rusqlite::Result<()> {
    match also {
        Also::Boot(row) => transaction.execute(
            "INSERT OR REPLACE INTO boots (boot, boot_id, anchor_ms, began_ms, offset_ms, trusted) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![row.boot.0, row.boot_id, row.anchor_ms, row.began.0, row.offset.0, row.trusted],
        ),
        Also::Alert { episode, alert, raised_seq } => transaction.execute(
            "INSERT OR IGNORE INTO alerts (episode, alert, raised_seq) VALUES (?1, ?2, ?3)",
            params![episode.to_string(), alert.as_bytes(), *raised_seq as i64],
        ),
        Also::Rules { hash, rules } => {
            transaction.execute("INSERT OR IGNORE INTO rules (hash, rules) VALUES (?1, ?2)", params![hash.0, rules])
        }
        Also::Announced { output, events_seq } => transaction.execute(
            "INSERT OR REPLACE INTO announced (output, events_seq) VALUES (?1, ?2)",
            params![output, *events_seq as i64],
        ),
        Also::Wait { arrival, frame } => transaction.execute(
            "INSERT INTO waiting (arrival_ms, frame) SELECT ?1, ?2 WHERE (SELECT count(*) FROM waiting) < ?3",
            params![arrival.0, frame, WAITING_MAX],
        ),
        Also::Placed { up_to } => transaction.execute("DELETE FROM waiting WHERE id <= ?1", params![up_to]),
        Also::Acknowledged { stream, seq } => transaction.execute(
            "INSERT OR REPLACE INTO cursors (stream, acknowledged) VALUES (?1, ?2)",
            params![stream.code(), *seq as i64],
        ),
        Also::Checkpoint { size, note } => transaction
            .execute("INSERT OR REPLACE INTO checkpoints (size, note) VALUES (?1, ?2)", params![*size as i64, note])
            .and_then(|_| {
                transaction.execute(
                    "DELETE FROM checkpoints WHERE size <= (SELECT size FROM checkpoints ORDER BY size DESC LIMIT 1 OFFSET ?1)",
                    params![CHECKPOINTS_KEPT],
                )
            }),
        Also::Enrolled { cloud, site } => transaction.execute(
            "INSERT OR REPLACE INTO enrolment (id, cloud, site) VALUES (1, ?1, ?2)",
            params![cloud.0, site.as_bytes()],
        ),
        Also::Configuration { step } => transaction.execute(
            "INSERT OR REPLACE INTO configuration (id, step) VALUES (1, ?1)",
            params![*step as i64],
        ),
        Also::Command { command, entry } => {
            let to_do = match &entry.progress {
                Progress::ToDo(command) => Some(to_bytes(command)),
                Progress::Ended => None,
            };
            transaction.execute(
                "INSERT OR REPLACE INTO commands (command, expires_ms, received_seq, to_do) VALUES (?1, ?2, ?3, ?4)",
                params![command.as_bytes(), entry.expires.0, entry.received_seq as i64, to_do],
            )
        }
        Also::CommandForgotten { command } => {
            transaction.execute("DELETE FROM commands WHERE command = ?1", params![command.as_bytes()])
        }
    }
    .map(|_| ())
}

/// One snapshot a quarter of an hour is kept for the history, and the newest one from before it. An epoch's first is kept as
/// long, for nothing else knows of its first quarter of an hour.
pub(super) fn write_snapshot(transaction: &Transaction<'_>, snapshot: &Snapshot) -> rusqlite::Result<()> {
    let json = serde_json::to_vec(&snapshot.state)
        .map_err(|fault| rusqlite::Error::ToSqlConversionFailure(Box::new(fault)))?;
    let frontier = snapshot.state.frontier();
    transaction.execute(
        "INSERT INTO snapshots (frontier_ms, readings_seq, events_seq, state, tree) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![frontier.0, snapshot.readings_seq as i64, snapshot.tree.size() as i64, json, snapshot.tree.to_bytes()],
    )?;
    let id = transaction.last_insert_rowid();
    transaction.execute(
        "DELETE FROM snapshots WHERE id < ?1 AND frontier_ms / ?2 = ?3 / ?2 AND id > (SELECT min(id) FROM snapshots)",
        params![id, SNAPSHOT_EVERY_MS, frontier.0],
    )?;
    let horizon = (frontier - HISTORY).0;
    transaction.execute(
        "DELETE FROM snapshots WHERE id < (SELECT max(id) FROM snapshots WHERE frontier_ms < ?1)",
        params![horizon],
    )?;
    Ok(())
}

/// A snapshot from after a late reading's own time was made without it, so it must not be folded on any more: an older
/// one, with everything recorded since, knows of it.
pub(super) fn forget_snapshots(transaction: &Transaction<'_>, readings: &[Reading]) -> rusqlite::Result<()> {
    // What is older than the history is recorded but never folded again, so no snapshot needs to know of it.
    let foldable = 1..=HISTORY.0 as u64;
    let late = readings.iter().filter(|reading| foldable.contains(&reading.age_ms));
    let earliest = late.map(|reading| reading.rule.0).min();
    if let Some(earliest) = earliest {
        transaction.execute("DELETE FROM snapshots WHERE frontier_ms > ?1", params![earliest])?;
    }
    Ok(())
}
