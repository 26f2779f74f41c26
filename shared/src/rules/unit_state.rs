//! The state of one unit: its points, its own regions and its alerts.
//!
//! Owns the projection of the unit's status, what excuses warm air at a moment, and which of its deadlines is next. Time is
//! banked whenever anything that decides how it counts may change, so that between two bankings it counts in one way.

use super::accrual::Class;
use super::alert::Alert;
use super::config::{ThermalRule, UnitRules};
use super::door::Mask;
use super::effect::{EpisodeKey, UnitStatus};
use super::listening::Heard;
use super::manual::{Listened, Manual, Pressing};
use super::point_state::PointState;
use super::record::Defrost;
use super::scene::Scene;
use super::thermal::Side;
use crate::alarm::Condition;
use crate::ids::{PointId, UnitId};
use crate::time::{DurationMs, RuleMs};
use serde::{Deserialize, Serialize};

/// A deadline's subject. Of those that are due at one instant the first goes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Due {
    /// What excuses warm air changes.
    Regime,
    /// A tier of a point's side is confirmed.
    Confirm(usize, Side, usize),
    /// An excursion has lasted for as long as anything can hold it back.
    Cap(usize, Side, usize),
    /// A point was not heard.
    Worsen(usize),
    /// A point was not believed.
    Fault(usize),
    /// A door stood open, or counts as closed.
    Door(usize),
    /// A battery was low for long enough.
    Battery(usize),
    /// A calibration is due.
    Calibration(usize),
    /// A log by hand is due or overdue.
    Manual,
    /// The unit's silence ends.
    Shelve,
    /// Something of an alert ends by itself.
    Alert(usize),
}

/// Whether the unit defrosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Defrosting {
    /// By the unit's own signal, until then at the latest.
    signalled: Option<RuleMs>,
    /// By its times of the day.
    scheduled: bool,
    /// When that changes.
    changes: Option<RuleMs>,
}

impl Defrosting {
    pub(super) fn shift(&mut self, jump: DurationMs) {
        self.signalled = self.signalled.map(|until| until + jump);
    }
}

/// All that is known of one unit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct UnitState {
    pub(super) id: UnitId,
    /// Not kept in a snapshot, which has the rules of all units.
    #[serde(skip)]
    pub(super) rules: UnitRules,
    pub(super) points: Vec<PointState>,
    pub(super) alerts: Vec<(EpisodeKey, Alert)>,
    /// Episodes that a log by hand opened: warm, cold.
    pub(super) by_hand: [Option<RuleMs>; 2],
    pub(super) manual: Manual,
    pub(super) mask: Mask,
    pub(super) mask_ends: Option<RuleMs>,
    /// The far end of the last jump of the axis: time before it is no elapsed time, and spends nothing of the budget.
    pub(super) mask_from: RuleMs,
    pub(super) defrosting: Defrosting,
    pub(super) shelved: Option<RuleMs>,
    pub(super) unguarded: Option<RuleMs>,
    /// Until when time has been banked.
    pub(super) banked: RuleMs,
    /// Since when the calendar is reckoned as it is: what it makes due is due no earlier.
    pub(super) reckoned: RuleMs,
}

impl UnitState {
    pub(super) fn new(id: UnitId, rules: UnitRules) -> Self {
        Self {
            id,
            rules,
            points: Vec::new(),
            alerts: Vec::new(),
            by_hand: [None; 2],
            manual: Manual::default(),
            mask: Mask::default(),
            mask_ends: None,
            mask_from: RuleMs::default(),
            defrosting: Defrosting::default(),
            shelved: None,
            unguarded: None,
            banked: RuleMs::default(),
            reckoned: RuleMs::default(),
        }
    }

    /// The id under which the unit itself has episodes that belong to no point.
    pub(super) const fn own_point(&self) -> PointId {
        PointId::from_bytes(*self.id.as_bytes())
    }

    pub(super) fn key(&self, point: PointId, condition: Condition, since: RuleMs) -> EpisodeKey {
        EpisodeKey { unit: self.id, point, condition, since }
    }

    pub(super) fn alarm_points(&self) -> impl Iterator<Item = &PointState> {
        self.points.iter().filter(|point| point.alarms())
    }

    /// The status: the first that applies.
    pub(super) fn status(&self) -> UnitStatus {
        let thermal = |wanted: fn(&PointState) -> bool| self.alarm_points().any(wanted);
        if thermal(|point| point.warm.is_confirmed() || point.cold.is_confirmed())
            || self.by_hand != [None; 2]
        {
            UnitStatus::AlarmActive
        } else if matches!(self.manual.pressing, Pressing::Overdue(_)) {
            UnitStatus::ManualRequired
        } else if self.is_dark() {
            UnitStatus::MonitoringInterrupted
        } else if thermal(|point| point.warm.is_pending() || point.cold.is_pending()) {
            UnitStatus::Excursion
        } else if thermal(PointState::is_doubtful) {
            UnitStatus::Offline
        } else if thermal(|point| {
            point.warm.is_recovering()
                || point.cold.is_recovering()
                || matches!(point.data.heard, Heard::Returning { .. })
        }) {
            UnitStatus::Restoring
        } else {
            UnitStatus::Ok
        }
    }

