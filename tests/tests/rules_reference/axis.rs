//! Owns time in the reference: time that really elapsed, time in which somebody listened, and calendars.
//! Takes the events in order; gives conversions between these times, looked up in the whole list each time.
//! Must never hold anything about temperatures, doors or alerts.
//!
//! A correction of the clock makes the rule axis jump without any time passing. The reference takes the jumps out
//! first, computes everything in time that elapsed, and puts the jumps back into the dates of what comes of it.

use crate::model::{Event, HOUR, MINUTE, Ms, Schedule, What};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// From `from` in elapsed time on, the rule axis is ahead by `ahead`, and the wall clock behind that by `offset`.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: Ms,
    ahead: Ms,
    offset: Ms,
    trusted: bool,
}

pub struct Axis {
    stretches: Vec<Stretch>,
    /// When nobody listened, in elapsed time.
    downtimes: Vec<(Ms, Ms)>,
    zone: TimeZone,
    begin: Ms,
    end: Ms,
    quarters: Vec<Ms>,
    /// When a mask budget began.
    mask_days: Vec<Ms>,
}

/// What happened, in elapsed time.
#[derive(Clone, Debug)]
pub struct Happened {
    pub at: Ms,
    pub what: What,
}

impl Axis {
    /// The times of these events, which are in order, and the events in elapsed time.
    pub fn of(events: &[Event], zone: &str) -> (Axis, Vec<Happened>) {
        let begin = events.first().map_or(0, |event| event.at);
        let mut stretches = vec![Stretch { from: begin, ahead: 0, offset: 0, trusted: true }];
        let (mut downtimes, mut happened) = (Vec::new(), Vec::new());
        for event in events {
            let now = stretches[stretches.len() - 1];
            let at = event.at - now.ahead;
            match event.what {
                What::Clock { to, offset } => {
                    let ahead = now.ahead + to - event.at;
                    stretches.push(Stretch { from: at, ahead, offset, trusted: true });
                }
                What::Started { down_from, known } => {
                    downtimes.extend(down_from.map(|from| (from - now.ahead, at)));
                    if down_from.is_some() && known != now.trusted {
                        stretches.push(Stretch { from: at, trusted: known, ..now });
                    }
                }
                _ => {}
            }
            happened.push(Happened { at, what: event.what.clone() });
        }
        let end = happened.last().map_or(begin, |last| last.at);
        let zone = TimeZone::get(zone).unwrap();
        let (quarters, mask_days) = (Vec::new(), vec![begin]);
        let mut axis = Axis { stretches, downtimes, zone, begin, end, quarters, mask_days };
        axis.quarters = axis.all_quarters();
        axis.mask_days = axis.all_mask_days();
        (axis, happened)
    }

    fn stretch(&self, elapsed: Ms) -> Stretch {
        *self.stretches.iter().rfind(|stretch| stretch.from <= elapsed).unwrap_or(&self.stretches[0])
    }

    pub fn begin(&self) -> Ms {
        self.begin
    }

    pub fn end(&self) -> Ms {
        self.end
    }

    /// The date on the rule axis of something that came at this elapsed time.
    pub fn rule(&self, elapsed: Ms) -> Ms {
        elapsed + self.stretch(elapsed).ahead
    }

    /// The elapsed time of a date on the rule axis that a record of this elapsed time speaks of.
    pub fn spoken_of(&self, rule: Ms, by: Ms) -> Ms {
        rule - self.stretch(by).ahead
    }

    pub fn wall(&self, elapsed: Ms) -> Ms {
        let stretch = self.stretch(elapsed);
        elapsed + stretch.ahead - stretch.offset
    }

    pub fn is_trusted(&self, elapsed: Ms) -> bool {
        self.stretch(elapsed).trusted
    }

    pub fn local(&self, elapsed: Ms) -> DateTime {
        let instant = Timestamp::from_millisecond(self.wall(elapsed)).unwrap();
        instant.to_zoned(self.zone.clone()).datetime()
    }

    /// The instant that is `listening` of listening time after `from`. One that falls on the beginning of a downtime or
    /// into it moves along.
    pub fn listened(&self, from: Ms, listening: Ms) -> Ms {
        self.downtimes
            .iter()
            .filter(|(down, _)| *down >= from)
            .fold(from + listening, |due, (down, up)| if due >= *down { due + (up - down) } else { due })
    }

    /// Every quarter of an hour of the wall clock, and every turn of the axis: nothing of a calendar changes between.
    pub fn quarters(&self) -> impl Iterator<Item = Ms> {
        self.quarters.iter().copied()
    }

