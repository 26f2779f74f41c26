//! Settings: how the value of a field is read from a document, a request or a row, and how it is shown to people.
//!
//! Owns the one reader that all of them share, with the range that a fault names. Takes what stood there in one of a few
//! raw forms; gives a [`Setting`], or none where the field is off on purpose. Pure, and never through a float.

use super::field::{Hundredths, Kind, RuleField, Setting, Trigger};
use super::schedule::{Schedule, ScheduleForm, TIMES_MAX, TimesOfDay};
use crate::alarm::Severity;
use crate::quantity::{CentiCelsius, CentiDegrees};
use thiserror::Error;

/// The word that switches a field off.
pub const OFF: &str = "off";

/// What stood there.
#[derive(Clone, Debug)]
pub enum Raw<'a> {
    /// The digits of a number as a person writes it: °C, or the unit that the field's name ends in.
    Literal(&'a str),
    /// A temperature or a difference of temperatures in 0.01 °C.
    Hundredths(i64),
    /// true or false.
    Flag(bool),
    /// A word.
    Word(&'a str),
    /// Hours of the week.
    Hours(ScheduleForm),
    /// Times of the day.
    Times(Vec<String>),
}

/// A value that its field cannot have. Refuse what carried it, and show what would do.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{} must be {expected}", field.word())]
pub struct SettingError {
    /// The field.
    pub field: RuleField,
    /// What it may be.
    pub expected: String,
}

impl RuleField {
    /// Reads a value; none is off on purpose.
    ///
    /// # Errors
    /// It is none of this field; the error says what would be.
    pub fn read(self, raw: Raw<'_>) -> Result<Option<Setting>, SettingError> {
        if matches!(raw, Raw::Word(OFF)) && self.may_be_off() {
            return Ok(None);
        }
        let read = match (self.kind(), raw) {
            (Kind::Celsius, raw) => {
                hundredths(&raw).and_then(|value| CentiCelsius::new(value).ok()).map(Setting::Celsius)
            }
            (Kind::Degrees { highest }, raw) => hundredths(&raw)
                .filter(|value| *value <= highest)
                .and_then(|value| CentiDegrees::new(value).ok())
                .map(Setting::Degrees),
            (Kind::Count { lowest, highest }, Raw::Literal(digits)) => digits
                .parse::<u32>()
                .ok()
                .filter(|value| (lowest..=highest).contains(value))
                .map(Setting::Count),
            (Kind::Multiple { lowest, highest }, raw @ (Raw::Literal(_) | Raw::Hundredths(_))) => {
                hundredths(&raw)
                    .and_then(|value| u32::try_from(value).ok())
                    .filter(|value| (lowest..=highest).contains(value))
                    .map(|value| Setting::Multiple(Hundredths(value)))
            }
            (Kind::Flag, Raw::Flag(flag)) => Some(Setting::Flag(flag)),
            (Kind::Severity, Raw::Word(word)) => severity(word).map(Setting::Severity),
            (Kind::Trigger, Raw::Word(word)) => trigger(word).map(Setting::Trigger),
            (Kind::Schedule, Raw::Hours(form)) => Schedule::try_from(form).ok().map(Setting::Schedule),
            (Kind::Times, Raw::Times(texts)) => TimesOfDay::try_from(texts).ok().map(Setting::Times),
            _ => None,
        };
        read.map(Some).ok_or_else(|| SettingError { field: self, expected: self.expected() })
    }

    /// What it may be, for people, as a document writes it.
    pub fn expected(self) -> String {
        let what = match self.kind() {
            Kind::Celsius => "a temperature from -273.15 to 1000.00 °C with at most two decimals".to_owned(),
            Kind::Degrees { highest } => {
                format!(
                    "a difference of 0 to {}.{:02} °C with at most two decimals",
                    highest / 100,
                    highest % 100
                )
            }
            Kind::Count { lowest, highest } => format!("an integer from {lowest} to {highest}"),
            Kind::Multiple { lowest, highest } => {
                format!("a number from {} to {} with at most two decimals", lowest / 100, highest / 100)
            }
            Kind::Flag => "true or false".to_owned(),
            Kind::Severity => "info, warning or critical".to_owned(),
            Kind::Trigger => "consecutive or cumulative".to_owned(),
            Kind::Schedule => {
                "{ days = [0 to 6, 0 is Sunday], start_hour, end_hour } with hours from 0 to 24".to_owned()
            }
            Kind::Times => format!("a list of at most {TIMES_MAX} times of the form \"HH:MM\""),
        };
        if self.may_be_off() { format!("{what}, or \"{OFF}\"") } else { what }
    }

    /// Its value for people; none shows as "none".
    pub fn in_words(self, value: Option<Setting>) -> String {
        let Some(value) = value else { return "none".to_owned() };
        let degrees = |hundredths: i32| format!("{}.{:02} °C", hundredths / 100, hundredths % 100);
        match value {
            Setting::Celsius(value) => format!("{value} °C"),
            Setting::Degrees(value) => degrees(value.hundredths()),
            Setting::Count(count) => match self.word().rsplit('_').next() {
                Some("minutes") => format!("{count} min"),
                Some("seconds") => format!("{count} s"),
                Some("hours") => format!("{count} h"),
                Some("days") => format!("{count} days"),
                Some("percent") => format!("{count} %"),
                _ if self == Self::DoorMask => format!("{count} min"),
                _ => count.to_string(),
            },
            Setting::Multiple(Hundredths(value)) => format!("{}.{:02}", value / 100, value % 100),
            Setting::Flag(yes) => if yes { "yes" } else { "no" }.to_owned(),
            Setting::Severity(severity) => severity.word().to_owned(),
            Setting::Trigger(trigger) => trigger.word().to_owned(),
            Setting::Schedule(schedule) => hours(schedule),
            Setting::Times(times) => match Vec::from(times) {
                texts if texts.is_empty() => "none".to_owned(),
                texts => texts.join(" "),
            },
        }
    }
}

fn hundredths(raw: &Raw<'_>) -> Option<i32> {
    match raw {
        Raw::Literal(digits) => CentiCelsius::parse(digits).ok().map(CentiCelsius::hundredths),
        Raw::Hundredths(value) => i32::try_from(*value).ok(),
        _ => None,
    }
}

fn severity(word: &str) -> Option<Severity> {
    [Severity::Info, Severity::Warning, Severity::Critical].into_iter().find(|known| known.word() == word)
}

fn trigger(word: &str) -> Option<Trigger> {
    [Trigger::Consecutive, Trigger::Cumulative].into_iter().find(|known| known.word() == word)
}

fn hours(schedule: Schedule) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let form = ScheduleForm::from(schedule);
    let day = |day: &i64| usize::try_from(*day).ok().and_then(|day| DAYS.get(day).copied());
    let days: Vec<&str> = form.days.iter().filter_map(day).collect();
    format!("{} {}–{} h", days.join(" "), form.start_hour, form.end_hour)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(field: RuleField, digits: &str) -> Result<Option<Setting>, SettingError> {
        field.read(Raw::Literal(digits))
    }

    #[test]
    fn a_temperature_reads_from_its_digits_or_from_hundredths_and_from_nothing_else() {
        let at = |hundredths| Ok(Some(Setting::Celsius(CentiCelsius::literal(hundredths))));
        assert_eq!(literal(RuleField::TempMax, "-15.5"), at(-1_550));
        assert_eq!(RuleField::TempMax.read(Raw::Hundredths(-1_550)), at(-1_550));
        for digits in ["-15.505", "nan", "1e1", "1001", ""] {
            assert!(literal(RuleField::TempMax, digits).is_err(), "{digits}");
        }
        assert!(RuleField::TempMax.read(Raw::Hundredths(100_001)).is_err());
        assert!(RuleField::TempMax.read(Raw::Hundredths(1 << 40)).is_err());
        assert!(RuleField::TempMax.read(Raw::Flag(true)).is_err());
        let fault = literal(RuleField::Hysteresis, "10.01").unwrap_err();
        assert_eq!(
            fault.to_string(),
            "hysteresis_c must be a difference of 0 to 10.00 °C with at most two decimals"
        );
        assert!(literal(RuleField::Hysteresis, "-0.5").is_err());
    }

    #[test]
    fn every_number_reads_its_smallest_and_largest_and_nothing_beyond() {
        for field in RuleField::ALL {
            let Kind::Count { lowest, highest } = field.kind() else { continue };
            for value in [lowest, highest] {
                assert_eq!(literal(*field, &value.to_string()), Ok(Some(Setting::Count(value))), "{field:?}");
            }
            let fault = literal(*field, &(highest + 1).to_string()).unwrap_err();
            assert!(fault.to_string().contains(&format!("from {lowest} to {highest}")), "{fault}");
            assert!(literal(*field, "-1").is_err() && literal(*field, "1.5").is_err(), "{field:?}");
            if let Some(below) = lowest.checked_sub(1) {
                assert!(literal(*field, &below.to_string()).is_err(), "{field:?}");
            }
        }
        let multiple = |digits| literal(RuleField::Multiplier, digits);
        assert_eq!(multiple("2.5"), Ok(Some(Setting::Multiple(Hundredths(250)))));
        assert_eq!(multiple("1"), Ok(Some(Setting::Multiple(Hundredths(100)))));
        assert!(multiple("0.99").is_err() && multiple("1000.01").is_err());
    }

    #[test]
    fn off_is_read_only_where_a_field_can_be_off() {
        for field in RuleField::ALL {
            let read = field.read(Raw::Word(OFF));
            assert_eq!(read.is_ok(), field.may_be_off(), "{field:?}");
            assert_eq!(read.unwrap_or(None), None);
            assert_eq!(field.expected().contains("\"off\""), field.may_be_off());
        }
    }

    #[test]
    fn words_hours_and_times_read_as_they_are_documented() {
        let word = |field: RuleField, word| field.read(Raw::Word(word));
        assert_eq!(word(RuleField::Severity, "critical"), Ok(Some(Setting::Severity(Severity::Critical))));
        assert!(word(RuleField::Severity, "loud").is_err());
        assert_eq!(word(RuleField::Trigger, "cumulative"), Ok(Some(Setting::Trigger(Trigger::Cumulative))));
        assert!(word(RuleField::Trigger, "Cumulative").is_err());
        assert_eq!(RuleField::Enabled.read(Raw::Flag(false)), Ok(Some(Setting::Flag(false))));
        assert!(word(RuleField::Enabled, "false").is_err());
        let hours = |days: &[i64]| {
            RuleField::Schedule.read(Raw::Hours(ScheduleForm {
                days: days.to_vec(),
                start_hour: 8,
                end_hour: 18,
            }))
        };
        let office = hours(&[1, 5]).unwrap();
        assert_eq!(RuleField::Schedule.in_words(office), "Mon Fri 8–18 h");
        assert!(hours(&[7]).is_err());
        let times = RuleField::DefrostTimes.read(Raw::Times(vec!["14:30".into(), "02:00".into()])).unwrap();
        assert_eq!(RuleField::DefrostTimes.in_words(times), "02:00 14:30");
        assert!(RuleField::DefrostTimes.read(Raw::Times(vec!["25:00".into()])).is_err());
    }

    #[test]
    fn a_value_is_shown_with_its_unit() {
        let count = Some(Setting::Count(7));
        for (field, text) in [
            (RuleField::Delay, "7 min"),
            (RuleField::DoorMask, "7 min"),
            (RuleField::Expected, "7 s"),
            (RuleField::Stuck, "7 h"),
            (RuleField::CalibrationLead, "7 days"),
            (RuleField::BatteryLow, "7 %"),
            (RuleField::LostAfter, "7"),
        ] {
            assert_eq!(field.in_words(count), text);
        }
        assert_eq!(RuleField::TempMax.in_words(None), "none");
        let limit = Some(Setting::Celsius(CentiCelsius::literal(-1_550)));
        assert_eq!(RuleField::TempMax.in_words(limit), "-15.50 °C");
        assert_eq!(RuleField::Multiplier.in_words(Some(Setting::Multiple(Hundredths(250)))), "2.50");
    }
}
