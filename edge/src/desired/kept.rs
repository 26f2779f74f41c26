//! What is kept of the cloud's document: one small file in the state folder, written whole or not at all.
//!
//! Owns which rules are in force, which were before while the present ones are on trial, what waits for somebody at the
//! hub, and the newest version decided on. The file carries its own hash: one that was changed or cut short is set
//! aside, and the hub goes on with the rules of its site document, which the cloud sees and mends. The journal holds
//! the last [`Kept::step`] that it has recorded, so that a hub that died between the two says at its next start what
//! happened.

use crate::durable::{self, ReplaceError};
use crate::site::Site;
use frostguard_shared::chain::{Hash, digest};
use frostguard_shared::event::{Actor, RefusalCode};
use frostguard_shared::ids::{HubId, UnitId};
use frostguard_shared::rules::UnitRules;
use frostguard_shared::time::WallMs;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What was kept cannot be used. Set the file aside, say so, and go on with the rules of the site document.
#[derive(Debug, Error)]
pub enum KeptError {
    /// The file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what was written.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The file is of another hub.
    #[error("{path} is of another hub")]
    OtherHub {
        /// The file.
        path: PathBuf,
    },
}

/// The rules of a document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rules {
    /// Its version.
    pub version: u64,
    /// The rules of each unit that it names.
    pub rules: BTreeMap<UnitId, UnitRules>,
}

/// A document whose rules are in force, but whose hub has not yet proved itself healthy under them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OnTrial {
    /// What was in force before; `None` for the rules of the site document.
    pub before: Option<Rules>,
    /// When it was applied, by the wall clock.
    pub since: WallMs,
    /// Starts of the hub since then.
    pub starts: u32,
    /// What worked before and has to work again.
    pub expected: Expected,
}

/// What worked before a document was applied.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Expected {
    /// Sources that delivered steadily.
    pub sources: BTreeSet<String>,
    /// Outputs that answered.
    pub outputs: BTreeSet<String>,
}

/// A document that was refused and that somebody at the hub may let take effect all the same.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// Its rules.
    pub document: Rules,
    /// Why it was refused, as a word.
    pub code: RefusalCode,
    /// Why, for people.
    pub reason: String,
    /// Since when it waits, by the wall clock.
    pub since: WallMs,
}

/// The last change of what is in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Change {
    /// A document was applied.
    Applied {
        /// Its version.
        version: u64,
        /// The person who let it take effect, if it waited for one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        actor: Option<Actor>,
    },
    /// A document was taken back.
    RolledBack {
        /// Its version.
        version: u64,
        /// Why.
        reason: String,
    },
}

/// All of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// The hub.
    pub hub: HubId,
    /// The newest version decided on, whatever was decided; 0 for none.
    pub decided: u64,
    /// The document in force; `None` for the rules of the site document alone.
    pub in_force: Option<Rules>,
    /// Whether it is on trial.
    pub on_trial: Option<OnTrial>,
    /// What waits for somebody at the hub.
    pub waiting: Option<Waiting>,
    /// How often what is in force has changed.
    pub step: u64,
    /// The last of these changes.
    pub change: Option<Change>,
}

/// The file: what is kept as text, and the hash of that text.
#[derive(Serialize, Deserialize)]
struct Form {
    format: u8,
    sha256: Hash,
    kept: String,
}

const FORMAT: u8 = 1;

impl Kept {
    /// The name of the file in the state folder.
    pub const FILE: &'static str = "rules.json";

    /// A hub that was never sent a document.
    pub fn nothing(hub: HubId) -> Self {
        let (in_force, on_trial, waiting, change) = (None, None, None, None);
        Self { hub, decided: 0, in_force, on_trial, waiting, step: 0, change }
    }

