//! What is known of one point: its regions and its memory.
//!
//! Owns the state of a point, and its deadlines that need nothing but the rules of its unit.

use super::config::{Calibration, UnitRules};
use super::door::DoorState;
use super::field::TIERS;
use super::gate::Gate;
use super::listening::{Data, Heard, Instrument};
use super::thermal::{Excursion, Side};
use crate::ids::PointId;
use crate::point::{Assignment, Role};
use crate::quantity::CentiCelsius;
use crate::reading::Door;
use crate::time::{DurationMs, RuleMs, WallMs};
use serde::{Deserialize, Serialize};

/// Percent above the threshold at which a battery is no longer low.
const BATTERY_HYSTERESIS: u32 = 5;

/// What is left of a point's battery.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Battery {
    /// Enough, or unknown.
    #[default]
    Enough,
    /// Little, not yet for long enough.
    Sinking {
        /// The episode's name.
        since: RuleMs,
        /// From when the delay counts; moves with the axis.
        counts_from: RuleMs,
    },
    /// Little.
    Low {
        /// The episode's name.
        since: RuleMs,
    },
}

impl Battery {
    /// The state's word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Enough => "enough",
            Self::Sinking { .. } => "sinking",
            Self::Low { .. } => "low",
        }
    }

    pub(super) fn take(&mut self, at: RuleMs, percent: u32, threshold: u32) {
        *self = match *self {
            Self::Enough if percent <= threshold => Self::Sinking { since: at, counts_from: at },
            Self::Sinking { .. } | Self::Low { .. } if percent >= threshold + BATTERY_HYSTERESIS => {
                Self::Enough
            }
            same => same,
        };
    }
}

/// All that is known of one point.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PointState {
    /// What it measures.
    pub assignment: Assignment,
    /// Its warm side.
    pub warm: Excursion,
    /// Its cold side.
    pub cold: Excursion,
    /// Whether it is heard.
    pub data: Data,
    /// Whether it is believed.
    pub instrument: Instrument,
    /// The last believable value, as it was sent, and its rule time.
    pub last: Option<(RuleMs, CentiCelsius)>,
    /// For a door: its region.
    pub door: DoorState,
    /// What is left of its battery.
    pub battery: Battery,
    /// When it was last heard live, on the axis.
    pub(super) alive: RuleMs,
    /// What it takes to judge its next value.
    pub(super) gate: Gate,
    /// The simulated product of each tier, in 0.00001 °C, and when it last followed the air.
    pub(super) products: [Option<i64>; TIERS as usize],
    pub(super) followed: Option<RuleMs>,
    /// The calibration in force.
    pub(super) calibration: Calibration,
    /// The date of the calibration that was told to be due.
    pub(super) calibration_due: Option<WallMs>,
}

impl PointState {
    pub(super) fn new(assignment: Assignment) -> Self {
        Self {
            assignment,
            warm: Excursion::default(),
            cold: Excursion::default(),
            data: Data::assigned(assignment.from),
            instrument: Instrument::Ok,
            last: None,
            door: DoorState::default(),
            battery: Battery::default(),
            alive: assignment.from,
            gate: Gate::default(),
            products: [None; TIERS as usize],
            followed: None,
            calibration: Calibration::default(),
            calibration_due: None,
        }
    }

    /// Its id.
    pub const fn id(&self) -> PointId {
        self.assignment.point
    }

    /// For a door: what is known of it.
    pub const fn door(&self) -> Option<Door> {
        self.door.door()
    }

    pub(super) const fn alarms(&self) -> bool {
        self.assignment.role.alarms()
    }

    pub(super) const fn is_door(&self) -> bool {
        matches!(self.assignment.role, Role::Door)
    }

    pub(super) const fn side(&self, side: Side) -> &Excursion {
        match side {
            Side::Warm => &self.warm,
            Side::Cold => &self.cold,
        }
    }

    pub(super) const fn side_mut(&mut self, side: Side) -> &mut Excursion {
        match side {
            Side::Warm => &mut self.warm,
            Side::Cold => &mut self.cold,
        }
    }

    /// Less is known of it than should be.
    pub(super) fn is_doubtful(&self) -> bool {
        matches!(self.data.heard, Heard::Late | Heard::Lost(_)) || self.instrument != Instrument::Ok
    }

    /// Nothing is known of it now.
    pub(super) fn is_dark(&self) -> bool {
        matches!(self.data.heard, Heard::Lost(_)) || matches!(self.instrument, Instrument::Fault { .. })
    }

    /// The value that the rules hold against the limits.
    pub(super) fn evaluated(&self, raw: CentiCelsius) -> CentiCelsius {
        CentiCelsius::new(raw.hundredths().saturating_add(self.calibration.offset_centi_c)).unwrap_or(raw)
    }

    /// Lets the simulated products follow the air.
    pub(super) fn follow(&mut self, at: RuleMs, air: CentiCelsius, rules: &UnitRules) {
        let air = i64::from(air.hundredths()) * 1_000;
        let before = self.followed.replace(at).unwrap_or(at);
        for (product, rule) in self.products.iter_mut().zip(&rules.limits) {
            *product = rule.product_tau.value.map(|tau| match *product {
                None => air,
                Some(product) => {
                    let length = (at - before).0.clamp(0, tau.0);
                    product + (air - product).saturating_mul(length) / tau.0.max(1)
                }
            });
        }
    }

    pub(super) fn battery_due(&self, rules: &UnitRules) -> Option<RuleMs> {
        match self.battery {
            Battery::Sinking { counts_from, .. } if rules.battery.telling.enabled.value => {
                Some(counts_from + rules.battery.delay.value)
            }
            _ => None,
        }
    }

    pub(super) fn shift(&mut self, jump: DurationMs) {
        self.warm.shift(jump);
        self.cold.shift(jump);
        self.data.shift(jump);
        self.instrument.shift(jump);
        self.door.shift(jump);
        self.gate.shift(jump);
        self.alive = self.alive + jump;
        self.followed = self.followed.map(|followed| followed + jump);
        if let Battery::Sinking { counts_from, .. } = &mut self.battery {
            *counts_from = *counts_from + jump;
        }
    }
}
