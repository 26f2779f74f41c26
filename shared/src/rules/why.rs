//! Why: the sentences and figures that go with every move, so that anybody can be told what decided.
//!
//! Owns the wording. Every reason names the field that decided, its value and where it was set, if a field decided.

use super::accrual::Class;
use super::config::{
    BatteryRule, CalibrationRule, DoorRule, Field, ManualRule, SilenceRule, SilenceTrigger, ThermalRule,
};
use super::effect::Why;
use super::field::RuleField;
use super::listening::Heard;
use super::manual::Pressing;
use super::thermal::{Move, Side};
use super::unit_state::UnitState;
use crate::alarm::Severity;
use crate::quantity::CentiCelsius;
use crate::time::{DurationMs, RuleMs};

/// Why a value is doubted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Doubt {
    /// It is no value that a sensor can mean.
    Value(CentiCelsius),
    /// It jumped.
    Jump(CentiCelsius),
    /// It has been one and the same for hours.
    Stuck(CentiCelsius),
    /// There is none.
    Missing,
}

impl Why {
    fn decided_by<T>(self, field: RuleField, of: Field<T>, value: i64) -> Self {
        self.by(field.word(), value, of.provenance)
    }

    fn decided_after(self, field: RuleField, of: Field<Option<DurationMs>>) -> Self {
        match of.value {
            Some(length) => self.decided_by(field, of, length.0),
            None => self,
        }
    }
}

fn limit_of(rule: &ThermalRule, side: Side) -> (RuleField, Field<Option<CentiCelsius>>) {
    match side {
        Side::Warm => (RuleField::TempMax, rule.max),
        Side::Cold => (RuleField::TempMin, rule.min),
    }
}

fn by_limit(why: Why, rule: Option<&ThermalRule>, side: Side) -> Why {
    let Some((field, of)) = rule.map(|rule| limit_of(rule, side)) else { return why };
    match of.value {
        Some(limit) => why.decided_by(field, of, i64::from(limit.hundredths())),
        None => why,
    }
}

/// What stands in every reason about a temperature.
fn observed(unit: &UnitState, place: usize, side: Side, why: Why, at: RuleMs, since: RuleMs) -> Why {
    let last = unit.points.get(place).and_then(|point| point.last);
    let rule = unit.rules.limits.first();
    let (_, limit) = match rule {
        Some(rule) => limit_of(rule, side),
        None => (RuleField::TempMax, Field::system(None)),
    };
    let why = why.with("out_of_range_ms", (at - since).0);
    let why = match last {
        Some((_, value)) => why.with("observed_centi_c", i64::from(value.hundredths())),
        None => why,
    };
    match limit.value {
        Some(limit) => why.with("limit_centi_c", i64::from(limit.hundredths())),
        None => why,
    }
}

fn shown(unit: &UnitState, place: usize) -> String {
    let last = unit.points.get(place).and_then(|point| point.last);
    last.map_or_else(|| "no value".to_owned(), |(_, value)| format!("{value} °C"))
}

fn role(unit: &UnitState, place: usize) -> &'static str {
    unit.points.get(place).map_or("the unit", |point| point.assignment.role.word())
}

/// A side moved by a value.
pub(super) fn moved(
    unit: &UnitState,
    place: usize,
    side: Side,
    tier: usize,
    made: Move,
    at: RuleMs,
    since: RuleMs,
) -> Why {
    let (shown, role) = (shown(unit, place), role(unit, place));
    let text = match made {
        Move::Begins => format!("{role} at {shown} is outside its limit"),
        Move::Confirms => {
            format!("{role} at {shown} is still outside its limit after nobody knows how long")
        }
        Move::Passes => format!("{role} is back in range at {shown} before it counted"),
        Move::Clears => format!("{role} is in range at {shown} by the hysteresis, for long enough"),
        Move::Relapses => format!("{role} is out of range again at {shown}"),
        Move::Ends => "in range and held".into(),
        Move::Stays => String::new(),
    };
    let why = observed(unit, place, side, Why::because(text), at, since);
    by_limit(why, unit.rules.limits.get(tier), side)
}

