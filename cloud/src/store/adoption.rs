//! Adoption: a site takes over what a hub tells of it, with the hub's own ids.
//!
//! Owns the rows of people, units, devices, points and rules as far as they come from a hub. Everything is put in where
//! it is missing and brought up to date where it is there; what belongs to something else is invisible here or does not
//! match, so that fewer rows are brought up to date than were told of, and that is how it is noticed. The caller rolls
//! back then. Which point measures which unit is not decided here: that follows from the hub's events.

use super::rules::{self, Rule, RulesError, UNDIVIDED};
use super::{StoreError, TenantTx, new_id, query, uuid};
use crate::entropy::EntropyError;
use frostguard_shared::ids::{HubId, SiteId, UnitId};
use frostguard_shared::wire::site::{Device, Person, Point, Site, Unit};
use sqlx::Row;
use std::collections::BTreeMap;
use thiserror::Error;
use uuid::Uuid;

/// The site was not taken over. Roll back.
#[derive(Debug, Error)]
pub enum AdoptionError {
    /// An id or address belongs to something else.
    #[error("{what} of the site belongs to something else")]
    Foreign {
        /// Which kind of thing.
        what: &'static str,
    },
    /// The database cannot do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No randomness for a new id.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl From<RulesError> for AdoptionError {
    fn from(fault: RulesError) -> Self {
        match fault {
            RulesError::Store(fault) => Self::Store(fault),
            RulesError::Entropy(fault) => Self::Entropy(fault),
        }
    }
}

/// Whose word it is, and for where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The hub.
    pub hub: HubId,
    /// The site.
    pub site: SiteId,
}

fn ids<'a, T>(of: &'a [T], id: impl Fn(&'a T) -> &'a [u8; 16]) -> Vec<Uuid> {
    of.iter().map(|one| uuid(id(one))).collect()
}

/// A unique key is taken by something else.
fn foreign(what: &'static str, step: &'static str) -> impl FnOnce(sqlx::Error) -> AdoptionError {
    move |fault| match fault.as_database_error().is_some_and(|told| told.is_unique_violation()) {
        true => AdoptionError::Foreign { what },
        false => StoreError::step(step)(fault).into(),
    }
}

fn all(updated: u64, told: usize, what: &'static str) -> Result<(), AdoptionError> {
    if updated == told as u64 { Ok(()) } else { Err(AdoptionError::Foreign { what }) }
}

/// What a site message tells of its units' rules.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// What each unit says, slot by slot.
    pub rules: Vec<Rule>,
    /// The place that a unit shares with others, where the hub knows one.
    pub areas: BTreeMap<UnitId, String>,
}

/// Takes over a site message that was checked: what it no longer names of this hub is retired, everything else is put
/// in or brought up to date.
///
/// # Errors
/// Something belongs to something else, or the database cannot do it.
pub async fn take(tx: &mut TenantTx, place: Place, site: &Site, told: &Told) -> Result<(), AdoptionError> {
    retire(tx, place, site).await?;
    people(tx, &site.people).await?;
    let known = known(tx, &site.units).await?;
    units(tx, place, &site.units, &told.areas).await?;
    guards(tx, place.hub, &site.units).await?;
    devices(tx, place, &site.devices).await?;
    for device in &site.devices {
        points(tx, device).await?;
    }
    keep_rules(tx, place.hub, &site.units, &known, &told.rules).await
}

/// Gives an empty site the zone of the hub that makes it one.
///
/// # Errors
/// The database cannot do it.
pub async fn take_zone(tx: &mut TenantTx, site: SiteId, zone: &str) -> Result<(), StoreError> {
    query("UPDATE sites SET timezone = $3, updated_at = now() WHERE organization_id = $1 AND id = $2")
        .bind(uuid(tx.organization().as_bytes()))
        .bind(uuid(site.as_bytes()))
        .bind(zone)
        .execute(tx.connection())
        .await
        .map(|_| ())
        .map_err(StoreError::step("give the site its zone"))
}

