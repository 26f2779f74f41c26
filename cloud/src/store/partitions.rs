//! Partitions: which months of readings have a place, and making the next ones.
//!
//! Owns a short memory of the months, so that a batch need not ask for them; a month that is attached is used within a
//! minute, one that is detached is noticed by the insert that fails.

use super::{Database, Duty, StoreError, TenantTx, query};
use crate::clock;
use crate::ingest::place::Stretch;
use frostguard_shared::time::WallMs;
use sqlx::Row;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the months are remembered.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The months as they were at a moment.
type Remembered = (Instant, Arc<[Stretch]>);

/// The months that have a partition.
#[derive(Clone, Debug, Default)]
pub struct Partitions {
    known: Arc<Mutex<Option<Remembered>>>,
}

impl Partitions {
    /// The stretches of time that have a partition, ascending.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn stretches(&self, tx: &mut TenantTx) -> Result<Arc<[Stretch]>, StoreError> {
        let now = clock::instant();
        let remembered = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, stretches)) = remembered
            && now.duration_since(at) < REMEMBERED
        {
            return Ok(stretches);
        }
        let stretches: Arc<[Stretch]> = read(tx).await?.into();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&stretches)));
        Ok(stretches)
    }

    /// Forgets them, after an insert has found one gone.
    pub fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

async fn read(tx: &mut TenantTx) -> Result<Vec<Stretch>, StoreError> {
    // The name says the month; a partition whose name says something else is none of ours.
    let rows = query(
        "SELECT (extract(epoch FROM day) * 1000)::bigint AS from_ms,
                (extract(epoch FROM day + interval '1 month') * 1000)::bigint AS to_ms
         FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid,
              LATERAL (SELECT to_date(substring(c.relname FROM 'y([0-9]{4}m[0-9]{2})$'), 'YYYY\"m\"MM')::timestamp AS day) AS month
         WHERE i.inhparent = 'sensor_readings'::regclass AND NOT i.inhdetachpending AND day IS NOT NULL
         ORDER BY day",
    )
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("read the months that have a partition"))?;
    Ok(rows
        .iter()
        .map(|row| Stretch { from: WallMs(row.get("from_ms")), to: WallMs(row.get("to_ms")) })
        .collect())
}

/// Makes the partitions of so many months from the present one on that are not there; gives how many it made.
///
/// # Errors
/// The database cannot be asked, or a month is locked; trying again later is harmless.
pub async fn make_ahead(database: &Database, months: i32) -> Result<u64, StoreError> {
    let mut tx = database.door(Duty::Ingest).await?;
    query("SELECT set_config('lock_timeout', '2s', true)")
        .execute(tx.connection())
        .await
        .map_err(StoreError::step("bound the wait for a lock"))?;
    let row = query(
        "SELECT count(*) FILTER (WHERE make_readings_partition((date_trunc('month', now()) + n * interval '1 month')::date)) AS made
         FROM generate_series(0, $1::integer) AS n",
    )
    .bind(months)
    .fetch_one(tx.connection())
    .await
    .map_err(StoreError::step("make partitions"))?;
    tx.commit().await?;
    Ok(row.get::<i64, _>("made") as u64)
}