/// A tier counts, by a field.
pub(super) fn confirmed(
    unit: &UnitState,
    place: usize,
    side: Side,
    tier: usize,
    field: RuleField,
    at: RuleMs,
) -> Why {
    let (Some(point), Some(rule)) = (unit.points.get(place), unit.rules.limits.get(tier)) else {
        return Why::because("outside its limit");
    };
    let excursion = point.side(side);
    let since = excursion.phase.episode().unwrap_or(at);
    let (shown, role) = (shown(unit, place), role(unit, place));
    let lasting = at - since;
    let unverified =
        if point.data.heard == Heard::Fresh { "" } else { "; unverified: the sensor has gone silent since" };
    let text = match field {
        RuleField::HardLimit => format!("{role} at {shown} is far outside its limit"),
        RuleField::MaxExcursion => {
            format!(
                "{role} at {shown}, outside its limit for {lasting}: nothing may hold that back{unverified}"
            )
        }
        _ => format!("{role} at {shown}, outside its limit for {lasting}{unverified}"),
    };
    let why = observed(unit, place, side, Why::because(text), at, since);
    let why = match excursion.tiers.get(tier) {
        Some(accrual) => {
            let [closed, open, defrost] = accrual.spent();
            let named = [("door_closed_ms", closed), ("door_open_ms", open), ("defrost_ms", defrost)];
            named
                .into_iter()
                .filter(|(_, length)| length.0 > 0)
                .fold(why, |why, (name, length)| why.with(name, length.0))
        }
        None => why,
    };
    let why = why.with("mask_left_ms", unit.mask.left(&unit.rules.door).0);
    match field {
        RuleField::HardLimit => match rule.hard_limit.value {
            Some(hard) => why.decided_by(field, rule.hard_limit, i64::from(hard.hundredths())),
            None => why,
        },
        RuleField::MaxExcursion => match rule.cap() {
            Some(cap) => why.decided_by(field, rule.max_excursion, cap.0),
            None => why,
        },
        RuleField::DefrostLength => why.decided_by(field, rule.defrost_length, rule.defrost_length.value.0),
        RuleField::ConfirmOpen => why.decided_after(field, rule.confirm_open),
        RuleField::ConfirmClosed => why.decided_after(field, rule.confirm_closed),
        _ => why.decided_by(RuleField::Delay, rule.delay, rule.delay.value.0),
    }
}

impl UnitState {
    /// What the time of this moment counts as.
    pub(super) fn class_now(&self, side: Side, tier: usize) -> Class {
        match (side, self.rules.limits.get(tier)) {
            (Side::Warm, Some(rule)) => self.class_of(rule),
            _ => Class::Closed,
        }
    }
}

pub(super) fn heard_again() -> Why {
    Why::because("heard again")
}

pub(super) fn silent(rule: &SilenceRule, late: bool, silent: DurationMs) -> Why {
    let why = Why::because(format!("nothing heard for {silent} of listening")).with("silent_ms", silent.0);
    match rule.trigger {
        SilenceTrigger::Checkins { late_after, lost_after } => {
            let (field, of) =
                if late { (RuleField::LateAfter, late_after) } else { (RuleField::LostAfter, lost_after) };
            why.decided_by(field, of, i64::from(of.value))
        }
        SilenceTrigger::Multiple { multiplier, .. } => {
            why.decided_by(RuleField::Multiplier, multiplier, i64::from(multiplier.value.0))
        }
    }
}

pub(super) fn doubted(doubt: Doubt) -> Why {
    match doubt {
        Doubt::Value(value) => {
            Why::because(format!("the sensor sent {value} °C, which is not to be believed"))
                .with("observed_centi_c", i64::from(value.hundredths()))
        }
        Doubt::Jump(value) => {
            Why::because(format!("the sensor jumped to {value} °C; the next value decides"))
                .with("observed_centi_c", i64::from(value.hundredths()))
        }
        Doubt::Stuck(value) => {
            Why::because(format!("the sensor has sent {value} °C for hours while others move"))
                .with("observed_centi_c", i64::from(value.hundredths()))
        }
        Doubt::Missing => Why::because("the sensor is alive but gives no value"),
    }
}

