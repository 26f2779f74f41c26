//! Rules as the engine takes them: resolved, each field with its value and where it came from.
//!
//! Owns the types of a unit's rules and what can be run. Inheritance is resolved before; here a field has one value.
//! Missing limits are a state that shows, never silence.

use super::field::{Hundredths, TIERS, Trigger};
use super::schedule::{Schedule, TimesOfDay};
use crate::alarm::{AlertType, Severity};
use crate::ids::{PointId, UnitId};
use crate::quantity::{CentiCelsius, CentiDegrees};
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

/// Where a field's value was set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// At the unit.
    Unit,
    /// At its area.
    Area,
    /// At the site.
    Site,
    /// At the organization.
    Organization,
    /// In the template of the unit's type.
    Template,
    /// The system's default.
    System,
}

impl Provenance {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Area => "area",
            Self::Site => "site",
            Self::Organization => "organization",
            Self::Template => "template",
            Self::System => "system default",
        }
    }
}

/// A field's value and where it was set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Field<T> {
    /// The value.
    pub value: T,
    /// Where it was set.
    pub provenance: Provenance,
}

impl<T> Field<T> {
    /// A value set at the unit itself.
    pub const fn unit(value: T) -> Self {
        Self { value, provenance: Provenance::Unit }
    }
    /// A system default.
    pub const fn system(value: T) -> Self {
        Self { value, provenance: Provenance::System }
    }
    /// True if somebody has said it.
    pub fn is_said(&self) -> bool {
        self.provenance != Provenance::System
    }
}

/// What every rule has: whether it runs, how urgent its alert is, and when people are told of a warning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Telling {
    /// Whether the rule runs.
    pub enabled: Field<bool>,
    /// How urgent its alert is.
    pub severity: Field<Severity>,
    /// When people are told of what is less than critical; `None` is always.
    pub schedule: Field<Option<Schedule>>,
}

impl Telling {
    /// The system's default: it runs, it is a warning, and people are always told.
    pub const DEFAULT: Self = Self {
        enabled: Field::system(true),
        severity: Field::system(Severity::Warning),
        schedule: Field::system(None),
    };
}

/// The limits of one tier, and how long which excursion takes to count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ThermalRule {
    /// Whether it runs, how urgent it is, and when people are told.
    pub telling: Telling,
    /// Lowest temperature allowed. None that somebody has said is off on purpose.
    pub min: Field<Option<CentiCelsius>>,
    /// Highest temperature allowed. None that somebody has said is off on purpose.
    pub max: Field<Option<CentiCelsius>>,
    /// Whether the limit itself already violates.
    pub inclusive: Field<bool>,
    /// How far inside the limit a value must be to count as recovered.
    pub hysteresis: Field<CentiDegrees>,
    /// How long out of range before an episode is confirmed, where the door says nothing else.
    pub delay: Field<DurationMs>,
    /// The same with the door closed; none is the delay.
    pub confirm_closed: Field<Option<DurationMs>>,
    /// The same with the door open; none is the delay.
    pub confirm_open: Field<Option<DurationMs>>,
    /// How long in range before a confirmed episode clears.
    pub off_delay: Field<DurationMs>,
    /// The longest excursion that anything can hold back.
    pub max_excursion: Field<Option<DurationMs>>,
    /// How far beyond its limit a value confirms at once.
    pub hard_limit: Field<Option<CentiDegrees>>,
    /// How time counts.
    pub trigger: Field<Trigger>,
    /// The time constant of the product that is simulated from the air.
    pub product_tau: Field<Option<DurationMs>>,
    /// When the unit defrosts.
    pub defrost_times: Field<Option<TimesOfDay>>,
    /// How long a defrost takes.
    pub defrost_length: Field<DurationMs>,
}

impl ThermalRule {
    /// The system's default: no limits; half a degree inside a limit, for ten minutes, is recovered; five minutes outside
    /// are an episode, which is a warning; an hour outside is critical, whatever else is said.
    pub const DEFAULT: Self = Self {
        telling: Telling::DEFAULT,
        min: Field::system(None),
        max: Field::system(None),
        inclusive: Field::system(false),
        hysteresis: Field::system(CentiDegrees::HALF_A_DEGREE),
        delay: Field::system(DurationMs::minutes(5)),
        confirm_closed: Field::system(None),
        confirm_open: Field::system(None),
        off_delay: Field::system(DurationMs::minutes(10)),
        max_excursion: Field::system(Some(DurationMs::minutes(60))),
        hard_limit: Field::system(None),
        trigger: Field::system(Trigger::Consecutive),
        product_tau: Field::system(None),
        defrost_times: Field::system(None),
        defrost_length: Field::system(DurationMs::minutes(30)),
    };
}

/// When an open door is told of, and how long it may excuse warm air.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DoorRule {
    /// Whether it runs, how urgent its first stage is, and when people are told.
    pub telling: Telling,
    /// How long open before a warning.
    pub warning: Field<Option<DurationMs>>,
    /// How long open before it is critical.
    pub critical: Field<Option<DurationMs>>,
    /// How long in a day of the site an open door may excuse warm air.
    pub mask_per_day: Field<DurationMs>,
}

impl DoorRule {
    /// The system's default.
    pub const DEFAULT: Self = Self {
        telling: Telling::DEFAULT,
        warning: Field::system(Some(DurationMs::minutes(3))),
        critical: Field::system(Some(DurationMs::minutes(10))),
        mask_per_day: Field::system(DurationMs::minutes(60)),
    };
}

