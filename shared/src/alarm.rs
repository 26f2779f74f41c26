//! Alarm vocabulary: what an alert is about, how urgent it is, and what an annunciator should make of it.
//!
//! Owns the words that rules, annunciators and pages share, so that an annunciator needs to know no rules.

use serde::{Deserialize, Serialize};

/// The alert types of the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
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
}

impl Condition {
    pub(crate) const ALL: [Self; 4] = [Self::TooWarm, Self::TooCold, Self::Silent, Self::SensorFault];

    /// The alert type it raises.
    pub const fn alert_type(self) -> AlertType {
        match self {
            Self::TooWarm | Self::TooCold => AlertType::AlarmActive,
            Self::Silent => AlertType::MonitoringInterrupted,
            Self::SensorFault => AlertType::SensorFault,
        }
    }
    /// The word in documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::TooWarm => "too_warm",
            Self::TooCold => "too_cold",
            Self::Silent => "silent",
            Self::SensorFault => "sensor_fault",
        }
    }
    /// Kind and side as they stand in an episode's key.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::TooWarm => "temperature/warm",
            Self::TooCold => "temperature/cold",
            Self::Silent => "silence/-",
            Self::SensorFault => "fault/-",
        }
    }
}

/// How urgent an alert is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
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
