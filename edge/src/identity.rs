//! The identity file: who this hub is, whatever happens to its database.
//!
//! Owns the hub's id and signing key, the ids that belong to the keys of the site document, the high-water marks of
//! wall and rule time, and the head that the record had when they were last raised. It lies beside
//! the database and is written whole. The key never leaves this file and this process.

use crate::durable;
use crate::entropy::{self, EntropyError};
use frostguard_shared::event::OldEpoch;
use frostguard_shared::ids::{DeviceId, HubId, PersonId, PointId, SiteId, UnitId};
use frostguard_shared::point::Channel;
use frostguard_shared::signature::SecretKey;
use frostguard_shared::time::{ClockSample, RuleMs, WallMs};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The identity cannot be used. Stop: a hub that made itself a new identity would be another hub.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The file cannot be read or written.
    #[error("identity file {path} cannot be {step}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        step: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is no identity.
    #[error("identity file {path} is damaged; restore it from a copy or move it away to become a new hub")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// No randomness for a new id.
    #[error("no new id could be made")]
    Entropy(#[from] EntropyError),
}

#[derive(Serialize, Deserialize)]
struct Form {
    version: u8,
    hub: HubId,
    site: SiteId,
    #[serde(with = "hex_key")]
    key: [u8; 32],
    wall_mark_ms: WallMs,
    rule_mark_ms: RuleMs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<OldEpoch>,
    units: BTreeMap<String, UnitId>,
    devices: BTreeMap<String, DeviceId>,
    points: BTreeMap<String, PointId>,
    people: BTreeMap<String, PersonId>,
}

mod hex_key {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(key: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(key))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(from)?;
        let mut key = [0; 32];
        hex::decode_to_slice(text, &mut key).map_err(|_| D::Error::custom("key is not 32 bytes of hex"))?;
        Ok(key)
    }
}

/// The identity, in memory; [`Identity::save`] makes a change durable.
pub struct Identity {
    path: PathBuf,
    form: Form,
    changed: bool,
}

impl Identity {
    /// The name of the file in the state folder.
    pub const FILE: &'static str = "identity.json";

    /// Opens the identity in a state folder; a folder that has none gets a new one.
    ///
    /// # Errors
    /// The file cannot be read or written, or is damaged.
    pub fn open(state_dir: &Path, now: ClockSample) -> Result<Self, IdentityError> {
        let path = state_dir.join(Self::FILE);
        match fs::read(&path) {
            Ok(text) => match serde_json::from_slice(&text) {
                Ok(form) => Ok(Self { path, form, changed: false }),
                Err(source) => Err(IdentityError::Damaged { path, source }),
            },
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => Self::make(path, now),
            Err(source) => Err(IdentityError::File { path, step: "read", source }),
        }
    }

    fn make(path: PathBuf, now: ClockSample) -> Result<Self, IdentityError> {
        let form = Form {
            version: 1,
            hub: HubId::v7(unix_ms(now), entropy::bytes()?),
            site: SiteId::v7(unix_ms(now), entropy::bytes()?),
            key: entropy::bytes()?,
            wall_mark_ms: WallMs(0),
            rule_mark_ms: RuleMs(0),
            head: None,
            units: BTreeMap::new(),
            devices: BTreeMap::new(),
            points: BTreeMap::new(),
            people: BTreeMap::new(),
        };
        let mut identity = Self { path, form, changed: true };
        identity.save()?;
        Ok(identity)
    }

    /// The hub.
    pub fn hub(&self) -> HubId {
        self.form.hub
    }
    /// The site.
    pub fn site(&self) -> SiteId {
        self.form.site
    }
    /// The hub's key. It leaves neither the identity file nor this process.
    pub fn key(&self) -> SecretKey {
        SecretKey::from_seed(&self.form.key)
    }
    /// The public half of the hub's key, in hex.
    pub fn public_key(&self) -> String {
        self.key().public().to_string()
    }
    /// The latest trusted wall time of any earlier run.
    pub fn wall_mark(&self) -> WallMs {
        self.form.wall_mark_ms
    }
    /// A rule time that no earlier run has passed.
    pub fn rule_mark(&self) -> RuleMs {
        self.form.rule_mark_ms
    }

    /// The head of the record when the marks were last raised: what a lost journal held at least.
    pub fn head(&self) -> Option<OldEpoch> {
        self.form.head.clone()
    }

