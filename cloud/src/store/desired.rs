//! Desired: whether there is news for hubs that wait, through the one door that tells it for all organizations.
//!
//! Gives a number and a yes or no for each hub, and nothing of what it is.

use super::{DoorTx, StoreError, query, uuid};
use frostguard_shared::ids::HubId;
use sqlx::Row;
use uuid::Uuid;

/// What is new for a hub.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct News {
    /// The hub.
    pub hub: HubId,
    /// The number of its newest document, if it has one.
    pub version: Option<u64>,
    /// Whether a command waits for it.
    pub has_commands: bool,
}

/// What is new for some hubs.
///
/// # Errors
/// The database cannot be asked.
pub async fn news(tx: &mut DoorTx, hubs: &[HubId]) -> Result<Vec<News>, StoreError> {
    let rows = query("SELECT hub_id, version, has_commands FROM door.desired($1)")
        .bind(hubs.iter().map(|hub| uuid(hub.as_bytes())).collect::<Vec<_>>())
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step("look up what is desired of hubs"))?;
    let news = rows.iter().map(|row| News {
        hub: HubId::from_bytes(row.get::<Uuid, _>("hub_id").into_bytes()),
        version: Some(row.get::<i64, _>("version") as u64).filter(|version| *version > 0),
        has_commands: row.get("has_commands"),
    });
    Ok(news.collect())
}
