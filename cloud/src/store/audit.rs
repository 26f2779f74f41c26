//! Audit: the line of the event log that says who has set or asked what, written in the transaction in which it was.

use super::{StoreError, TenantTx, query, uuid};
use frostguard_shared::ids::{HubId, PersonId, UnitId};
use serde_json::Value;
use uuid::Uuid;

/// Who acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// A person, as a member of the organization.
    Person(PersonId),
    /// A program, by the id of its key.
    Key(Uuid),
}

impl By {
    /// The person, if it is one.
    pub const fn person(self) -> Option<PersonId> {
        match self {
            Self::Person(person) => Some(person),
            Self::Key(_) => None,
        }
    }
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Act<'a> {
    /// Who.
    pub by: By,
    /// The type of the line, as in `rules.changed`.
    pub kind: &'static str,
    /// What it belongs to, as in `rules`.
    pub category: &'static str,
    /// For people.
    pub title: &'a str,
    /// To which unit.
    pub unit: Option<UnitId>,
    /// To which hub.
    pub hub: Option<HubId>,
    /// The particulars.
    pub data: Value,
}

/// Keeps the line. Its site is that of the unit, or of the hub.
///
/// # Errors
/// The database cannot do it.
pub async fn keep(tx: &mut TenantTx, act: &Act<'_>) -> Result<(), StoreError> {
    let (actor_type, mut data) = match act.by {
        By::Person(_) => ("user", act.data.clone()),
        By::Key(_) => ("api_key", act.data.clone()),
    };
    if let By::Key(key) = act.by {
        data["key"] = Value::String(key.to_string());
    }
    query(
        "INSERT INTO event_logs (organization_id, actor_id, actor_type, event_type, category, severity, title, site_id,
             area_id, unit_id, hub_id, event_data)
         SELECT $1, $2, $3, $4, $5, 'info', $6, coalesce(a.site_id, h.site_id), u.area_id, u.id, h.id, $9
         FROM (SELECT $7::uuid AS unit, $8::uuid AS hub) AS of
         LEFT JOIN units u ON u.organization_id = $1 AND u.id = of.unit
         LEFT JOIN areas a ON a.organization_id = $1 AND a.id = u.area_id
         LEFT JOIN hubs h ON h.organization_id = $1 AND h.id = of.hub",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(act.by.person().map(|person| uuid(person.as_bytes())))
    .bind(actor_type)
    .bind(act.kind)
    .bind(act.category)
    .bind(act.title)
    .bind(act.unit.map(|unit| uuid(unit.as_bytes())))
    .bind(act.hub.map(|hub| uuid(hub.as_bytes())))
    .bind(data)
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("keep a line of the event log"))
}
