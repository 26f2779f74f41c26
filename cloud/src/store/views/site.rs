//! Sites, in the order in which they were made.

use super::{At, Behind, Placed, Position, Slice, own, rows};
use crate::store::{StoreError, TenantTx};
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

/// A site: the premises that a hub guards.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct Site {
    /// Id.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// IANA time zone.
    pub timezone: String,
    /// Street and number.
    pub address: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Country.
    pub country: Option<String>,
    /// Whether it is in use.
    pub is_active: bool,
    /// When it was made.
    pub created_at: At,
}

impl Placed for Site {
    type Key = Uuid;
    fn place(&self) -> Position<Uuid> {
        Position { at: self.created_at, key: self.id }
    }
}

/// The organization's sites.
///
/// # Errors
/// The database cannot do it now.
pub async fn sites(tx: &mut TenantTx, behind: Behind<Uuid>) -> Result<Slice<Site>, StoreError> {
    let fetched = rows(
        "SELECT id, name, timezone, address, city, state, postal_code, country, is_active, created_at
         FROM sites
         WHERE organization_id = $1 AND deleted_at IS NULL
           AND ($2::timestamptz IS NULL OR (created_at, id) > ($2, $3))
         ORDER BY created_at, id LIMIT $4",
    )
    .bind(own(tx))
    .bind(behind.at())
    .bind(behind.key())
    .bind(behind.fetched())
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("list sites"))?;
    Ok(Slice::of(fetched, &behind))
}
