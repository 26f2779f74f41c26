//! Taking a hub's word on how things are now. The latest wins; any may be lost.

use super::NotTaken;
use crate::hub::body::Refusal;
use crate::store::doors::Session;
use crate::store::{self, TenantTx};
use frostguard_shared::wire::Reason;
use frostguard_shared::wire::live::{ALARMS_MAX, Live, UNITS_MAX};

/// Takes it if it is the latest; the transaction is the caller's to commit.
///
/// # Errors
/// It is too large, or the database cannot.
pub async fn take(tx: &mut TenantTx, session: &Session, live: &Live) -> Result<(), NotTaken> {
    if live.units.len() > UNITS_MAX || live.alarms.len() > ALARMS_MAX {
        let text = format!("a live word has at most {UNITS_MAX} units and {ALARMS_MAX} alarms");
        return Err(Refusal::new(Reason::TooLarge, text).into());
    }
    let words = live.alarms.iter().flat_map(|alarm| [&alarm.condition, &alarm.severity, &alarm.sounding]);
    if words.chain(live.units.iter().map(|unit| &unit.status)).any(|word| word.contains('\0')) {
        return Err(Refusal::new(Reason::Garbled, "a word holds a character that no text can hold").into());
    }
    if !store::live::keep(tx, session.hub, live).await? {
        tracing::debug!(hub = %session.hub, "an older live word came late");
    }
    Ok(())
}
