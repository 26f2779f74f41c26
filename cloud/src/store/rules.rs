//! Rules: what each place says of the rules of a unit, as rows.
//!
//! Owns the translation between a slot's row and [`Values`]: a column without a value is unsaid, a limit that is off on
//! purpose has a column of its own. It resolves nothing. Whoever changes what a unit says holds the unit first, so that
//! two changes come one after the other.

use super::{StoreError, TenantTx, new_id, query, uuid};
use crate::entropy::EntropyError;
use frostguard_shared::alarm::{AlertType, Severity};
use frostguard_shared::ids::{HubId, PersonId, UnitId};
use frostguard_shared::quantity::{CentiCelsius, CentiDegrees, QuantityError};
use frostguard_shared::rules::inherit::{Bound, Scopes, Values};
use frostguard_shared::time::DurationMs;
use frostguard_shared::unit::{UnitType, UnknownUnitType};
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;
use uuid::Uuid;

/// A slot of tier 0 that units have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Slot {
    /// Temperature limits.
    Temperature,
    /// Silence of sensors.
    Silence,
}

impl Slot {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Temperature, Self::Silence];

    /// What it raises.
    pub const fn alert_type(self) -> AlertType {
        match self {
            Self::Temperature => AlertType::AlarmActive,
            Self::Silence => AlertType::MonitoringInterrupted,
        }
    }
}

/// What a unit says in one slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The unit.
    pub unit: UnitId,
    /// The slot.
    pub slot: Slot,
    /// What is said there. Fields of the other slot are not looked at.
    pub values: Values,
}

/// What a rule was and what it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The slot.
    pub slot: Slot,
    /// What was said before; null if nothing was.
    pub old: Value,
    /// What is said now.
    pub new: Value,
}

/// A unit with everything that is said of its rules.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// The unit.
    pub unit: UnitId,
    /// Its name.
    pub name: String,
    /// What kind of equipment it is.
    pub kind: UnitType,
    /// What each place says.
    pub scopes: Scopes,
    /// The names of those places.
    pub names: Names,
}

/// The names of the places of a unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Names {
    /// Its area.
    pub area: String,
    /// Its site.
    pub site: String,
    /// Its organization.
    pub organization: String,
}

/// A word in the database that is no severity.
#[derive(Debug, Error)]
#[error("\"{0}\" is no severity")]
struct UnknownSeverity(String);

