//! Explaining: why a unit is as it is, read off the state.
//!
//! Owns what of a state decides now, each piece with the field behind it. It is for people who ask; it moves nothing, and
//! no rule looks at it.

use super::accrual::{Accrual, Class};
use super::alert::Alert;
use super::config::{Field, ThermalRule};
use super::effect::{Basis, EpisodeKey, Region, UnitStatus};
use super::field::RuleField;
use super::field::Trigger;
use super::limits::Limit;
use super::state::State;
use super::thermal::Side;
use super::unit_state::UnitState;
use crate::alarm::Condition;
use crate::ids::{PointId, UnitId};
use crate::point::Role;
use crate::time::{DurationMs, RuleMs};
use serde::Serialize;

/// Why a unit is as it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Explained {
    /// The unit.
    pub unit: UnitId,
    /// As of when, on the rule axis.
    pub at: RuleMs,
    /// Its status.
    pub status: UnitStatus,
    /// Its regions and those of its points.
    pub regions: Vec<RegionNow>,
    /// Excursions on their way, by point, side and tier.
    pub excursions: Vec<Progress>,
    /// How long today an open door may still excuse warm air, and where the budget is set.
    pub mask: Mask,
    /// Until when the unit is silenced, if it is.
    pub shelved: Option<RuleMs>,
    /// The alerts that people should see.
    pub alerts: Vec<(EpisodeKey, Alert)>,
}

/// One region as it stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RegionNow {
    /// Which.
    pub region: Region,
    /// The point, unless it is the unit's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub point: Option<PointId>,
    /// What the point measures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// For temperatures: which side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<Condition>,
    /// Its state.
    pub state: &'static str,
}

/// How far an excursion has got towards counting.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Progress {
    /// The point.
    pub point: PointId,
    /// The side.
    pub side: Condition,
    /// The tier.
    pub tier: u8,
    /// Its first violating value.
    pub since: RuleMs,
    /// The limit that is violated.
    pub limit: Option<Basis>,
    /// Time spent with nothing that excuses it, with an open door that does, and during a defrost.
    pub spent: [DurationMs; 3],
    /// Whether its time runs.
    pub running: bool,
    /// Whether it counts already.
    pub confirmed: bool,
    /// What the time of this moment counts as: `closed`, `open` or `defrost`.
    pub counts_as: &'static str,
    /// The field that says how long it may take.
    pub allowed: Basis,
    /// When it counts if nothing changes.
    pub confirms_at: Option<RuleMs>,
    /// The longest that anything may hold it back.
    pub cap: Option<Basis>,
    /// When that is reached.
    pub capped_at: Option<RuleMs>,
}

/// What an open door may excuse.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Mask {
    /// What is left today.
    pub left: DurationMs,
    /// The budget of a day.
    pub budget: Basis,
    /// Whether it is being spent now.
    pub spending: bool,
}

fn basis<T>(field: RuleField, of: Field<T>, value: i64) -> Basis {
    Basis { field: field.word().into(), value, provenance: of.provenance }
}

/// The field by whose length a moment of this class counts.
fn allowed(rule: &ThermalRule, class: Class) -> Basis {
    let delay = basis(RuleField::Delay, rule.delay, rule.delay.value.0);
    let own = |field, of: Field<Option<DurationMs>>| of.value.map(|length| basis(field, of, length.0));
    match class {
        Class::Closed => own(RuleField::ConfirmClosed, rule.confirm_closed).unwrap_or(delay),
        Class::Open => own(RuleField::ConfirmOpen, rule.confirm_open).unwrap_or(delay),
        Class::Defrost => basis(RuleField::DefrostLength, rule.defrost_length, rule.defrosting().0),
    }
}

const fn word(class: Class) -> &'static str {
    match class {
        Class::Closed => "closed",
        Class::Open => "open",
        Class::Defrost => "defrost",
    }
}

impl UnitState {
    fn region(&self, region: Region, state: &'static str) -> RegionNow {
        RegionNow { region, point: None, role: None, side: None, state }
    }

