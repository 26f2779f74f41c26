//! The enrolment: which cloud this hub belongs to, and by which key it knows it.
//!
//! Owns the file beside the identity that says so. It is written once by the command that enrols and read by the hub,
//! which notices a new one while it runs. Without it the hub is a whole product of its own.

use crate::durable::{self, ReplaceError};
use frostguard_shared::ids::{HubId, SiteId};
use frostguard_shared::signature::PublicKey;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use thiserror::Error;

/// The enrolment cannot be used. Show it, and go on guarding without a cloud.
#[derive(Debug, Error)]
pub enum EnrolmentError {
    /// The file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is no enrolment.
    #[error("{path} is damaged; enrol the hub again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The file is of another hub.
    #[error("{path} is the enrolment of another hub; enrol this one")]
    OtherHub {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("{path} was not written")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: ReplaceError,
    },
}

/// An enrolment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Enrolment {
    /// The version of this file.
    pub version: u8,
    /// The hub that is enrolled.
    pub hub: HubId,
    /// The cloud's address.
    pub url: String,
    /// The cloud's key, pinned.
    pub cloud: PublicKey,
    /// The site in the cloud.
    pub site: SiteId,
    /// Its name.
    pub site_name: String,
    /// The organization's name.
    pub organization_name: String,
}

impl Enrolment {
    /// The name of the file in the state folder.
    pub const FILE: &'static str = "cloud.json";

    /// The enrolment of a hub, if there is one.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or is another hub's.
    pub fn load(state_dir: &Path, hub: HubId) -> Result<Option<Self>, EnrolmentError> {
        let path = state_dir.join(Self::FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(EnrolmentError::Read { path, source }),
        };
        match serde_json::from_slice::<Self>(&text) {
            Ok(enrolment) if enrolment.hub == hub => Ok(Some(enrolment)),
            Ok(_) => Err(EnrolmentError::OtherHub { path }),
            Err(source) => Err(EnrolmentError::Damaged { path, source }),
        }
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// The file cannot be written; an earlier one is still whole.
    pub fn save(&self, state_dir: &Path) -> Result<(), EnrolmentError> {
        let path = state_dir.join(Self::FILE);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|source| EnrolmentError::Damaged { path: path.clone(), source })?;
        durable::replace(&path, &text).map_err(|source| EnrolmentError::Write { path, source })
    }

    /// When the file last changed, for noticing a new one.
    pub fn changed(state_dir: &Path) -> Option<SystemTime> {
        std::fs::metadata(state_dir.join(Self::FILE)).and_then(|about| about.modified()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enrolment_reads_back_and_one_of_another_hub_or_cut_short_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let hub = HubId::from_bytes([1; 16]);
        assert_eq!(Enrolment::load(folder.path(), hub).unwrap(), None);
        let enrolment = Enrolment {
            version: 1,
            hub,
            url: "https://cloud.example".into(),
            cloud: PublicKey([2; 32]),
            site: SiteId::from_bytes([3; 16]),
            site_name: "Shop".into(),
            organization_name: "Shops".into(),
        };
        enrolment.save(folder.path()).unwrap();
        assert_eq!(Enrolment::load(folder.path(), hub).unwrap(), Some(enrolment));
        let other = Enrolment::load(folder.path(), HubId::from_bytes([9; 16]));
        assert!(matches!(other, Err(EnrolmentError::OtherHub { .. })));
        std::fs::write(folder.path().join(Enrolment::FILE), b"{\"version\":1").unwrap();
        assert!(matches!(Enrolment::load(folder.path(), hub), Err(EnrolmentError::Damaged { .. })));
    }
}
