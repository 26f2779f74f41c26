//! One tier of limits: what violates it, what counts as recovered, and how long which excursion takes to count.
//!
//! Owns the comparisons. Pure, integers only.

use super::config::{RulesError, ThermalRule, minutes};
use crate::quantity::CentiCelsius;
use crate::time::DurationMs;

/// One side of a tier of limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// Violated above.
    Above(CentiCelsius),
    /// Violated below.
    Below(CentiCelsius),
}

/// Where a value lies as seen from one limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// Inside the limit by the hysteresis.
    Recovered,
    /// Inside the limit, but not by the hysteresis.
    Between,
    /// Outside.
    Violating,
}

impl ThermalRule {
    /// True if a limit of it is in force.
    pub fn has_limits(&self) -> bool {
        self.telling.enabled.value && (self.min.value.is_some() || self.max.value.is_some())
    }

    /// The hysteresis, capped to a quarter of the band if both limits are set, so that there is always a way back.
    fn margin(&self) -> i32 {
        let asked = self.hysteresis.value.hundredths();
        match (self.min.value, self.max.value) {
            (Some(min), Some(max)) => asked.min((max.hundredths() - min.hundredths()) / 4),
            _ => asked,
        }
    }

    /// How far a value lies outside a limit, in 0.01 °C; positive is a violation, zero is on the limit.
    pub(super) fn outside(limit: Limit, value: CentiCelsius) -> i32 {
        match limit {
            Limit::Above(max) => value.hundredths() - max.hundredths(),
            Limit::Below(min) => min.hundredths() - value.hundredths(),
        }
    }

    /// True if the value violates the limit.
    pub fn violates(&self, limit: Limit, value: CentiCelsius) -> bool {
        let outside = Self::outside(limit, value);
        outside > 0 || (self.inclusive.value && outside == 0)
    }

    /// Where a value lies as seen from a limit.
    pub fn place(&self, limit: Limit, value: CentiCelsius) -> Place {
        if self.violates(limit, value) {
            Place::Violating
        } else if Self::outside(limit, value) <= -self.margin() {
            Place::Recovered
        } else {
            Place::Between
        }
    }

    /// True if the value is so far outside that it counts at once.
    pub(super) fn is_beyond(&self, limit: Limit, value: CentiCelsius) -> bool {
        self.hard_limit.value.is_some_and(|hard| Self::outside(limit, value) > hard.hundredths())
    }

    /// The largest distance outside any limit of a tier that runs.
    pub(super) fn distance(&self, value: CentiCelsius) -> Option<i32> {
        let above = self.max.value.map(|max| Self::outside(Limit::Above(max), value));
        let below = self.min.value.map(|min| Self::outside(Limit::Below(min), value));
        above.into_iter().chain(below).max().filter(|_| self.telling.enabled.value)
    }

    /// On which side of each limit a value lies: above the upper, below the lower.
    pub fn sides(&self, value: CentiCelsius) -> (bool, bool) {
        let above = self.max.value.is_some_and(|max| self.violates(Limit::Above(max), value));
        let below = self.min.value.is_some_and(|min| self.violates(Limit::Below(min), value));
        (above, below)
    }

    /// How long out of range with the door closed.
    pub fn closed(&self) -> DurationMs {
        self.confirm_closed.value.unwrap_or(self.delay.value)
    }

    /// How long out of range with the door open.
    pub fn open(&self) -> DurationMs {
        self.confirm_open.value.unwrap_or(self.delay.value)
    }

    /// How long out of range while the unit defrosts: half as long again as a defrost takes.
    pub fn defrosting(&self) -> DurationMs {
        self.closed().max(DurationMs(self.defrost_length.value.0 * 3 / 2))
    }

    /// The longest excursion that anything can hold back. Somebody who asks for a longer delay than the system's default
    /// means it.
    pub fn cap(&self) -> Option<DurationMs> {
        let cap = self.max_excursion.value?;
        Some(if self.max_excursion.is_said() { cap } else { cap.max(self.closed()) })
    }

    pub(super) fn check(&self) -> Result<(), RulesError> {
        if let (Some(min), Some(max)) = (self.min.value, self.max.value)
            && min >= max
        {
            return Err(RulesError::NoBand { min, max });
        }
        if self.product_tau.value.is_some() && self.max_excursion.value.is_none() {
            return Err(RulesError::Unbounded);
        }
        minutes("delay_minutes", self.delay.value)?;
        minutes("excursion_confirm_minutes_door_closed", self.closed())?;
        minutes("excursion_confirm_minutes_door_open", self.open())?;
        minutes("off_delay_minutes", self.off_delay.value)?;
        minutes("max_excursion_minutes", self.max_excursion.value.unwrap_or_default())?;
        minutes("defrost_minutes", self.defrost_length.value)
    }
}
