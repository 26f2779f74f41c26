//! Publishing: every hub that a change concerns gets a new document, in the transaction of the change.
//!
//! The row of a hub is locked while its document is made, so that two changes at once make two documents in order, and the
//! later one has both. A hub whose newest document asks for the same already gets none.

use super::document::{ComposeError, Content};
use crate::counters::Count;
use crate::ingest::fault_point;
use crate::store::configuration::{self as store, NewDocument};
use crate::store::{StoreError, TenantTx, rules};
use frostguard_shared::ids::{HubId, PersonId, UnitId};
use frostguard_shared::signature::SecretKey;
use frostguard_shared::time::WallMs;
use thiserror::Error;

/// No document was made. Roll back: what was set would reach no hub.
#[derive(Debug, Error)]
pub enum PublishError {
    /// What is said for a unit cannot be run.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// The database cannot do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who has changed what, and when.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// When.
    pub at: WallMs,
    /// Who, if a person.
    pub by: Option<PersonId>,
    /// What, in words.
    pub changes: &'a [String],
}

/// A document that was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Made {
    /// The hub that it is for.
    pub hub: HubId,
    /// Its version.
    pub version: u64,
}

/// Makes a document for every hub that guards a unit of which something was changed.
///
/// # Errors
/// A document cannot be made; nothing of the transaction may be kept.
pub async fn publish(
    tx: &mut TenantTx,
    key: &SecretKey,
    unit: UnitId,
    occasion: &Occasion<'_>,
) -> Result<Vec<Made>, PublishError> {
    let mut made = Vec::new();
    for hub in store::guarding(tx, unit).await? {
        let versions = store::lock(tx, hub).await?;
        let units = store::guarded(tx, hub).await?;
        let content = Content::of(hub, &rules::said(tx, &units).await?)?;
        let hash = content.hash();
        if versions.newest.is_some_and(|newest| newest.stands && newest.content == hash) {
            continue;
        }
        let version = versions.next();
        let signed = content.numbered(version, occasion.at).signed(key);
        let document = NewDocument { hub, version, signed: &signed, content: hash, occasion };
        store::keep(tx, &document).await?;
        Count::DocumentsMade.one();
        fault_point!("push.document.kept");
        made.push(Made { hub, version });
    }
    Ok(made)
}
