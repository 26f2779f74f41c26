//! Fields: every single thing that can be said in a rule, its name, its kind and its range.
//!
//! Owns the catalogue that the site document, the cloud's tables, the API and inheritance read, so that a field is added in
//! one place. Pure data. It does not judge how fields fit together: that is for [`super::UnitRules::check`].

use super::schedule::{Schedule, TimesOfDay};
use crate::alarm::{AlertType, Severity};
use crate::quantity::{CentiCelsius, CentiDegrees};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use thiserror::Error;

/// Tiers of one alert type: several limits, each with its own delays and severity.
pub const TIERS: u8 = 4;

/// A slot: an alert type and a tier of it. One rule says what a place says of one slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Slot {
    /// What it raises.
    pub kind: AlertType,
    /// From 0 to [`TIERS`] − 1; only `alarm_active` has more than tier 0.
    pub tier: u8,
}

impl Slot {
    /// The first tier of an alert type.
    pub const fn of(kind: AlertType) -> Self {
        Self { kind, tier: 0 }
    }
}

/// How an excursion's time counts towards its delay.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Within one episode.
    Consecutive,
    /// Over all stretches of the last 24 hours.
    Cumulative,
}

impl Trigger {
    /// The word in documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Consecutive => "consecutive",
            Self::Cumulative => "cumulative",
        }
    }
}

/// A multiple with two decimals, in hundredths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hundredths(pub u32);

/// A field's value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// A temperature.
    Celsius(CentiCelsius),
    /// A difference of temperatures, not negative.
    Degrees(CentiDegrees),
    /// A count, or a length of time in the unit that the field's name ends in.
    Count(u32),
    /// A multiple.
    Multiple(Hundredths),
    /// Yes or no.
    Flag(bool),
    /// How urgent.
    Severity(Severity),
    /// How time counts.
    Trigger(Trigger),
    /// Hours of the week.
    Schedule(Schedule),
    /// Times of the day.
    Times(TimesOfDay),
}

/// What a value of a field looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A temperature, with a literal of at most two decimals.
    Celsius,
    /// A difference of temperatures, in 0.01 °C.
    Degrees {
        /// The largest.
        highest: i32,
    },
    /// An integer.
    Count {
        /// The smallest.
        lowest: u32,
        /// The largest.
        highest: u32,
    },
    /// A multiple with at most two decimals, in hundredths.
    Multiple {
        /// The smallest.
        lowest: u32,
        /// The largest.
        highest: u32,
    },
    /// true or false.
    Flag,
    /// info, warning or critical.
    Severity,
    /// consecutive or cumulative.
    Trigger,
    /// `{ days = [0–6], start_hour, end_hour }`.
    Schedule,
    /// A list of `"HH:MM"`.
    Times,
}

/// Minutes of a week: the longest time that a rule may name in minutes.
const WEEK: u32 = 10_080;