    fn regions(&self) -> Vec<RegionNow> {
        let mut regions = Vec::new();
        for point in &self.points {
            let role = point.assignment.role;
            let of = |region, state| RegionNow {
                region,
                point: Some(point.id()),
                role: Some(role),
                side: None,
                state,
            };
            if point.alarms() {
                for side in Side::BOTH {
                    let thermal = of(Region::Thermal, point.side(side).phase.word());
                    regions.push(RegionNow { side: Some(side.condition()), ..thermal });
                }
                regions.push(of(Region::Data, point.data.heard.word()));
                regions.push(of(Region::Instrument, point.instrument.word()));
                let due = if point.calibration_due.is_some() { "due" } else { "ok" };
                regions.push(of(Region::Calibration, due));
            }
            if point.is_door() {
                regions.push(of(Region::Door, point.door.word()));
            }
            regions.push(of(Region::Battery, point.battery.word()));
        }
        regions.push(self.region(Region::Manual, self.manual.pressing.word()));
        let silenced = if self.shelved.is_some() { "shelved" } else { "watched" };
        regions.push(self.region(Region::Supervision, silenced));
        let guarded = if self.unguarded.is_some() { "unguarded" } else { "guarded" };
        regions.push(self.region(Region::Limits, guarded));
        regions
    }

    fn excursions(&self, at: RuleMs) -> Vec<Progress> {
        let mut found = Vec::new();
        for point in self.alarm_points() {
            for side in Side::BOTH {
                let tiers = point.side(side).tiers.iter().zip(&self.rules.limits);
                for (tier, (accrual, rule)) in (0u8..).zip(tiers) {
                    let progress = self.progress(accrual, rule, side, at);
                    found.extend(progress.map(|progress| Progress { point: point.id(), tier, ..progress }));
                }
            }
        }
        found
    }

    fn progress(&self, accrual: &Accrual, rule: &ThermalRule, side: Side, at: RuleMs) -> Option<Progress> {
        let since = accrual.since?;
        let class = if side == Side::Warm { self.class_of(rule) } else { Class::Closed };
        // What has passed since the last banking counts as this moment does.
        let mut now = accrual.clone();
        now.bank(at - self.banked, class);
        let spent = match rule.trigger.value {
            Trigger::Consecutive => now.spent(),
            Trigger::Cumulative => [now.cumulated(at), DurationMs(0), DurationMs(0)],
        };
        let limit = side.limit(rule).map(|limit| match limit {
            Limit::Above(value) => basis(RuleField::TempMax, rule.max, i64::from(value.hundredths())),
            Limit::Below(value) => basis(RuleField::TempMin, rule.min, i64::from(value.hundredths())),
        });
        Some(Progress {
            point: PointId::from_bytes([0; 16]),
            side: side.condition(),
            tier: 0,
            since,
            limit,
            spent,
            running: accrual.is_running(),
            confirmed: accrual.confirmed,
            counts_as: word(class),
            allowed: allowed(rule, class),
            confirms_at: now.confirms_at(at, class, rule),
            cap: rule.cap().map(|cap| basis(RuleField::MaxExcursion, rule.max_excursion, cap.0)),
            capped_at: accrual.capped_at(at, rule),
        })
    }
}

impl State {
    /// Why a unit is as it is at the latest time folded; `None` for a unit that is not known.
    pub fn explain(&self, unit: UnitId) -> Option<Explained> {
        let known = self.units.get(self.unit_place(unit)?)?;
        let at = self.frontier;
        let budget = known.rules.door.mask_per_day;
        let alerts = self.alerts().filter(|(key, _)| key.unit == unit);
        Some(Explained {
            unit,
            at,
            status: known.status(),
            regions: known.regions(),
            excursions: known.excursions(at),
            mask: Mask {
                left: self.mask_left(unit).unwrap_or_default(),
                budget: basis(RuleField::DoorMask, budget, budget.value.0),
                spending: known.is_masking(),
            },
            shelved: known.shelved,
            alerts: alerts.map(|(key, alert)| (*key, *alert)).collect(),
        })
    }
}
