//! The fields of typed rules by name: what of a unit's rules stands where, for whoever sets or reads them one by one.
//!
//! Owns the one table from the catalogue to the places in [`UnitRules`]. It is for configuration, never for a record.

use super::config::{
    BatteryRule, CalibrationRule, DoorRule, Field, InstrumentRule, ManualRule, Provenance, RulesError,
    SilenceTrigger, Telling, ThermalRule, UnitRules,
};
use super::field::{Hundredths, RuleField, Setting, Slot, Trigger};
use super::schedule::{Schedule, TimesOfDay};
use crate::alarm::{AlertType, Severity};
use crate::quantity::{CentiCelsius, CentiDegrees};
use crate::time::DurationMs;

/// The multiple of the expected interval after which a point is late, where nobody has said it.
pub const MULTIPLIER: Hundredths = Hundredths(200);
/// The time beyond that multiple, where nobody has said it.
pub const ADDITIONAL: DurationMs = DurationMs::minutes(2);

/// A field as it is resolved: a value, or none where it is off or nobody has said it, and who has.
pub type Said = Field<Option<Setting>>;

/// The place of a field.
enum Place<'a> {
    Flag(&'a mut Field<bool>),
    Severity(&'a mut Field<Severity>),
    Trigger(&'a mut Field<Trigger>),
    Count(&'a mut Field<u32>),
    Celsius(&'a mut Field<CentiCelsius>),
    Degrees(&'a mut Field<CentiDegrees>),
    Length(&'a mut Field<DurationMs>),
    Limit(&'a mut Field<Option<CentiCelsius>>),
    Margin(&'a mut Field<Option<CentiDegrees>>),
    Timer(&'a mut Field<Option<DurationMs>>),
    Hours(&'a mut Field<Option<Schedule>>),
    Times(&'a mut Field<Option<TimesOfDay>>),
}

/// One of the unit that a field's name ends in, in ms.
const fn unit_ms(field: RuleField) -> i64 {
    match field {
        RuleField::Expected => 1_000,
        RuleField::Stuck => 3_600_000,
        RuleField::CalibrationLead => 86_400_000,
        _ => 60_000,
    }
}

fn length(field: RuleField, count: u32) -> DurationMs {
    DurationMs(i64::from(count) * unit_ms(field))
}

/// Rounded up: a delay of a part of a minute is not none.
fn count(field: RuleField, length: DurationMs) -> Setting {
    let unit = unit_ms(field);
    let count = length.0.max(0).saturating_add(unit - 1) / unit;
    Setting::Count(u32::try_from(count).unwrap_or(u32::MAX))
}

impl<'a> Place<'a> {
    fn of(rules: &'a mut UnitRules, slot: Slot, field: RuleField) -> Option<Self> {
        match slot.kind {
            AlertType::AlarmActive => Self::thermal(rules.limits.get_mut(usize::from(slot.tier))?, field),
            _ if slot.tier > 0 => None,
            AlertType::MonitoringInterrupted => match field {
                RuleField::Expected => Some(Self::Length(&mut rules.silence.expected)),
                _ => Self::telling(&mut rules.silence.telling, field)
                    .or_else(|| Self::silence(&mut rules.silence.trigger, field)),
            },
            AlertType::MissedManualEntry => Self::manual(&mut rules.manual, field),
            AlertType::LowBattery => Self::battery(&mut rules.battery, field),
            AlertType::SensorFault => Self::instrument(&mut rules.instrument, field),
            AlertType::DoorOpen => Self::door(&mut rules.door, field),
            AlertType::CalibrationDue => Self::calibration(&mut rules.calibration, field),
        }
    }

    fn telling(telling: &'a mut Telling, field: RuleField) -> Option<Self> {
        match field {
            RuleField::Enabled => Some(Self::Flag(&mut telling.enabled)),
            RuleField::Severity => Some(Self::Severity(&mut telling.severity)),
            RuleField::Schedule => Some(Self::Hours(&mut telling.schedule)),
            _ => None,
        }
    }

    fn thermal(tier: &'a mut ThermalRule, field: RuleField) -> Option<Self> {
        Some(match field {
            RuleField::TempMin => Self::Limit(&mut tier.min),
            RuleField::TempMax => Self::Limit(&mut tier.max),
            RuleField::Inclusive => Self::Flag(&mut tier.inclusive),
            RuleField::Hysteresis => Self::Degrees(&mut tier.hysteresis),
            RuleField::Delay => Self::Length(&mut tier.delay),
            RuleField::ConfirmClosed => Self::Timer(&mut tier.confirm_closed),
            RuleField::ConfirmOpen => Self::Timer(&mut tier.confirm_open),
            RuleField::OffDelay => Self::Length(&mut tier.off_delay),
            RuleField::MaxExcursion => Self::Timer(&mut tier.max_excursion),
            RuleField::HardLimit => Self::Margin(&mut tier.hard_limit),
            RuleField::Trigger => Self::Trigger(&mut tier.trigger),
            RuleField::ProductTau => Self::Timer(&mut tier.product_tau),
            RuleField::DefrostTimes => Self::Times(&mut tier.defrost_times),
            RuleField::DefrostLength => Self::Length(&mut tier.defrost_length),
            _ => return Self::telling(&mut tier.telling, field),
        })
    }

    fn door(door: &'a mut DoorRule, field: RuleField) -> Option<Self> {
        Some(match field {
            RuleField::DoorWarning => Self::Timer(&mut door.warning),
            RuleField::DoorCritical => Self::Timer(&mut door.critical),
            RuleField::DoorMask => Self::Length(&mut door.mask_per_day),
            _ => return Self::telling(&mut door.telling, field),
        })
    }

    /// The trigger has one form at a time: a field of the other one has no place.
    fn silence(trigger: &'a mut SilenceTrigger, field: RuleField) -> Option<Self> {
        match (trigger, field) {
            (SilenceTrigger::Checkins { late_after, .. }, RuleField::LateAfter) => {
                Some(Self::Count(late_after))
            }
            (SilenceTrigger::Checkins { lost_after, .. }, RuleField::LostAfter) => {
                Some(Self::Count(lost_after))
            }
            (SilenceTrigger::Multiple { additional, .. }, RuleField::Additional) => {
                Some(Self::Length(additional))
            }
            _ => None,
        }
    }

    fn manual(manual: &'a mut ManualRule, field: RuleField) -> Option<Self> {
        Some(match field {
            RuleField::ManualRequired => Self::Flag(&mut manual.required),
            RuleField::ManualInterval => Self::Timer(&mut manual.interval),
            RuleField::ManualGrace => Self::Length(&mut manual.grace),
            RuleField::ManualThreshold => Self::Count(&mut manual.missed_threshold),
            _ => return Self::telling(&mut manual.telling, field),
        })
    }

    fn battery(battery: &'a mut BatteryRule, field: RuleField) -> Option<Self> {
        Some(match field {
            RuleField::BatteryLow => Self::Count(&mut battery.low_percent),
            RuleField::Delay => Self::Length(&mut battery.delay),
            _ => return Self::telling(&mut battery.telling, field),
        })
    }

    fn instrument(instrument: &'a mut InstrumentRule, field: RuleField) -> Option<Self> {
        Some(match field {
            RuleField::RangeMin => Self::Celsius(&mut instrument.range_min),
            RuleField::RangeMax => Self::Celsius(&mut instrument.range_max),
            RuleField::Rate => Self::Margin(&mut instrument.rate),
            RuleField::Stuck => Self::Timer(&mut instrument.stuck),
            _ => return Self::telling(&mut instrument.telling, field),
        })
    }

    fn calibration(calibration: &'a mut CalibrationRule, field: RuleField) -> Option<Self> {
        match field {
            RuleField::CalibrationLead => Some(Self::Length(&mut calibration.lead)),
            _ => Self::telling(&mut calibration.telling, field),
        }
    }

    fn get(&self, field: RuleField) -> Said {
        match self {
            Self::Flag(at) => said(at, |value| Some(Setting::Flag(value))),
            Self::Severity(at) => said(at, |value| Some(Setting::Severity(value))),
            Self::Trigger(at) => said(at, |value| Some(Setting::Trigger(value))),
            Self::Count(at) => said(at, |value| Some(Setting::Count(value))),
            Self::Celsius(at) => said(at, |value| Some(Setting::Celsius(value))),
            Self::Degrees(at) => said(at, |value| Some(Setting::Degrees(value))),
            Self::Length(at) => said(at, |value| Some(count(field, value))),
            Self::Limit(at) => said(at, |value| value.map(Setting::Celsius)),
            Self::Margin(at) => said(at, |value| value.map(Setting::Degrees)),
            Self::Timer(at) => said(at, |value| value.map(|value| count(field, value))),
            Self::Hours(at) => said(at, |value| value.map(Setting::Schedule)),
            Self::Times(at) => said(at, |value| value.map(Setting::Times)),
        }
    }

    /// Puts a value there; none if it is of another kind.
    fn put(self, field: RuleField, said: Said) -> Option<()> {
        fn put<T>(at: &mut Field<T>, value: T, provenance: Provenance) {
            *at = Field { value, provenance };
        }
        let by = said.provenance;
        match (self, said.value) {
            (Self::Flag(at), Some(Setting::Flag(value))) => put(at, value, by),
            (Self::Severity(at), Some(Setting::Severity(value))) => put(at, value, by),
            (Self::Trigger(at), Some(Setting::Trigger(value))) => put(at, value, by),
            (Self::Count(at), Some(Setting::Count(value))) => put(at, value, by),
            (Self::Celsius(at), Some(Setting::Celsius(value))) => put(at, value, by),
            (Self::Degrees(at), Some(Setting::Degrees(value))) => put(at, value, by),
            (Self::Length(at), Some(Setting::Count(value))) => put(at, length(field, value), by),
            // A mask that is off excuses nothing.
            (Self::Length(at), None) if field == RuleField::DoorMask => put(at, DurationMs(0), by),
            (Self::Limit(at), Some(Setting::Celsius(value))) => put(at, Some(value), by),
            (Self::Margin(at), Some(Setting::Degrees(value))) => put(at, Some(value), by),
            (Self::Timer(at), Some(Setting::Count(value))) => put(at, Some(length(field, value)), by),
            (Self::Hours(at), Some(Setting::Schedule(value))) => put(at, Some(value), by),
            (Self::Times(at), Some(Setting::Times(value))) => put(at, Some(value), by),
            (Self::Limit(at), None) => put(at, None, by),
            (Self::Margin(at), None) => put(at, None, by),
            (Self::Timer(at), None) => put(at, None, by),
            (Self::Hours(at), None) => put(at, None, by),
            (Self::Times(at), None) => put(at, None, by),
            _ => return None,
        }
        Some(())
    }
}

fn said<T: Copy>(field: &Field<T>, show: impl Fn(T) -> Option<Setting>) -> Said {
    Field { value: show(field.value), provenance: field.provenance }
}

impl UnitRules {
    /// The fields of every slot that these rules have, with what is in force. Fields of the trigger of silence that is
    /// not the one in force are left out.
    pub fn fields(&self) -> Vec<(Slot, RuleField, Said)> {
        let mut rules = self.clone();
        let tiers = u8::try_from(self.limits.len()).unwrap_or(u8::MAX);
        let mut fields = Vec::new();
        for slot in Slot::up_to(tiers) {
            for field in RuleField::ALL.iter().copied().filter(|field| field.belongs_to(slot.kind)) {
                let said = match (field, rules.silence.trigger) {
                    (RuleField::Multiplier, SilenceTrigger::Multiple { multiplier, .. }) => {
                        Some(said(&multiplier, |value| Some(Setting::Multiple(value))))
                    }
                    _ => Place::of(&mut rules, slot, field).map(|place| place.get(field)),
                };
                fields.extend(said.map(|said| (slot, field, said)));
            }
        }
        fields
    }

    /// Sets one field.
    ///
    /// # Errors
    /// The value is of another kind than the field's.
    pub(super) fn put(&mut self, slot: Slot, field: RuleField, said: Said) -> Result<(), RulesError> {
        let place = Place::of(self, slot, field);
        place.and_then(|place| place.put(field, said)).ok_or(RulesError::Kind { field: field.word() })
    }
}

/// What a field is where nobody has said it.
pub fn default_of(slot: Slot, field: RuleField) -> Option<Setting> {
    match field {
        RuleField::Multiplier => Some(Setting::Multiple(MULTIPLIER)),
        RuleField::Additional => Some(count(field, ADDITIONAL)),
        _ => {
            let mut rules = UnitRules {
                limits: vec![ThermalRule::DEFAULT; usize::from(slot.tier) + 1],
                ..UnitRules::default()
            };
            Place::of(&mut rules, slot, field).and_then(|place| place.get(field).value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_counted_in_the_unit_that_its_name_ends_in() {
        let mut rules = UnitRules::default();
        let unit = |count| Field::unit(Some(Setting::Count(count)));
        let silence = Slot::of(AlertType::MonitoringInterrupted);
        rules.put(silence, RuleField::Expected, unit(90)).unwrap();
        rules.put(Slot::of(AlertType::AlarmActive), RuleField::Delay, unit(7)).unwrap();
        rules.put(Slot::of(AlertType::SensorFault), RuleField::Stuck, unit(8)).unwrap();
        rules.put(Slot::of(AlertType::CalibrationDue), RuleField::CalibrationLead, unit(14)).unwrap();
        assert_eq!(rules.silence.expected, Field::unit(DurationMs::seconds(90)));
        assert_eq!(rules.limits[0].delay, Field::unit(DurationMs::minutes(7)));
        assert_eq!(rules.instrument.stuck, Field::unit(Some(DurationMs::minutes(8 * 60))));
        assert_eq!(rules.calibration.lead, Field::unit(DurationMs::minutes(14 * 24 * 60)));
    }

    #[test]
    fn every_field_has_a_place_of_its_own() {
        let rules = UnitRules::default();
        for (slot, field, default) in rules.fields() {
            assert_eq!(default, Field::system(default_of(slot, field)), "{field:?}");
            let mut set = rules.clone();
            let said = Field { provenance: Provenance::Area, ..default };
            if field == RuleField::DoorMask {
                set.put(slot, field, Field { value: None, ..said }).unwrap();
                assert_eq!(set.door.mask_per_day.value, DurationMs(0), "a mask that is off excuses nothing");
            }
            set.put(slot, field, said).unwrap();
            let told = set.fields();
            let changed: Vec<_> = told.iter().filter(|(_, _, said)| said.is_said()).collect();
            assert_eq!(changed, [&(slot, field, said)]);
        }
    }

    #[test]
    fn a_part_of_a_minute_is_told_as_a_whole_one() {
        let mut rules = UnitRules::default();
        rules.battery.delay = Field::unit(DurationMs::seconds(61));
        let told = rules.fields();
        let delay = told
            .iter()
            .find(|(slot, field, _)| *field == RuleField::Delay && slot.kind == AlertType::LowBattery);
        assert_eq!(delay.unwrap().2, Field::unit(Some(Setting::Count(2))));
    }

    #[test]
    fn a_value_of_another_kind_and_a_slot_that_is_not_there_are_refused() {
        let mut rules = UnitRules::default();
        let tier = Slot { kind: AlertType::AlarmActive, tier: 1 };
        let limit = Field::unit(Some(Setting::Celsius(CentiCelsius::literal(400))));
        assert!(rules.put(tier, RuleField::TempMax, limit).is_err());
        assert!(rules.put(Slot::of(AlertType::AlarmActive), RuleField::Delay, limit).is_err());
        assert!(rules.put(Slot::of(AlertType::DoorOpen), RuleField::TempMax, limit).is_err());
        assert_eq!(rules, UnitRules::default());
    }
}
