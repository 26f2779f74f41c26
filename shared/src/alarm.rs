//! Alarm vocabulary: what an alert is about, how urgent it is, and what an annunciator should make of it.
//!
//! Owns the words that rules, annunciators and pages share, so that an annunciator needs to know no rules.

use serde::{Deserialize, Serialize};

/// The alert types of the database.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertType {
    /// A temperature out of its limits.
    AlarmActive,
    /// A unit of which nothing is heard.
    MonitoringInterrupted,
    /// A manual log that is overdue.
    MissedManualEntry,
    /// A battery that is low.
    LowBattery,
    /// A sensor that gives no believable value.
    SensorFault,
    /// A door that stands open.
    DoorOpen,
    /// A calibration that is due.
    CalibrationDue,
}

impl AlertType {
    /// All of them, in the order of the database's list.
    pub const ALL: [Self; 7] = [
        Self::AlarmActive,
        Self::MonitoringInterrupted,
        Self::MissedManualEntry,
        Self::LowBattery,
        Self::SensorFault,
        Self::DoorOpen,
        Self::CalibrationDue,
    ];

    /// The word in documents and in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AlarmActive => "alarm_active",
            Self::MonitoringInterrupted => "monitoring_interrupted",
            Self::MissedManualEntry => "missed_manual_entry",
            Self::LowBattery => "low_battery",
            Self::SensorFault => "sensor_fault",
            Self::DoorOpen => "door_open",
            Self::CalibrationDue => "calibration_due",
        }
    }
}

/// A condition that an episode can be about: kind and side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Above the upper limit.
    TooWarm,
    /// Below the lower limit.
    TooCold,
    /// Nothing heard.
    Silent,
    /// No believable value.
    SensorFault,
    /// The door stands open.
    DoorOpen,
    /// The battery is low.
    LowBattery,
    /// A log by hand is overdue.
    ManualMissed,
    /// A calibration is due.
    CalibrationDue,
    /// There is no limit that a temperature could be held against.
    Unguarded,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::TooWarm,
        Self::TooCold,
        Self::Silent,
        Self::SensorFault,
        Self::DoorOpen,
        Self::LowBattery,
        Self::ManualMissed,
        Self::CalibrationDue,
        Self::Unguarded,
    ];

    /// The alert type it raises.
    pub const fn alert_type(self) -> AlertType {
        match self {
            Self::TooWarm | Self::TooCold => AlertType::AlarmActive,
            Self::Silent | Self::Unguarded => AlertType::MonitoringInterrupted,
            Self::SensorFault => AlertType::SensorFault,
            Self::DoorOpen => AlertType::DoorOpen,
            Self::LowBattery => AlertType::LowBattery,
            Self::ManualMissed => AlertType::MissedManualEntry,
            Self::CalibrationDue => AlertType::CalibrationDue,
        }
    }
    /// The word in documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::TooWarm => "too_warm",
            Self::TooCold => "too_cold",
            Self::Silent => "silent",
            Self::SensorFault => "sensor_fault",
            Self::DoorOpen => "door_open",
            Self::LowBattery => "low_battery",
            Self::ManualMissed => "manual_missed",
            Self::CalibrationDue => "calibration_due",
            Self::Unguarded => "unguarded",
        }
    }
    /// Kind and side as they stand in an episode's key.
    pub const fn key(self) -> &'static str {
        match self {
            Self::TooWarm => "temperature/warm",
            Self::TooCold => "temperature/cold",
            Self::Silent => "silence/-",
            Self::SensorFault => "fault/-",
            Self::DoorOpen => "door/-",
            Self::LowBattery => "battery/-",
            Self::ManualMissed => "manual/-",
            Self::CalibrationDue => "calibration/-",
            Self::Unguarded => "limits/-",
        }
    }
    /// True if it is about a temperature out of its limits.
    pub const fn is_thermal(self) -> bool {
        matches!(self, Self::TooWarm | Self::TooCold)
    }
}

/// How urgent an alert is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be known.
    Info,
    /// To be looked at.
    Warning,
    /// To be acted on now.
    Critical,
}

impl Severity {
    /// The word in documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What an annunciator should show of an alert.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sounding {
    /// Make noise.
    Sounding,
    /// Show it, no noise for a while.
    Quiet,
    /// Show it, someone is on it.
    Acknowledged,
    /// The condition ended; nobody has acknowledged it yet.
    Cleared,
}

impl Sounding {
    /// The word in documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sounding => "sounding",
            Self::Quiet => "quiet",
            Self::Acknowledged => "acknowledged",
            Self::Cleared => "cleared",
        }
    }
}
