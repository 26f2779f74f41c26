//! Rules as the engine takes them: resolved, each field with its value and where it came from.
//!
//! Owns the types of a unit's rules and their ranges. Inheritance is resolved before; here a field has one value.
//! Missing limits are a state that shows, never silence.

use crate::alarm::Severity;
use crate::ids::{PointId, UnitId};
use crate::quantity::{CentiCelsius, CentiDegrees};
use crate::time::DurationMs;
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
}

/// Where a field's value was set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
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
}

/// Temperature limits of a unit and their delays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ThermalRule {
    /// Lowest temperature allowed.
    pub min: Option<Field<CentiCelsius>>,
    /// Highest temperature allowed.
    pub max: Option<Field<CentiCelsius>>,
    /// True if the limit itself already violates.
    pub inclusive: bool,
    /// How far inside the limit a value must be to count as recovered.
    pub hysteresis: Field<CentiDegrees>,
    /// How long out of range before an episode is confirmed.
    pub delay: Field<DurationMs>,
    /// How long in range before a confirmed episode clears.
    pub off_delay: Field<DurationMs>,
    /// How urgent a confirmed episode is.
    pub severity: Field<Severity>,
}

impl ThermalRule {
    /// The system's default: no limits; half a degree inside a limit, for ten minutes, is recovered; five minutes outside
    /// are an episode, which is a warning.
    pub const DEFAULT: Self = Self {
        min: None,
        max: None,
        inclusive: false,
        hysteresis: Field::system(CentiDegrees::HALF_A_DEGREE),
        delay: Field::system(DurationMs::minutes(5)),
        off_delay: Field::system(DurationMs::minutes(10)),
        severity: Field::system(Severity::Warning),
    };
}

/// When a silent point is late, and when lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SilenceRule {
    /// The interval at which a reading is expected, at least the recording slot.
    pub expected: Field<DurationMs>,
    /// Missed check-ins after which a point is late.
    pub late_after: Field<u32>,
    /// Missed check-ins after which a point is lost.
    pub lost_after: Field<u32>,
    /// How urgent it is when all points of a unit are lost.
    pub severity: Field<Severity>,
}

/// A late check-in is forgiven this long before it counts as missed.
pub const CHECKIN_JITTER: DurationMs = DurationMs::seconds(30);

impl SilenceRule {
    /// The system's default: late after one missed check-in of a minute, lost after five, a warning.
    pub const DEFAULT: Self = Self {
        expected: Field::system(DurationMs::seconds(60)),
        late_after: Field::system(1),
        lost_after: Field::system(5),
        severity: Field::system(Severity::Warning),
    };

    /// How long after its last live reading a point is late.
    pub fn late_delay(&self) -> DurationMs {
        CHECKIN_JITTER + DurationMs(self.expected.value.0.saturating_mul(i64::from(self.late_after.value)))
    }
    /// How long after its last live reading a point is lost.
    pub fn lost_delay(&self) -> DurationMs {
        CHECKIN_JITTER + DurationMs(self.expected.value.0.saturating_mul(i64::from(self.lost_after.value)))
    }
}

/// All rules of one unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UnitRules {
    /// Temperature limits; `None` shows as "no limits".
    pub thermal: Option<ThermalRule>,
    /// Silence of its sensors.
    pub silence: SilenceRule,
}

/// The rules of all units of a site, and the points that exist there.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SiteRules {
    /// The rules of each unit.
    pub units: BTreeMap<UnitId, UnitRules>,
    /// The points of the site's devices; a point that is not listed has been taken away.
    pub points: BTreeSet<PointId>,
}

impl UnitRules {
    /// Checks the rules as a whole.
    ///
    /// # Errors
    /// Limits without a band, check-ins out of order, or a time out of its range.
    pub fn check(&self) -> Result<(), RulesError> {
        let minutes = |field, length: DurationMs| {
            if (0..=10_080 * 60_000).contains(&length.0) {
                Ok(())
            } else {
                Err(RulesError::Minutes { field })
            }
        };
        if let Some(thermal) = &self.thermal {
            if let (Some(min), Some(max)) = (thermal.min, thermal.max)
                && min.value >= max.value
            {
                return Err(RulesError::NoBand { min: min.value, max: max.value });
            }
            minutes("delay_minutes", thermal.delay.value)?;
            minutes("off_delay_minutes", thermal.off_delay.value)?;
        }
        minutes("expected_reading_interval_seconds", self.silence.expected.value)?;
        let (late, lost) = (self.silence.late_after.value, self.silence.lost_after.value);
        if late < 1 || lost < late || lost > 1_000 {
            return Err(RulesError::Checkins { late, lost });
        }
        Ok(())
    }
}

/// One side of a thermal rule: what violates and what counts as recovered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// Violated above.
    Above(CentiCelsius),
    /// Violated below.
    Below(CentiCelsius),
}

impl ThermalRule {
    /// The hysteresis, capped to a quarter of the band if both limits are set, so that there is always a way back.
    fn margin(&self) -> i32 {
        let asked = self.hysteresis.value.hundredths();
        match (self.min, self.max) {
            (Some(min), Some(max)) => asked.min((max.value.hundredths() - min.value.hundredths()) / 4),
            _ => asked,
        }
    }

    /// How far a value lies outside a limit, in 0.01 °C; positive is a violation, zero is on the limit.
    fn outside(limit: Limit, value: CentiCelsius) -> i32 {
        match limit {
            Limit::Above(max) => value.hundredths() - max.hundredths(),
            Limit::Below(min) => min.hundredths() - value.hundredths(),
        }
    }

    /// True if the value violates the limit.
    pub fn violates(&self, limit: Limit, value: CentiCelsius) -> bool {
        let outside = Self::outside(limit, value);
        outside > 0 || (self.inclusive && outside == 0)
    }

    /// True if the value is inside the limit by the hysteresis.
    pub fn recovered(&self, limit: Limit, value: CentiCelsius) -> bool {
        !self.violates(limit, value) && Self::outside(limit, value) <= -self.margin()
    }

    /// The largest distance outside any limit, for choosing the worse of two values.
    pub fn distance(&self, value: CentiCelsius) -> i32 {
        let above = self.max.map(|max| Self::outside(Limit::Above(max.value), value));
        let below = self.min.map(|min| Self::outside(Limit::Below(min.value), value));
        above.into_iter().chain(below).max().unwrap_or(0)
    }
}

impl ThermalRule {
    /// On which side of each limit a value lies: above the upper, below the lower.
    pub fn sides(&self, value: CentiCelsius) -> (bool, bool) {
        let above = self.max.is_some_and(|max| self.violates(Limit::Above(max.value), value));
        let below = self.min.is_some_and(|min| self.violates(Limit::Below(min.value), value));
        (above, below)
    }
}
