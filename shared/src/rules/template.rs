//! Templates: what a unit of each kind is guarded by where nobody has said anything else.
//!
//! Owns the limits, delays and severities of each [`UnitType`], and how far its sensors are believed. They are what a
//! careful kitchen would begin with, not the law of any country: whoever runs a site sets what its own law and its goods
//! demand. A template lies within the limits that may be set from afar, and passes every check that a rule set by a
//! person must pass.

use super::field::{RuleField, Setting, Slot};
use super::inherit::{Said, Saying};
use crate::alarm::{AlertType, Severity};
use crate::quantity::CentiCelsius;
use crate::unit::UnitType;

const LIMITS: Slot = Slot::of(AlertType::AlarmActive);

fn celsius(hundredths: i32) -> Setting {
    Setting::Celsius(CentiCelsius::literal(hundredths))
}

/// What the template of a kind of equipment says. Silence of sensors is alike for all kinds: the system's default.
pub fn template(kind: UnitType) -> Said {
    let (min, max, minutes) = match kind {
        // Chilled food grows dangerous slowly above 5 °C and freezes below 0 °C. A door that is used at lunch warms the
        // air for some minutes and the food not at all.
        UnitType::Fridge => (0, Some(500), 15),
        // A cold room is used as a fridge is; its door stands open longer while a delivery is stowed.
        UnitType::WalkInCooler => (0, Some(500), 20),
        // An open case never holds its air as cold as a closed fridge, and defrosts several times a day.
        UnitType::DisplayCase => (0, Some(700), 30),
        // Frozen at −18 °C, with the 3 °C that a transport may use up; the lower limit finds a thermostat that has stuck.
        // A defrost takes up to half an hour and must not wake anybody.
        UnitType::Freezer | UnitType::WalkInFreezer => (-3_000, Some(-1_500), 30),
        // Its air is hot whenever hot goods come in, so no upper limit could tell good from bad: how fast it chills is
        // what counts. The lower limit finds one that never stops.
        UnitType::BlastChiller => (-4_000, None, 30),
    };
    let mut said = believed(kind);
    let mut limit = |field, value| said.insert((LIMITS, field), Saying::open(Some(value)));
    limit(RuleField::TempMin, celsius(min));
    if let Some(max) = max {
        limit(RuleField::TempMax, celsius(max));
    }
    limit(RuleField::Delay, Setting::Count(minutes));
    // Goods are at stake: it sounds on the spot, whatever the schedule says.
    limit(RuleField::Severity, Setting::Severity(Severity::Critical));
    said
}

/// What of the template is no choice of anybody: how far the sensors of such a unit are believed. Hot goods come into a
/// blast chiller, so that its air is truly warmer than any other unit's ever is.
pub fn believed(kind: UnitType) -> Said {
    let slot = Slot::of(AlertType::SensorFault);
    let range = match kind {
        UnitType::BlastChiller => Some((-6_000, 12_000)),
        _ => None,
    };
    let ends = range.map(|(min, max)| [(RuleField::RangeMin, min), (RuleField::RangeMax, max)]);
    let ends = ends.into_iter().flatten();
    ends.map(|(field, end)| ((slot, field), Saying::open(Some(celsius(end))))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::inherit::{Scopes, resolve};
    use super::*;

    fn limit(kind: UnitType, field: RuleField) -> Option<Setting> {
        template(kind).get(&(LIMITS, field)).and_then(|saying| saying.value)
    }

    #[test]
    fn a_template_can_be_run_and_lies_within_what_may_be_set_from_afar() {
        for kind in UnitType::ALL {
            let rules = resolve(kind, &Scopes::default()).rules(None).unwrap();
            let tier = &rules.limits[0];
            assert!(rules.has_limits(), "{kind:?}");
            for limit in [tier.min.value, tier.max.value].into_iter().flatten() {
                assert!(kind.hard_limits().allow(limit), "{kind:?} {limit:?}");
                let believed = rules.instrument.range_min.value..=rules.instrument.range_max.value;
                assert!(believed.contains(&limit), "{kind:?}: a limit that no believed value can pass");
            }
        }
    }

    #[test]
    fn what_stays_frozen_is_warned_of_before_it_thaws_and_what_is_chilled_before_it_freezes() {
        for kind in [UnitType::Freezer, UnitType::WalkInFreezer] {
            assert_eq!(limit(kind, RuleField::TempMax), Some(celsius(-1_500)));
        }
        for kind in [UnitType::Fridge, UnitType::WalkInCooler, UnitType::DisplayCase] {
            assert_eq!(limit(kind, RuleField::TempMin), Some(celsius(0)));
        }
        assert_eq!(limit(UnitType::BlastChiller, RuleField::TempMax), None, "hot goods come into it");
    }

    #[test]
    fn the_air_of_a_blast_chiller_is_believed_when_hot_goods_come_in() {
        let range = |kind| {
            let rules = resolve(kind, &Scopes::default()).rules(None).unwrap();
            (rules.instrument.range_min.value.hundredths(), rules.instrument.range_max.value.hundredths())
        };
        assert_eq!(range(UnitType::BlastChiller), (-6_000, 12_000));
        assert_eq!(range(UnitType::Freezer), (-6_000, 6_000));
    }
}