    fn is_dark(&self) -> bool {
        let mut points = self.alarm_points().peekable();
        self.unguarded.is_some()
            || if points.peek().is_none() { self.rules.has_limits() } else { points.all(PointState::is_dark) }
    }

    /// Whether some point, or the unit itself, has a condition now.
    pub(super) fn has(&self, condition: Condition) -> bool {
        use super::door::{DoorState, Stage};
        use super::listening::Instrument;
        use super::point_state::Battery;
        match condition {
            Condition::TooWarm => self.is_out(Side::Warm),
            Condition::TooCold => self.is_out(Side::Cold),
            Condition::Silent => self
                .alarm_points()
                .any(|point| matches!(point.data.heard, Heard::Lost(_) | Heard::Returning { .. })),
            Condition::SensorFault => {
                self.alarm_points().any(|point| matches!(point.instrument, Instrument::Fault { .. }))
            }
            Condition::DoorOpen => self.points.iter().any(|point| match point.door {
                DoorState::Open { stage, .. } | DoorState::Closing { stage, .. } => stage > Stage::Open,
                DoorState::Unknown | DoorState::Closed => false,
            }),
            Condition::LowBattery => {
                self.points.iter().any(|point| matches!(point.battery, Battery::Low { .. }))
            }
            Condition::ManualMissed => matches!(self.manual.pressing, Pressing::Overdue(_)),
            Condition::CalibrationDue => self.points.iter().any(|point| point.calibration_due.is_some()),
            Condition::Unguarded => self.unguarded.is_some(),
        }
    }

    fn is_out(&self, side: Side) -> bool {
        self.by_hand[side as usize].is_some()
            || self.alarm_points().any(|point| point.side(side).is_confirmed())
    }

    /// The freshest of the unit's sensors.
    pub(super) fn listened(&self) -> Option<Listened> {
        let freshest = self.alarm_points().max_by_key(|point| point.data.last)?;
        Some(Listened { heard: freshest.data.last, last: freshest.alive })
    }
}

/// What excuses warm air.
impl UnitState {
    fn is_surely_open(&self) -> bool {
        self.points.iter().any(|point| point.is_door() && point.door.is_surely_open())
    }

    fn is_defrosting(&self) -> bool {
        self.defrosting.scheduled || self.defrosting.signalled.is_some()
    }

    pub(super) fn class_of(&self, rule: &ThermalRule) -> Class {
        if self.is_defrosting() && rule.defrosting() > rule.closed() {
            Class::Defrost
        } else if !self.is_surely_open() {
            Class::Closed
        } else if rule.open() <= rule.closed() || self.mask.left(&self.rules.door) > DurationMs(0) {
            Class::Open
        } else {
            Class::Closed
        }
    }

    fn classes(&self) -> [Class; super::field::TIERS as usize] {
        let mut classes = [Class::Closed; super::field::TIERS as usize];
        for (class, rule) in classes.iter_mut().zip(&self.rules.limits) {
            *class = self.class_of(rule);
        }
        classes
    }

    /// True while an open door excuses something that it would not excuse for ever.
    pub(super) fn is_masking(&self) -> bool {
        self.is_surely_open()
            && self.alarm_points().filter(|point| point.warm.is_pending()).any(|point| {
                point.warm.tiers.iter().zip(&self.rules.limits).any(|(tier, rule)| {
                    tier.is_running() && rule.open() > rule.closed() && self.class_of(rule) == Class::Open
                })
            })
    }

    fn has_open_excursion(&self) -> bool {
        self.points.iter().any(|point| point.warm.is_open() || point.cold.is_open())
    }

    /// Counts the time since the last banking as what it was, and looks at what the time from here on is.
    pub(super) fn bank(&mut self, at: RuleMs, scene: &Scene<'_>) {
        let length = at - self.banked;
        if length.0 > 0 && self.has_open_excursion() {
            let classes = self.classes();
            if self.is_masking() {
                self.mask.spend((at - self.banked.max(self.mask_from)).max(DurationMs(0)));
            }
            for point in &mut self.points {
                point.warm.bank(length, |tier| classes.get(tier).copied().unwrap_or(Class::Closed));
                point.cold.bank(length, |_| Class::Closed);
            }
        }
        self.banked = self.banked.max(at);
        self.look(at, scene);
    }

    /// What the calendar says of this moment.
    fn look(&mut self, at: RuleMs, scene: &Scene<'_>) {
        if self.mask_ends.is_none_or(|ends| ends <= at) {
            self.mask.renew(at, scene.calendar);
            self.mask_ends = scene.calendar.next_day(at);
        }
        if self.defrosting.signalled.is_some_and(|until| until <= at) {
            self.defrosting.signalled = None;
        }
        if self.defrosting.changes.is_some_and(|changes| changes <= at) {
            self.look_at_defrost(at, scene);
        }
    }