/// Rules were not kept. Roll back.
#[derive(Debug, Error)]
pub enum RulesError {
    /// The database cannot do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No randomness for a new id.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Holds a unit until the transaction ends, so that nobody else changes what it says meanwhile; false if there is none.
///
/// # Errors
/// The database cannot be asked.
pub async fn hold(tx: &mut TenantTx, unit: UnitId) -> Result<bool, StoreError> {
    let found = query(
        "SELECT 1 FROM units WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(unit.as_bytes()))
    .fetch_optional(tx.connection())
    .await
    .map_err(StoreError::step("hold a unit"))?;
    Ok(found.is_some())
}

/// What is said of the rules of some units, in the order of their ids; units that the organization does not have are left
/// out.
///
/// # Errors
/// The database cannot be asked, or holds what is no rule.
pub async fn said(tx: &mut TenantTx, units: &[UnitId]) -> Result<Vec<Said>, StoreError> {
    let wanted: Vec<Uuid> = units.iter().map(|unit| uuid(unit.as_bytes())).collect();
    let rows = query(
        "SELECT u.id, u.name::text AS name, u.unit_type::text AS kind, u.temp_min, u.temp_max,
                a.name::text AS area, s.name::text AS site, o.name::text AS organization
         FROM units u
         JOIN areas a ON a.organization_id = $1 AND a.id = u.area_id
         JOIN sites s ON s.organization_id = $1 AND s.id = a.site_id
         JOIN organizations o ON o.id = $1
         WHERE u.organization_id = $1 AND u.id = ANY ($2) ORDER BY u.id",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(&wanted)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("look units up"))?;
    let mut scopes = scopes_of(tx, &wanted).await?;
    rows.iter().map(|row| said_of(row, &mut scopes)).collect()
}

fn said_of(row: &PgRow, scopes: &mut BTreeMap<Uuid, Scopes>) -> Result<Said, StoreError> {
    let id: Uuid = row.get("id");
    let kind: Result<UnitType, UnknownUnitType> = row.get::<&str, _>("kind").parse();
    let mut scopes = scopes.remove(&id).unwrap_or_default();
    // What stands at the unit in short is its own word where its rule says nothing.
    scopes.unit.min = scopes.unit.min.or(bound(row.get("temp_min"), false)?);
    scopes.unit.max = scopes.unit.max.or(bound(row.get("temp_max"), false)?);
    Ok(Said {
        unit: UnitId::from_bytes(id.into_bytes()),
        name: row.get("name"),
        kind: kind.map_err(StoreError::content("a kind of unit"))?,
        scopes,
        names: Names { area: row.get("area"), site: row.get("site"), organization: row.get("organization") },
    })
}

async fn scopes_of(tx: &mut TenantTx, units: &[Uuid]) -> Result<BTreeMap<Uuid, Scopes>, StoreError> {
    let rows = query(
        "SELECT u.id AS unit, CASE WHEN r.unit_id IS NOT NULL THEN 0 WHEN r.area_id IS NOT NULL THEN 1
                                   WHEN r.site_id IS NOT NULL THEN 2 ELSE 3 END AS place,
                r.alert_type = 'alarm_active' AS is_temperature, r.temp_min, r.temp_min_off, r.temp_max, r.temp_max_off,
                r.inclusive, r.hysteresis_centi, r.delay_minutes, r.off_delay_minutes, r.severity::text AS severity,
                r.expected_reading_interval_seconds AS expected_s, r.offline_warning_missed_checkins AS late_after,
                r.offline_critical_missed_checkins AS lost_after
         FROM units u JOIN areas a ON a.organization_id = $1 AND a.id = u.area_id
         JOIN alert_rules r ON r.organization_id = $1 AND r.is_enabled AND r.tier = 0
              AND r.alert_type IN ('alarm_active', 'monitoring_interrupted')
              AND CASE WHEN r.unit_id IS NOT NULL THEN r.unit_id = u.id WHEN r.area_id IS NOT NULL THEN r.area_id = a.id
                       WHEN r.site_id IS NOT NULL THEN r.site_id = a.site_id ELSE true END
         WHERE u.organization_id = $1 AND u.id = ANY ($2) ORDER BY r.created_at, r.id",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(units)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("read rules"))?;
    let mut scopes = BTreeMap::<Uuid, Scopes>::new();
    for row in &rows {
        let of = scopes.entry(row.get("unit")).or_default();
        let values = match row.get::<i32, _>("place") {
            0 => &mut of.unit,
            1 => &mut of.area,
            2 => &mut of.site,
            _ => &mut of.organization,
        };
        let slot = if row.get("is_temperature") { Slot::Temperature } else { Slot::Silence };
        read(row, slot, values)?;
    }
    Ok(scopes)
}

fn bound(limit: Option<i32>, is_off: bool) -> Result<Option<Bound>, StoreError> {
    if is_off {
        return Ok(Some(Bound::Off));
    }
    let limit: Result<Option<CentiCelsius>, QuantityError> = limit.map(CentiCelsius::new).transpose();
    Ok(limit.map_err(StoreError::content("a limit"))?.map(Bound::At))
}

fn read(row: &PgRow, slot: Slot, into: &mut Values) -> Result<(), StoreError> {
    let minutes =
        |column| row.get::<Option<i32>, _>(column).map(|value| DurationMs::minutes(i64::from(value)));
    let count = |column| row.get::<Option<i32>, _>(column).map(u32::try_from).transpose();
    let severity = match row.get::<Option<&str>, _>("severity") {
        None => None,
        Some(word) => Some(severity(word).map_err(StoreError::content("a severity"))?),
    };
    match slot {
        Slot::Temperature => {
            into.min = bound(row.get("temp_min"), row.get("temp_min_off"))?;
            into.max = bound(row.get("temp_max"), row.get("temp_max_off"))?;
            into.inclusive = row.get("inclusive");
            let hysteresis = row.get::<Option<i32>, _>("hysteresis_centi").map(CentiDegrees::new).transpose();
            into.hysteresis = hysteresis.map_err(StoreError::content("a hysteresis"))?;
            into.delay = minutes("delay_minutes");
            into.off_delay = minutes("off_delay_minutes");
            into.severity = severity;
        }
        Slot::Silence => {
            let seconds = row.get::<Option<i32>, _>("expected_s");
            into.expected = seconds.map(|value| DurationMs::seconds(i64::from(value)));
            into.late_after = count("late_after").map_err(StoreError::content("a count of check-ins"))?;
            into.lost_after = count("lost_after").map_err(StoreError::content("a count of check-ins"))?;
            into.silence_severity = severity;
        }
    }
    Ok(())
}

fn severity(word: &str) -> Result<Severity, UnknownSeverity> {
    let known = [Severity::Info, Severity::Warning, Severity::Critical];
    known.into_iter().find(|one| one.word() == word).ok_or_else(|| UnknownSeverity(word.to_owned()))
}

/// Minutes, rounded up: a delay of a part of a minute is not none.
const fn whole_minutes(length: DurationMs) -> i64 {
    length.0.saturating_add(59_999) / 60_000
}

/// What is said in a slot, by the names of its columns.
pub fn columns(slot: Slot, values: &Values) -> Value {
    let limit = |bound: Option<Bound>| bound.and_then(Bound::limit).map(CentiCelsius::hundredths);
    match slot {
        Slot::Temperature => json!({
            "temp_min": limit(values.min), "temp_min_off": values.min == Some(Bound::Off),
            "temp_max": limit(values.max), "temp_max_off": values.max == Some(Bound::Off),
            "inclusive": values.inclusive,
            "hysteresis_centi": values.hysteresis.map(CentiDegrees::hundredths),
            "delay_minutes": values.delay.map(whole_minutes),
            "off_delay_minutes": values.off_delay.map(whole_minutes),
            "severity": values.severity.map(Severity::word),
        }),
        Slot::Silence => json!({
            "expected_reading_interval_seconds": values.expected.map(|length| length.0 / 1_000),
            "offline_warning_missed_checkins": values.late_after,
            "offline_critical_missed_checkins": values.lost_after,
            "severity": values.silence_severity.map(Severity::word),
        }),
    }
}

/// Keeps what units say, each slot whole.
///
/// # Errors
/// The database cannot do it.
pub async fn keep(tx: &mut TenantTx, rules: &[Rule]) -> Result<(), RulesError> {
    let mut rows = Vec::with_capacity(rules.len());
    for rule in rules {
        let mut row = columns(rule.slot, &rule.values);
        row["id"] = json!(new_id()?);
        row["unit"] = json!(rule.unit);
        row["kind"] = json!(rule.slot.alert_type().word());
        rows.push(row);
    }
    query(
        "INSERT INTO alert_rules AS r (id, organization_id, unit_id, name, alert_type, severity, temp_min, temp_min_off,
             temp_max, temp_max_off, inclusive, hysteresis_centi, delay_minutes, off_delay_minutes,
             expected_reading_interval_seconds, offline_warning_missed_checkins, offline_critical_missed_checkins)
         SELECT new.id, $1, new.unit, new.kind, new.kind::alert_type, new.severity::alert_severity,
             new.temp_min, coalesce(new.temp_min_off, false), new.temp_max, coalesce(new.temp_max_off, false),
             new.inclusive, new.hysteresis_centi, new.delay_minutes, new.off_delay_minutes,
             new.expected_reading_interval_seconds, new.offline_warning_missed_checkins,
             new.offline_critical_missed_checkins
         FROM jsonb_to_recordset($2) AS new (id uuid, unit uuid, kind text, severity text, temp_min integer,
             temp_min_off boolean, temp_max integer, temp_max_off boolean, inclusive boolean, hysteresis_centi integer,
             delay_minutes integer, off_delay_minutes integer, expected_reading_interval_seconds integer,
             offline_warning_missed_checkins integer, offline_critical_missed_checkins integer)
         ON CONFLICT (organization_id, site_id, area_id, unit_id, alert_type, tier) WHERE is_enabled DO UPDATE SET
             severity = excluded.severity, temp_min = excluded.temp_min, temp_min_off = excluded.temp_min_off,
             temp_max = excluded.temp_max, temp_max_off = excluded.temp_max_off, inclusive = excluded.inclusive,
             hysteresis_centi = excluded.hysteresis_centi, delay_minutes = excluded.delay_minutes,
             off_delay_minutes = excluded.off_delay_minutes,
             expected_reading_interval_seconds = excluded.expected_reading_interval_seconds,
             offline_warning_missed_checkins = excluded.offline_warning_missed_checkins,
             offline_critical_missed_checkins = excluded.offline_critical_missed_checkins, updated_at = now()",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(Value::Array(rows))
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(|fault| StoreError::step("keep rules")(fault).into())
}

/// Keeps what a person has changed of what a unit says, with what it was before. The limits that stand at the unit in
/// short are taken away: its rule says them now.
///
/// # Errors
/// The database cannot do it.
pub async fn change(
    tx: &mut TenantTx,
    unit: UnitId,
    (old, new): (&Values, &Values),
    by: Option<PersonId>,
) -> Result<Vec<Change>, RulesError> {
    let mut changes = Vec::new();
    for slot in Slot::ALL {
        let (old, told) = (columns(slot, old), columns(slot, new));
        if old != told {
            let old = if exists(tx, unit, slot).await? { old } else { Value::Null };
            keep(tx, &[Rule { unit, slot, values: *new }]).await?;
            let change = Change { slot, old, new: told };
            remember(tx, unit, &change, by).await?;
            changes.push(change);
        }
    }
    if changes.iter().any(|change| change.slot == Slot::Temperature) {
        // The unit is written in any case: whoever watches it is shown its limits with it.
        query(
            "UPDATE units SET temp_min = NULL, temp_max = NULL, updated_at = now()
             WHERE organization_id = $1 AND id = $2",
        )
        .bind(uuid(tx.organization().as_bytes()))
        .bind(uuid(unit.as_bytes()))
        .execute(tx.connection())
        .await
        .map_err(StoreError::step("take a unit's limits in short away"))?;
    }
    Ok(changes)
}

async fn exists(tx: &mut TenantTx, unit: UnitId, slot: Slot) -> Result<bool, StoreError> {
    let found = query(
        "SELECT 1 FROM alert_rules
         WHERE organization_id = $1 AND unit_id = $2 AND alert_type::text = $3 AND tier = 0 AND is_enabled LIMIT 1",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(unit.as_bytes()))
    .bind(slot.alert_type().word())
    .fetch_optional(tx.connection())
    .await
    .map_err(StoreError::step("look a rule up"))?;
    Ok(found.is_some())
}

async fn remember(
    tx: &mut TenantTx,
    unit: UnitId,
    change: &Change,
    by: Option<PersonId>,
) -> Result<(), StoreError> {
    query(
        "INSERT INTO alert_rules_history (organization_id, alert_rule_id, changed_by, change_type, old_values, new_values)
         SELECT $1, r.id, $4, $5, $6, $7 FROM alert_rules r
         WHERE r.organization_id = $1 AND r.unit_id = $2 AND r.alert_type::text = $3 AND r.tier = 0 AND r.is_enabled",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(unit.as_bytes()))
    .bind(change.slot.alert_type().word())
    .bind(by.map(|person| uuid(person.as_bytes())))
    .bind(if change.old.is_null() { "created" } else { "updated" })
    .bind(Some(&change.old).filter(|old| !old.is_null()))
    .bind(&change.new)
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("remember what a rule was"))
}

/// Which of some units have rules that no word of their hub may change any more: their hub is given documents, or
/// somebody has set them here. Whoever asks has just changed the units, so that nobody can set any until it is done.
///
/// # Errors
/// The database cannot be asked.
pub async fn ruled_here(
    tx: &mut TenantTx,
    hub: HubId,
    known: &[Uuid],
) -> Result<BTreeSet<UnitId>, StoreError> {
    let rows = query(
        "SELECT u.id FROM units u
         WHERE u.organization_id = $1 AND u.id = ANY ($3) AND (
             EXISTS (SELECT FROM config_documents d WHERE d.organization_id = $1 AND d.hub_id = $2)
             OR EXISTS (SELECT FROM alert_rules r JOIN alert_rules_history c
                            ON c.organization_id = $1 AND c.alert_rule_id = r.id
                        WHERE r.organization_id = $1 AND r.unit_id = u.id))",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(hub.as_bytes()))
    .bind(known)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("find units whose rules are set here"))?;
    Ok(rows.iter().map(|row| UnitId::from_bytes(row.get::<Uuid, _>("id").into_bytes())).collect())
}
