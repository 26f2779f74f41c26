//! Hubs: whether each is heard, what it says of now, and how far its record is here.

use super::configuration::{HubConfiguration, configurations};
use super::{At, Behind, Placed, Position, Slice, own, rows};
use crate::store::{StoreError, TenantTx, query};
use frostguard_shared::ids::HubId;
use serde::Serialize;
use sqlx::FromRow;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// Streams shown of each hub, the newest: a hub begins two with each life of its journal, and rarely more than one life.
const STREAMS_MAX: i64 = 32;

/// A hub: one box on one site.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct Hub {
    /// Id.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// Its site.
    pub site_id: Uuid,
    /// Its site's name.
    pub site_name: String,
    /// Its network address.
    pub mac_address: Option<String>,
    /// The version that it runs.
    pub firmware_version: Option<String>,
    /// Whether it is in use.
    pub is_active: bool,
    /// When it became a hub of the site.
    pub enrolled_at: At,
    /// When it was made known.
    pub created_at: At,
    /// When it was given up; it is shown for the sake of its record.
    pub deleted_at: Option<At>,
    /// When it was last heard.
    pub last_seen_at: Option<At>,
    /// Whether that is less than two minutes ago.
    pub is_online: bool,
    /// What it says of now. Null: it never has.
    #[sqlx(skip)]
    pub live: Option<HubLive>,
    /// Its streams, the newest 32 of them.
    #[sqlx(skip)]
    pub streams: Vec<HubStream>,
    /// What is desired of it, and how far it is with that.
    #[sqlx(skip)]
    pub configuration: Option<HubConfiguration>,
}

impl Placed for Hub {
    type Key = Uuid;
    fn place(&self) -> Position<Uuid> {
        Position { at: self.created_at, key: self.id }
    }
}

/// The last word of a hub on how things are.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct HubLive {
    #[serde(skip)]
    hub_id: Uuid,
    /// The life of its journal.
    pub epoch: Uuid,
    /// Its corrected clock when it said so.
    pub at: At,
    /// When the cloud received it.
    pub received_at: At,
    /// Events that wait at the hub to be sent.
    pub events_waiting: i64,
    /// Readings that wait at the hub to be sent.
    pub readings_waiting: i64,
    /// The alarms that stand at the hub: for each `alert`, `unit`, `condition`, `severity`, `sounding`, `since_ms`.
    pub alarms: serde_json::Value,
}

/// A stream of a hub's record, and how far it is here.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct HubStream {
    #[serde(skip)]
    hub_id: Uuid,
    /// Its number, which readings name.
    pub stream: i64,
    /// The life of the hub's journal.
    pub epoch: Uuid,
    /// `events` or `readings`.
    pub kind: String,
    /// 0, or the number of a branch that forked off.
    pub branch: i16,
    /// The branch that it forked from.
    pub parent: Option<i16>,
    /// The first number that differs from that branch.
    pub fork_seq: Option<i64>,
    /// The last number without a hole before it.
    pub last_seq: i64,
    /// Of readings: up to where they are sealed and compared.
    pub sealed_to: i64,
    /// Of events: the hash at the last number, in hexadecimal.
    pub head: Option<String>,
    /// When it last moved.
    pub updated_at: At,
}

/// Columns and joins of a hub. A hub is heard by what it sends and by what it says of now.
macro_rules! hubs {
    ($condition:literal) => {
        concat!(
            "SELECT h.id, h.name, h.site_id, s.name AS site_name, h.mac_address, h.firmware_version, h.is_active,
                    h.enrolled_at, h.created_at, h.deleted_at,
                    greatest(h.last_seen_at, l.received_at) AS last_seen_at,
                    coalesce(greatest(h.last_seen_at, l.received_at) > now() - interval '2 minutes', false)
                        AS is_online
             FROM hubs h
             JOIN sites s ON s.organization_id = $1 AND s.id = h.site_id
             LEFT JOIN hub_live l ON l.organization_id = $1 AND l.hub_id = h.id
             WHERE h.organization_id = $1 AND ",
            $condition
        )
    };
}

