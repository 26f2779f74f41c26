//! Facts: the closed, versioned list of event types and the data of each.
//!
//! Owns the names and the data forms. A type's data never changes once its golden bytes are written; more data is a
//! new version of the type. Times on the rule axis end in `_ms`, temperatures are integers of 0.01 °C and end in
//! `_centi_c`. A type of this list whose data this version does not write yet reads as unknown, and is kept.

use super::EventError;
use crate::alarm::{AlertType, Condition, Severity};
use crate::chain::Hash;
use crate::ids::{CommandId, EpochId, SiteId};
use crate::point::{Channel, Role};
use crate::reading::Door;
use crate::rules::{Defrost, EpisodeKey, Region, UnitStatus, Why};
use crate::signature::PublicKey;
use crate::time::RuleMs;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The head that an earlier epoch had when this one began.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OldEpoch {
    /// The earlier epoch.
    pub epoch: EpochId,
    /// The number of its last event known.
    pub seq: u64,
    /// The hash of that event.
    pub hash: Hash,
}

/// Why something is missing from the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// The hub was off or its process did not run.
    HubDown,
    /// A bound was reached and records were dropped by its policy.
    Bound,
    /// The storage was damaged.
    Damage,
}

/// What was wrong with a device that gave no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// No probe is connected.
    ProbeMissing,
    /// The value was not a number.
    NotANumber,
    /// The value was beyond any range.
    OutOfRange,
}

/// Why a configuration was not taken as it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// Not signed by the cloud that the hub is enrolled at.
    Unsigned,
    /// Signed, but not readable to this version.
    Unreadable,
    /// For another hub.
    ForeignHub,
    /// Not newer than what the hub has decided on.
    Stale,
    /// It names a unit that the hub does not have, or leaves one out.
    Units,
    /// Rules that cannot be run.
    Rules,
    /// It would take the alarms of all units, or of more than half of them, away.
    Silences,
    /// A limit beyond what may be set from afar for such a unit.
    HardLimit,
    /// The last day's readings under it show that it cannot be meant.
    DryRun,
    /// It could not be kept on the disk.
    Storage,
}

impl RefusalCode {
    /// True if somebody at the hub may let it take effect all the same.
    pub const fn is_confirmable(self) -> bool {
        matches!(self, Self::Silences | Self::HardLimit | Self::DryRun)
    }
}

/// What came of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandOutcome {
    /// It was done.
    Done,
    /// The hub did not do it.
    Refused,
    /// It came too late.
    Expired,
}

/// What ended the silence of a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShelveEnd {
    /// Its time was over, or nobody knows how long the hub was down.
    Time,
    /// A person ended it.
    Person,
}

/// One thing that a self-test tried.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Check {
    /// What was tried.
    pub name: String,
    /// Whether it worked.
    pub passed: bool,
    /// What was seen, for people.
    pub text: String,
}