pub(super) fn faulty() -> Why {
    Why::because("no believable value for three expected intervals")
}

pub(super) fn believable_again() -> Why {
    Why::because("values are believable again")
}

pub(super) fn door(state: &str) -> Why {
    Why::because(match state {
        "open" => "the door was opened",
        "closing" => "the door was closed, a moment ago",
        _ => "the door is closed",
    })
}

pub(super) fn door_stands_open(rule: &DoorRule, severity: Severity, open: DurationMs, verified: bool) -> Why {
    let doubt = if verified { "" } else { "; unverified: its contact has been faulty since" };
    let why = Why::because(format!("the door has been open for {open}{doubt}")).with("open_ms", open.0);
    if severity == Severity::Critical && rule.critical.value.is_some() {
        why.decided_after(RuleField::DoorCritical, rule.critical)
    } else {
        why.decided_after(RuleField::DoorWarning, rule.warning)
    }
}

pub(super) fn battery(rule: &BatteryRule, percent: u32) -> Why {
    Why::because(format!("the battery is at {percent} %"))
        .with("battery_percent", i64::from(percent))
        .decided_by(RuleField::BatteryLow, rule.low_percent, i64::from(rule.low_percent.value))
}

pub(super) fn battery_low(rule: &BatteryRule) -> Why {
    Why::because(format!("the battery has been low for {}", rule.delay.value)).decided_by(
        RuleField::BatteryLow,
        rule.low_percent,
        i64::from(rule.low_percent.value),
    )
}

pub(super) fn calibration_due(rule: &CalibrationRule) -> Why {
    Why::because("the sensor is due for calibration").decided_by(
        RuleField::CalibrationLead,
        rule.lead,
        rule.lead.value.0,
    )
}

pub(super) fn log_missing(rule: &ManualRule, pressing: Pressing) -> Why {
    let late = matches!(pressing, Pressing::Overdue(_));
    let text = match (rule.required.value, late) {
        (true, false) => "a temperature has to be logged by hand now",
        (true, true) => "no temperature was logged by hand at the time for it",
        (false, false) => "the sensors are silent: a temperature has to be logged by hand",
        (false, true) => "the sensors are silent, and no temperature was logged by hand",
    };
    let why = Why::because(text);
    if late {
        why.decided_by(RuleField::ManualGrace, rule.grace, rule.grace.value.0)
    } else {
        why.decided_after(RuleField::ManualInterval, rule.interval)
    }
}

pub(super) fn log_no_longer_missing() -> Why {
    Why::because("no log is missing any more")
}

pub(super) fn logged_out_of_range(rule: Option<&ThermalRule>, side: Side, value: CentiCelsius) -> Why {
    let why = Why::because(format!("{value} °C, logged by hand, is outside its limit"))
        .with("observed_centi_c", i64::from(value.hundredths()));
    by_limit(why, rule, side)
}

pub(super) fn logged_in_range(value: CentiCelsius) -> Why {
    Why::because(format!("{value} °C, logged by hand, is in range"))
        .with("observed_centi_c", i64::from(value.hundredths()))
}

pub(super) fn unguarded() -> Why {
    Why::because("no limit is set: nothing guards its temperature")
}

pub(super) fn guarded() -> Why {
    Why::because("limits are set")
}

pub(super) fn rule_changed() -> Why {
    Why::because("rule_changed: the last value is inside the new limits")
}

pub(super) fn rule_off() -> Why {
    Why::because("rule_changed: the rule does not run any more")
}

pub(super) fn rule_on() -> Why {
    Why::because("rule_changed: the rule runs again")
}

pub(super) fn taken_away() -> Why {
    Why::because("the point was taken out of the site document")
}

pub(super) fn assigned_elsewhere() -> Why {
    Why::because("the point was assigned to something else")
}

pub(super) fn neighbour() -> Why {
    Why::because("another unit of the same place is out of its limits as well")
}

pub(super) fn hours_began() -> Why {
    Why::because("its hours began, and its condition holds")
}

pub(super) fn shelve_ended() -> Why {
    Why::because("the unit's silence ended, and its condition holds")
}