/// The organization's hubs, in the order in which they were made known.
///
/// # Errors
/// The database cannot do it now.
pub async fn hubs(tx: &mut TenantTx, behind: Behind<Uuid>) -> Result<Slice<Hub>, StoreError> {
    let fetched = rows(hubs!(
        "h.deleted_at IS NULL AND ($2::timestamptz IS NULL OR (h.created_at, h.id) > ($2, $3))
         ORDER BY h.created_at, h.id LIMIT $4"
    ))
    .bind(own(tx))
    .bind(behind.at())
    .bind(behind.key())
    .bind(behind.fetched())
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("list hubs"))?;
    let mut slice = Slice::of(fetched, &behind);
    complete(tx, &mut slice.items).await?;
    Ok(slice)
}

/// One hub; `None` if the organization has none of that id.
///
/// # Errors
/// The database cannot do it now.
pub async fn hub(tx: &mut TenantTx, hub: HubId) -> Result<Option<Hub>, StoreError> {
    let mut found: Vec<Hub> = rows(hubs!("h.id = $2"))
        .bind(own(tx))
        .bind(Uuid::from_bytes(*hub.as_bytes()))
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step("show a hub"))?;
    complete(tx, &mut found).await?;
    Ok(found.pop())
}

/// Several hubs, of those that the organization has.
///
/// # Errors
/// The database cannot do it now.
pub async fn hubs_of(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<Hub>, StoreError> {
    let mut found: Vec<Hub> = rows(hubs!("h.id = ANY($2) ORDER BY h.created_at, h.id"))
        .bind(own(tx))
        .bind(ids)
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step("show hubs"))?;
    complete(tx, &mut found).await?;
    Ok(found)
}

/// Whether the organization has the hub.
///
/// # Errors
/// The database cannot do it now.
pub async fn hub_exists(tx: &mut TenantTx, hub: HubId) -> Result<bool, StoreError> {
    let found = query("SELECT 1 FROM hubs WHERE organization_id = $1 AND id = $2")
        .bind(own(tx))
        .bind(Uuid::from_bytes(*hub.as_bytes()))
        .fetch_optional(tx.connection())
        .await
        .map_err(StoreError::step("find a hub"))?;
    Ok(found.is_some())
}

/// Adds to each hub what it says of now, its streams, and how far it is with what is desired of it.
async fn complete(tx: &mut TenantTx, hubs: &mut [Hub]) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = hubs.iter().map(|hub| hub.id).collect();
    let live: Vec<HubLive> = rows(
        "SELECT hub_id, epoch, at, received_at, events_waiting, readings_waiting, alarms
         FROM hub_live WHERE organization_id = $1 AND hub_id = ANY($2)",
    )
    .bind(own(tx))
    .bind(&ids)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("show what hubs say of now"))?;
    let streams: Vec<HubStream> = rows(
        "SELECT s.* FROM unnest($2::uuid[]) AS wanted (hub), LATERAL (
             SELECT feed AS hub_id, id AS stream, epoch, CASE stream WHEN 1 THEN 'readings' ELSE 'events' END AS kind,
                    branch, parent, fork_seq, last_seq, sealed_to, encode(head, 'hex') AS head, updated_at
             FROM hub_streams WHERE organization_id = $1 AND feed = wanted.hub
             ORDER BY id DESC LIMIT $3
         ) s ORDER BY s.stream",
    )
    .bind(own(tx))
    .bind(&ids)
    .bind(STREAMS_MAX)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("show the streams of hubs"))?;
    let mut live: BTreeMap<Uuid, HubLive> = live.into_iter().map(|live| (live.hub_id, live)).collect();
    let mut of_hub: BTreeMap<Uuid, Vec<HubStream>> = BTreeMap::new();
    for stream in streams {
        of_hub.entry(stream.hub_id).or_default().push(stream);
    }
    let mut configured: BTreeMap<Uuid, HubConfiguration> =
        configurations(tx, &ids).await?.into_iter().map(|of| (of.hub_id, of)).collect();
    for hub in hubs {
        hub.configuration = configured.remove(&hub.id);
        hub.live = live.remove(&hub.id);
        hub.streams = of_hub.remove(&hub.id).unwrap_or_default();
    }
    Ok(())
}