/// Devices of this hub that are no longer told of, and units that only such devices measured.
async fn retire(tx: &mut TenantTx, place: Place, site: &Site) -> Result<(), StoreError> {
    let organization = uuid(tx.organization().as_bytes());
    query(
        "UPDATE units u SET is_active = false, updated_at = now()
         FROM areas a
         WHERE u.organization_id = $1 AND u.is_active AND a.organization_id = $1 AND a.id = u.area_id
           AND a.site_id = $3 AND u.id <> ALL ($4)
           AND EXISTS (SELECT FROM devices d WHERE d.organization_id = $1 AND d.unit_id = u.id AND d.hub_id = $2)
           AND NOT EXISTS (SELECT FROM devices d WHERE d.organization_id = $1 AND d.unit_id = u.id AND d.is_active
                           AND d.hub_id IS DISTINCT FROM $2)",
    )
    .bind(organization)
    .bind(uuid(place.hub.as_bytes()))
    .bind(uuid(place.site.as_bytes()))
    .bind(ids(&site.units, |unit| unit.id.as_bytes()))
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("retire units"))?;
    query(
        "UPDATE devices SET is_active = false, status = 'inactive', updated_at = now()
         WHERE organization_id = $1 AND hub_id = $2 AND is_active AND id <> ALL ($3)",
    )
    .bind(organization)
    .bind(uuid(place.hub.as_bytes()))
    .bind(ids(&site.devices, |device| device.id.as_bytes()))
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("retire devices"))
}

async fn people(tx: &mut TenantTx, people: &[Person]) -> Result<(), AdoptionError> {
    let organization = uuid(tx.organization().as_bytes());
    let known = ids(people, |person| person.id.as_bytes());
    let names = people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>();
    let hashes = people.iter().map(|person| person.pin_hash.as_str()).collect::<Vec<_>>();
    query(
        "INSERT INTO profiles (id, organization_id) SELECT new.id, $1 FROM UNNEST($2::uuid[]) AS new (id)
         ON CONFLICT DO NOTHING",
    )
    .bind(organization)
    .bind(&known)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("take over people"))?;
    let updated = query(
        "UPDATE profiles p SET full_name = new.name, pin_hash = new.pin_hash, updated_at = now()
         FROM UNNEST($2::uuid[], $3::text[], $4::text[]) AS new (id, name, pin_hash)
         WHERE p.organization_id = $1 AND p.id = new.id",
    )
    .bind(organization)
    .bind(&known)
    .bind(names)
    .bind(hashes)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("take over people"))?;
    all(updated.rows_affected(), people.len(), "a person")
}

async fn units(
    tx: &mut TenantTx,
    place: Place,
    units: &[Unit],
    areas: &BTreeMap<UnitId, String>,
) -> Result<(), AdoptionError> {
    if units.is_empty() {
        return Ok(());
    }
    let organization = uuid(tx.organization().as_bytes());
    let mut ids_of = BTreeMap::new();
    for name in areas.values() {
        ids_of.insert(name, named_area(tx, place.site, name).await?);
    }
    let first = area(tx, place.site).await?;
    // Only a unit that is new is put into its area: later somebody here may have moved it.
    let area_of = |unit: &Unit| areas.get(&unit.id).and_then(|name| ids_of.get(name)).copied();
    let areas: Vec<Uuid> = units.iter().map(|unit| area_of(unit).unwrap_or(first)).collect();
    let known = ids(units, |unit| unit.id.as_bytes());
    let names = units.iter().map(|unit| unit.name.as_str()).collect::<Vec<_>>();
    let kinds = units.iter().map(|unit| unit.kind.as_str()).collect::<Vec<_>>();
    query(
        "INSERT INTO units (id, organization_id, area_id, name, unit_type)
         SELECT new.id, $1, new.area, new.name, new.kind::unit_type
         FROM UNNEST($2::uuid[], $3::uuid[], $4::text[], $5::text[]) AS new (area, id, name, kind) ON CONFLICT DO NOTHING",
    )
    .bind(organization)
    .bind(areas)
    .bind(&known)
    .bind(&names)
    .bind(&kinds)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("take over units"))?;
    let updated = query(
        "UPDATE units u SET name = new.name, unit_type = new.kind::unit_type, is_active = true, updated_at = now()
         FROM UNNEST($3::uuid[], $4::text[], $5::text[]) AS new (id, name, kind), areas a
         WHERE u.organization_id = $1 AND u.id = new.id AND u.deleted_at IS NULL
           AND a.organization_id = $1 AND a.id = u.area_id AND a.site_id = $2",
    )
    .bind(organization)
    .bind(uuid(place.site.as_bytes()))
    .bind(&known)
    .bind(&names)
    .bind(&kinds)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("take over units"))?;
    all(updated.rows_affected(), units.len(), "a unit")
}