    fn all_quarters(&self) -> Vec<Ms> {
        let quarter = 15 * MINUTE;
        let mut instants: Vec<Ms> = self.stretches.iter().map(|stretch| stretch.from).collect();
        for (index, stretch) in self.stretches.iter().enumerate() {
            let until = self.stretches.get(index + 1).map_or(self.end, |next| next.from);
            let wall = self.wall(stretch.from);
            let mut next = stretch.from + (quarter - wall.rem_euclid(quarter));
            while next <= until {
                instants.push(next);
                next += quarter;
            }
        }
        instants.sort_unstable();
        instants.dedup();
        instants
    }

    /// The instants at which the wall clock shows this time.
    pub fn shows(&self, wall: Ms) -> impl Iterator<Item = Ms> {
        let at = move |stretch: &Stretch| wall + stretch.offset - stretch.ahead;
        let shown = self.stretches.iter().map(at);
        shown.filter(move |at| *at >= self.begin && self.wall(*at) == wall)
    }

    /// True if somebody of this schedule is to be paged; always while nobody knows what time it is.
    pub fn is_open(&self, schedule: Option<&Schedule>, elapsed: Ms) -> bool {
        let Some(schedule) = schedule else { return true };
        if !self.is_trusted(elapsed) {
            return true;
        }
        let local = self.local(elapsed);
        let (hour, today) = (local.hour(), local.date());
        let listed = |date: Date| schedule.days.contains(&date.weekday().to_sunday_zero_offset());
        let yesterday = today.yesterday().unwrap();
        if schedule.start < schedule.end {
            listed(today) && (schedule.start..schedule.end).contains(&hour)
        } else if schedule.start == schedule.end {
            (listed(today) && hour >= schedule.start) || (listed(yesterday) && hour < schedule.start)
        } else {
            (listed(today) && hour >= schedule.start) || (listed(yesterday) && hour < schedule.end)
        }
    }

    /// True if a defrost that begins so many minutes after local midnight, and lasts so long, is under way.
    pub fn is_within(&self, minute: i64, length: Ms, elapsed: Ms) -> bool {
        let today = self.local(elapsed).date();
        [today.yesterday().unwrap(), today].into_iter().any(|date| {
            let begin = self.wall_of(date, minute);
            (begin..begin + length).contains(&self.wall(elapsed))
        })
    }

    /// The wall time of a civil time: in a gap the later instant, in a fold the first.
    pub fn wall_of(&self, date: Date, minute: i64) -> Ms {
        let time = date.at((minute / 60) as i8, (minute % 60) as i8, 0, 0);
        self.zone.to_ambiguous_zoned(time).compatible().unwrap().timestamp().as_millisecond()
    }

    /// The instants until `now` at which a slot of a grid of civil time begins, by the clock as it is then.
    pub fn slots(&self, every: Ms, now: Ms) -> Vec<Ms> {
        let clock = self.stretch(now);
        let wall_at = |elapsed: Ms| elapsed + clock.ahead - clock.offset;
        let zoned =
            |elapsed: Ms| Timestamp::from_millisecond(wall_at(elapsed)).unwrap().to_zoned(self.zone.clone());
        let (first, last) = (zoned(self.begin).date(), zoned(now).date());
        let mut slots = Vec::new();
        let mut date = first;
        while date <= last {
            let minutes = (0..24 * 60).step_by((every / MINUTE) as usize);
            slots.extend(minutes.map(|minute| self.wall_of(date, minute) - clock.ahead + clock.offset));
            date = date.tomorrow().unwrap();
        }
        slots.retain(|slot| (self.begin..=now).contains(slot));
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// The last instants at which the clock was as it was.
    pub fn before_each_turn(&self) -> impl Iterator<Item = Ms> {
        let turns = self.stretches.iter().skip(1).map(|stretch| stretch.from - 1);
        turns.chain([self.end])
    }

    /// When the mask budget that is in force at this time began: with the first instant, known for sure, of the latest
    /// day that was known for sure so far.
    pub fn mask_day(&self, elapsed: Ms) -> Ms {
        self.mask_days.iter().rfind(|day| **day <= elapsed).copied().unwrap_or(self.begin)
    }

    fn all_mask_days(&self) -> Vec<Ms> {
        let mut days = vec![self.begin];
        let mut latest: Option<Date> = None;
        for instant in self.quarters().filter(|instant| self.is_trusted(*instant)) {
            let date = self.local(instant).date();
            if latest.is_some_and(|latest| date > latest) {
                days.push(instant);
            }
            latest = latest.max(Some(date));
        }
        days
    }
}

/// The longest time that anything can be shelved.
pub const LONGEST_SHELVE: Ms = 4 * HOUR;
