//! What was set aside: readings that could not be used, whole, with the reason.

use super::{At, Behind, Placed, Position, Range, Slice, own, rows};
use crate::store::{StoreError, TenantTx};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;

/// A reading that was set aside.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct Quarantined {
    /// The stream that it came in, by its number among its hub's streams.
    pub stream: i64,
    /// Its number in the stream.
    pub seq: i64,
    /// Why it could not be used: `unreadable`, `misnumbered`, `unknown_point`, `unassigned`, `out_of_range`.
    pub reason: String,
    /// Its bytes in hexadecimal, as the hub sent them.
    pub bytes: String,
    /// The time that was worked out for it in milliseconds since 1970, however wrong.
    pub recorded_at_ms: Option<i64>,
    /// When the cloud received it.
    pub received_at: At,
}

impl Placed for Quarantined {
    type Key = (i64, i64);
    fn place(&self) -> Position<(i64, i64)> {
        Position { at: self.received_at, key: (self.stream, self.seq) }
    }
}

/// How many were set aside for one reason.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct ReasonCount {
    /// The reason.
    pub reason: String,
    /// How many.
    pub count: i64,
}

/// What was set aside in a range, newest first.
///
/// # Errors
/// The database cannot do it now.
pub async fn quarantine(
    tx: &mut TenantTx,
    received: Range,
    behind: Behind<(i64, i64)>,
) -> Result<Slice<Quarantined>, StoreError> {
    let fetched = rows(
        "SELECT stream_id AS stream, seq, reason, encode(bytes, 'hex') AS bytes, recorded_at_ms, received_at
         FROM readings_quarantine
         WHERE organization_id = $1 AND received_at >= $2 AND received_at < $3
           AND ($4::timestamptz IS NULL OR (received_at, stream_id, seq) < ($4, $5, $6))
         ORDER BY received_at DESC, stream_id DESC, seq DESC LIMIT $7",
    )
    .bind(own(tx))
    .bind(received.from)
    .bind(received.to)
    .bind(behind.at())
    .bind(behind.key().map(|(stream, _)| stream))
    .bind(behind.key().map(|(_, seq)| seq))
    .bind(behind.fetched())
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("list the quarantine"))?;
    Ok(Slice::of(fetched, &behind))
}

/// How many were set aside in a range, by reason. Reasons are a closed list of the cloud's own.
///
/// # Errors
/// The database cannot do it now.
pub async fn quarantine_counts(tx: &mut TenantTx, received: Range) -> Result<Vec<ReasonCount>, StoreError> {
    rows(
        "SELECT reason, count(*) AS count FROM readings_quarantine
         WHERE organization_id = $1 AND received_at >= $2 AND received_at < $3
         GROUP BY reason ORDER BY reason",
    )
    .bind(own(tx))
    .bind(received.from)
    .bind(received.to)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("count the quarantine"))
}
