//! Hours of the week and times of the day, in the site's own time.
//!
//! Owns which local instants lie inside a schedule, and their forms. Pure: whoever asks has converted to local time.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Times of the day in one list, at most.
pub const TIMES_MAX: usize = 8;

/// A schedule or a list of times that cannot be meant. Refuse what carried it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ScheduleError {
    /// Not a day of the week.
    #[error("{0} is no day; days are 0 (Sunday) to 6 (Saturday), and at least one")]
    Day(i64),
    /// Not an hour.
    #[error("{0} is no hour from 0 to 24")]
    Hour(i64),
    /// Not a time of the day.
    #[error("\"{0}\" is no time of the day of the form HH:MM")]
    Time(String),
    /// Too many times.
    #[error("more than {TIMES_MAX} times a day")]
    TooMany,
}

/// Hours of some days of the week: from `start_hour` up to, but without, `end_hour`.
///
/// If it ends at an earlier hour than it starts, it goes on past midnight and belongs to the day on which it starts. If
/// both are the same it lasts 24 hours from there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "ScheduleForm", into = "ScheduleForm")]
pub struct Schedule {
    days: u8,
    start_hour: u8,
    end_hour: u8,
}

/// The form in documents.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleForm {
    /// Days of the week, 0 = Sunday.
    pub days: Vec<i64>,
    /// First hour.
    #[serde(alias = "startHour")]
    pub start_hour: i64,
    /// The hour at which it is over.
    #[serde(alias = "endHour")]
    pub end_hour: i64,
}

impl TryFrom<ScheduleForm> for Schedule {
    type Error = ScheduleError;
    fn try_from(form: ScheduleForm) -> Result<Self, ScheduleError> {
        let mut days = 0;
        for day in &form.days {
            let bit = u32::try_from(*day).ok().filter(|day| *day <= 6).ok_or(ScheduleError::Day(*day))?;
            days |= 1_u8 << bit;
        }
        if days == 0 {
            return Err(ScheduleError::Day(-1));
        }
        let hour =
            |hour: i64| u8::try_from(hour).ok().filter(|hour| *hour <= 24).ok_or(ScheduleError::Hour(hour));
        Ok(Self { days, start_hour: hour(form.start_hour)? % 24, end_hour: hour(form.end_hour)? % 24 })
    }
}

impl From<Schedule> for ScheduleForm {
    fn from(schedule: Schedule) -> Self {
        Self {
            days: (0..7).filter(|day| schedule.has(*day)).collect(),
            start_hour: i64::from(schedule.start_hour),
            end_hour: i64::from(schedule.end_hour),
        }
    }
}

impl Schedule {
    fn has(&self, day: i64) -> bool {
        self.days & (1 << day.rem_euclid(7)) != 0
    }

    /// True for a local instant, as the day of the week (0 = Sunday) and the hour of the day.
    pub fn contains(&self, day: i8, hour: i8) -> bool {
        let (day, hour) = (i64::from(day), i64::from(hour));
        let (start, end) = (i64::from(self.start_hour), i64::from(self.end_hour));
        if start < end {
            self.has(day) && (start..end).contains(&hour)
        } else {
            (self.has(day) && hour >= start) || (self.has(day - 1) && hour < end)
        }
    }

    /// The hours at which it can open or close.
    pub fn edges(&self) -> [i8; 2] {
        [self.start_hour as i8, self.end_hour as i8]
    }
}

/// Up to eight times of the day, in minutes since midnight, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct TimesOfDay {
    minutes: [u16; TIMES_MAX],
    count: u8,
}

impl TimesOfDay {
    /// The times, in minutes since midnight.
    pub fn minutes(&self) -> &[u16] {
        self.minutes.get(..usize::from(self.count)).unwrap_or_default()
    }
}

fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |digits: &str| {
        (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| digits.parse::<u16>().ok())
            .flatten()
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

impl TryFrom<Vec<String>> for TimesOfDay {
    type Error = ScheduleError;
    fn try_from(texts: Vec<String>) -> Result<Self, ScheduleError> {
        if texts.len() > TIMES_MAX {
            return Err(ScheduleError::TooMany);
        }
        let mut times = Self::default();
        for (place, text) in times.minutes.iter_mut().zip(&texts) {
            *place =
                minute_of_day(text).ok_or_else(|| ScheduleError::Time(text.chars().take(16).collect()))?;
            times.count += 1;
        }
        if let Some(times) = times.minutes.get_mut(..texts.len()) {
            times.sort_unstable();
        }
        Ok(times)
    }
}

impl From<TimesOfDay> for Vec<String> {
    fn from(times: TimesOfDay) -> Self {
        times.minutes().iter().map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(days: &[i64], start_hour: i64, end_hour: i64) -> Schedule {
        ScheduleForm { days: days.to_vec(), start_hour, end_hour }.try_into().unwrap()
    }

    #[test]
    fn a_window_holds_its_first_hour_and_not_its_last() {
        let office = schedule(&[1, 2, 3, 4, 5], 8, 18);
        assert!(!office.contains(1, 7) && office.contains(1, 8));
        assert!(office.contains(5, 17) && !office.contains(5, 18));
        assert!(!office.contains(0, 12) && !office.contains(6, 12));
    }

    #[test]
    fn a_window_past_midnight_belongs_to_the_day_on_which_it_starts() {
        let night = schedule(&[6], 22, 6);
        assert!(night.contains(6, 22) && night.contains(6, 23));
        assert!(night.contains(0, 0) && night.contains(0, 5) && !night.contains(0, 6));
        assert!(!night.contains(6, 5) && !night.contains(0, 22));
    }

    #[test]
    fn equal_hours_are_a_whole_day_from_there() {
        let sunday = schedule(&[0], 6, 6);
        assert!(!sunday.contains(0, 5) && sunday.contains(0, 6) && sunday.contains(1, 5));
        assert!(!sunday.contains(1, 6));
        let always = schedule(&[0, 1, 2, 3, 4, 5, 6], 0, 24);
        assert!((0..7).all(|day| (0..24).all(|hour| always.contains(day, hour))));
    }

    #[test]
    fn what_is_no_day_hour_or_time_is_refused() {
        let form = |days: &[i64], start_hour, end_hour| {
            Schedule::try_from(ScheduleForm { days: days.to_vec(), start_hour, end_hour })
        };
        assert_eq!(form(&[7], 8, 18), Err(ScheduleError::Day(7)));
        assert!(form(&[], 8, 18).is_err());
        assert_eq!(form(&[1], 25, 18), Err(ScheduleError::Hour(25)));
        for text in ["24:00", "7:00", "07:60", "0700", "+7:00", ""] {
            assert!(TimesOfDay::try_from(vec![text.to_owned()]).is_err(), "{text}");
        }
        let times = TimesOfDay::try_from(vec!["14:30".to_owned(), "02:00".to_owned()]).unwrap();
        assert_eq!(times.minutes(), [120, 870]);
        assert_eq!(Vec::from(times), ["02:00", "14:30"]);
        assert_eq!(TimesOfDay::try_from(vec!["01:00".to_owned(); 9]), Err(ScheduleError::TooMany));
    }
}
