//! Marks: what has changed of an organization, told by the version of each row, for whoever watches it.
//!
//! A row's version is the number of the transaction that wrote it: every change makes another one, whichever way the clock
//! goes. What is asked for by the time of its change is asked for with a margin, because that time is when the writing
//! transaction began and its rows are seen only when it ends. Nothing is written here.

use super::views::At;
use super::{StoreError, TenantTx, query, uuid};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{FromRow, Postgres, Row};
use uuid::Uuid;

/// How long a transaction may write before it ends, and a little: requests are given up after a minute.
const MARGIN_MS: i64 = 75_000;

/// A row and its version.
#[derive(Clone, PartialEq, Eq, Debug, FromRow)]
pub struct Mark {
    /// The row.
    pub id: Uuid,
    /// Its version.
    pub version: String,
}

/// A unit, its version, and how far its readings reach.
#[derive(Clone, PartialEq, Eq, Debug, FromRow)]
pub struct UnitMark {
    /// The unit.
    pub id: Uuid,
    /// Its version.
    pub version: String,
    /// When its newest reading was made.
    pub readings_to: Option<At>,
    /// When readings came last that are not newer than those before.
    pub history_at: Option<At>,
}

/// What may have changed since a time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Marks {
    /// The database's clock, to ask from the next time.
    pub at: At,
    /// Units.
    pub units: Vec<UnitMark>,
    /// Alerts.
    pub alerts: Vec<Mark>,
    /// All hubs.
    pub hubs: Vec<Mark>,
}

fn rows<R: for<'r> FromRow<'r, PgRow>>(sql: &'static str) -> QueryAs<'static, Postgres, R, PgArguments> {
    sqlx::query_as(sql).persistent(false)
}

/// What may have changed since a time; everything, without one. Of each kind one row more than the limit at most.
///
/// # Errors
/// The database cannot do it now.
pub async fn since(tx: &mut TenantTx, since: Option<At>, limit: usize) -> Result<Marks, StoreError> {
    let own = uuid(tx.organization().as_bytes());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let from = since.map(|since| since.before_ms(MARGIN_MS));
    let at = query("SELECT now() AS at")
        .fetch_one(tx.connection())
        .await
        .and_then(|row| row.try_get("at"))
        .map_err(StoreError::step("read its clock"))?;
    let units = rows(
        "SELECT u.id, u.xmin::text || '/' || coalesce(l.xmin::text, '') AS version, l.readings_to, l.history_at
         FROM units u LEFT JOIN unit_latest l ON l.organization_id = $1 AND l.unit_id = u.id
         WHERE u.organization_id = $1 AND ($2::timestamptz IS NULL OR greatest(u.updated_at, l.updated_at) > $2)
         ORDER BY u.id LIMIT $3",
    )
    .bind(own)
    .bind(from)
    .bind(limit)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("look for changed units"))?;
    let alerts = alerts_since(tx, from, limit).await?;
    // That a hub is not heard any more is written nowhere: time makes it so.
    let hubs = rows(
        "SELECT h.id, h.xmin::text || '/' || coalesce(l.xmin::text, '') || '/'
                || coalesce(greatest(h.last_seen_at, l.received_at) > now() - interval '2 minutes', false) || '/'
                || coalesce(c.xmin::text, '') || '/' || coalesce(d.version, '') AS version
         FROM hubs h
         LEFT JOIN hub_live l ON l.organization_id = $1 AND l.hub_id = h.id
         LEFT JOIN hub_configs c ON c.organization_id = $1 AND c.hub_id = h.id
         LEFT JOIN LATERAL (
             SELECT xmin::text AS version FROM config_documents
             WHERE organization_id = $1 AND hub_id = h.id ORDER BY config_documents.version DESC LIMIT 1
         ) d ON true
         WHERE h.organization_id = $1 ORDER BY h.id LIMIT $2",
    )
    .bind(own)
    .bind(limit)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("look for changed hubs"))?;
    Ok(Marks { at, units, alerts, hubs })
}

/// Alerts that may have changed since a time, or of which an acknowledgement that is under way may have.
async fn alerts_since(tx: &mut TenantTx, from: Option<At>, limit: i64) -> Result<Vec<Mark>, StoreError> {
    // Alerts of long ago are no news to anybody: without a time, only those that a margin may still bring are marked.
    // An acknowledgement that is under way is shown with its alert, and time alone may end it.
    rows(
        "SELECT t.id, t.xmin::text || '/' || coalesce(max(c.xmin::text || c.open::text), '') AS version
         FROM (
             SELECT id FROM alerts
             WHERE organization_id = $1 AND updated_at > coalesce($2, now() - $4 * interval '1 ms')
             UNION
             SELECT alert_id FROM hub_commands
             WHERE organization_id = $1 AND kind = 'acknowledge'
               AND updated_at > coalesce($2, now() - $4 * interval '1 ms')
             UNION
             SELECT alert_id FROM hub_commands
             WHERE organization_id = $1 AND kind = 'acknowledge' AND state IN ('pending', 'received')
               AND expires_at <= now() AND expires_at > coalesce($2, now() - $4 * interval '1 ms')
         ) AS moved
         JOIN alerts t ON t.organization_id = $1 AND t.id = moved.id
         LEFT JOIN LATERAL (
             SELECT xmin, expires_at > now() AS open FROM hub_commands
             WHERE organization_id = $1 AND alert_id = t.id AND state IN ('pending', 'received')
         ) c ON true
         GROUP BY t.id, t.xmin::text ORDER BY t.id LIMIT $3",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(from)
    .bind(limit)
    .bind(MARGIN_MS)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("look for changed alerts"))
}
