//! Templates: what a unit of each kind is guarded by where nobody has said anything else.
//!
//! Owns the limits, delays and severities of each [`UnitType`]. They are what a careful kitchen would begin with, not the
//! law of any country: whoever runs a site sets what its own law and its goods demand. A template lies within the limits
//! that may be set from afar, and passes every check that a rule set by a person must pass.

use super::inherit::{Bound, Values};
use crate::alarm::Severity;
use crate::quantity::CentiCelsius;
use crate::time::DurationMs;
use crate::unit::UnitType;

const fn at(hundredths: i32) -> Option<Bound> {
    Some(Bound::At(CentiCelsius::literal(hundredths)))
}

/// What the template of a kind of equipment says. Silence of sensors is alike for all kinds: the system's default.
pub const fn template(kind: UnitType) -> Values {
    let (min, max, minutes) = match kind {
        // Chilled food grows dangerous slowly above 5 °C and freezes below 0 °C. A door that is used at lunch warms the
        // air for some minutes and the food not at all.
        UnitType::Fridge => (at(0), at(500), 15),
        // A cold room is used as a fridge is; its door stands open longer while a delivery is stowed.
        UnitType::WalkInCooler => (at(0), at(500), 20),
        // An open case never holds its air as cold as a closed fridge, and defrosts several times a day.
        UnitType::DisplayCase => (at(0), at(700), 30),
        // Frozen at −18 °C, with the 3 °C that a transport may use up; the lower limit finds a thermostat that has stuck.
        // A defrost takes up to half an hour and must not wake anybody.
        UnitType::Freezer | UnitType::WalkInFreezer => (at(-3_000), at(-1_500), 30),
        // Its air is hot whenever hot goods come in, so no upper limit could tell good from bad: how fast it chills is
        // what counts. The lower limit finds one that never stops.
        UnitType::BlastChiller => (at(-4_000), None, 30),
    };
    Values {
        min,
        max,
        inclusive: None,
        hysteresis: None,
        delay: Some(DurationMs::minutes(minutes)),
        off_delay: None,
        // Goods are at stake: it sounds on the spot, whatever the schedule says.
        severity: Some(Severity::Critical),
        expected: None,
        late_after: None,
        lost_after: None,
        silence_severity: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::inherit::{Scopes, resolve};
    use super::*;

    #[test]
    fn a_template_can_be_run_and_lies_within_what_may_be_set_from_afar() {
        for kind in UnitType::ALL {
            let rules = resolve(kind, &Scopes::default()).rules();
            assert_eq!(rules.check(), Ok(()), "{kind:?}");
            let thermal = rules.thermal.unwrap();
            for limit in [thermal.min, thermal.max].into_iter().flatten() {
                assert!(kind.hard_limits().allow(limit.value), "{kind:?} {limit:?}");
            }
        }
    }

    #[test]
    fn what_stays_frozen_is_warned_of_before_it_thaws_and_what_is_chilled_before_it_freezes() {
        for kind in [UnitType::Freezer, UnitType::WalkInFreezer] {
            assert_eq!(template(kind).max, at(-1_500));
        }
        for kind in [UnitType::Fridge, UnitType::WalkInCooler, UnitType::DisplayCase] {
            assert_eq!(template(kind).min, at(0));
        }
        assert_eq!(template(UnitType::BlastChiller).max, None, "hot goods come into it");
    }
}
