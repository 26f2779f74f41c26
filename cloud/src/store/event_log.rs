//! The organization's event log: one line for each event of a hub, and for each thing that the cloud itself has noticed.

use super::{StoreError, TenantTx, query, uuid};
use crate::ingest::project::{Chained, Logged};
use frostguard_shared::ids::HubId;
use serde_json::Value;
use std::collections::HashMap;

/// Keeps a line for each logged event, with its bytes as data and its hashes in the chain.
///
/// # Errors
/// The database cannot be asked.
pub async fn keep(
    tx: &mut TenantTx,
    hub: HubId,
    lines: &[Logged],
    events: &[Chained],
) -> Result<(), StoreError> {
    if lines.is_empty() {
        return Ok(());
    }
    let chained: HashMap<u64, &Chained> = events.iter().map(|event| (event.seq, event)).collect();
    let event = |line: &Logged| chained.get(&line.seq).copied();
    let data: Vec<Option<&str>> = lines
        .iter()
        .map(|line| event(line).and_then(|event| std::str::from_utf8(event.bytes.as_deref()?).ok()))
        .collect();
    query(
        "INSERT INTO event_logs (organization_id, hub_id, site_id, unit_id, actor_id, actor_type, event_type, category, severity,
             title, event_data, event_hash, previous_hash, recorded_at)
         SELECT $1, h.id, h.site_id, new.unit_id, p.id, new.actor_type, left(new.kind, 64), 'hub', new.severity, new.title,
             CASE WHEN new.data LIKE '%\\u0000%' THEN NULL ELSE new.data::jsonb -> 'data' END,
             new.hash, new.previous, to_timestamp(new.at_ms / 1000.0)
         FROM UNNEST($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[])
              WITH ORDINALITY AS new (unit_id, person, actor_type, kind, severity, title, data, hash, previous, at_ms, n)
              JOIN hubs h ON h.organization_id = $1 AND h.id = $2
              LEFT JOIN profiles p ON p.organization_id = $1 AND p.id = new.person
         ORDER BY new.n",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(hub.as_bytes()))
    .bind(lines.iter().map(|line| line.unit.map(|unit| uuid(unit.as_bytes()))).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.person.map(|person| uuid(person.as_bytes()))).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.actor_type).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.kind.as_str()).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.severity).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.title.as_deref()).collect::<Vec<_>>())
    .bind(data)
    .bind(lines.iter().map(|line| event(line).map(|event| event.hash.to_string())).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| event(line).map(|event| event.previous.to_string())).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.at.0).collect::<Vec<_>>())
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("keep the event log"))
}

/// Something that the cloud has noticed of a hub's record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Noticed {
    /// A known number came with another hash.
    Fork,
    /// A batch links to a hash that nobody holds.
    BrokenLink,
    /// A checkpoint does not fit the tree, or its signature does not fit the key.
    CheckpointBad,
    /// Readings do not match their seal.
    SealBad,
    /// An event is no event of its place.
    EventUnreadable,
    /// Readings were set aside.
    Quarantined,
    /// A hub has told that readings are missing.
    Missing,
    /// A hub came back with less than it had sent.
    Rollback,
    /// A hub came back with something else under numbers that it had sent.
    Beside,
    /// An earlier journal of the hub held events that never came.
    EpochLost,
    /// A fact could not be kept: the tables refused it.
    ProjectionFailed,
    /// A fact names something that is not the organization's.
    FactUnused,
}

impl Noticed {
    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Fork => (
                "record.fork",
                "critical",
                "the hub's record was told in two ways: a copy of the hub, or a restored one",
            ),
            Self::BrokenLink => {
                ("record.broken_link", "critical", "the hub's record links to nothing that was received")
            }
            Self::CheckpointBad => {
                ("record.checkpoint_bad", "critical", "the hub has signed something else than it has sent")
            }
            Self::SealBad => ("record.seal_bad", "critical", "readings do not match what the hub has sealed"),
            Self::EventUnreadable => {
                ("record.event_unreadable", "warning", "an event cannot be read; it is kept as it came")
            }
            Self::Quarantined => {
                ("record.quarantined", "warning", "readings were set aside: they fit no unit or no time")
            }
            Self::Missing => ("record.missing", "critical", "readings are missing from the hub's record"),
            Self::Rollback => (
                "record.rollback",
                "critical",
                "the hub came back with less than it had sent: it was restored",
            ),
            Self::Beside => (
                "record.beside",
                "critical",
                "the hub came back with another record than it had sent: a copy, or a restored one",
            ),
            Self::EpochLost => (
                "record.epoch_lost",
                "critical",
                "the hub's journal before this one held events that never came",
            ),
            Self::ProjectionFailed => (
                "record.projection_failed",
                "critical",
                "what follows from some events could not be kept; the events are",
            ),
            Self::FactUnused => {
                ("record.fact_unused", "warning", "an event names something that is not this organization's")
            }
        }
    }
}

/// Whether the cloud has ever noticed something of a hub.
///
/// # Errors
/// The database cannot be asked.
pub async fn was_noticed(tx: &mut TenantTx, hub: HubId, noticed: Noticed) -> Result<bool, StoreError> {
    query("SELECT 1 FROM event_logs WHERE organization_id = $1 AND hub_id = $2 AND event_type = $3 LIMIT 1")
        .bind(uuid(tx.organization().as_bytes()))
        .bind(uuid(hub.as_bytes()))
        .bind(noticed.words().0)
        .fetch_optional(tx.connection())
        .await
        .map(|row| row.is_some())
        .map_err(StoreError::step("look for what was noticed"))
}

/// Keeps a line of what the cloud has noticed, unless it has noticed the same of the same hub within the hour: for what
/// a hub may try again and again.
///
/// # Errors
/// The database cannot be asked.
pub async fn notice_once(
    tx: &mut TenantTx,
    hub: HubId,
    noticed: Noticed,
    details: Value,
) -> Result<(), StoreError> {
    let known = query(
        "SELECT 1 FROM event_logs WHERE organization_id = $1 AND hub_id = $2 AND event_type = $3
         AND recorded_at > now() - interval '1 hour' LIMIT 1",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(hub.as_bytes()))
    .bind(noticed.words().0)
    .fetch_optional(tx.connection())
    .await
    .map_err(StoreError::step("look for what was noticed"))?;
    if known.is_some() { Ok(()) } else { notice(tx, hub, noticed, details).await }
}

/// Keeps a line of what the cloud has noticed. It is an alarm for people, never an answer to the hub.
///
/// # Errors
/// The database cannot be asked.
pub async fn notice(
    tx: &mut TenantTx,
    hub: HubId,
    noticed: Noticed,
    details: Value,
) -> Result<(), StoreError> {
    let (kind, severity, title) = noticed.words();
    query(
        "INSERT INTO event_logs (organization_id, hub_id, site_id, actor_type, event_type, category, severity, title, event_data)
         SELECT $1, h.id, h.site_id, 'system', $3, 'integrity', $4, $5, $6 FROM hubs h WHERE h.organization_id = $1 AND h.id = $2",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(hub.as_bytes()))
    .bind(kind)
    .bind(severity)
    .bind(title)
    .bind(details)
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("note what was noticed"))
}