/// The area of the site that has this name, made if there is none.
async fn named_area(tx: &mut TenantTx, site: SiteId, name: &str) -> Result<Uuid, AdoptionError> {
    let organization = uuid(tx.organization().as_bytes());
    let found = query(
        "SELECT id FROM areas WHERE organization_id = $1 AND site_id = $2 AND name = $3 AND is_active AND deleted_at IS NULL
         ORDER BY sort_order, created_at, id LIMIT 1",
    )
    .bind(organization)
    .bind(uuid(site.as_bytes()))
    .bind(name)
    .fetch_optional(tx.connection())
    .await
    .map_err(StoreError::step("find an area by its name"))?;
    match found {
        Some(row) => Ok(row.get("id")),
        None => new_area(tx, site, name).await,
    }
}

async fn new_area(tx: &mut TenantTx, site: SiteId, name: &str) -> Result<Uuid, AdoptionError> {
    let id = new_id()?;
    query("INSERT INTO areas (id, organization_id, site_id, name) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(uuid(tx.organization().as_bytes()))
        .bind(uuid(site.as_bytes()))
        .bind(name)
        .execute(tx.connection())
        .await
        .map_err(StoreError::step("make an area"))?;
    Ok(id)
}

/// The first area of the site, made if it has none.
async fn area(tx: &mut TenantTx, site: SiteId) -> Result<Uuid, AdoptionError> {
    let organization = uuid(tx.organization().as_bytes());
    let found = query(
        "SELECT id FROM areas WHERE organization_id = $1 AND site_id = $2 AND is_active AND deleted_at IS NULL
         ORDER BY sort_order, created_at, id LIMIT 1",
    )
    .bind(organization)
    .bind(uuid(site.as_bytes()))
    .fetch_optional(tx.connection())
    .await
    .map_err(StoreError::step("find an area"))?;
    if let Some(row) = found {
        return Ok(row.get("id"));
    }
    new_area(tx, site, UNDIVIDED).await
}

async fn devices(tx: &mut TenantTx, place: Place, devices: &[Device]) -> Result<(), AdoptionError> {
    let (organization, hub) = (uuid(tx.organization().as_bytes()), uuid(place.hub.as_bytes()));
    let known = ids(devices, |device| device.id.as_bytes());
    let addresses = devices.iter().map(|device| device.address.as_str()).collect::<Vec<_>>();
    let models = devices.iter().map(|device| device.model.as_str()).collect::<Vec<_>>();
    let of = |device: &Device| device.points.first().map(|point| uuid(point.unit.as_bytes()));
    let units = devices.iter().map(of).collect::<Vec<_>>();
    query(
        "INSERT INTO devices (id, organization_id, hub_id, device_eui, status)
         SELECT new.id, $1, $2, new.address, 'active'
         FROM UNNEST($3::uuid[], $4::text[]) AS new (id, address) ON CONFLICT DO NOTHING",
    )
    .bind(organization)
    .bind(hub)
    .bind(&known)
    .bind(&addresses)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("take over devices"))?;
    let updated = query(
        "UPDATE devices d SET device_eui = new.address, device_type = new.model, unit_id = new.unit, is_active = true,
             status = 'active', updated_at = now()
         FROM UNNEST($3::uuid[], $4::text[], $5::text[], $6::uuid[]) AS new (id, address, model, unit)
         WHERE d.organization_id = $1 AND d.hub_id = $2 AND d.id = new.id",
    )
    .bind(organization)
    .bind(hub)
    .bind(&known)
    .bind(&addresses)
    .bind(models)
    .bind(units)
    .execute(tx.connection())
    .await
    .map_err(foreign("a device's address", "take over devices"))?;
    all(updated.rows_affected(), devices.len(), "a device or its address")
}

