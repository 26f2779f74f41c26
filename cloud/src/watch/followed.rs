//! What whoever watches an organization has been told, and from that what is news. Pure.
//!
//! Takes marks of rows; gives what has to be shown. A row is news if its version is another than the one told last. Readings
//! are told one by one as long as they come in the order in which they were made and are not too many; else a unit's
//! history has changed, and whoever shows it has to ask for it again.

use crate::store::marks::{Mark, Marks, UnitMark};
use crate::store::views::At;
use std::collections::HashMap;
use uuid::Uuid;

/// Rows of one kind that can be news at once.
pub const NEWS_MAX: usize = 1_000;
/// Units that can be followed at once, and so hubs.
pub const UNITS_MAX: usize = 50_000;
/// Units whose readings are told one by one at once; of more than that, that there are some.
const READING_UNITS_MAX: usize = 50;

/// From when the database counts; no reading is before.
const EVER: At = At::of_ms(0);

/// The organization has more than can be followed, or too much has changed at once. Follow anew, and say that everything
/// may be another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMuch;

#[derive(Clone, PartialEq, Eq, Debug)]
struct Unit {
    version: String,
    /// The newest reading that was told.
    told: Option<At>,
    history: Option<At>,
}

/// New readings of a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewReadings {
    /// The unit.
    pub unit: Uuid,
    /// After this one, which was told,
    pub after: At,
    /// up to this one.
    pub to: At,
}

/// What is news.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct News {
    /// Units to show.
    pub units: Vec<Uuid>,
    /// Alerts to show.
    pub alerts: Vec<Uuid>,
    /// Hubs to show.
    pub hubs: Vec<Uuid>,
    /// Readings to show.
    pub readings: Vec<NewReadings>,
    /// Units whose history has changed.
    pub history: Vec<Uuid>,
}

impl News {
    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Followed {
    at: At,
    units: HashMap<Uuid, Unit>,
    alerts: HashMap<Uuid, String>,
    hubs: HashMap<Uuid, String>,
}

fn versions(marks: Vec<Mark>) -> HashMap<Uuid, String> {
    marks.into_iter().map(|mark| (mark.id, mark.version)).collect()
}

/// The ids of those marks whose version is not the one that is known.
fn changed(marks: &[Mark], known: &HashMap<Uuid, String>) -> Vec<Uuid> {
    let is_news = |mark: &&Mark| known.get(&mark.id) != Some(&mark.version);
    marks.iter().filter(is_news).map(|mark| mark.id).collect()
}

/// True if not all marks are there.
fn is_too_much(marks: &Marks) -> bool {
    marks.units.len().max(marks.alerts.len()).max(marks.hubs.len()) > UNITS_MAX
}

impl Followed {
    /// Begins with everything as it is: whoever watches asks for that first.
    ///
    /// # Errors
    /// There is more than can be followed.
    pub fn begin(marks: Marks) -> Result<Self, TooMuch> {
        if is_too_much(&marks) {
            return Err(TooMuch);
        }
        let unit = |mark: UnitMark| {
            (mark.id, Unit { version: mark.version, told: mark.readings_to, history: mark.history_at })
        };
        Ok(Self {
            at: marks.at,
            units: marks.units.into_iter().map(unit).collect(),
            alerts: versions(marks.alerts),
            hubs: versions(marks.hubs),
        })
    }

    /// The time to ask from.
    pub fn at(&self) -> At {
        self.at
    }

    /// Takes the marks of what may have changed since then; gives what is news.
    ///
    /// # Errors
    /// There is more news than can be told.
    pub fn take(&mut self, marks: Marks) -> Result<News, TooMuch> {
        if is_too_much(&marks) {
            return Err(TooMuch);
        }
        let mut news = News {
            alerts: changed(&marks.alerts, &self.alerts),
            hubs: changed(&marks.hubs, &self.hubs),
            ..News::default()
        };
        for mark in marks.units {
            self.take_unit(mark, &mut news);
        }
        if news.units.len().max(news.alerts.len()).max(news.hubs.len()) > NEWS_MAX
            || self.units.len() > UNITS_MAX
        {
            return Err(TooMuch);
        }
        if news.readings.len() > READING_UNITS_MAX {
            let beyond = news.readings.split_off(READING_UNITS_MAX);
            news.history.extend(beyond.into_iter().map(|new| new.unit));
        }
        self.at = marks.at;
        // What the margin does not bring any more cannot come with an old version again.
        self.alerts = versions(marks.alerts);
        self.hubs = versions(marks.hubs);
        Ok(news)
    }