    fn look_at_defrost(&mut self, at: RuleMs, scene: &Scene<'_>) {
        let times = self.rules.limits.iter().find_map(|rule| Some((rule.defrost_times.value?, rule)));
        (self.defrosting.scheduled, self.defrosting.changes) = match times {
            Some((times, rule)) if scene.calendar.is_trusted() => {
                scene.calendar.defrost(&times, rule.defrost_length.value, at)
            }
            _ => (false, None),
        };
    }

    /// The rules or the clock changed: everything that the calendar decides is reckoned anew.
    pub(super) fn reckon(&mut self, at: RuleMs, scene: &Scene<'_>) {
        self.reckoned = at;
        self.mask.renew(at, scene.calendar);
        self.mask_ends = scene.calendar.next_day(at);
        self.look_at_defrost(at, scene);
        self.manual.reckon(&self.rules, scene.calendar, at);
        self.rehold(at, scene);
    }

    /// The unit's own signal of a defrost.
    pub(super) fn defrost(&mut self, at: RuleMs, defrost: Defrost) {
        let longest = self.rules.limits.iter().map(|rule| rule.defrost_length.value).max();
        self.defrosting.signalled = match defrost {
            Defrost::Over => None,
            Defrost::Running => longest.map(|length| at + length),
        };
    }

    /// When what excuses warm air changes by itself, while that matters.
    fn regime_changes_at(&self) -> Option<RuleMs> {
        if !self.points.iter().any(|point| point.warm.is_open()) {
            return None;
        }
        let exhausted =
            self.is_masking().then(|| self.banked.max(self.mask_from) + self.mask.left(&self.rules.door));
        let renewed = self.mask_ends.filter(|_| self.is_surely_open());
        let defrost = [self.defrosting.signalled, self.defrosting.changes];
        defrost.into_iter().chain([exhausted, renewed]).flatten().min()
    }
}

/// Deadlines.
impl UnitState {
    /// The earliest deadline.
    pub(super) fn next_due(&self, scene: &super::calendar::Calendar) -> Option<(RuleMs, Due)> {
        let mut next: Option<(RuleMs, Due)> = None;
        let mut offer = |at: Option<RuleMs>, due: Due| {
            if let Some(at) = at
                && next.is_none_or(|next| (at, due) < next)
            {
                next = Some((at, due));
            }
        };
        for (place, point) in self.points.iter().enumerate() {
            if point.alarms() {
                offer(point.data.worsens_at(&self.rules.silence), Due::Worsen(place));
                offer(point.instrument.confirms_at(&self.rules.silence), Due::Fault(place));
                offer(self.calibration_due(point, scene), Due::Calibration(place));
                for side in Side::BOTH {
                    self.excursion_due(place, point, side, &mut offer);
                }
            } else if point.is_door() {
                offer(point.door.moves_at(&self.rules.door, scene), Due::Door(place));
            }
            offer(point.battery_due(&self.rules), Due::Battery(place));
        }
        let fixed = self.rules.manual.required.value;
        let pressing = self.manual.worsens_at(&self.rules, self.listened());
        offer(pressing.map(|at| if fixed { at.max(self.reckoned) } else { at }), Due::Manual);
        offer(self.shelved, Due::Shelve);
        for (place, (_, alert)) in self.alerts.iter().enumerate() {
            offer(alert.ends_at(), Due::Alert(place));
        }
        offer(self.regime_changes_at(), Due::Regime);
        next
    }

    fn calibration_due(&self, point: &PointState, calendar: &super::calendar::Calendar) -> Option<RuleMs> {
        let rule = &self.rules.calibration;
        let due = point.calibration.due.filter(|_| rule.telling.enabled.value && calendar.is_trusted())?;
        point.calibration_due.is_none().then(|| {
            let due = calendar.rule_of(due);
            RuleMs(due.0.saturating_sub(rule.lead.value.0)).max(self.banked).max(self.reckoned)
        })
    }

    fn excursion_due(
        &self,
        place: usize,
        point: &PointState,
        side: Side,
        offer: &mut impl FnMut(Option<RuleMs>, Due),
    ) {
        let excursion = point.side(side);
        if !excursion.is_open() {
            return;
        }
        // What is believed in hindsight confirms nothing before the value that made it believed.
        let earliest = point.last.map_or(RuleMs::default(), |(at, _)| at);
        for (tier, (accrual, rule)) in excursion.tiers.iter().zip(&self.rules.limits).enumerate() {
            if side.limit(rule).is_none() {
                continue;
            }
            let class = if side == Side::Warm { self.class_of(rule) } else { Class::Closed };
            let confirms = accrual.confirms_at(self.banked, class, rule);
            offer(confirms.map(|at| at.max(earliest)), Due::Confirm(place, side, tier));
            if !excursion.capped {
                let capped = accrual.capped_at(self.banked, rule);
                offer(capped.map(|at| at.max(earliest)), Due::Cap(place, side, tier));
            }
        }
    }
}
