//! Streams: the cursor of each (feed, epoch, stream, branch), locked by whoever takes a batch.
//!
//! Owns the rows that make a batch count exactly once. Whoever takes events and touches readings locks the events'
//! cursor first.

use super::{StoreError, TenantTx, hash, query, uuid};
use crate::ingest::admit::Branch;
use frostguard_shared::chain::Hash;
use frostguard_shared::ids::{EpochId, HubId};
use frostguard_shared::tree::Frontier;
use sqlx::Row;
use sqlx::postgres::PgRow;

/// The journal that streams belong to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Journal {
    /// The hub.
    pub hub: HubId,
    /// The epoch.
    pub epoch: EpochId,
}

/// A cursor of events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventsCursor {
    /// Its row.
    pub id: i64,
    /// Where it stands.
    pub branch: Branch,
    /// The tree over its events.
    pub frontier: Frontier,
}

/// A cursor of readings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadingsCursor {
    /// Its row.
    pub id: i64,
    /// The last number without a hole before it.
    pub last: u64,
    /// Up to where sealed ranges are dealt with.
    pub sealed_to: u64,
}

/// Where a new branch begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fork {
    /// The branch that it forks from.
    pub parent: i16,
    /// The first number that differs.
    pub at: u64,
}

const SELECT_EVENTS: &str = "SELECT id, branch, parent, fork_seq, last_seq, head, frontier FROM hub_streams
     WHERE feed = $1 AND epoch = $2 AND stream = 2 ORDER BY branch";

const LOCK_EVENTS: &str = "SELECT id, branch, parent, fork_seq, last_seq, head, frontier FROM hub_streams
     WHERE feed = $1 AND epoch = $2 AND stream = 2 ORDER BY branch FOR UPDATE";

/// Locks all branches of a journal's events; gives them in the order of their numbers. None: nothing was ever taken.
///
/// # Errors
/// The database cannot be asked.
pub async fn lock_events(tx: &mut TenantTx, journal: Journal) -> Result<Vec<EventsCursor>, StoreError> {
    let rows = query(LOCK_EVENTS)
        .bind(uuid(journal.hub.as_bytes()))
        .bind(uuid(journal.epoch.as_bytes()))
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step("lock the events' cursor"))?;
    rows.iter().map(events_cursor).collect()
}

/// The branches of a journal's events, without waiting for anyone.
///
/// # Errors
/// The database cannot be asked.
pub async fn events(tx: &mut TenantTx, journal: Journal) -> Result<Vec<EventsCursor>, StoreError> {
    let rows = query(SELECT_EVENTS)
        .bind(uuid(journal.hub.as_bytes()))
        .bind(uuid(journal.epoch.as_bytes()))
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step("read the events' cursor"))?;
    rows.iter().map(events_cursor).collect()
}

fn events_cursor(row: &PgRow) -> Result<EventsCursor, StoreError> {
    let parent: Option<i16> = row.get("parent");
    let fork: Option<i64> = row.get("fork_seq");
    let frontier: Vec<u8> =
        row.get::<Option<Vec<u8>>, _>("frontier").unwrap_or_else(|| Frontier::default().to_bytes());
    let head: Option<Vec<u8>> = row.get("head");
    let head = head.ok_or_else(|| StoreError::hole("the head of a stream of events"))?;
    Ok(EventsCursor {
        id: row.get("id"),
        branch: Branch {
            number: row.get("branch"),
            forked: parent.zip(fork.map(|fork| fork as u64)),
            last: row.get::<i64, _>("last_seq") as u64,
            head: hash(&head)?,
        },
        frontier: Frontier::from_bytes(&frontier).map_err(StoreError::content("a tree's frontier"))?,
    })
}

/// Makes the cursor of a branch of events.
///
/// # Errors
/// The database cannot be asked.
pub async fn create_events(
    tx: &mut TenantTx,
    journal: Journal,
    branch: i16,
    fork: Option<Fork>,
    head: Hash,
) -> Result<i64, StoreError> {
    // Two first batches may meet here: the second waits for the first and then finds its row.
    query(
        "INSERT INTO hub_streams (organization_id, feed, epoch, stream, branch, parent, fork_seq, last_seq, head)
         VALUES ($1, $2, $3, 2, $4, $5, $6, coalesce($6 - 1, 0), $7) ON CONFLICT (feed, epoch, stream, branch) DO NOTHING",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(journal.hub.as_bytes()))
    .bind(uuid(journal.epoch.as_bytes()))
    .bind(branch)
    .bind(fork.map(|fork| fork.parent))
    .bind(fork.map(|fork| fork.at as i64))
    .bind(&head.0[..])
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("make the events' cursor"))?;
    let row =
        query("SELECT id FROM hub_streams WHERE feed = $1 AND epoch = $2 AND stream = 2 AND branch = $3")
            .bind(uuid(journal.hub.as_bytes()))
            .bind(uuid(journal.epoch.as_bytes()))
            .bind(branch)
            .fetch_one(tx.connection())
            .await
            .map_err(StoreError::step("find the events' cursor"))?;
    Ok(row.get("id"))
}