async fn points(tx: &mut TenantTx, device: &Device) -> Result<(), AdoptionError> {
    let (organization, of) = (uuid(tx.organization().as_bytes()), uuid(device.id.as_bytes()));
    let known = ids(&device.points, |point: &Point| point.id.as_bytes());
    let channels = device.points.iter().map(|point| point.channel.to_string()).collect::<Vec<_>>();
    query(
        "INSERT INTO points (id, organization_id, device_id, channel)
         SELECT new.id, $1, $2, new.channel FROM UNNEST($3::uuid[], $4::text[]) AS new (id, channel)
         ON CONFLICT DO NOTHING",
    )
    .bind(organization)
    .bind(of)
    .bind(&known)
    .bind(&channels)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("take over points"))?;
    let there = query(
        "SELECT count(*) AS there FROM points p
         JOIN UNNEST($3::uuid[], $4::text[]) AS new (id, channel) ON p.id = new.id AND p.channel = new.channel
         WHERE p.organization_id = $1 AND p.device_id = $2",
    )
    .bind(organization)
    .bind(of)
    .bind(&known)
    .bind(&channels)
    .fetch_one(tx.connection())
    .await
    .map_err(StoreError::step("take over points"))?;
    all(there.get::<i64, _>("there") as u64, device.points.len(), "a point")
}

/// The rules as they are told now; a slot that is no longer told of is switched off. Of units that were known before, none
/// is touched whose rules are set here: what a hub that was away still believes is never newer than that.
async fn keep_rules(
    tx: &mut TenantTx,
    hub: HubId,
    units: &[Unit],
    known: &[Uuid],
    rules: &[Rule],
) -> Result<(), AdoptionError> {
    let ruled = rules::ruled_here(tx, hub, known).await?;
    let own: Vec<&Unit> = units.iter().filter(|unit| !ruled.contains(&unit.id)).collect();
    let rules: Vec<Rule> = rules.iter().filter(|rule| !ruled.contains(&rule.unit)).cloned().collect();
    query(
        "UPDATE alert_rules r SET is_enabled = false, updated_at = now()
         WHERE r.organization_id = $1 AND r.unit_id = ANY ($2) AND r.is_enabled
           AND NOT EXISTS (SELECT FROM UNNEST($3::uuid[], $4::text[], $5::smallint[]) AS new (unit, kind, tier)
                           WHERE new.unit = r.unit_id AND new.kind = r.alert_type::text AND new.tier = r.tier)",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(own.iter().map(|unit| uuid(unit.id.as_bytes())).collect::<Vec<_>>())
    .bind(rules.iter().map(|rule| uuid(rule.unit.as_bytes())).collect::<Vec<_>>())
    .bind(rules.iter().map(|rule| rule.slot.kind.word()).collect::<Vec<_>>())
    .bind(rules.iter().map(|rule| i16::from(rule.slot.tier)).collect::<Vec<_>>())
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("switch rules off"))?;
    Ok(rules::keep(tx, &rules).await?)
}

/// Which of the units of a message were known before it came.
async fn known(tx: &mut TenantTx, units: &[Unit]) -> Result<Vec<Uuid>, StoreError> {
    let rows = query("SELECT id FROM units WHERE organization_id = $1 AND id = ANY ($2)")
        .bind(uuid(tx.organization().as_bytes()))
        .bind(ids(units, |unit| unit.id.as_bytes()))
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step("look units up"))?;
    Ok(rows.iter().map(|row| row.get("id")).collect())
}

/// Remembers which units the hub tells of: the ones that a document for it must name.
async fn guards(tx: &mut TenantTx, hub: HubId, units: &[Unit]) -> Result<(), StoreError> {
    query("UPDATE hubs SET guards = $3, updated_at = now() WHERE organization_id = $1 AND id = $2")
        .bind(uuid(tx.organization().as_bytes()))
        .bind(uuid(hub.as_bytes()))
        .bind(ids(units, |unit| unit.id.as_bytes()))
        .execute(tx.connection())
        .await
        .map(|_| ())
        .map_err(StoreError::step("remember what a hub guards"))
}
