//! Inheritance: what of all that is said for a unit is in force, field by field, and who has said it.
//!
//! Takes what unit, area, site and organization say, and the unit's kind; gives each field with its value and its
//! provenance, and what it would be without the unit's own word. What is nearer wins; what a place leaves unsaid is
//! inherited; a limit can be switched off on purpose, which is not the same as saying nothing. Pure. It does not judge:
//! whether the whole can be run is for [`UnitRules::check`].

use super::config::{Field, Provenance, SilenceRule, ThermalRule, UnitRules};
use super::template::template;
use crate::alarm::Severity;
use crate::quantity::{CentiCelsius, CentiDegrees};
use crate::time::DurationMs;
use crate::unit::UnitType;

/// A limit as a place says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// The limit.
    At(CentiCelsius),
    /// Here there shall be none, whatever else is said further away.
    Off,
}

impl Bound {
    /// The limit, if there is one.
    pub const fn limit(self) -> Option<CentiCelsius> {
        match self {
            Self::At(limit) => Some(limit),
            Self::Off => None,
        }
    }
}

/// What one place says of the rules of a unit. What it leaves unsaid is inherited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Values {
    /// Lowest temperature.
    pub min: Option<Bound>,
    /// Highest temperature.
    pub max: Option<Bound>,
    /// Whether the limit itself already violates.
    pub inclusive: Option<bool>,
    /// How far inside the limit counts as recovered.
    pub hysteresis: Option<CentiDegrees>,
    /// How long out of range before an episode is confirmed.
    pub delay: Option<DurationMs>,
    /// How long in range before it clears.
    pub off_delay: Option<DurationMs>,
    /// How urgent a confirmed episode is.
    pub severity: Option<Severity>,
    /// The interval at which a reading is expected.
    pub expected: Option<DurationMs>,
    /// Missed check-ins after which a point is late.
    pub late_after: Option<u32>,
    /// Missed check-ins after which a point is lost.
    pub lost_after: Option<u32>,
    /// How urgent it is when all points are lost.
    pub silence_severity: Option<Severity>,
}

/// What every place says, from the nearest to the furthest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Scopes {
    /// The unit itself.
    pub unit: Values,
    /// Its area.
    pub area: Values,
    /// Its site.
    pub site: Values,
    /// Its organization.
    pub organization: Values,
}

/// A field that is resolved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resolved<T> {
    /// What is in force, and who has said it.
    pub in_force: Field<T>,
    /// What would be in force if the unit itself said nothing.
    pub inherited: Field<T>,
}

/// All fields of a unit, resolved. A limit without a value is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resolution {
    /// Lowest temperature.
    pub min: Resolved<Option<CentiCelsius>>,
    /// Highest temperature.
    pub max: Resolved<Option<CentiCelsius>>,
    /// Whether the limit itself already violates.
    pub inclusive: Resolved<bool>,
    /// How far inside the limit counts as recovered.
    pub hysteresis: Resolved<CentiDegrees>,
    /// How long out of range before an episode is confirmed.
    pub delay: Resolved<DurationMs>,
    /// How long in range before it clears.
    pub off_delay: Resolved<DurationMs>,
    /// How urgent a confirmed episode is.
    pub severity: Resolved<Severity>,
    /// The interval at which a reading is expected.
    pub expected: Resolved<DurationMs>,
    /// Missed check-ins after which a point is late.
    pub late_after: Resolved<u32>,
    /// Missed check-ins after which a point is lost.
    pub lost_after: Resolved<u32>,
    /// How urgent it is when all points are lost.
    pub silence_severity: Resolved<Severity>,
}

/// What is said, the unit first. Whatever none of it says is the system's default.
type Stack = [(Provenance, Values); 5];

fn field<T: Copy>(stack: &Stack, default: T, of: impl Fn(&Values) -> Option<T>) -> Resolved<T> {
    let nearest = |places: &[(Provenance, Values)]| {
        let said = places.iter().find_map(|(provenance, values)| {
            of(values).map(|value| Field { value, provenance: *provenance })
        });
        said.unwrap_or(Field::system(default))
    };
    Resolved { in_force: nearest(stack), inherited: nearest(&stack[1..]) }
}

