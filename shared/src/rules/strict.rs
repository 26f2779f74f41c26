//! Strictness: whether what a nearer place says of a field guards at least as well as what a lock further out demands.
//!
//! Owns, for every field, which way is the strict one. Pure. Each lock is of one field: whoever wants a delay held for an
//! open door as well locks that field too.

use super::field::{RuleField, Setting};
use super::schedule::Schedule;

/// Which way is the strict one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// Less of it: a lower upper limit, a shorter delay, a smaller mask.
    Lower,
    /// More of it: a higher lower limit, a wider hysteresis, a higher severity, yes rather than no.
    Higher,
    /// Hours that hold all the hours of the other.
    Wider,
    /// Times that are all among the other's.
    Fewer,
}

impl RuleField {
    /// Its strict way. A longer time in range before an alarm clears and a wider hysteresis hold the alarm longer; a
    /// narrower believable range and a slower believable change believe less; a cumulative trigger counts what a
    /// consecutive one forgets.
    const fn way(self) -> Way {
        match self {
            Self::Enabled
            | Self::Severity
            | Self::TempMin
            | Self::Inclusive
            | Self::Hysteresis
            | Self::OffDelay
            | Self::Trigger
            | Self::ManualRequired
            | Self::BatteryLow
            | Self::RangeMin
            | Self::CalibrationLead => Way::Higher,
            Self::Delay
            | Self::TempMax
            | Self::ConfirmClosed
            | Self::ConfirmOpen
            | Self::MaxExcursion
            | Self::HardLimit
            | Self::ProductTau
            | Self::DefrostLength
            | Self::DoorWarning
            | Self::DoorCritical
            | Self::DoorMask
            | Self::Expected
            | Self::LateAfter
            | Self::LostAfter
            | Self::Multiplier
            | Self::Additional
            | Self::ManualInterval
            | Self::ManualGrace
            | Self::ManualThreshold
            | Self::RangeMax
            | Self::Rate
            | Self::Stuck => Way::Lower,
            Self::Schedule => Way::Wider,
            Self::DefrostTimes => Way::Fewer,
        }
    }

    /// True if off guards better than any value: what is switched off there is an excuse. Everywhere else off guards nothing.
    const fn is_strict_when_off(self) -> bool {
        matches!(self, Self::Schedule | Self::ProductTau | Self::DefrostTimes | Self::DoorMask)
    }

    /// True if `said` guards at least as well as `demanded`; none is off.
    pub(super) fn is_as_strict(self, said: Option<Setting>, demanded: Option<Setting>) -> bool {
        match (said, demanded) {
            (None, None) => true,
            (None, Some(_)) => self.is_strict_when_off(),
            (Some(_), None) => !self.is_strict_when_off(),
            (Some(said), Some(demanded)) => match (self.way(), said, demanded) {
                (Way::Lower, said, demanded) => said <= demanded,
                (Way::Higher, said, demanded) => said >= demanded,
                (Way::Wider, Setting::Schedule(said), Setting::Schedule(demanded)) => holds(said, demanded),
                (Way::Fewer, Setting::Times(said), Setting::Times(demanded)) => {
                    said.minutes().iter().all(|time| demanded.minutes().contains(time))
                }
                // A value of another kind than the field's own never gets past its reader.
                (Way::Wider | Way::Fewer, ..) => false,
            },
        }
    }
}

/// True if every hour of the week of one schedule is one of the other's.
fn holds(whole: Schedule, part: Schedule) -> bool {
    let mut hours = (0..7).flat_map(|day| (0..24).map(move |hour| (day, hour)));
    hours.all(|(day, hour)| whole.contains(day, hour) || !part.contains(day, hour))
}

#[cfg(test)]
mod tests {
    use super::super::field::{Hundredths, Kind, Trigger};
    use super::super::schedule::{ScheduleForm, TimesOfDay};
    use super::*;
    use crate::alarm::Severity;
    use crate::quantity::{CentiCelsius, CentiDegrees};

    fn hours(start_hour: i64, end_hour: i64) -> Setting {
        let form = ScheduleForm { days: vec![1, 2], start_hour, end_hour };
        Setting::Schedule(form.try_into().unwrap())
    }

    fn times(times: &[&str]) -> Setting {
        let texts: Vec<String> = times.iter().map(|time| (*time).to_owned()).collect();
        Setting::Times(TimesOfDay::try_from(texts).unwrap())
    }

    /// Two values of a field's kind, the smaller first.
    fn two(field: RuleField) -> [Setting; 2] {
        let celsius = |value| Setting::Celsius(CentiCelsius::literal(value));
        let degrees = |value| Setting::Degrees(CentiDegrees::new(value).unwrap());
        match field.kind() {
            Kind::Celsius => [celsius(-100), celsius(400)],
            Kind::Degrees { .. } => [degrees(50), degrees(100)],
            Kind::Count { .. } => [Setting::Count(5), Setting::Count(6)],
            Kind::Multiple { .. } => [Setting::Multiple(Hundredths(150)), Setting::Multiple(Hundredths(200))],
            Kind::Flag => [Setting::Flag(false), Setting::Flag(true)],
            Kind::Severity => [Setting::Severity(Severity::Warning), Setting::Severity(Severity::Critical)],
            Kind::Trigger => [Setting::Trigger(Trigger::Consecutive), Setting::Trigger(Trigger::Cumulative)],
            Kind::Schedule => [hours(9, 17), hours(8, 18)],
            Kind::Times => [times(&["02:00"]), times(&["02:00", "14:30"])],
        }
    }

    #[test]
    fn of_two_values_exactly_one_is_stricter_and_it_is_the_one_that_guards_better() {
        let guards_by_more = [
            "enabled",
            "severity",
            "schedule",
            "temp_min_c",
            "inclusive",
            "hysteresis_c",
            "off_delay_minutes",
            "trigger",
            "manual_monitoring_required",
            "battery_low_percent",
            "range_min_c",
            "calibration_lead_days",
        ];
        for field in RuleField::ALL {
            let [less, more] = two(*field);
            let (strict, loose) =
                if guards_by_more.contains(&field.word()) { (more, less) } else { (less, more) };
            assert!(field.is_as_strict(Some(strict), Some(loose)), "{field:?}");
            assert!(!field.is_as_strict(Some(loose), Some(strict)), "{field:?}");
            assert!(field.is_as_strict(Some(strict), Some(strict)), "{field:?}");
        }
    }

    #[test]
    fn off_is_loose_unless_what_is_off_is_an_excuse() {
        let excuses =
            ["schedule", "product_tau_minutes", "defrost_times", "door_open_max_mask_minutes_per_day"];
        for field in RuleField::ALL.iter().filter(|field| field.may_be_off()) {
            let is_excuse = excuses.contains(&field.word());
            let [value, _] = two(*field);
            assert_eq!(field.is_as_strict(None, Some(value)), is_excuse, "{field:?}");
            assert_eq!(field.is_as_strict(Some(value), None), !is_excuse, "{field:?}");
            assert!(field.is_as_strict(None, None));
        }
    }

    #[test]
    fn hours_that_only_overlap_are_not_stricter_either_way() {
        let (early, late) = (Some(hours(6, 12)), Some(hours(8, 18)));
        assert!(!RuleField::Schedule.is_as_strict(early, late));
        assert!(!RuleField::Schedule.is_as_strict(late, early));
        let (one, other) = (Some(times(&["02:00"])), Some(times(&["03:00"])));
        assert!(!RuleField::DefrostTimes.is_as_strict(one, other));
    }
}
