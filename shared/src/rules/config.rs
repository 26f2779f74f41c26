//! Rules as the engine takes them: resolved, each field with its value and where it came from.
//!
//! Owns the types of a unit's rules and what can be run. Inheritance is resolved before; here a field has one value.
//! Missing limits are a state that shows, never silence.

pub use super::provenance::{Field, Provenance};
pub use super::rule::*;

use super::field::TIERS;
use crate::alarm::AlertType;
use crate::ids::{PointId, UnitId};
use crate::quantity::CentiCelsius;
use crate::time::{DurationMs, WallMs};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// Rules that cannot be run. Refuse the document that carries them.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RulesError {
    /// The limits leave no band.
    #[error("temp_min {min} °C is not below temp_max {max} °C")]
    NoBand {
        /// Lower limit.
        min: CentiCelsius,
        /// Upper limit.
        max: CentiCelsius,
    },
    /// A count of missed check-ins that could never be reached in order.
    #[error(
        "offline_warning_missed_checkins {late} is not from 1 to offline_critical_missed_checkins {lost}, at most 1000"
    )]
    Checkins {
        /// Missed check-ins after which a point is late.
        late: u32,
        /// Missed check-ins after which it is lost.
        lost: u32,
    },
    /// A time is negative or longer than a week.
    #[error("{field} is outside 0 to 10080 minutes")]
    Minutes {
        /// The field's name.
        field: &'static str,
    },
    /// A door would be critical before it is worth a warning.
    #[error("door_open_warning_minutes is not below door_open_critical_minutes")]
    Door,
    /// A slow series would hide a dead compressor.
    #[error(
        "product_tau_minutes needs max_excursion_minutes: a simulated product is slow to show that a compressor is dead"
    )]
    Unbounded,
    /// A range in which nothing can be believed.
    #[error("range_min_c is not below range_max_c")]
    Range,
    /// Tiers that are not counted from 0 in order.
    #[error("the tiers of the limits are not 0, 1, … in order, at most {TIERS}")]
    Tiers,
    /// A field has a value of another kind than its own.
    #[error("{field} has a value of another kind")]
    Kind {
        /// The field's name.
        field: &'static str,
    },
}

/// All rules of one unit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UnitRules {
    /// Temperature limits by tier, at least tier 0.
    pub limits: Vec<ThermalRule>,
    /// Its doors.
    pub door: DoorRule,
    /// Silence of its sensors.
    pub silence: SilenceRule,
    /// Logs by hand.
    pub manual: ManualRule,
    /// Batteries of its sensors.
    pub battery: BatteryRule,
    /// What is believed of its sensors.
    pub instrument: InstrumentRule,
    /// Calibrations of its sensors.
    pub calibration: CalibrationRule,
    /// The place that it shares with other units, by whatever name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
}

impl Default for UnitRules {
    fn default() -> Self {
        Self {
            limits: vec![ThermalRule::DEFAULT],
            door: DoorRule::DEFAULT,
            silence: SilenceRule::DEFAULT,
            manual: ManualRule::DEFAULT,
            battery: BatteryRule::DEFAULT,
            instrument: InstrumentRule::DEFAULT,
            calibration: CalibrationRule::DEFAULT,
            area: None,
        }
    }
}

/// The calibration of a point in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Calibration {
    /// What is added to each raw value, in 0.01 °C.
    pub offset_centi_c: i32,
    /// When it must be calibrated again, by the wall clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<WallMs>,
}

/// The rules of all units of a site, its zone, and the points that exist there.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SiteRules {
    /// The rules of each unit.
    pub units: BTreeMap<UnitId, UnitRules>,
    /// The points of the site's devices; a point that is not listed has been taken away.
    pub points: BTreeSet<PointId>,
    /// The name of the site's time zone in the IANA database; unknown names are UTC.
    #[serde(default)]
    pub zone: String,
    /// Calibrations of points.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calibrations: BTreeMap<PointId, Calibration>,
}