    fn take_unit(&mut self, mark: UnitMark, news: &mut News) {
        let unknown = || Unit { version: String::new(), told: None, history: mark.history_at };
        let known = self.units.entry(mark.id).or_insert_with(unknown);
        if known.version == mark.version {
            return;
        }
        known.version = mark.version;
        news.units.push(mark.id);
        if mark.history_at != known.history {
            known.history = mark.history_at;
            news.history.push(mark.id);
        }
        if let Some(to) = mark.readings_to.filter(|to| known.told.is_none_or(|told| told < *to)) {
            news.readings.push(NewReadings { unit: mark.id, after: known.told.unwrap_or(EVER), to });
            known.told = Some(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }
    fn at(ms: i64) -> At {
        At::of_ms(ms)
    }
    fn unit(n: u128, version: &str, to: Option<i64>, history: Option<i64>) -> UnitMark {
        let (readings_to, history_at) = (to.map(at), history.map(at));
        UnitMark { id: id(n), version: version.to_owned(), readings_to, history_at }
    }
    fn mark(n: u128, version: &str) -> Mark {
        Mark { id: id(n), version: version.to_owned() }
    }
    fn marks(ms: i64, units: Vec<UnitMark>) -> Marks {
        Marks { at: at(ms), units, alerts: Vec::new(), hubs: Vec::new() }
    }

    #[test]
    fn what_is_as_it_was_is_no_news_however_often_it_is_marked() {
        let all = Marks {
            at: at(1),
            units: vec![unit(1, "1/1", Some(10), None)],
            alerts: vec![mark(2, "1")],
            hubs: vec![mark(3, "1")],
        };
        let mut followed = Followed::begin(all.clone()).unwrap();
        for ms in 2..5 {
            assert!(followed.take(Marks { at: at(ms), ..all.clone() }).unwrap().is_empty());
            assert_eq!(followed.at(), at(ms));
        }
    }

    #[test]
    fn another_version_is_news_once_even_if_its_number_is_smaller() {
        let mut followed = Followed::begin(marks(1, vec![unit(1, "9/9", None, None)])).unwrap();
        let news = followed.take(marks(2, vec![unit(1, "9/8", None, None)])).unwrap();
        assert_eq!(news, News { units: vec![id(1)], ..News::default() });
        assert!(followed.take(marks(3, vec![unit(1, "9/8", None, None)])).unwrap().is_empty());
        let news = followed
            .take(Marks { alerts: vec![mark(2, "1")], hubs: vec![mark(3, "1")], ..marks(4, Vec::new()) })
            .unwrap();
        assert_eq!((news.alerts, news.hubs), (vec![id(2)], vec![id(3)]));
    }

    #[test]
    fn readings_are_told_from_the_last_one_told_on() {
        let mut followed = Followed::begin(marks(1, vec![unit(1, "a", Some(10), None)])).unwrap();
        let news = followed.take(marks(2, vec![unit(1, "b", Some(30), None)])).unwrap();
        assert_eq!(news.readings, [NewReadings { unit: id(1), after: at(10), to: at(30) }]);
        let news = followed.take(marks(3, vec![unit(1, "c", Some(30), None)])).unwrap();
        assert_eq!((news.units, news.readings), (vec![id(1)], Vec::new()), "a live word brings no readings");
        let news = followed.take(marks(4, vec![unit(2, "a", Some(5), Some(4))])).unwrap();
        assert_eq!(news.readings, [NewReadings { unit: id(2), after: EVER, to: at(5) }]);
        assert_eq!(news.history, [] as [Uuid; 0], "a new unit is told from its first reading on");
    }

    #[test]
    fn readings_that_are_not_newer_change_the_history() {
        let mut followed = Followed::begin(marks(1, vec![unit(1, "a", Some(10), Some(1))])).unwrap();
        let news = followed.take(marks(2, vec![unit(1, "b", Some(10), Some(2))])).unwrap();
        assert_eq!((news.history, news.readings), (vec![id(1)], Vec::new()));
        let news = followed.take(marks(3, vec![unit(1, "c", Some(20), Some(3))])).unwrap();
        assert_eq!((news.history.len(), news.readings.len()), (1, 1), "both at once");
    }

    #[test]
    fn of_too_much_at_once_only_that_is_told() {
        let units =
            |n: u128, version: &str, to| (0..n).map(|n| unit(n, version, to, None)).collect::<Vec<_>>();
        let mut followed = Followed::begin(marks(1, units(60, "a", Some(1)))).unwrap();
        let news = followed.take(marks(2, units(60, "b", Some(2)))).unwrap();
        assert_eq!((news.readings.len(), news.history.len()), (READING_UNITS_MAX, 10));
        let many = NEWS_MAX as u128 + 1;
        assert_eq!(followed.take(marks(3, units(many, "c", None))), Err(TooMuch));
        assert_eq!(Followed::begin(marks(1, units(UNITS_MAX as u128 + 1, "a", None))), Err(TooMuch));
    }
}
