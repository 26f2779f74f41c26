//! Units with the latest that is known of each: what its record says, and what its hub says of now.

use super::{At, Behind, Placed, Position, Slice, UnitStatus, UnitType, own, rows};
use crate::store::{StoreError, TenantTx, query, rules};
use frostguard_shared::ids::{SiteId, UnitId};
use frostguard_shared::rules::AlertType;
use frostguard_shared::rules::field::{RuleField, Setting, Slot};
use frostguard_shared::rules::inherit::resolve;
use serde::Serialize;
use sqlx::FromRow;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// A unit: one piece of equipment.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct Unit {
    /// Id.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// What kind of equipment it is.
    pub unit_type: UnitType,
    /// Its site.
    pub site_id: Uuid,
    /// Its site's name.
    pub site_name: String,
    /// Its area.
    pub area_id: Uuid,
    /// Its area's name.
    pub area_name: String,
    /// Lower limit in 0.01 °C, whoever has set it. Null: none.
    #[sqlx(skip)]
    pub temp_min_centi_c: Option<i32>,
    /// Upper limit in 0.01 °C, whoever has set it. Null: none.
    #[sqlx(skip)]
    pub temp_max_centi_c: Option<i32>,
    /// Whether it is in use.
    pub is_active: bool,
    /// When it was made.
    pub created_at: At,
    /// When it was given up; it is shown for the sake of its record.
    pub deleted_at: Option<At>,
    /// How it is, by its record. Null: nothing was ever recorded, so nobody knows.
    pub status: Option<UnitStatus>,
    /// Since when.
    pub status_at: Option<At>,
    /// When the last recorded reading was measured.
    pub last_reading_at: Option<At>,
    /// The last recorded temperature in 0.01 °C.
    pub temperature_centi_c: Option<i32>,
    /// The last recorded humidity in 0.01 %.
    pub humidity_centi_percent: Option<i32>,
    /// Its door, `open` or `closed`, if it has one that is known.
    pub door: Option<String>,
    /// Since when.
    pub door_at: Option<At>,
    /// How its hub says that it is now; this may be ahead of the record.
    pub live_status: Option<UnitStatus>,
    /// The temperature that its hub tells of now, in 0.01 °C.
    pub live_temperature_centi_c: Option<i32>,
    /// When the hub said so. Long ago means that the hub is not heard.
    pub live_at: Option<At>,
}

impl Placed for Unit {
    type Key = Uuid;
    fn place(&self) -> Position<Uuid> {
        Position { at: self.created_at, key: self.id }
    }
}

/// Which units are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UnitFilter {
    /// Of this site alone.
    pub site: Option<SiteId>,
    /// With this status alone.
    pub status: Option<UnitStatus>,
}

/// Columns and joins of a unit.
macro_rules! units {
    ($condition:literal) => {
        concat!(
            "SELECT u.id, u.name, u.unit_type::text AS unit_type,
                    s.id AS site_id, s.name AS site_name, a.id AS area_id, a.name AS area_name,
                    u.is_active, u.created_at, u.deleted_at,
                    l.known AS status, l.status_at, l.last_reading_at,
                    l.last_temperature AS temperature_centi_c, l.last_humidity AS humidity_centi_percent,
                    l.door, l.door_at, l.live_status::text AS live_status,
                    l.live_temperature AS live_temperature_centi_c, l.live_at
             FROM units u
             JOIN areas a ON a.organization_id = $1 AND a.id = u.area_id
             JOIN sites s ON s.organization_id = $1 AND s.id = a.site_id
             LEFT JOIN (
                 -- A row may be there for a live word or a door alone. Its status is then what the column begins with,
                 -- and nobody has said it.
                 SELECT *, CASE WHEN coalesce(status_at, last_reading_at) IS NOT NULL THEN status::text END AS known
                 FROM unit_latest WHERE organization_id = $1
             ) l ON l.unit_id = u.id
             WHERE u.organization_id = $1 AND ",
            $condition
        )
    };
}

/// The organization's units that are wanted, in the order in which they were made.
///
/// # Errors
/// The database cannot do it now.
pub async fn units(
    tx: &mut TenantTx,
    filter: UnitFilter,
    behind: Behind<Uuid>,
) -> Result<Slice<Unit>, StoreError> {
    let mut fetched = rows(units!(
        "u.deleted_at IS NULL
           AND ($2::uuid IS NULL OR s.id = $2)
           AND ($3::text IS NULL OR l.known = $3)
           AND ($4::timestamptz IS NULL OR (u.created_at, u.id) > ($4, $5))
         ORDER BY u.created_at, u.id LIMIT $6"
    ))
    .bind(own(tx))
    .bind(filter.site.map(|site| Uuid::from_bytes(*site.as_bytes())))
    .bind(filter.status.map(UnitStatus::word))
    .bind(behind.at())
    .bind(behind.key())
    .bind(behind.fetched())
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("list units"))?;
    complete(tx, &mut fetched).await?;
    Ok(Slice::of(fetched, &behind))
}

/// One unit; `None` if the organization has none of that id.
///
/// # Errors
/// The database cannot do it now.
pub async fn unit(tx: &mut TenantTx, unit: UnitId) -> Result<Option<Unit>, StoreError> {
    Ok(units_of(tx, &[Uuid::from_bytes(*unit.as_bytes())]).await?.pop())
}

/// Several units, of those that the organization has.
///
/// # Errors
/// The database cannot do it now.
pub async fn units_of(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Unit>, StoreError> {
    let mut found = rows(units!("u.id = ANY($2) ORDER BY u.created_at, u.id"))
        .bind(own(tx))
        .bind(ids)
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step("show units"))?;
    complete(tx, &mut found).await?;
    Ok(found)
}

/// Adds to each unit the limits that follow from what every place says.
async fn complete(tx: &mut TenantTx, units: &mut [Unit]) -> Result<(), StoreError> {
    let ids: Vec<UnitId> = units.iter().map(|unit| UnitId::from_bytes(unit.id.into_bytes())).collect();
    let said = rules::said(tx, &ids).await?;
    let mut limits: BTreeMap<UnitId, [Option<i32>; 2]> = said
        .iter()
        .map(|said| {
            let resolved = resolve(said.kind, &said.scopes);
            let limit = |field| match resolved.get(Slot::of(AlertType::AlarmActive), field)?.in_force.value? {
                Setting::Celsius(limit) => Some(limit.hundredths()),
                _ => None,
            };
            (said.unit, [limit(RuleField::TempMin), limit(RuleField::TempMax)])
        })
        .collect();
    for (unit, id) in units.iter_mut().zip(ids) {
        [unit.temp_min_centi_c, unit.temp_max_centi_c] = limits.remove(&id).unwrap_or_default();
    }
    Ok(())
}

/// Whether the organization has the unit.
///
/// # Errors
/// The database cannot do it now.
pub async fn unit_exists(tx: &mut TenantTx, unit: UnitId) -> Result<bool, StoreError> {
    let found = query("SELECT 1 FROM units WHERE organization_id = $1 AND id = $2")
        .bind(own(tx))
        .bind(Uuid::from_bytes(*unit.as_bytes()))
        .fetch_optional(tx.connection())
        .await
        .map_err(StoreError::step("find a unit"))?;
    Ok(found.is_some())
}
