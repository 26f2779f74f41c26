//! Alerts, the newest first.

use super::command::{PendingAcknowledgement, pending};
use super::{AlertSeverity, AlertStatus, AlertType, At, Behind, Placed, Position, Slice, own, rows};
use crate::store::{StoreError, TenantTx};
use frostguard_shared::ids::{AlertId, UnitId};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

/// An alert. Condition, acknowledgement, escalation and resolution are four facts, each with its own times.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct Alert {
    /// Id, made by the hub.
    pub id: Uuid,
    /// The unit.
    pub unit_id: Uuid,
    /// The unit's name.
    pub unit_name: String,
    /// The unit's site.
    pub site_id: Uuid,
    /// The site's name.
    pub site_name: String,
    /// The hub that raised it.
    pub hub_id: Option<Uuid>,
    /// What it is about.
    pub alert_type: AlertType,
    /// How urgent it is.
    pub severity: AlertSeverity,
    /// Where it stands.
    pub status: AlertStatus,
    /// Kind and side of the condition: `too_warm`, `too_cold`, `silent`, `sensor_fault`.
    pub condition: String,
    /// The episode that it is about, as its hub names it.
    pub episode: String,
    /// For people.
    pub message: Option<String>,
    /// The temperature that triggered it, in 0.01 °C.
    pub trigger_temperature_centi_c: Option<i32>,
    /// The limit that was passed: `min` or `max`.
    pub threshold_violated: Option<String>,
    /// When it was raised.
    pub triggered_at: At,
    /// When somebody acknowledged it.
    pub acknowledged_at: Option<At>,
    /// Who, as a member of the organization.
    pub acknowledged_by: Option<Uuid>,
    /// Until when the acknowledgement holds.
    pub acknowledged_until: Option<At>,
    /// Until when it makes no noise.
    pub quiet_until: Option<At>,
    /// When the condition ended.
    pub cleared_at: Option<At>,
    /// When it was closed.
    pub resolved_at: Option<At>,
    /// By whom, as a member of the organization.
    pub resolved_by: Option<Uuid>,
    /// When it was passed on because nobody answered.
    pub escalated_at: Option<At>,
    /// How often it was passed on.
    pub escalation_level: i32,
    /// Whether it was found afterwards, from readings that came late.
    pub is_retro: bool,
    /// Why it was raised, in figures; its shape depends on the condition.
    pub metadata: Option<serde_json::Value>,
    /// An acknowledgement that was asked for and is not in the hub's record yet. Null: there is none under way.
    #[sqlx(skip)]
    pub pending_acknowledgement: Option<PendingAcknowledgement>,
}

impl Placed for Alert {
    type Key = Uuid;
    fn place(&self) -> Position<Uuid> {
        Position { at: self.triggered_at, key: self.id }
    }
}

/// Which alerts are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AlertFilter {
    /// Of this unit alone.
    pub unit: Option<UnitId>,
    /// With this status alone.
    pub status: Option<AlertStatus>,
    /// Open ones alone, or those alone that are over: an alert is over when its condition has ended and somebody has
    /// acknowledged it.
    pub open: Option<bool>,
    /// Raised then or later.
    pub from: Option<At>,
    /// Raised before.
    pub to: Option<At>,
}

/// Columns and joins of an alert.
macro_rules! alerts {
    ($condition:literal) => {
        concat!(
            "SELECT t.id, t.unit_id, u.name AS unit_name, s.id AS site_id, s.name AS site_name, t.hub_id,
                    t.alert_type::text AS alert_type, t.severity::text AS severity, t.status::text AS status,
                    t.condition, t.episode, t.message, t.trigger_temperature AS trigger_temperature_centi_c,
                    t.threshold_violated, t.triggered_at, t.acknowledged_at, t.acknowledged_by,
                    t.acknowledged_until, t.quiet_until, t.cleared_at, t.resolved_at, t.resolved_by,
                    t.escalated_at, t.escalation_level, t.is_retro, t.metadata
             FROM alerts t
             JOIN units u ON u.organization_id = $1 AND u.id = t.unit_id
             JOIN areas a ON a.organization_id = $1 AND a.id = u.area_id
             JOIN sites s ON s.organization_id = $1 AND s.id = a.site_id
             WHERE t.organization_id = $1 AND ",
            $condition
        )
    };
}

/// The organization's alerts that are wanted, newest first.
///
/// # Errors
/// The database cannot do it now.
pub async fn alerts(
    tx: &mut TenantTx,
    filter: AlertFilter,
    behind: Behind<Uuid>,
) -> Result<Slice<Alert>, StoreError> {
    let fetched = rows(alerts!(
        "($2::uuid IS NULL OR t.unit_id = $2)
           AND ($3::text IS NULL OR t.status::text = $3)
           AND ($4::timestamptz IS NULL OR t.triggered_at >= $4)
           AND ($5::timestamptz IS NULL OR t.triggered_at < $5)
           AND ($6::boolean IS NULL OR (t.status <> 'resolved') = $6)
           AND ($7::timestamptz IS NULL OR (t.triggered_at, t.id) < ($7, $8))
         ORDER BY t.triggered_at DESC, t.id DESC LIMIT $9"
    ))
    .bind(own(tx))
    .bind(filter.unit.map(|unit| Uuid::from_bytes(*unit.as_bytes())))
    .bind(filter.status.map(AlertStatus::word))
    .bind(filter.from)
    .bind(filter.to)
    .bind(filter.open)
    .bind(behind.at())
    .bind(behind.key())
    .bind(behind.fetched())
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("list alerts"))?;
    let mut slice = Slice::of(fetched, &behind);
    complete(tx, &mut slice.items).await?;
    Ok(slice)
}

/// One alert; `None` if the organization has none of that id.
///
/// # Errors
/// The database cannot do it now.
pub async fn alert(tx: &mut TenantTx, alert: AlertId) -> Result<Option<Alert>, StoreError> {
    let mut found: Vec<Alert> = rows(alerts!("t.id = $2"))
        .bind(own(tx))
        .bind(Uuid::from_bytes(*alert.as_bytes()))
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step("show an alert"))?;
    complete(tx, &mut found).await?;
    Ok(found.pop())
}

/// Adds to each alert the acknowledgement that is under way.
async fn complete(tx: &mut TenantTx, alerts: &mut [Alert]) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = alerts.iter().map(|alert| alert.id).collect();
    let mut under_way = pending(tx, &ids).await?;
    for alert in alerts {
        alert.pending_acknowledgement = under_way.remove(&alert.id);
    }
    Ok(())
}

/// Several alerts, of those that the organization has, oldest first.
///
/// # Errors
/// The database cannot do it now.
pub async fn alerts_of(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Alert>, StoreError> {
    let mut found: Vec<Alert> = rows(alerts!("t.id = ANY($2) ORDER BY t.triggered_at, t.id"))
        .bind(own(tx))
        .bind(ids)
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step("show alerts"))?;
    complete(tx, &mut found).await?;
    Ok(found)
}