/// Moves a cursor of events.
///
/// # Errors
/// The database cannot be asked.
pub async fn advance_events(
    tx: &mut TenantTx,
    id: i64,
    last: u64,
    head: Hash,
    frontier: &Frontier,
) -> Result<(), StoreError> {
    query("UPDATE hub_streams SET last_seq = $2, head = $3, frontier = $4, updated_at = now() WHERE id = $1")
        .bind(id)
        .bind(last as i64)
        .bind(&head.0[..])
        .bind(frontier.to_bytes())
        .execute(tx.connection())
        .await
        .map(|_| ())
        .map_err(StoreError::step("move the events' cursor"))
}

/// Locks the cursor of a journal's readings on a branch, making it if it is not there: a forked branch begins where the
/// last range ends that both have sealed.
///
/// # Errors
/// The database cannot be asked.
pub async fn lock_readings(
    tx: &mut TenantTx,
    journal: Journal,
    branch: &Branch,
) -> Result<ReadingsCursor, StoreError> {
    if let Some(cursor) = find_readings(tx, journal, branch.number).await? {
        return Ok(cursor);
    }
    let from = match branch.forked {
        Some((parent, at)) => sealed_before(tx, journal, parent, at).await?,
        None => 0,
    };
    query(
        "INSERT INTO hub_streams (organization_id, feed, epoch, stream, branch, parent, last_seq, sealed_to)
         VALUES ($1, $2, $3, 1, $4, $5, $6, $6) ON CONFLICT (feed, epoch, stream, branch) DO NOTHING",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(journal.hub.as_bytes()))
    .bind(uuid(journal.epoch.as_bytes()))
    .bind(branch.number)
    .bind(branch.forked.map(|(parent, _)| parent))
    .bind(from)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("make the readings' cursor"))?;
    find_readings(tx, journal, branch.number).await?.ok_or_else(|| StoreError::hole("the readings' cursor"))
}

async fn find_readings(
    tx: &mut TenantTx,
    journal: Journal,
    branch: i16,
) -> Result<Option<ReadingsCursor>, StoreError> {
    let row = query(
        "SELECT id, last_seq, sealed_to FROM hub_streams
         WHERE feed = $1 AND epoch = $2 AND stream = 1 AND branch = $3 FOR UPDATE",
    )
    .bind(uuid(journal.hub.as_bytes()))
    .bind(uuid(journal.epoch.as_bytes()))
    .bind(branch)
    .fetch_optional(tx.connection())
    .await
    .map_err(StoreError::step("lock the readings' cursor"))?;
    Ok(row.map(|row| ReadingsCursor {
        id: row.get("id"),
        last: row.get::<i64, _>("last_seq") as u64,
        sealed_to: row.get::<i64, _>("sealed_to") as u64,
    }))
}

pub(super) async fn sealed_before(
    tx: &mut TenantTx,
    journal: Journal,
    parent: i16,
    at: u64,
) -> Result<i64, StoreError> {
    let row = query(
        "SELECT coalesce(max(r.last_seq), 0) AS sealed FROM reading_seals r JOIN hub_streams s ON s.id = r.stream_id
         WHERE s.feed = $1 AND s.epoch = $2 AND s.branch = $3 AND r.event_seq < $4",
    )
    .bind(uuid(journal.hub.as_bytes()))
    .bind(uuid(journal.epoch.as_bytes()))
    .bind(parent)
    .bind(at as i64)
    .fetch_one(tx.connection())
    .await
    .map_err(StoreError::step("find where a branch of readings begins"))?;
    Ok(row.get("sealed"))
}

/// The epochs of a hub of which anything is held.
///
/// # Errors
/// The database cannot be asked.
pub async fn epochs(tx: &mut TenantTx, hub: HubId) -> Result<Vec<EpochId>, StoreError> {
    let rows = query(
        "SELECT DISTINCT epoch FROM hub_streams WHERE organization_id = $1 AND feed = $2 AND stream = 2",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(hub.as_bytes()))
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("read the epochs of a hub"))?;
    Ok(rows.iter().map(|row| EpochId::from_bytes(row.get::<uuid::Uuid, _>("epoch").into_bytes())).collect())
}

/// Moves a cursor of readings.
///
/// # Errors
/// The database cannot be asked.
pub async fn advance_readings(tx: &mut TenantTx, cursor: ReadingsCursor) -> Result<(), StoreError> {
    query("UPDATE hub_streams SET last_seq = $2, sealed_to = $3, updated_at = now() WHERE id = $1")
        .bind(cursor.id)
        .bind(cursor.last as i64)
        .bind(cursor.sealed_to as i64)
        .execute(tx.connection())
        .await
        .map(|_| ())
        .map_err(StoreError::step("move the readings' cursor"))
}
