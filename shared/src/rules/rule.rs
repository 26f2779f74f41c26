//! The rules of each alert type, and what the system says where nobody has said anything.
//!
//! Owns the fields of a rule as the engine takes them, each resolved to one value with its provenance.

use super::field::{Hundredths, Trigger};
use super::provenance::Field;
use super::schedule::{Schedule, TimesOfDay};
use crate::alarm::Severity;
use crate::quantity::{CentiCelsius, CentiDegrees};
use crate::time::DurationMs;
use serde::{Deserialize, Serialize};

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