macro_rules! facts {
    ($( $(#[$doc:meta])* $variant:ident = $name:literal $( { $( $(#[$fdoc:meta])* $field:ident : $ty:ty ),* $(,)? } )? ),* $(,)?) => {
        /// What an event says.
        #[derive(Clone, PartialEq, Debug, Serialize)]
        #[serde(untagged)]
        #[allow(missing_docs, reason = "each variant's fields are documented where the list below names them")]
        pub enum Fact {
            $( $(#[$doc])* $variant $( { $( $(#[$fdoc])* $field: $ty ),* } )? ),*
        }

        impl Fact {
            /// Type and version together, as in `alert.raised/1`.
            pub const fn kind(&self) -> &'static str {
                match self { $( Self::$variant { .. } => $name ),* }
            }

            /// Reads the data of a type; `None` for a type that this version does not know.
            pub(super) fn from_data(kind: &str, data: &Value) -> Result<Option<Self>, EventError> {
                match kind {
                    $( $name => {
                        #[derive(Deserialize)]
                        #[allow(dead_code, reason = "a type without data has an empty form")]
                        struct Form { $( $( $(#[$fdoc])* $field: $ty ),* )? }
                        let _form: Form = serde_json::from_value(data.clone())?;
                        Ok(Some(Self::$variant $( { $( $field: _form.$field ),* } )? ))
                    } )*
                    _ => Ok(None),
                }
            }
        }

        /// The types that this version writes.
        pub const KINDS: &[&str] = &[$( $name ),*];
    };
}

facts! {
    /// A journal database begins: the first event of each epoch.
    EpochStarted = "epoch.started/1" {
        /// The hub's Ed25519 public key in hex.
        key: String,
        /// The software that made the database.
        software: String,
        /// The epoch before, if its head is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        old: Option<OldEpoch>,
    },
    /// A run of the hub's process begins.
    HubStarted = "hub.started/1" {
        /// The boot, counted within the epoch.
        boot: u32,
        /// The kernel's id of the boot.
        boot_id: String,
        /// The software's version.
        version: String,
        /// The last rule time before, absent at the first start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        down_from: Option<RuleMs>,
        /// True if how long it was down is known: the same boot, or a trusted clock.
        down_known: bool,
        /// True if the last run stopped by itself.
        clean: bool,
        /// Rule time minus boottime in this boot.
        anchor_ms: i64,
    },
    /// A run of the hub's process ends as told.
    HubStopped = "hub.stopped/1" {
        /// What told it to.
        reason: String,
    },
    /// The hub became a hub of a cloud's site.
    HubEnrolled = "hub.enrolled/1" {
        /// The cloud's Ed25519 public key.
        cloud: PublicKey,
        /// The site in the cloud.
        site: SiteId,
    },
    /// The axis, or its distance from the wall clock, was corrected.
    ClockCorrected = "clock.corrected/1" {
        /// Where the axis stood.
        from_ms: RuleMs,
        /// Where it stands now.
        to_ms: RuleMs,
        /// Rule time minus wall time from here on.
        offset_ms: i64,
        /// Who vouches for the time.
        source: String,
        /// The error that the source admits to.
        error_ms: u64,
    },
    /// The wall clock lost its trust.
    ClockUntrusted = "clock.untrusted/1",
    /// A range of readings is sealed.
    ReadingsSealed = "readings.sealed/1" {
        /// Number of the first reading.
        first: u64,
        /// Number of the last reading.
        last: u64,
        /// How many.
        count: u64,
        /// The RFC 6962 root over their leaves.
        root: Hash,
    },
    /// A hole in the record.
    Gap = "gap/1" {
        /// Why.
        cause: GapCause,
        /// From when on the rule axis.
        from_ms: RuleMs,
        /// Until when.
        to_ms: RuleMs,
        /// How many records are missing, if that can be known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u64>,
    },
    /// A region of a unit, or its projected status, changed.
    UnitTransition = "unit.transition/1" {
        /// Which region.
        region: Region,
        /// Its state before.
        from: String,
        /// Its state after.
        to: String,
        /// The unit's status after.
        status: UnitStatus,
        /// When, on the rule axis; the record may be later.
        since_ms: RuleMs,
        /// Why.
        why: Why,
    },
    /// An episode was confirmed.
    AlertRaised = "alert.raised/1" {
        /// The episode's key.
        episode: EpisodeKey,
        /// The alert type of the database's list.
        alert_type: AlertType,
        /// What condition.
        condition: Condition,
        /// How urgent.
        severity: Severity,
        /// When it was confirmed, on the rule axis.
        since_ms: RuleMs,
        /// True if found only by late data: shown and told, never sounded.
        retro: bool,
        /// Why.
        why: Why,
    },
    /// Someone asked for quiet.
    AlertQuieted = "alert.quieted/1" {
        /// The episode.
        episode: EpisodeKey,
        /// Until when.
        until_ms: RuleMs,
    },
    /// A person acknowledged an alert.
    AlertAcknowledged = "alert.acknowledged/1" {
        /// The episode.
        episode: EpisodeKey,
        /// When the acknowledgement expires.
        until_ms: RuleMs,
    },
    /// An acknowledgement expired while the condition was active.
    AlertAckExpired = "alert.ack_expired/1" {
        /// The episode.
        episode: EpisodeKey,
        /// When, on the rule axis.
        since_ms: RuleMs,
    },
    /// The condition of an alert ended.
    AlertCleared = "alert.cleared/1" {
        /// The episode.
        episode: EpisodeKey,
        /// When, on the rule axis.
        since_ms: RuleMs,
        /// Why.
        why: Why,
    },
    /// The condition of a cleared alert came back before its episode ended.
    AlertRelapsed = "alert.relapsed/1" {
        /// The episode.
        episode: EpisodeKey,
        /// When, on the rule axis.
        since_ms: RuleMs,
        /// Why.
        why: Why,
    },
    /// An alert became more urgent, or has to be told again though somebody was on it.
    AlertUpgraded = "alert.upgraded/1" {
        /// The episode.
        episode: EpisodeKey,
        /// How urgent now.
        severity: Severity,
        /// When, on the rule axis.
        since_ms: RuleMs,
        /// Why.
        why: Why,
    },
    /// Nobody had acknowledged an alert for too long.
    AlertEscalated = "alert.escalated/1" {
        /// The episode.
        episode: EpisodeKey,
        /// The level that it reached.
        level: u8,
        /// When, on the rule axis.
        since_ms: RuleMs,
    },
    /// A person is done with an alert whose condition had ended.
    AlertResolved = "alert.resolved/1" {
        /// The episode.
        episode: EpisodeKey,
    },
    /// A person silenced the alerts of a unit for a while.
    ShelveStarted = "shelve.started/1" {
        /// Until when.
        until_ms: RuleMs,
        /// Why, in the person's words.
        reason: String,
    },
    /// The silence of a unit ended.
    ShelveEnded = "shelve.ended/1" {
        /// What ended it.
        by: ShelveEnd,
    },
    /// A person logged a temperature by hand.
    ManualLogRecorded = "manual_log.recorded/1" {
        /// What was read, if it could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        temperature_centi_c: Option<i32>,
        /// When it was read, on the rule axis.
        taken_ms: RuleMs,
        /// What the person adds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// A unit began to defrost, or is done with it.
    DefrostChanged = "defrost.changed/1" {
        /// Which of the two.
        defrost: Defrost,
    },
    /// A door opened or closed.
    DoorChanged = "door.changed/1" {
        /// Its state now.
        door: Door,
    },
    /// A point of a device was assigned to a unit.
    DeviceAssigned = "device.assigned/1" {
        /// The channel.
        channel: Channel,
        /// What it measures there.
        role: Role,
        /// The device's model.
        model: String,
        /// Its radio address.
        address: String,
    },
    /// A device is alive but gives no value.
    DeviceFault = "device.fault/1" {
        /// What is wrong.
        fault: Fault,
    },
    /// A device gives values again.
    DeviceRecovered = "device.recovered/1",
    /// An annunciator does not work.
    AnnunciatorFailed = "annunciator.failed/1" {
        /// Its key in the site document.
        output: String,
        /// What it reported.
        error: String,
    },
    /// An annunciator works again.
    AnnunciatorRecovered = "annunciator.recovered/1" {
        /// Its key in the site document.
        output: String,
    },
    /// A configuration took effect.
    ConfigApplied = "config.applied/1" {
        /// SHA-256 of the resolved rules.
        hash: Hash,
        /// Where it came from.
        source: String,
    },
    /// The rules of a document from the cloud took effect.
    DocumentApplied = "config.applied/2" {
        /// SHA-256 of the resolved rules.
        hash: Hash,
        /// The document's version.
        version: u64,
    },
    /// A configuration was not taken.
    ConfigRefused = "config.refused/1" {
        /// The version that it claims; absent if it could not be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
        /// Why, as a word.
        code: RefusalCode,
        /// Why, for people.
        reason: String,
        /// True if it waits for somebody at the hub to let it take effect all the same.
        waits: bool,
    },
    /// A configuration that had taken effect was taken back, for the hub was not healthy under it.
    ConfigRolledBack = "config.rolled_back/1" {
        /// The version that was taken back.
        version: u64,
        /// The version whose rules are in force again; absent for those of the hub's own site document.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<u64>,
        /// SHA-256 of the rules that are in force again.
        hash: Hash,
        /// What was not healthy, for people.
        reason: String,
    },
    /// A command came in.
    CommandReceived = "command.received/1" {
        /// Its id.
        command: CommandId,
        /// What it asks for.
        kind: String,
    },
    /// A command came to its end.
    CommandDone = "command.done/1" {
        /// Its id.
        command: CommandId,
        /// What came of it.
        outcome: CommandOutcome,
        /// What came of it, for people.
        text: String,
    },
    /// The hub tried what an alarm needs.
    SelftestDone = "selftest.done/1" {
        /// True if everything worked.
        passed: bool,
        /// What was tried.
        checks: Vec<Check>,
    },
    /// Storage was found damaged and set aside.
    StorageDamaged = "storage.damaged/1" {
        /// What was found.
        what: String,
        /// The name that the damaged file was given.
        kept_as: String,
    },
}

impl Fact {
    /// The data object.
    pub(super) fn data(&self) -> Result<Value, EventError> {
        let value = serde_json::to_value(self)?;
        Ok(if value.is_null() { json!({}) } else { value })
    }
}
