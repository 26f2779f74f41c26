//! The calendar: what an instant of the rule axis is in the site's own time, and when the local day or hour changes.
//!
//! Owns the zone, the distance between axis and wall clock, and whether the wall clock is to be trusted. Pure: the zone's
//! rules are compiled in. Every question is answered by converting to local time, never by adding 24 hours, so that days
//! of 23 and 25 hours are right by construction.

use super::schedule::{Schedule, TimesOfDay};
use crate::time::{DurationMs, RuleMs};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A local day, comparable with others of the same zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Day(i32);

/// A named zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
struct Zone {
    name: String,
    rules: TimeZone,
}

impl From<String> for Zone {
    fn from(name: String) -> Self {
        let rules = TimeZone::get(&name).unwrap_or(TimeZone::UTC);
        Self { name, rules }
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

/// The site's calendar.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Calendar {
    zone: Zone,
    /// Rule time minus wall time.
    offset: DurationMs,
    trusted: bool,
}

impl Default for Calendar {
    fn default() -> Self {
        Self { zone: Zone::from(String::from("UTC")), offset: DurationMs(0), trusted: true }
    }
}

/// Days looked ahead for the next edge of a schedule: a week and the day it may begin on.
const DAYS_AHEAD: usize = 9;

impl Calendar {
    pub(super) fn set_zone(&mut self, name: &str) {
        if self.zone.name != name {
            self.zone = Zone::from(name.to_owned());
        }
    }

    pub(super) fn set_offset(&mut self, offset: DurationMs) {
        self.offset = offset;
    }

    pub(super) fn set_trusted(&mut self, trusted: bool) {
        self.trusted = trusted;
    }

    pub(super) const fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// The rule time of an instant of the wall clock.
    pub(super) fn rule_of(&self, wall: crate::time::WallMs) -> RuleMs {
        RuleMs(wall.0.saturating_add(self.offset.0))
    }

    fn local(&self, at: RuleMs) -> DateTime {
        let wall = at.0.saturating_sub(self.offset.0);
        let stamp = Timestamp::from_millisecond(wall).unwrap_or(if wall < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        });
        self.zone.rules.to_datetime(stamp)
    }

    /// The instant of a local time: the later one if it is skipped, the first if it comes twice.
    fn instant(&self, local: DateTime) -> Option<RuleMs> {
        let stamp = self.zone.rules.to_ambiguous_timestamp(local).compatible().ok()?;
        Some(RuleMs(stamp.as_millisecond().saturating_add(self.offset.0)))
    }

    fn at_minute(&self, date: Date, minute: i64) -> Option<RuleMs> {
        let hour = i8::try_from(minute / 60).ok()?;
        let minute = i8::try_from(minute % 60).ok()?;
        self.instant(date.to_datetime(Time::new(hour, minute, 0, 0).ok()?))
    }

    /// The local day.
    pub(super) fn day(&self, at: RuleMs) -> Day {
        let date = self.local(at).date();
        Day(i32::from(date.year()) * 512 + i32::from(date.month()) * 32 + i32::from(date.day()))
    }

    /// The first instant of the next local day.
    pub(super) fn next_day(&self, at: RuleMs) -> Option<RuleMs> {
        self.at_minute(self.local(at).date().tomorrow().ok()?, 0)
    }

    /// True if a schedule is open; with a clock that nobody vouches for it counts as open.
    pub(super) fn is_open(&self, schedule: &Schedule, at: RuleMs) -> bool {
        !self.trusted || self.is_within(schedule, at)
    }

    fn is_within(&self, schedule: &Schedule, at: RuleMs) -> bool {
        let local = self.local(at);
        schedule.contains(local.date().weekday().to_sunday_zero_offset(), local.hour())
    }

    /// The next instant after `at` at which a schedule opens or closes, if it ever does.
    pub(super) fn next_change(&self, schedule: &Schedule, at: RuleMs) -> Option<RuleMs> {
        let now = self.is_within(schedule, at);
        let first = self.local(at).date();
        let dates = std::iter::successors(Some(first), |date| date.tomorrow().ok()).take(DAYS_AHEAD);
        dates
            .flat_map(|date| schedule.edges().map(|hour| self.at_minute(date, i64::from(hour) * 60)))
            .flatten()
            .filter(|edge| *edge > at && self.is_within(schedule, *edge) != now)
            .min()
    }