    /// What is kept in a state folder; nothing if there is no file.
    ///
    /// # Errors
    /// The file cannot be read, is not what was written, or is of another hub.
    pub fn load(state_dir: &Path, hub: HubId) -> Result<Self, KeptError> {
        let path = state_dir.join(Self::FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(Self::nothing(hub)),
            Err(source) => return Err(KeptError::Read { path, source }),
        };
        let damaged = |what: String| KeptError::Damaged { path: path.clone(), what };
        let form: Form = serde_json::from_slice(&text).map_err(|fault| damaged(fault.to_string()))?;
        if form.format != FORMAT {
            return Err(damaged(format!("format {} is not known", form.format)));
        }
        if digest(form.kept.as_bytes()) != form.sha256 {
            return Err(damaged("its hash does not fit its content".into()));
        }
        let kept: Self = serde_json::from_str(&form.kept).map_err(|fault| damaged(fault.to_string()))?;
        if kept.hub == hub { Ok(kept) } else { Err(KeptError::OtherHub { path }) }
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// The file cannot be written; the old one is still whole.
    pub fn save(&self, state_dir: &Path) -> Result<(), ReplaceError> {
        let unwritable =
            |fault: serde_json::Error| ReplaceError { step: "written as JSON", source: fault.into() };
        let kept = serde_json::to_string(self).map_err(unwritable)?;
        let form = Form { format: FORMAT, sha256: digest(kept.as_bytes()), kept };
        let text = serde_json::to_vec_pretty(&form).map_err(unwritable)?;
        durable::replace(&state_dir.join(Self::FILE), &text)
    }

    /// Sets a file that cannot be used aside; gives the name under which it is kept.
    ///
    /// # Errors
    /// The disk does not let it.
    pub fn set_aside(state_dir: &Path) -> std::io::Result<String> {
        let name = |n: u32| format!("rules.damaged-{n}.json");
        let n = (1..u32::MAX).find(|n| !state_dir.join(name(*n)).exists()).unwrap_or(0);
        std::fs::rename(state_dir.join(Self::FILE), state_dir.join(name(n)))?;
        Ok(name(n))
    }

    /// The version in force; 0 for the rules of the site document alone.
    pub fn applied(&self) -> u64 {
        self.in_force.as_ref().map_or(0, |document| document.version)
    }

    /// A site with the rules in force: a unit that the document does not name keeps those of the site document.
    pub fn over(&self, site: &Site) -> Site {
        let mut site = site.clone();
        for unit in &mut site.units {
            let desired = self.in_force.as_ref().and_then(|document| document.rules.get(&unit.id));
            if let Some(desired) = desired {
                unit.rules = desired.clone();
            }
        }
        site
    }

    /// A document takes effect, on trial.
    pub fn apply(&mut self, document: Rules, actor: Option<Actor>, since: WallMs, expected: Expected) {
        let version = document.version;
        // A document that replaces one on trial is taken back to what was proved before both.
        let proved = match self.on_trial.take() {
            Some(trial) => trial.before,
            None => self.in_force.take(),
        };
        self.decided = self.decided.max(version);
        self.in_force = Some(document);
        self.on_trial = Some(OnTrial { before: proved, since, starts: 0, expected });
        self.waiting = None;
        self.step += 1;
        self.change = Some(Change::Applied { version, actor });
    }

    /// A document is not taken; it waits if somebody at the hub may let it take effect all the same.
    pub fn refuse(&mut self, version: u64, waiting: Option<Waiting>) {
        self.decided = self.decided.max(version);
        // What the cloud desired before it desires no more.
        self.waiting = waiting;
    }

    /// The document on trial is taken back.
    pub fn roll_back(&mut self, reason: &str) {
        let Some(trial) = self.on_trial.take() else { return };
        let version = self.applied();
        self.in_force = trial.before;
        self.step += 1;
        self.change = Some(Change::RolledBack { version, reason: reason.into() });
    }

    /// The hub starts: a trial goes on once, and at its second start it is taken back. True if anything changed.
    pub fn started(&mut self) -> bool {
        let Some(trial) = &mut self.on_trial else { return false };
        trial.starts += 1;
        if trial.starts > 1 {
            self.roll_back("the hub started twice while the document was on trial");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUB: HubId = HubId::from_bytes([1; 16]);
    const UNIT: UnitId = UnitId::from_bytes([2; 16]);

    fn document(version: u64) -> Rules {
        let rules = UnitRules::default();
        Rules { version, rules: BTreeMap::from([(UNIT, rules)]) }
    }

    fn applied(kept: &mut Kept, version: u64) {
        kept.apply(document(version), None, WallMs(5), Expected::default());
    }

    #[test]
    fn what_is_kept_reads_back_whole_and_no_file_is_nothing_kept() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Kept::load(folder.path(), HUB).unwrap(), Kept::nothing(HUB));
        let mut kept = Kept::nothing(HUB);
        applied(&mut kept, 3);
        let reason = String::from("it would thaw");
        let waiting =
            Waiting { document: document(4), code: RefusalCode::HardLimit, reason, since: WallMs(7) };
        kept.refuse(4, Some(waiting));
        kept.save(folder.path()).unwrap();
        assert_eq!(Kept::load(folder.path(), HUB).unwrap(), kept);
        let other = Kept::load(folder.path(), HubId::from_bytes([9; 16]));
        assert!(matches!(other, Err(KeptError::OtherHub { .. })));
    }

    #[test]
    fn a_file_cut_short_at_any_byte_or_with_any_byte_changed_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = Kept::nothing(HUB);
        applied(&mut kept, 3);
        kept.save(folder.path()).unwrap();
        let path = folder.path().join(Kept::FILE);
        let whole = std::fs::read(&path).unwrap();
        let mut told_apart = 0;
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            for bytes in [&whole[..at], &changed[..]] {
                std::fs::write(&path, bytes).unwrap();
                // White space of the outer form may change without any harm: what is read is then what was written.
                match Kept::load(folder.path(), HUB) {
                    Ok(read) => assert_eq!(read, kept, "byte {at}"),
                    Err(_) => told_apart += 1,
                }
            }
        }
        assert!(told_apart > 2 * whole.len() - 60, "{told_apart} of {}", 2 * whole.len());
        let aside = Kept::set_aside(folder.path()).unwrap();
        assert!(folder.path().join(aside).exists() && !path.exists());
    }

    #[test]
    fn a_document_over_one_on_trial_goes_back_to_what_was_proved_before_both() {
        let mut kept = Kept::nothing(HUB);
        applied(&mut kept, 1);
        kept.on_trial = None;
        applied(&mut kept, 2);
        applied(&mut kept, 3);
        assert_eq!((kept.applied(), kept.decided), (3, 3));
        kept.roll_back("it is ill");
        assert_eq!((kept.applied(), kept.decided, kept.step), (1, 3, 4));
        assert_eq!(kept.change, Some(Change::RolledBack { version: 3, reason: "it is ill".into() }));
    }

    #[test]
    fn a_trial_goes_on_over_one_start_and_ends_at_the_second() {
        let mut kept = Kept::nothing(HUB);
        assert!(!kept.started());
        applied(&mut kept, 1);
        assert!(kept.started());
        assert_eq!(kept.applied(), 1);
        assert!(kept.started());
        assert_eq!((kept.applied(), &kept.on_trial), (0, &None));
        assert!(!kept.started());
    }
}