/// Resolves every field of a unit of a kind.
pub fn resolve(kind: UnitType, scopes: &Scopes) -> Resolution {
    let stack: Stack = [
        (Provenance::Unit, scopes.unit),
        (Provenance::Area, scopes.area),
        (Provenance::Site, scopes.site),
        (Provenance::Organization, scopes.organization),
        (Provenance::Template, template(kind)),
    ];
    let (thermal, silence) = (ThermalRule::DEFAULT, SilenceRule::DEFAULT);
    Resolution {
        min: field(&stack, None, |said| said.min.map(Bound::limit)),
        max: field(&stack, None, |said| said.max.map(Bound::limit)),
        inclusive: field(&stack, thermal.inclusive, |said| said.inclusive),
        hysteresis: field(&stack, thermal.hysteresis.value, |said| said.hysteresis),
        delay: field(&stack, thermal.delay.value, |said| said.delay),
        off_delay: field(&stack, thermal.off_delay.value, |said| said.off_delay),
        severity: field(&stack, thermal.severity.value, |said| said.severity),
        expected: field(&stack, silence.expected.value, |said| said.expected),
        late_after: field(&stack, silence.late_after.value, |said| said.late_after),
        lost_after: field(&stack, silence.lost_after.value, |said| said.lost_after),
        silence_severity: field(&stack, silence.severity.value, |said| said.silence_severity),
    }
}

