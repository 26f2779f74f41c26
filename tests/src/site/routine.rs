//! Owns what happens in a unit by itself over a day: staff at the door, defrosts, batches of warm goods.
//! Takes how long the site has lived; gives what goes on then, the same for the same time.
//! Must never read a clock or draw a random number.

use std::time::Duration;

use super::thermal::{Door, Evaporator};

/// Something that happens again and again, at intervals that are not quite even.
#[derive(Clone, Copy, Debug)]
pub struct Timetable {
    /// Before the first time.
    pub first: Duration,
    /// From one time to the next, on average.
    pub every: Duration,
    /// How much later than that one may come; with what it lasts less than the interval.
    pub spread: Duration,
    /// How long it lasts.
    pub lasts: Duration,
}

/// Warm goods that are put into a unit to be chilled.
#[derive(Clone, Copy, Debug)]
pub struct Batches {
    /// When, and how long the door is open for it.
    pub loading: Timetable,
    /// How warm they are.
    pub goods_c: f64,
}

/// A unit's day.
#[derive(Clone, Copy, Debug)]
pub struct Routine {
    /// Staff who fetch or bring something.
    pub visits: Option<Timetable>,
    /// The defrosts of its evaporator.
    pub defrosts: Option<Timetable>,
    /// What is chilled in it.
    pub batches: Option<Batches>,
}

/// What goes on in a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GoingOn {
    /// The door.
    pub door: Door,
    /// The evaporator.
    pub evaporator: Evaporator,
    /// How many batches have been put in.
    pub batches: u64,
}

impl Routine {
    /// Nobody comes and nothing happens.
    pub const NONE: Routine = Routine { visits: None, defrosts: None, batches: None };

    /// What goes on after the site has lived for `elapsed`.
    pub fn at(&self, elapsed: Duration) -> GoingOn {
        let goes_on = |when: Option<Timetable>| when.is_some_and(|when| when.goes_on(elapsed));
        let loading = self.batches.map(|batches| batches.loading);
        GoingOn {
            door: if goes_on(self.visits) || goes_on(loading) { Door::Open } else { Door::Closed },
            evaporator: if goes_on(self.defrosts) { Evaporator::Defrosting } else { Evaporator::Cooling },
            batches: loading.map_or(0, |loading| loading.begun(elapsed)),
        }
    }
}

impl Timetable {
    /// How many times it has begun.
    fn begun(&self, elapsed: Duration) -> u64 {
        self.turn(elapsed).map_or(0, |turn| turn + u64::from(elapsed >= self.begins(turn)))
    }

    fn goes_on(&self, elapsed: Duration) -> bool {
        self.turn(elapsed).is_some_and(|turn| {
            let begins = self.begins(turn);
            (begins..begins + self.lasts).contains(&elapsed)
        })
    }

    /// The interval in which `elapsed` lies, counted from 0.
    fn turn(&self, elapsed: Duration) -> Option<u64> {
        Some((elapsed.checked_sub(self.first)?.as_millis() / self.every.as_millis().max(1)) as u64)
    }

    /// Multiples of the golden ratio spread evenly and never fall into step.
    fn begins(&self, turn: u64) -> Duration {
        const GOLDEN: f64 = 0.618_033_988_749_895;
        let late = self.spread.mul_f64((turn as f64 * GOLDEN).fract());
        self.first + self.every * u32::try_from(turn).unwrap_or(u32::MAX) + late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn timetable() -> Timetable {
        Timetable { first: 5 * MINUTE, every: 40 * MINUTE, spread: 20 * MINUTE, lasts: 2 * MINUTE }
    }

    #[test]
    fn nothing_goes_on_before_the_first_time_and_each_time_lasts_as_long_as_it_should() {
        let routine = Routine { visits: Some(timetable()), ..Routine::NONE };
        assert_eq!(routine.at(5 * MINUTE - Duration::from_millis(1)).door, Door::Closed);
        assert_eq!(routine.at(5 * MINUTE).door, Door::Open);
        let open = (0..4_000).filter(|n| routine.at(*n * MINUTE / 10).door == Door::Open).count();
        assert_eq!(open, 10 * 20, "ten visits of twenty tenths of a minute in 400 minutes");
    }

    #[test]
    fn visits_come_at_uneven_times_and_never_more_often_than_they_should() {
        let starts: Vec<Duration> = (0..20).map(|turn| timetable().begins(turn)).collect();
        let gaps: Vec<u64> = starts.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
        assert!(gaps.iter().all(|gap| (20 * 60..=60 * 60).contains(gap)), "{gaps:?}");
        assert!(gaps.iter().any(|gap| *gap < 35 * 60) && gaps.iter().any(|gap| *gap > 45 * 60), "{gaps:?}");
    }

    #[test]
    fn a_batch_counts_from_the_moment_at_which_its_loading_begins() {
        let batches = Batches { loading: timetable(), goods_c: 70.0 };
        let routine = Routine { batches: Some(batches), ..Routine::NONE };
        assert_eq!(routine.at(Duration::ZERO).batches, 0);
        let first = routine.at(5 * MINUTE);
        assert_eq!((first.batches, first.door), (1, Door::Open));
        assert_eq!(routine.at(44 * MINUTE).batches, 1);
        assert_eq!(routine.at(85 * MINUTE).batches, 2);
    }
}