impl UnitRules {
    /// Rules whose only said thing is the limits of tier 0.
    pub fn of_limits(limits: ThermalRule) -> Self {
        Self { limits: vec![limits], ..Self::default() }
    }

    /// What every rule has, by alert type; for limits, that of tier 0.
    pub fn telling(&self, kind: AlertType) -> Telling {
        match kind {
            AlertType::AlarmActive => self.limits.first().map_or(Telling::DEFAULT, |tier| tier.telling),
            AlertType::MonitoringInterrupted => self.silence.telling,
            AlertType::MissedManualEntry => self.manual.telling,
            AlertType::LowBattery => self.battery.telling,
            AlertType::SensorFault => self.instrument.telling,
            AlertType::DoorOpen => self.door.telling,
            AlertType::CalibrationDue => self.calibration.telling,
        }
    }

    /// True if some limit is in force.
    pub fn has_limits(&self) -> bool {
        self.limits.iter().any(ThermalRule::has_limits)
    }

    /// True if nothing guards the temperature and nobody has said that this is meant.
    pub fn is_unguarded(&self) -> bool {
        let meant =
            |tier: &ThermalRule| tier.min.is_said() || tier.max.is_said() || !tier.telling.enabled.value;
        !self.has_limits() && !self.limits.iter().any(meant)
    }

    /// On which sides of the limits a value lies, the widest excursion first: above any upper, below any lower.
    pub fn sides(&self, value: CentiCelsius) -> u32 {
        self.limits.iter().enumerate().fold(0, |sides, (tier, rule)| {
            let (above, below) = rule.sides(value);
            sides | u32::from(above) << (2 * tier) | u32::from(below) << (2 * tier + 1)
        })
    }

    /// The largest distance outside any limit, for choosing the worse of two values.
    pub fn distance(&self, value: CentiCelsius) -> i32 {
        self.limits.iter().filter_map(|tier| tier.distance(value)).max().unwrap_or(0)
    }

    /// Checks the rules as a whole.
    ///
    /// # Errors
    /// Limits without a band, check-ins out of order, or a time out of its range.
    pub fn check(&self) -> Result<(), RulesError> {
        if self.limits.is_empty() || self.limits.len() > usize::from(TIERS) {
            return Err(RulesError::Tiers);
        }
        self.limits.iter().try_for_each(ThermalRule::check)?;
        if let (Some(warning), Some(critical)) = (self.door.warning.value, self.door.critical.value)
            && warning >= critical
        {
            return Err(RulesError::Door);
        }
        if self.instrument.range_min.value >= self.instrument.range_max.value {
            return Err(RulesError::Range);
        }
        self.check_times()
    }

    fn check_times(&self) -> Result<(), RulesError> {
        minutes("expected_reading_interval_seconds", self.silence.expected.value)?;
        minutes("manual_grace_minutes", self.manual.grace.value)?;
        minutes("manual_interval_minutes", self.manual.interval.value.unwrap_or_default())?;
        minutes("delay_minutes", self.battery.delay.value)?;
        minutes("door_open_warning_minutes", self.door.warning.value.unwrap_or_default())?;
        minutes("door_open_critical_minutes", self.door.critical.value.unwrap_or_default())?;
        minutes("door_open_max_mask_minutes_per_day", self.door.mask_per_day.value)?;
        match self.silence.trigger {
            SilenceTrigger::Checkins { late_after, lost_after } => {
                let (late, lost) = (late_after.value, lost_after.value);
                if late < 1 || lost < late || lost > 1_000 {
                    return Err(RulesError::Checkins { late, lost });
                }
            }
            SilenceTrigger::Multiple { additional, .. } => {
                minutes("offline_trigger_additional_minutes", additional.value)?;
            }
        }
        Ok(())
    }
}

pub(super) fn minutes(field: &'static str, length: DurationMs) -> Result<(), RulesError> {
    if (0..=10_080 * 60_000).contains(&length.0) { Ok(()) } else { Err(RulesError::Minutes { field }) }
}