    /// Raises the marks; they never go back.
    pub fn mark(&mut self, wall: Option<WallMs>, rule: RuleMs, head: Option<OldEpoch>) {
        if head.is_some() && head != self.form.head {
            (self.form.head, self.changed) = (head, true);
        }
        let wall = self.form.wall_mark_ms.max(wall.unwrap_or(WallMs(0)));
        let rule = self.form.rule_mark_ms.max(rule);
        self.changed |= (wall, rule) != (self.form.wall_mark_ms, self.form.rule_mark_ms);
        (self.form.wall_mark_ms, self.form.rule_mark_ms) = (wall, rule);
    }

    /// The id of a unit of the site document, made when the key is new.
    ///
    /// # Errors
    /// No randomness.
    pub fn unit(&mut self, key: &str, now: ClockSample) -> Result<UnitId, IdentityError> {
        remembered(&mut self.form.units, key.to_owned(), &mut self.changed, || {
            Ok(UnitId::v7(unix_ms(now), entropy::bytes()?))
        })
    }
    /// The id of a device.
    ///
    /// # Errors
    /// No randomness.
    pub fn device(&mut self, key: &str, now: ClockSample) -> Result<DeviceId, IdentityError> {
        remembered(&mut self.form.devices, key.to_owned(), &mut self.changed, || {
            Ok(DeviceId::v7(unix_ms(now), entropy::bytes()?))
        })
    }
    /// The id of a device's channel.
    ///
    /// # Errors
    /// No randomness.
    pub fn point(
        &mut self,
        device: &str,
        channel: Channel,
        now: ClockSample,
    ) -> Result<PointId, IdentityError> {
        let key = format!("{device}/{channel}");
        remembered(&mut self.form.points, key, &mut self.changed, || {
            Ok(PointId::v7(unix_ms(now), entropy::bytes()?))
        })
    }
    /// The id of a person.
    ///
    /// # Errors
    /// No randomness.
    pub fn person(&mut self, key: &str, now: ClockSample) -> Result<PersonId, IdentityError> {
        remembered(&mut self.form.people, key.to_owned(), &mut self.changed, || {
            Ok(PersonId::v7(unix_ms(now), entropy::bytes()?))
        })
    }

    /// Makes every change durable.
    ///
    /// # Errors
    /// The file cannot be written; the old one is still whole.
    pub fn save(&mut self) -> Result<(), IdentityError> {
        if !self.changed {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(&self.form)
            .map_err(|source| IdentityError::Damaged { path: self.path.clone(), source })?;
        durable::replace(&self.path, &text).map_err(|fault| {
            let (path, step, source) = (self.path.clone(), fault.step, fault.source);
            IdentityError::File { path, step, source }
        })?;
        self.changed = false;
        Ok(())
    }
}

/// The milliseconds that an id of version 7 carries.
pub fn unix_ms(now: ClockSample) -> u64 {
    now.wall.0.max(0) as u64
}

fn remembered<I: Copy>(
    ids: &mut BTreeMap<String, I>,
    key: String,
    changed: &mut bool,
    make: impl FnOnce() -> Result<I, EntropyError>,
) -> Result<I, IdentityError> {
    if let Some(id) = ids.get(&key) {
        return Ok(*id);
    }
    let id = make()?;
    ids.insert(key, id);
    *changed = true;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::time::{BoottimeMs, Trust};

    fn now() -> ClockSample {
        ClockSample { wall: WallMs(1_764_000_000_000), boottime: BoottimeMs(1), trust: Trust::Synced }
    }

    #[test]
    fn the_same_keys_have_the_same_ids_after_a_restart_and_a_renamed_key_is_a_new_thing() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Identity::open(folder.path(), now()).unwrap();
        let unit = first.unit("freezer", now()).unwrap();
        let point = first.point("tag", Channel::Air, now()).unwrap();
        first.save().unwrap();
        let mut again = Identity::open(folder.path(), now()).unwrap();
        assert_eq!((again.hub(), again.public_key()), (first.hub(), first.public_key()));
        assert_eq!(again.unit("freezer", now()).unwrap(), unit);
        assert_eq!(again.point("tag", Channel::Air, now()).unwrap(), point);
        assert_ne!(again.unit("freezer2", now()).unwrap(), unit);
    }

    #[test]
    fn a_damaged_identity_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Identity::FILE);
        fs::write(&path, b"{\"version\":1").unwrap();
        assert!(matches!(Identity::open(folder.path(), now()), Err(IdentityError::Damaged { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"{\"version\":1");
    }

    #[test]
    fn only_the_owner_can_read_the_key_and_marks_never_go_back() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mut identity = Identity::open(folder.path(), now()).unwrap();
        let mode = fs::metadata(folder.path().join(Identity::FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        identity.mark(Some(WallMs(9)), RuleMs(9), None);
        identity.mark(None, RuleMs(3), None);
        assert_eq!((identity.wall_mark(), identity.rule_mark()), (WallMs(9), RuleMs(9)));
    }
}