macro_rules! fields {
    ($( $(#[$doc:meta])* $field:ident = $name:literal, $home:expr, $kind:expr, $off:expr; )+) => {
        /// A field of a rule.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum RuleField { $( $(#[$doc])* $field, )+ }

        impl RuleField {
            /// All of them.
            pub const ALL: &[Self] = &[$( Self::$field, )+];

            /// Its name in documents; temperatures there end in `_c`.
            pub const fn word(self) -> &'static str {
                match self { $( Self::$field => $name, )+ }
            }

            /// The alert type whose rule it belongs to; `None` if every rule has its own.
            pub const fn home(self) -> Option<AlertType> {
                match self { $( Self::$field => $home, )+ }
            }

            /// What its values look like.
            pub const fn kind(self) -> Kind {
                match self { $( Self::$field => $kind, )+ }
            }

            /// True if it can be switched off on purpose, which is not the same as saying nothing.
            pub const fn may_be_off(self) -> bool {
                match self { $( Self::$field => $off, )+ }
            }
        }
    };
}

const MINUTES: Kind = Kind::Count { lowest: 0, highest: WEEK };
const THERMAL: Option<AlertType> = Some(AlertType::AlarmActive);
const DOOR: Option<AlertType> = Some(AlertType::DoorOpen);
const SILENCE: Option<AlertType> = Some(AlertType::MonitoringInterrupted);
const MANUAL: Option<AlertType> = Some(AlertType::MissedManualEntry);
const BATTERY: Option<AlertType> = Some(AlertType::LowBattery);
const FAULT: Option<AlertType> = Some(AlertType::SensorFault);
const CALIBRATION: Option<AlertType> = Some(AlertType::CalibrationDue);

fields! {
    /// Whether the rule runs at all.
    Enabled = "enabled", None, Kind::Flag, false;
    /// How urgent its alert is.
    Severity = "severity", None, Kind::Severity, false;
    /// When people are told of a warning.
    Schedule = "schedule", None, Kind::Schedule, true;
    /// How long before an alert, for rules without a time of their own: an excursion, a low battery.
    Delay = "delay_minutes", None, MINUTES, false;
    /// Lowest temperature allowed.
    TempMin = "temp_min_c", THERMAL, Kind::Celsius, true;
    /// Highest temperature allowed.
    TempMax = "temp_max_c", THERMAL, Kind::Celsius, true;
    /// Whether the limit itself already violates.
    Inclusive = "inclusive", THERMAL, Kind::Flag, false;
    /// How far inside the limit counts as recovered.
    Hysteresis = "hysteresis_c", THERMAL, Kind::Degrees { highest: 1_000 }, false;
    /// How long in range before a confirmed episode clears.
    OffDelay = "off_delay_minutes", THERMAL, MINUTES, false;
    /// How long out of range, with the door closed, before an episode is confirmed.
    ConfirmClosed = "excursion_confirm_minutes_door_closed", THERMAL, MINUTES, false;
    /// How long out of range, with the door open, before an episode is confirmed.
    ConfirmOpen = "excursion_confirm_minutes_door_open", THERMAL, MINUTES, false;
    /// The longest excursion that anything can hold back.
    MaxExcursion = "max_excursion_minutes", THERMAL, Kind::Count { lowest: 1, highest: WEEK }, true;
    /// How far beyond the limit an episode is confirmed at once.
    HardLimit = "hard_limit_c", THERMAL, Kind::Degrees { highest: 10_000 }, true;
    /// How time counts.
    Trigger = "trigger", THERMAL, Kind::Trigger, false;
    /// How slowly the product follows its air, as the time constant of the simulation.
    ProductTau = "product_tau_minutes", THERMAL, Kind::Count { lowest: 1, highest: 1_440 }, true;
    /// When the unit defrosts.
    DefrostTimes = "defrost_times", THERMAL, Kind::Times, true;
    /// How long a defrost takes.
    DefrostLength = "defrost_minutes", THERMAL, Kind::Count { lowest: 1, highest: 240 }, false;
    /// Minutes open before a warning.
    DoorWarning = "door_open_warning_minutes", DOOR, MINUTES, true;
    /// Minutes open before it is critical.
    DoorCritical = "door_open_critical_minutes", DOOR, MINUTES, true;
    /// Minutes a day for which an open door may excuse warm air.
    DoorMask = "door_open_max_mask_minutes_per_day", DOOR, Kind::Count { lowest: 0, highest: 1_440 }, true;
    /// The interval at which a reading is expected; a point records at most one a minute unasked.
    Expected = "expected_reading_interval_seconds", SILENCE, Kind::Count { lowest: 1, highest: 604_800 }, false;
    /// Missed check-ins after which a point is late.
    LateAfter = "offline_warning_missed_checkins", SILENCE, Kind::Count { lowest: 1, highest: 1_000 }, true;
    /// Missed check-ins after which a point is lost.
    LostAfter = "offline_critical_missed_checkins", SILENCE, Kind::Count { lowest: 1, highest: 1_000 }, true;
    /// Multiple of the expected interval after which a point is late, where no check-ins are counted.
    Multiplier = "offline_trigger_multiplier", SILENCE, Kind::Multiple { lowest: 100, highest: 100_000 }, false;
    /// Minutes beyond that multiple.
    Additional = "offline_trigger_additional_minutes", SILENCE, MINUTES, false;
    /// Minutes between manual logs.
    ManualInterval = "manual_interval_minutes", MANUAL, Kind::Count { lowest: 1, highest: WEEK }, true;
    /// Minutes for which a manual log may be late.
    ManualGrace = "manual_grace_minutes", MANUAL, MINUTES, false;
    /// Missed check-ins after which people have to log by hand.
    ManualThreshold = "manual_log_missed_checkins_threshold", MANUAL, Kind::Count { lowest: 1, highest: 1_000 }, false;
    /// Whether logs by hand are always required, at fixed times of the day.
    ManualRequired = "manual_monitoring_required", MANUAL, Kind::Flag, false;
    /// Percent at which a battery is low.
    BatteryLow = "battery_low_percent", BATTERY, Kind::Count { lowest: 1, highest: 100 }, false;
    /// Below it no value is believed.
    RangeMin = "range_min_c", FAULT, Kind::Celsius, false;
    /// Above it no value is believed.
    RangeMax = "range_max_c", FAULT, Kind::Celsius, false;
    /// The fastest change that is believed at once, in °C per minute.
    Rate = "rate_c_per_minute", FAULT, Kind::Degrees { highest: 10_000 }, true;
    /// Hours of one and the same value after which a sensor is taken to be stuck.
    Stuck = "stuck_hours", FAULT, Kind::Count { lowest: 1, highest: 168 }, true;
    /// Days before a calibration is due that people are told.
    CalibrationLead = "calibration_lead_days", CALIBRATION, Kind::Count { lowest: 0, highest: 365 }, false;
}

/// A word that names no field. Refuse what carried it.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("\"{0}\" is no field of a rule")]
pub struct UnknownField(String);

impl FromStr for RuleField {
    type Err = UnknownField;
    fn from_str(text: &str) -> Result<Self, UnknownField> {
        let known = Self::ALL.iter().copied().find(|field| field.word() == text);
        known.ok_or_else(|| UnknownField(text.chars().take(64).collect()))
    }
}

impl RuleField {
    /// True if the rule of such an alert type can say it.
    pub fn belongs_to(self, kind: AlertType) -> bool {
        match self {
            Self::Delay => matches!(kind, AlertType::AlarmActive | AlertType::LowBattery),
            _ => self.home().is_none_or(|home| home == kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_reads_back_from_its_name_and_no_other_word_is_one() {
        for field in RuleField::ALL {
            assert_eq!(field.word().parse::<RuleField>().unwrap(), *field);
        }
        assert!("temp_max".parse::<RuleField>().is_err());
        assert!("".parse::<RuleField>().is_err());
    }

    #[test]
    fn a_field_belongs_to_one_alert_type_or_every_rule_has_its_own() {
        for field in RuleField::ALL {
            let homes = AlertType::ALL.into_iter().filter(|kind| field.belongs_to(*kind)).count();
            let expected = match field {
                RuleField::Delay => 2,
                RuleField::Enabled | RuleField::Severity | RuleField::Schedule => AlertType::ALL.len(),
                _ => 1,
            };
            assert_eq!(homes, expected, "{field:?}");
        }
    }
}