impl Resolution {
    /// The rules as the engine takes them. Without any limit there is no thermal rule, which shows as "no limits".
    pub fn rules(&self) -> UnitRules {
        let limit = |of: Resolved<Option<CentiCelsius>>| {
            of.in_force.value.map(|value| Field { value, provenance: of.in_force.provenance })
        };
        let (min, max) = (limit(self.min), limit(self.max));
        let thermal = ThermalRule {
            min,
            max,
            inclusive: self.inclusive.in_force.value,
            hysteresis: self.hysteresis.in_force,
            delay: self.delay.in_force,
            off_delay: self.off_delay.in_force,
            severity: self.severity.in_force,
        };
        UnitRules {
            thermal: (min.is_some() || max.is_some()).then_some(thermal),
            silence: SilenceRule {
                expected: self.expected.in_force,
                late_after: self.late_after.in_force,
                lost_after: self.lost_after.in_force,
                severity: self.silence_severity.in_force,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bound() -> impl Strategy<Value = Option<Bound>> {
        prop_oneof![
            2 => Just(None),
            1 => Just(Some(Bound::Off)),
            3 => (-4_000i32..9_000).prop_map(|value| Some(Bound::At(CentiCelsius::literal(value)))),
        ]
    }

    fn minutes() -> impl Strategy<Value = Option<DurationMs>> {
        prop::option::of((0i64..10_080).prop_map(DurationMs::minutes))
    }

    fn severity() -> impl Strategy<Value = Option<Severity>> {
        prop::option::of(prop_oneof![Just(Severity::Info), Just(Severity::Warning), Just(Severity::Critical)])
    }

    fn values() -> impl Strategy<Value = Values> {
        let thermal = (
            bound(),
            bound(),
            any::<Option<bool>>(),
            prop::option::of(0i32..10_000),
            minutes(),
            minutes(),
            severity(),
        );
        let silence = (minutes(), any::<Option<u32>>(), any::<Option<u32>>(), severity());
        (thermal, silence).prop_map(|(thermal, silence)| Values {
            min: thermal.0,
            max: thermal.1,
            inclusive: thermal.2,
            hysteresis: thermal.3.and_then(|value| CentiDegrees::new(value).ok()),
            delay: thermal.4,
            off_delay: thermal.5,
            severity: thermal.6,
            expected: silence.0,
            late_after: silence.1,
            lost_after: silence.2,
            silence_severity: silence.3,
        })
    }

    fn scopes() -> impl Strategy<Value = Scopes> {
        (values(), values(), values(), values()).prop_map(|(unit, area, site, organization)| Scopes {
            unit,
            area,
            site,
            organization,
        })
    }

    fn kind() -> impl Strategy<Value = UnitType> {
        prop::sample::select(UnitType::ALL.to_vec())
    }

    /// The first who says something, asked one by one: another way to the same answer.
    fn asked<T>(
        kind: UnitType,
        scopes: &Scopes,
        of: impl Fn(&Values) -> Option<T>,
        default: T,
    ) -> (T, Provenance) {
        if let Some(value) = of(&scopes.unit) {
            (value, Provenance::Unit)
        } else if let Some(value) = of(&scopes.area) {
            (value, Provenance::Area)
        } else if let Some(value) = of(&scopes.site) {
            (value, Provenance::Site)
        } else if let Some(value) = of(&scopes.organization) {
            (value, Provenance::Organization)
        } else if let Some(value) = of(&template(kind)) {
            (value, Provenance::Template)
        } else {
            (default, Provenance::System)
        }
    }

    proptest! {
        #[test]
        fn every_field_is_the_nearest_that_was_said_and_names_who_said_it(kind in kind(), scopes in scopes()) {
            let resolved = resolve(kind, &scopes);
            macro_rules! check {
                ($($field:ident $(as $limit:expr)?, $default:expr;)+) => {$(
                    let (value, provenance) = asked(kind, &scopes, |said| said.$field$(.map($limit))?, $default);
                    prop_assert_eq!(resolved.$field.in_force, Field { value, provenance });
                )+};
            }
            check! {
                min as Bound::limit, None;
                max as Bound::limit, None;
                inclusive, false;
                hysteresis, CentiDegrees::HALF_A_DEGREE;
                delay, DurationMs::minutes(5);
                off_delay, DurationMs::minutes(10);
                severity, Severity::Warning;
                expected, DurationMs::seconds(60);
                late_after, 1;
                lost_after, 5;
                silence_severity, Severity::Warning;
            }
        }

        #[test]
        fn a_field_set_at_the_unit_wins_and_touches_no_other(kind in kind(), scopes in scopes(), limit in -4_000i32..9_000) {
            let limit = CentiCelsius::literal(limit);
            let before = resolve(kind, &scopes);
            let mut set = scopes;
            set.unit.max = Some(Bound::At(limit));
            let after = resolve(kind, &set);
            prop_assert_eq!(after.max.in_force, Field::unit(Some(limit)));
            prop_assert_eq!(after.max.inherited, before.max.inherited);
            prop_assert_eq!(Resolution { max: before.max, ..after }, before);
        }

        #[test]
        fn taking_a_unit_s_own_word_away_restores_what_was_inherited(kind in kind(), scopes in scopes(), own in values()) {
            let silent = Scopes { unit: Values::default(), ..scopes };
            let before = resolve(kind, &silent);
            let said = resolve(kind, &Scopes { unit: own, ..scopes });
            macro_rules! check {
                ($($field:ident)+) => {$(
                    prop_assert_eq!(said.$field.inherited, before.$field.in_force);
                    prop_assert_eq!(before.$field.inherited, before.$field.in_force);
                )+};
            }
            check! {
                min max inclusive hysteresis delay off_delay severity expected late_after lost_after silence_severity
            }
        }

        #[test]
        fn off_is_off_whatever_is_said_further_away(kind in kind(), scopes in scopes()) {
            let mut off = scopes;
            off.unit.max = Some(Bound::Off);
            let resolved = resolve(kind, &off);
            prop_assert_eq!(resolved.max.in_force, Field::unit(None));
            prop_assert!(resolved.rules().thermal.is_none_or(|thermal| thermal.max.is_none()));
            off.unit.min = Some(Bound::Off);
            prop_assert_eq!(resolve(kind, &off).rules().thermal, None);
        }

        #[test]
        fn the_rules_say_of_each_field_what_the_resolution_says(kind in kind(), scopes in scopes()) {
            let resolved = resolve(kind, &scopes);
            let rules = resolved.rules();
            prop_assert_eq!(rules.silence.expected, resolved.expected.in_force);
            prop_assert_eq!(rules.silence.lost_after, resolved.lost_after.in_force);
            if let Some(thermal) = rules.thermal {
                prop_assert_eq!(thermal.min.map(|limit| limit.value), resolved.min.in_force.value);
                prop_assert_eq!(thermal.max.map(|limit| limit.provenance).unwrap_or(resolved.max.in_force.provenance), resolved.max.in_force.provenance);
                prop_assert_eq!(thermal.severity, resolved.severity.in_force);
            } else {
                prop_assert_eq!((resolved.min.in_force.value, resolved.max.in_force.value), (None, None));
            }
        }
    }

    #[test]
    fn a_limit_that_is_off_at_the_site_can_be_set_again_at_the_unit() {
        let mut scopes = Scopes::default();
        scopes.site.max = Some(Bound::Off);
        let off = resolve(UnitType::Fridge, &scopes);
        assert_eq!(off.max.in_force, Field { value: None, provenance: Provenance::Site });
        scopes.unit.max = Some(Bound::At(CentiCelsius::literal(400)));
        let set = resolve(UnitType::Fridge, &scopes);
        assert_eq!(set.max.in_force, Field::unit(Some(CentiCelsius::literal(400))));
        assert_eq!(set.max.inherited, off.max.in_force);
    }
}
