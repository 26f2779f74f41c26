//! Alerts: four facts of each (condition, acknowledgement, escalation, resolution), and the status that follows.
//!
//! An alert is done when its condition has ended and somebody has acknowledged it or said that they are done with it; until
//! then it is shown. What an event says twice changes nothing the second time.

use super::{StoreError, TenantTx, query, uuid};
use crate::ingest::project::{AlertMoves, Raised};
use frostguard_shared::alarm::Condition;
use frostguard_shared::ids::{AlertId, HubId};

/// Takes what happened to an alert. Gives how many alerts it touched: none, if the alert or its unit is not the
/// organization's.
///
/// # Errors
/// The database cannot be asked.
pub async fn take(
    tx: &mut TenantTx,
    hub: HubId,
    alert: AlertId,
    moves: &AlertMoves,
) -> Result<u64, StoreError> {
    if let AlertMoves::Raised(raised) = moves {
        return raise(tx, hub, raised).await;
    }
    keep(tx, alert, moves).await?;
    derive(tx, alert).await
}

/// Keeps the fact alone that a move is.
async fn keep(tx: &mut TenantTx, alert: AlertId, moves: &AlertMoves) -> Result<(), StoreError> {
    let organization = uuid(tx.organization().as_bytes());
    let id = uuid(alert.as_bytes());
    let facts = match moves {
        AlertMoves::Raised(_) => return Ok(()),
        AlertMoves::Quieted { until } => query(
            "UPDATE alerts SET quiet_until = to_timestamp($3 / 1000.0) WHERE organization_id = $1 AND id = $2",
        )
        .bind(organization)
        .bind(id)
        .bind(until.0),
        AlertMoves::Acknowledged { by, at, until } => query(
            "UPDATE alerts SET acknowledged_at = to_timestamp($3 / 1000.0), acknowledged_until = to_timestamp($4 / 1000.0),
                 acknowledged_by = (SELECT p.id FROM profiles p WHERE p.organization_id = $1 AND p.id = $5),
                 resolved_at = CASE WHEN cleared_at IS NOT NULL THEN coalesce(resolved_at, to_timestamp($3 / 1000.0)) END
             WHERE organization_id = $1 AND id = $2",
        )
        .bind(organization)
        .bind(id)
        .bind(at.0)
        .bind(until.0)
        .bind(by.map(|person| uuid(person.as_bytes()))),
        AlertMoves::AckExpired => {
            query("UPDATE alerts SET acknowledged_until = NULL WHERE organization_id = $1 AND id = $2").bind(organization).bind(id)
        }
        AlertMoves::Cleared { at } => query(
            "UPDATE alerts SET cleared_at = to_timestamp($3 / 1000.0),
                 resolved_at = CASE WHEN acknowledged_at IS NOT NULL THEN to_timestamp($3 / 1000.0) END
             WHERE organization_id = $1 AND id = $2",
        )
        .bind(organization)
        .bind(id)
        .bind(at.0),
        AlertMoves::Relapsed => query(
            "UPDATE alerts SET cleared_at = NULL, resolved_at = NULL, resolved_by = NULL WHERE organization_id = $1 AND id = $2",
        )
        .bind(organization)
        .bind(id),
        AlertMoves::Upgraded { severity, demands } => query(
            "UPDATE alerts SET severity = $3::text::alert_severity, quiet_until = CASE WHEN $4 THEN NULL ELSE quiet_until END,
                 acknowledged_until = CASE WHEN $4 THEN NULL ELSE acknowledged_until END
             WHERE organization_id = $1 AND id = $2",
        )
        .bind(organization)
        .bind(id)
        .bind(*severity)
        .bind(*demands),
        AlertMoves::Escalated { level, at } => query(
            "UPDATE alerts SET escalation_level = $3, escalated_at = to_timestamp($4 / 1000.0)
             WHERE organization_id = $1 AND id = $2",
        )
        .bind(organization)
        .bind(id)
        .bind(i32::from(*level))
        .bind(at.0),
        AlertMoves::Resolved { by, at } => query(
            "UPDATE alerts SET resolved_at = to_timestamp($3 / 1000.0),
                 resolved_by = (SELECT p.id FROM profiles p WHERE p.organization_id = $1 AND p.id = $4)
             WHERE organization_id = $1 AND id = $2",
        )
        .bind(organization)
        .bind(id)
        .bind(at.0)
        .bind(by.map(|person| uuid(person.as_bytes()))),
    };
    let done = facts.execute(tx.connection()).await;
    done.map(|_| ()).map_err(StoreError::step("take what happened to an alert"))
}

/// The one word for an alert, derived from its four facts and nothing else.
async fn derive(tx: &mut TenantTx, alert: AlertId) -> Result<u64, StoreError> {
    query(
        "UPDATE alerts SET updated_at = now(), status = CASE
             WHEN resolved_at IS NOT NULL THEN 'resolved'
             WHEN acknowledged_until IS NOT NULL THEN 'acknowledged'
             WHEN escalation_level > 0 THEN 'escalated'
             ELSE 'active' END::alert_status
         WHERE organization_id = $1 AND id = $2",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(alert.as_bytes()))
    .execute(tx.connection())
    .await
    .map(|done| done.rows_affected())
    .map_err(StoreError::step("derive the status of an alert"))
}

async fn raise(tx: &mut TenantTx, hub: HubId, raised: &Raised) -> Result<u64, StoreError> {
    let figure =
        |name: &str| raised.why.figures.get(name).copied().and_then(|value| i32::try_from(value).ok());
    let violated = match raised.episode.condition {
        Condition::TooWarm => Some("max"),
        Condition::TooCold => Some("min"),
        Condition::Silent
        | Condition::SensorFault
        | Condition::DoorOpen
        | Condition::LowBattery
        | Condition::ManualMissed
        | Condition::CalibrationDue
        | Condition::Unguarded => None,
    };
    let why = serde_json::json!({ "why": raised.why });
    query(
        "INSERT INTO alerts (id, organization_id, unit_id, hub_id, alert_type, severity, message, trigger_temperature,
             threshold_violated, triggered_at, condition, episode, is_retro, metadata)
         SELECT $2, $1, u.id, $4, $5::text::alert_type, $6::text::alert_severity, $7, $8, $9, to_timestamp($10 / 1000.0),
             $11, $12, $13, $14
         FROM units u WHERE u.organization_id = $1 AND u.id = $3
         ON CONFLICT (id) DO UPDATE SET updated_at = alerts.updated_at WHERE alerts.organization_id = $1",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(raised.alert.as_bytes()))
    .bind(uuid(raised.episode.unit.as_bytes()))
    .bind(uuid(hub.as_bytes()))
    .bind(raised.alert_type)
    .bind(raised.severity)
    .bind(&raised.why.text)
    .bind(figure("observed_centi_c"))
    .bind(violated)
    .bind(raised.at.0)
    .bind(raised.episode.condition.word())
    .bind(raised.episode.to_string())
    .bind(raised.is_retro)
    .bind(why)
    .execute(tx.connection())
    .await
    .map(|done| done.rows_affected())
    .map_err(StoreError::step("raise an alert"))
}
