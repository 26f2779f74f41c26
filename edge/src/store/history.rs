//! History: recent readings for a chart, read on a connection of its own.
//!
//! Owns the way back through the record: readings have no index but their number, so the last day is found by going back
//! in chunks until one begins before it, within a bound. It reads what is committed, writes nothing and waits for nobody.

use super::{StoreError, open_read_only};
use frostguard_shared::ids::{EpochId, PointId};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::reading::Quality;
use frostguard_shared::time::RuleMs;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// Readings looked at in one go.
const CHUNK: i64 = 4_096;
/// Readings looked at in all: a day of some sixty points that speak every minute. What lies further back is not charted.
const LOOKED_AT_MAX: i64 = 96_000;

/// A believed temperature of a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// The point.
    pub point: PointId,
    /// When it was measured.
    pub at: RuleMs,
    /// The value.
    pub temperature: CentiCelsius,
}

/// How far a history was read: the journal's epoch and the last reading looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    epoch: EpochId,
    seq: i64,
}

/// What was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stretch {
    /// The samples, in the order of their recording.
    pub samples: Vec<Sample>,
    /// Where to go on.
    pub mark: Mark,
}

/// Reads what was recorded after a mark, or in the time since `since` if there is no mark of this journal.
///
/// # Errors
/// The disk cannot be read.
pub fn read(path: &Path, after: Option<Mark>, since: RuleMs) -> Result<Stretch, StoreError> {
    let step = || StoreError::sqlite("read");
    let connection = open_read_only(path)?;
    let transaction = connection.unchecked_transaction().map_err(step())?;
    let epoch: [u8; 16] =
        transaction.query_row("SELECT epoch FROM epoch", [], |row| row.get(0)).map_err(step())?;
    let epoch = EpochId::from_bytes(epoch);
    let last: Option<i64> =
        transaction.query_row("SELECT max(seq) FROM readings", [], |row| row.get(0)).map_err(step())?;
    let last = last.unwrap_or(0);
    let known = after.filter(|mark| mark.epoch == epoch && mark.seq <= last).map(|mark| mark.seq);
    let from = match known {
        Some(seq) => seq.max(last - LOOKED_AT_MAX),
        None => first_since(&transaction, last, since)?,
    };
    let samples = samples(&transaction, from, since)?;
    Ok(Stretch { samples, mark: Mark { epoch, seq: last } })
}

/// A number before the first live reading since then.
fn first_since(connection: &Connection, last: i64, since: RuleMs) -> Result<i64, StoreError> {
    let mut seq = last;
    while seq > (last - LOOKED_AT_MAX).max(0) {
        seq = (seq - CHUNK).max(0);
        // A late value may be far older than its neighbours; only what was measured as it came shows where one is.
        let at: Option<i64> = connection
            .query_row(
                "SELECT rule_ms FROM readings WHERE seq > ?1 AND age_ms = 0 ORDER BY seq LIMIT 1",
                params![seq],
                |row| row.get(0),
            )
            .optional()
            .map_err(StoreError::sqlite("read"))?;
        if at.is_some_and(|at| at < since.0) {
            break;
        }
    }
    Ok(seq)
}

fn samples(connection: &Connection, after: i64, since: RuleMs) -> Result<Vec<Sample>, StoreError> {
    let step = || StoreError::sqlite("read");
    let mut select = connection
        .prepare(
            "SELECT p.point, r.rule_ms, r.temperature, r.quality FROM readings r JOIN points p ON p.n = r.point
             WHERE r.seq > ?1 AND r.rule_ms >= ?2 ORDER BY r.seq",
        )
        .map_err(step())?;
    let mut found = select.query(params![after, since.0]).map_err(step())?;
    let mut samples = Vec::new();
    while let Some(row) = found.next().map_err(step())? {
        let read = || {
            Ok((
                row.get::<_, [u8; 16]>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, i32>(2)?,
                row.get::<_, u8>(3)?,
            ))
        };
        let (point, at, hundredths, quality) = read().map_err(step())?;
        // A value that the rules do not believe would draw a spike that never was.
        let Ok(temperature) = CentiCelsius::new(hundredths) else { continue };
        if quality == Quality::Valid.code() {
            samples.push(Sample { point: PointId::from_bytes(point), at: RuleMs(at), temperature });
        }
    }
    Ok(samples)
}