/// What makes a silent point late, and lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilenceTrigger {
    /// Missed check-ins.
    Checkins {
        /// So many missed make a point late.
        late_after: Field<u32>,
        /// So many missed make it lost.
        lost_after: Field<u32>,
    },
    /// A multiple of the interval and a time beyond it make a point late, twice that makes it lost.
    Multiple {
        /// The multiple.
        multiplier: Field<Hundredths>,
        /// The time beyond it.
        additional: Field<DurationMs>,
    },
}

/// When a silent point is late, and when lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SilenceRule {
    /// Whether it runs, how urgent it is when all points of a unit are lost, and when people are told.
    pub telling: Telling,
    /// The interval at which a reading is expected.
    pub expected: Field<DurationMs>,
    /// How many intervals without one are too many.
    pub trigger: SilenceTrigger,
}

/// A late check-in is forgiven this long before it counts as missed.
pub const CHECKIN_JITTER: DurationMs = DurationMs::seconds(30);
/// A point records at most one reading a minute unasked, so a shorter interval than that is never expected.
const RECORDING_SLOT: DurationMs = DurationMs::minutes(1);

impl SilenceRule {
    /// The system's default: late after one missed check-in of a minute, lost after five, a warning.
    pub const DEFAULT: Self = Self {
        telling: Telling::DEFAULT,
        expected: Field::system(DurationMs::seconds(60)),
        trigger: SilenceTrigger::Checkins { late_after: Field::system(1), lost_after: Field::system(5) },
    };

    /// The interval at which a reading is expected.
    pub fn interval(&self) -> DurationMs {
        self.expected.value.max(RECORDING_SLOT)
    }
    /// How long after its last live reading so many check-ins are missed.
    pub fn missed(&self, checkins: u32) -> DurationMs {
        CHECKIN_JITTER + DurationMs(self.interval().0.saturating_mul(i64::from(checkins)))
    }
    /// How long after its last live reading a point is late.
    pub fn late_delay(&self) -> DurationMs {
        match self.trigger {
            SilenceTrigger::Checkins { late_after, .. } => self.missed(late_after.value),
            SilenceTrigger::Multiple { multiplier, additional } => {
                DurationMs(self.interval().0.saturating_mul(i64::from(multiplier.value.0)) / 100)
                    + additional.value
            }
        }
    }
    /// How long after its last live reading a point is lost.
    pub fn lost_delay(&self) -> DurationMs {
        match self.trigger {
            SilenceTrigger::Checkins { lost_after, .. } => self.missed(lost_after.value),
            SilenceTrigger::Multiple { .. } => DurationMs(self.late_delay().0.saturating_mul(2)),
        }
    }
}

/// When people have to log by hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ManualRule {
    /// Whether it runs, how urgent a missed log is, and when people are told.
    pub telling: Telling,
    /// Whether logs are always required, at fixed times of the day; else only when the sensors are silent.
    pub required: Field<bool>,
    /// The time between logs; none requires none.
    pub interval: Field<Option<DurationMs>>,
    /// How late a log may be.
    pub grace: Field<DurationMs>,
    /// Missed check-ins of a sensor before people have to log.
    pub missed_threshold: Field<u32>,
}

impl ManualRule {
    /// The system's default.
    pub const DEFAULT: Self = Self {
        telling: Telling::DEFAULT,
        required: Field::system(false),
        interval: Field::system(Some(DurationMs::minutes(240))),
        grace: Field::system(DurationMs::minutes(30)),
        missed_threshold: Field::system(5),
    };
}

/// When a battery is low.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BatteryRule {
    /// Whether it runs, how urgent it is, and when people are told.
    pub telling: Telling,
    /// At so many percent it is low.
    pub low_percent: Field<u32>,
    /// How long it must be low.
    pub delay: Field<DurationMs>,
}

impl BatteryRule {
    /// The system's default.
    pub const DEFAULT: Self = Self {
        telling: Telling::DEFAULT,
        low_percent: Field::system(20),
        delay: Field::system(DurationMs::minutes(5)),
    };
}

/// What is believed of a sensor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InstrumentRule {
    /// Whether its alert is raised, how urgent it is, and when people are told. The values are judged in any case.
    pub telling: Telling,
    /// Below it nothing is believed.
    pub range_min: Field<CentiCelsius>,
    /// Above it nothing is believed.
    pub range_max: Field<CentiCelsius>,
    /// The fastest change a minute that is believed at once.
    pub rate: Field<Option<CentiDegrees>>,
    /// How long one and the same value is believed while other sensors move.
    pub stuck: Field<Option<DurationMs>>,
}

const MINUS_60: CentiCelsius = CentiCelsius::literal(-6_000);
const PLUS_60: CentiCelsius = CentiCelsius::literal(6_000);

impl InstrumentRule {
    /// The system's default.
    pub const DEFAULT: Self = Self {
        telling: Telling::DEFAULT,
        range_min: Field::system(MINUS_60),
        range_max: Field::system(PLUS_60),
        rate: Field::system(Some(CentiDegrees::FIFTEEN_DEGREES)),
        stuck: Field::system(Some(DurationMs::minutes(6 * 60))),
    };
}

/// When a calibration is told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CalibrationRule {
    /// Whether it runs, how urgent it is, and when people are told.
    pub telling: Telling,
    /// How long before it is due.
    pub lead: Field<DurationMs>,
}

impl CalibrationRule {
    /// The system's default.
    pub const DEFAULT: Self = Self { telling: Telling::DEFAULT, lead: Field::system(DurationMs(0)) };
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
