//! Rules: what each place says of the rules of a unit, as rows.
//!
//! Owns which rows count for which unit, and how a unit's own are kept and remembered; what stands in a row is in
//! [`super::rule_row`]. It resolves nothing. Whoever changes what a unit says holds the unit first, so that two changes
//! come one after the other.

use super::{StoreError, TenantTx, new_id, query, rule_row, uuid};
use crate::entropy::EntropyError;
use frostguard_shared::alarm::AlertType;
use frostguard_shared::ids::{HubId, PersonId, UnitId};
use frostguard_shared::rules::field::{RuleField, Slot};
use frostguard_shared::rules::inherit::{Said as Words, Scopes};
use frostguard_shared::unit::{UnitType, UnknownUnitType};
use serde_json::{Value, json};
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;
use uuid::Uuid;

/// What a unit says in one slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The unit.
    pub unit: UnitId,
    /// The slot.
    pub slot: Slot,
    /// What is said there. Fields of other slots are not looked at.
    pub words: Words,
}

/// What a rule was and what it is, by the names of its columns.
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

/// The area of units of which nobody has said where they stand: no place that they share.
pub const UNDIVIDED: &str = "Main";

impl Names {
    /// The area as a place that units share.
    pub fn shared_area(&self) -> Option<String> {
        (self.area != UNDIVIDED).then(|| self.area.clone())
    }
}

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
        "SELECT u.id, u.name::text AS name, u.unit_type::text AS kind,
                a.name::text AS area, s.name::text AS site, o.name::text AS organization,
                jsonb_build_object('alert_type', 'alarm_active', 'tier', 0, 'temp_min', u.temp_min, 'temp_max', u.temp_max,
                    'manual_monitoring_required', u.manual_monitoring_required,
                    'manual_interval_minutes', u.manual_monitoring_interval) AS unit_in_short,
                jsonb_build_object('alert_type', 'alarm_active', 'tier', 0,
                    'manual_interval_minutes', s.manual_log_cadence_seconds / 60) AS site_in_short
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
    // What stands there in short is the place's own word, and the database lets no rule say it as well.
    add(&row.get("unit_in_short"), &mut scopes.unit)?;
    add(&row.get("site_in_short"), &mut scopes.site)?;
    Ok(Said {
        unit: UnitId::from_bytes(id.into_bytes()),
        name: row.get("name"),
        kind: kind.map_err(StoreError::content("a kind of unit"))?,
        scopes,
        names: Names { area: row.get("area"), site: row.get("site"), organization: row.get("organization") },
    })
}

/// Adds what a row says of fields of which its place has said nothing yet.
fn add(row: &Value, into: &mut Words) -> Result<(), StoreError> {
    for (at, saying) in rule_row::words(row).map_err(StoreError::content("a rule"))? {
        into.entry(at).or_insert(saying);
    }
    Ok(())
}

