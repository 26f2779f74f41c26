//! Words: the closed lists of the database that the read API filters by and shows.
//!
//! A word travels as text in both directions: binding or selecting the database's own enumeration would make the driver
//! look its number up with a named statement, which no pooler in transaction mode survives.

use serde::Serialize;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueRef};
use sqlx::{Decode, Postgres, Type};
use std::str::FromStr;
use thiserror::Error;
use utoipa::ToSchema;

/// A word that is not in the list. Ask again with one that is.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("\"{0}\" is not in the list")]
pub struct UnknownWord(String);

// A word is taken as a plain token: what makes the document does not see through a captured literal.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:tt,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All words of the list, in its order.
            pub const WORDS: &[&'static str] = &[$($word,)+];

            /// The word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    other => Err(UnknownWord(other.chars().take(64).collect())),
                }
            }
        }

        impl Type<Postgres> for $name {
            fn type_info() -> PgTypeInfo {
                <str as Type<Postgres>>::type_info()
            }
            fn compatible(other: &PgTypeInfo) -> bool {
                <str as Type<Postgres>>::compatible(other)
            }
        }

        impl<'r> Decode<'r, Postgres> for $name {
            fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
                Ok(<&str as Decode<Postgres>>::decode(value)?.parse()?)
            }
        }
    };
}

words! {
    /// What kind of equipment a unit is.
    UnitType {
        /// A refrigerator.
        Fridge = "fridge",
        /// A freezer.
        Freezer = "freezer",
        /// An open or glazed case that shows goods.
        DisplayCase = "display_case",
        /// A cold room.
        WalkInCooler = "walk_in_cooler",
        /// A freezing room.
        WalkInFreezer = "walk_in_freezer",
        /// A cabinet that chills quickly.
        BlastChiller = "blast_chiller",
    }
}

words! {
    /// How a unit is.
    UnitStatus {
        /// Within its limits.
        Ok = "ok",
        /// Out of its limits, not yet long enough for an alarm.
        Excursion = "excursion",
        /// In alarm.
        AlarmActive = "alarm_active",
        /// Not heard.
        MonitoringInterrupted = "monitoring_interrupted",
        /// To be read by hand.
        ManualRequired = "manual_required",
        /// Heard again, not yet for long enough.
        Restoring = "restoring",
        /// Not heard for long.
        Offline = "offline",
    }
}

words! {
    /// What an alert is about.
    AlertType {
        /// A temperature out of its limits.
        AlarmActive = "alarm_active",
        /// A unit that is not heard.
        MonitoringInterrupted = "monitoring_interrupted",
        /// A reading by hand that is overdue.
        MissedManualEntry = "missed_manual_entry",
        /// A battery that is low.
        LowBattery = "low_battery",
        /// A sensor that gives no believable value.
        SensorFault = "sensor_fault",
        /// A door that stands open.
        DoorOpen = "door_open",
        /// A calibration that is due.
        CalibrationDue = "calibration_due",
    }
}

words! {
    /// How urgent an alert is.
    AlertSeverity {
        /// To be known.
        Info = "info",
        /// To be looked at.
        Warning = "warning",
        /// To be acted on now.
        Critical = "critical",
    }
}

words! {
    /// Where an alert stands.
    AlertStatus {
        /// Nobody is on it.
        Active = "active",
        /// Somebody is on it.
        Acknowledged = "acknowledged",
        /// It is over.
        Resolved = "resolved",
        /// Nobody was on it in time.
        Escalated = "escalated",
    }
}

words! {
    /// How long the periods of figures are.
    Granularity {
        /// An hour.
        Hourly = "hourly",
    }
}

words! {
    /// How far a hub is with what is desired of it.
    HubConfigurationState {
        /// Nothing is desired of it.
        None = "none",
        /// It has not decided yet.
        Pending = "pending",
        /// It is in force.
        Applied = "applied",
        /// The hub did not take it.
        Refused = "refused",
        /// It waits for somebody at the hub to confirm it.
        WaitingForConfirmation = "waiting_for_confirmation",
        /// The hub took it back, for it was not healthy under it.
        RolledBack = "rolled_back",
    }
}

words! {
    /// What became of a document.
    DocumentState {
        /// The hub has not decided yet.
        Pending = "pending",
        /// It came into force.
        Applied = "applied",
        /// The hub did not take it.
        Refused = "refused",
        /// It waits for somebody at the hub to confirm it.
        WaitingForConfirmation = "waiting_for_confirmation",
        /// The hub took it back, for it was not healthy under it.
        RolledBack = "rolled_back",
        /// A newer one took its place before the hub had decided.
        Superseded = "superseded",
    }
}

words! {
    /// What a hub is asked to do.
    CommandKind {
        /// To take it that somebody is on an alert.
        Acknowledge = "acknowledge",
        /// To show which one it is.
        Identify = "identify",
        /// To try everything that an alarm needs.
        SelfTest = "self_test",
    }
}

words! {
    /// How far a hub is with a command.
    CommandState {
        /// The hub does not have it yet.
        Pending = "pending",
        /// The hub has it.
        Received = "received",
        /// It is done.
        Done = "done",
        /// The hub did not do it.
        Refused = "refused",
        /// Nobody did it in its time.
        Expired = "expired",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_no_other_is_taken() {
        for word in UnitStatus::WORDS {
            assert_eq!(word.parse::<UnitStatus>().unwrap().word(), *word);
        }
        for word in ["", "OK", "ok ", "broken"] {
            assert_eq!(word.parse::<UnitStatus>(), Err(UnknownWord(word.to_owned())));
        }
    }
}
