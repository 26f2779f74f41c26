//! Transactions: the only two that there are. One belongs to an organization, the other can only go through doors.
//!
//! Neither gives its connection to anything outside the store, so that no handler can write SQL, and no function of the
//! store can be called without saying for whom.

use super::{StoreError, query};
use frostguard_shared::ids::OrganizationId;
use sqlx::{PgConnection, Postgres, Transaction};

/// A transaction of one organization. Dropped, it is rolled back.
#[derive(Debug)]
pub struct TenantTx {
    transaction: Transaction<'static, Postgres>,
    organization: OrganizationId,
}

impl TenantTx {
    pub(super) fn of(transaction: Transaction<'static, Postgres>, organization: OrganizationId) -> Self {
        Self { transaction, organization }
    }
    /// Whose it is.
    pub fn organization(&self) -> OrganizationId {
        self.organization
    }
    pub(in crate::store) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
    /// Marks a place to which the transaction can go back.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn mark(&mut self) -> Result<(), StoreError> {
        let marked = query("SAVEPOINT mark").execute(&mut *self.transaction).await;
        marked.map(|_| ()).map_err(StoreError::step("mark a place"))
    }
    /// Goes back to the marked place, as if nothing had happened since.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn back_to_mark(&mut self) -> Result<(), StoreError> {
        let back = query("ROLLBACK TO SAVEPOINT mark").execute(&mut *self.transaction).await;
        back.map(|_| ()).map_err(StoreError::step("go back to a marked place"))
    }
    /// Makes it durable.
    ///
    /// # Errors
    /// Whether it is durable is not known; asking again must be harmless.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.transaction.commit().await.map_err(StoreError::step("commit"))
    }
}

/// A transaction that knows no organization yet. Dropped, it is rolled back.
#[derive(Debug)]
pub struct DoorTx {
    transaction: Transaction<'static, Postgres>,
}

impl DoorTx {
    pub(super) fn of(transaction: Transaction<'static, Postgres>) -> Self {
        Self { transaction }
    }
    pub(in crate::store) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
    /// Goes on as a transaction of the organization that a door has named.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn into_tenant(mut self, organization: OrganizationId) -> Result<TenantTx, StoreError> {
        query("SELECT set_config('app.org_id', $1, true)")
            .bind(organization.to_string())
            .execute(&mut *self.transaction)
            .await
            .map_err(StoreError::step("name the organization"))?;
        Ok(TenantTx::of(self.transaction, organization))
    }
    /// Makes it durable.
    ///
    /// # Errors
    /// Whether it is durable is not known; asking again must be harmless.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.transaction.commit().await.map_err(StoreError::step("commit"))
    }
}
