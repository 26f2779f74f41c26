//! Ingest: decides what of a batch is taken, and takes it together with everything that follows from it.
//!
//! Pure: [`admit`] (what a batch of events is to what is held), [`project`] (what events mean), [`place`] (where readings
//! belong), [`seals`] (what was sealed against what came), [`rollup`] (what readings add up to). Shells: [`events`],
//! [`readings`] and [`live`], each one transaction: lock the cursor, take, project, move the cursor, commit; only then is
//! anything acknowledged. A batch that was taken before changes nothing.

pub mod admit;
pub mod events;
pub mod live;
pub mod place;
pub mod project;
pub mod readings;
pub mod rollup;
pub mod seals;

use crate::hub::body::Refusal;
use crate::store::StoreError;
use frostguard_shared::wire::Head;

/// Why a batch was not taken. Nothing of it was.
#[derive(Debug)]
pub enum NotTaken {
    /// For a reason that the hub can do something about.
    Refused(Refusal),
    /// The database could not. The hub sends it again.
    Failed(StoreError),
}

impl From<StoreError> for NotTaken {
    fn from(fault: StoreError) -> Self {
        Self::Failed(fault)
    }
}

impl From<Refusal> for NotTaken {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A batch that was taken, now or before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    /// What is held now.
    pub held: Head,
    /// How many of its records were new.
    pub new: u64,
}

/// Comes to a named place, where a test may end the process.
macro_rules! fault_point {
    ($place:literal) => {
        #[cfg(feature = "faults")]
        crate::faults::reached($place).await;
    };
}
pub(crate) use fault_point;