async fn scopes_of(tx: &mut TenantTx, units: &[Uuid]) -> Result<BTreeMap<Uuid, Scopes>, StoreError> {
    let rows = query(
        "SELECT u.id AS unit, CASE WHEN r.unit_id IS NOT NULL THEN 0 WHEN r.area_id IS NOT NULL THEN 1
                                   WHEN r.site_id IS NOT NULL THEN 2 ELSE 3 END AS place,
                to_jsonb(r) AS rule
         FROM units u JOIN areas a ON a.organization_id = $1 AND a.id = u.area_id
         JOIN alert_rules r ON r.organization_id = $1 AND r.is_enabled
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
    let mut strays = Vec::new();
    for row in &rows {
        let (unit, place, rule): (Uuid, i32, Value) = (row.get("unit"), row.get("place"), row.get("rule"));
        let slot = rule_row::slot_of(&rule).map_err(StoreError::content("a rule"))?;
        let words = rule_row::words(&rule).map_err(StoreError::content("a rule"))?;
        let (own, stray): (Words, Words) = words.into_iter().partition(|((of, _), _)| *of == slot);
        of_place(scopes.entry(unit).or_default(), place).extend(own);
        strays.push((unit, place, stray));
    }
    // A field in a rule of another alert type counts where its own rule says nothing; of several the oldest.
    for (unit, place, words) in strays {
        let said = of_place(scopes.entry(unit).or_default(), place);
        for (at, saying) in words {
            said.entry(at).or_insert(saying);
        }
    }
    Ok(scopes)
}

fn of_place(scopes: &mut Scopes, place: i32) -> &mut Words {
    match place {
        0 => &mut scopes.unit,
        1 => &mut scopes.area,
        2 => &mut scopes.site,
        _ => &mut scopes.organization,
    }
}

/// What is said in a slot, by the names of its columns.
pub fn columns(slot: Slot, words: &Words) -> Value {
    Value::Object(rule_row::row_of(slot, words))
}

/// Keeps what units say, each slot whole. What of it stood at a unit in short is taken away there: its rule says it now.
///
/// # Errors
/// The database cannot do it.
pub async fn keep(tx: &mut TenantTx, rules: &[Rule]) -> Result<(), RulesError> {
    if rules.is_empty() {
        return Ok(());
    }
    let organization = uuid(tx.organization().as_bytes());
    let said = SHORT.map(|(kind, field)| {
        let says = |rule: &&Rule| rule.slot == Slot::of(kind) && rule.words.contains_key(&(rule.slot, field));
        rules.iter().filter(says).map(|rule| rule.unit).collect()
    });
    take_short_away(tx, said).await?;
    let mut rows = Vec::with_capacity(rules.len());
    for rule in rules {
        let mut row = rule_row::row_of(rule.slot, &rule.words);
        row.insert("id".to_owned(), json!(new_id()?));
        row.insert("unit".to_owned(), json!(rule.unit));
        row.insert("kind".to_owned(), json!(rule.slot.kind.word()));
        row.insert("tier".to_owned(), json!(rule.slot.tier));
        rows.push(Value::Object(row));
    }
    query(rule_row::KEEP)
        .bind(organization)
        .bind(Value::Array(rows))
        .execute(tx.connection())
        .await
        .map(|_| ())
        .map_err(|fault| StoreError::step("keep rules")(fault).into())
}

/// What a unit may say in short.
const SHORT: [(AlertType, RuleField); 4] = [
    (AlertType::AlarmActive, RuleField::TempMin),
    (AlertType::AlarmActive, RuleField::TempMax),
    (AlertType::MissedManualEntry, RuleField::ManualRequired),
    (AlertType::MissedManualEntry, RuleField::ManualInterval),
];

/// Takes away what units say in short, for each of [`SHORT`] at the units named for it. Units are written in any case:
/// whoever watches one is shown its limits with it.
async fn take_short_away(tx: &mut TenantTx, units: [Vec<UnitId>; 4]) -> Result<(), StoreError> {
    let [min, max, required, interval] =
        units.map(|units| units.iter().map(|unit| uuid(unit.as_bytes())).collect::<Vec<Uuid>>());
    query(
        "UPDATE units SET updated_at = now(),
             temp_min = CASE WHEN id = ANY ($2) THEN NULL ELSE temp_min END,
             temp_max = CASE WHEN id = ANY ($3) THEN NULL ELSE temp_max END,
             manual_monitoring_required = CASE WHEN id = ANY ($4) THEN NULL ELSE manual_monitoring_required END,
             manual_monitoring_interval = CASE WHEN id = ANY ($5) THEN NULL ELSE manual_monitoring_interval END
         WHERE organization_id = $1 AND id = ANY ($2 || $3 || $4 || $5)",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(min)
    .bind(max)
    .bind(required)
    .bind(interval)
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("take a unit's words in short away"))
}

/// Keeps what a person has changed of what a unit says, with what it was before.
///
/// # Errors
/// The database cannot do it.
pub async fn change(
    tx: &mut TenantTx,
    unit: UnitId,
    (old, new): (&Words, &Words),
    by: Option<PersonId>,
) -> Result<Vec<Change>, RulesError> {
    let mut changes = Vec::new();
    let slots: BTreeSet<Slot> = old.keys().chain(new.keys()).map(|(slot, _)| *slot).collect();
    for slot in slots {
        let (old, told) = (columns(slot, old), columns(slot, new));
        if old != told {
            let old = if exists(tx, unit, slot).await? { old } else { Value::Null };
            changes.push(Change { slot, old, new: told });
        }
    }
    let is_changed = |kind| changes.iter().any(|change| change.slot == Slot::of(kind));
    // A slot that is written says all of it, also what the unit no longer says at all.
    take_short_away(tx, SHORT.map(|(kind, _)| if is_changed(kind) { vec![unit] } else { Vec::new() }))
        .await?;
    let rules: Vec<Rule> =
        changes.iter().map(|change| Rule { unit, slot: change.slot, words: new.clone() }).collect();
    keep(tx, &rules).await?;
    for change in &changes {
        remember(tx, unit, change, by).await?;
    }
    Ok(changes)
}

async fn exists(tx: &mut TenantTx, unit: UnitId, slot: Slot) -> Result<bool, StoreError> {
    let found = query(
        "SELECT 1 FROM alert_rules
         WHERE organization_id = $1 AND unit_id = $2 AND alert_type::text = $3 AND tier = $4 AND is_enabled LIMIT 1",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(unit.as_bytes()))
    .bind(slot.kind.word())
    .bind(i16::from(slot.tier))
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
         WHERE r.organization_id = $1 AND r.unit_id = $2 AND r.alert_type::text = $3 AND r.tier = $8 AND r.is_enabled",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(unit.as_bytes()))
    .bind(change.slot.kind.word())
    .bind(by.map(|person| uuid(person.as_bytes())))
    .bind(if change.old.is_null() { "created" } else { "updated" })
    .bind(Some(&change.old).filter(|old| !old.is_null()))
    .bind(&change.new)
    .bind(i16::from(change.slot.tier))
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