    /// The last instant not after `at`, and the first after it, of a grid that begins anew at each local midnight.
    pub(super) fn grid(&self, interval: DurationMs, at: RuleMs) -> (Option<RuleMs>, Option<RuleMs>) {
        let step = (interval.0 / 60_000).max(1);
        let date = self.local(at).date();
        let days = [date.yesterday().ok(), Some(date), date.tomorrow().ok()];
        let mut last = None;
        for date in days.into_iter().flatten() {
            for slot in 0..=(1_439 / step) {
                let Some(instant) = self.at_minute(date, slot * step) else { continue };
                if instant > at {
                    return (last, Some(instant));
                }
                last = last.max(Some(instant));
            }
        }
        (last, None)
    }

    /// Whether a defrost that takes so long is going on, and when that changes next.
    pub(super) fn defrost(
        &self,
        times: &TimesOfDay,
        length: DurationMs,
        at: RuleMs,
    ) -> (bool, Option<RuleMs>) {
        let date = self.local(at).date();
        let days = [
            date.yesterday().ok(),
            Some(date),
            date.tomorrow().ok(),
            date.tomorrow().ok().and_then(|d| d.tomorrow().ok()),
        ];
        let starts = || {
            days.into_iter().flatten().flat_map(|date| {
                times.minutes().iter().filter_map(move |minute| self.at_minute(date, i64::from(*minute)))
            })
        };
        let running = |instant: RuleMs| starts().any(|start| (start..start + length).contains(&instant));
        let now = running(at);
        let edges = starts().flat_map(|start| [start, start + length]);
        (now, edges.filter(|edge| *edge > at && running(*edge) != now).min())
    }
}

#[cfg(test)]
mod tests {
    use super::super::schedule::ScheduleForm;
    use super::*;

    fn calendar(zone: &str) -> Calendar {
        let mut calendar = Calendar::default();
        calendar.set_zone(zone);
        calendar
    }

    fn at(text: &str) -> RuleMs {
        RuleMs(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn a_local_day_lasts_23_24_or_25_hours() {
        let berlin = calendar("Europe/Berlin");
        for (day, hours) in [("2026-03-29", 23), ("2026-03-30", 24), ("2026-10-25", 25)] {
            let noon = at(&format!("{day}T10:00:00Z"));
            let end = berlin.next_day(noon).unwrap();
            let start = RuleMs(end.0 - hours * 3_600_000);
            assert_eq!(berlin.day(start), berlin.day(noon), "{day}");
            assert_ne!(berlin.day(RuleMs(start.0 - 1)), berlin.day(noon), "{day}");
            assert!(berlin.day(end) > berlin.day(noon));
        }
    }

    #[test]
    fn a_schedule_opens_at_its_local_hour_on_either_side_of_a_change_of_the_clocks() {
        let office: Schedule =
            ScheduleForm { days: (0..7).collect(), start_hour: 8, end_hour: 18 }.try_into().unwrap();
        let new_york = calendar("America/New_York");
        assert_eq!(
            new_york.next_change(&office, at("2026-03-07T23:30:00Z")),
            Some(at("2026-03-08T12:00:00Z"))
        );
        assert_eq!(
            new_york.next_change(&office, at("2026-11-01T00:00:00Z")),
            Some(at("2026-11-01T13:00:00Z"))
        );
        assert_eq!(
            new_york.next_change(&office, at("2026-03-08T12:00:00Z")),
            Some(at("2026-03-08T22:00:00Z"))
        );
    }

    #[test]
    fn with_a_clock_that_nobody_vouches_for_every_schedule_is_open() {
        let sunday: Schedule = ScheduleForm { days: vec![0], start_hour: 8, end_hour: 9 }.try_into().unwrap();
        let mut calendar = calendar("UTC");
        let monday = at("2026-03-02T12:00:00Z");
        assert!(!calendar.is_open(&sunday, monday));
        calendar.set_trusted(false);
        assert!(calendar.is_open(&sunday, monday));
    }

    #[test]
    fn the_grid_begins_anew_at_local_midnight() {
        let berlin = calendar("Europe/Berlin");
        let five = DurationMs::minutes(300);
        let (last, next) = berlin.grid(five, at("2026-01-10T19:30:00Z"));
        assert_eq!(last, Some(at("2026-01-10T19:00:00Z")));
        assert_eq!(next, Some(at("2026-01-10T23:00:00Z")), "midnight, three hours later");
    }

    #[test]
    fn a_defrost_is_found_and_so_is_its_end() {
        let times = TimesOfDay::try_from(vec!["23:50".to_owned(), "06:00".to_owned()]).unwrap();
        let utc = calendar("UTC");
        let length = DurationMs::minutes(30);
        assert_eq!(
            utc.defrost(&times, length, at("2026-01-10T00:10:00Z")),
            (true, Some(at("2026-01-10T00:20:00Z")))
        );
        assert_eq!(
            utc.defrost(&times, length, at("2026-01-10T00:20:00Z")),
            (false, Some(at("2026-01-10T06:00:00Z")))
        );
    }
}
