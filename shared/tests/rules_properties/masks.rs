//! Owns the promise that an open door excuses warm air for so long a day, and no longer: also on days of 23 or 25 hours.
//! Takes days on end at an open door; reckons from how late each alarm came for how long the door excused it.
//! Must never add up what the engine says that it has excused without holding it against the clock.

use std::collections::BTreeMap;

use frostguard_shared::reading::Door;
use frostguard_shared::rules::{AlertChange, Condition, Effect, Input, Record, SiteRules};
use frostguard_shared::time::{RuleMs, Trust};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::select;

use crate::fold::Folding;
use crate::history::{Happening, History, Taste, UNITS, items};
use crate::site::{DAY, FREEZER, HOUR, Limits, MINUTE, Plan, plan, point, unit};

/// What rounding to milliseconds may add to a day's sum.
const ROUNDING: i64 = 200;

fn date(zone: &str, wall: i64) -> Date {
    let zone = TimeZone::get(zone).unwrap();
    Timestamp::from_millisecond(wall).unwrap().to_zoned(zone).date()
}

/// A plan in which a door excuses warm air, and nothing else does.
fn door_only(mut plan: Plan, closed: i64, open: i64, mask: i64) -> Plan {
    let mix = &mut plan.versions[0][FREEZER];
    let tier = Limits {
        lower: false,
        inclusive: false,
        hysteresis: 50,
        closed,
        open,
        off_delay: 2,
        cap: None,
        hard: None,
        cumulative: false,
        tau: None,
        defrost: None,
        ..mix.tiers[0].clone()
    };
    (mix.tiers, mix.mask, mix.offset) = (vec![tier], mask, 0);
    plan
}

/// So many minutes of one temperature, unless the sensor's state is reached before.
fn until(history: &mut History, above: i32, is_there: impl Fn(&Folding) -> bool) {
    for _ in 0..24 * 60 {
        if is_there(&history.folding) {
            return;
        }
        history.wait(MINUTE);
        history.value(0, above);
    }
    panic!("after a day at {above} nothing has come of it");
}

/// Warm until the alarm comes, cold until it is over, and again, for so long.
fn days_at_an_open_door(history: &mut History, length: i64) {
    let end = history.now().0 + length;
    while history.now().0 < end {
        until(history, 100, |folding| folding.is_thermal(point(0), &["confirmed"]));
        until(history, -300, |folding| {
            !folding.is_thermal(point(0), &["pending", "confirmed", "recovering"])
        });
    }
}

/// An alarm that came after its episode had begun, and for how long an open door excused it.
struct Excused {
    from: Date,
    to: Date,
    length: i64,
}

/// With p of a delay gone by when the door stood open and the rest when it counted as closed, the time since the
/// episode began says how much was which.
fn excused(history: &History, closed: i64, open: i64) -> Vec<Excused> {
    let (closed, open) = (closed * MINUTE, open * MINUTE);
    let zone = history.plan.zone;
    let raised = history.folding.effects.iter().filter_map(|effect| match effect {
        Effect::Alert { at, episode, change: AlertChange::Raised { .. }, .. }
            if episode.condition == Condition::TooWarm =>
        {
            Some((episode.since, *at))
        }
        _ => None,
    });
    raised
        .map(|(since, at)| Excused {
            from: date(zone, since.0),
            to: date(zone, at.0),
            length: ((at - since).0 - closed) * open / (open - closed),
        })
        .collect()
}

proptest! {
    #![proptest_config(crate::config(32))]

    /// I8, by the clock.
    #[test]
    fn a_day_of_the_site_excuses_no_more_than_its_allowance(
        plan in plan(1..2), closed in 1i64..10, more in select(vec![5i64, 30, 80]), mask in select(vec![0i64, 7, 60, 120]),
    ) {
        let open = closed + more;
        let mut history = History::begin(door_only(plan, closed, open, mask), 0);
        history.wait(1);
        history.happen(&Happening::Door(Door::Open));
        days_at_an_open_door(&mut history, 60 * HOUR);
        let all = excused(&history, closed, open);
        prop_assert!(all.len() > 3 && all.iter().all(|alarm| alarm.length >= -1));
        let mut singles: BTreeMap<Date, i64> = BTreeMap::new();
        for alarm in all.iter().filter(|alarm| alarm.from == alarm.to) {
            *singles.entry(alarm.from).or_default() += alarm.length;
        }
        for (day, sum) in &singles {
            prop_assert!(*sum <= mask * MINUTE + ROUNDING, "{} on {}", sum, day);
            let both = all.iter().filter(|alarm| alarm.from >= *day && alarm.to <= day.tomorrow().unwrap());
            let both: i64 = both.map(|alarm| alarm.length).sum();
            prop_assert!(both <= 2 * mask * MINUTE + ROUNDING, "{} on {} and the day after", both, day);
        }
        // And the allowance is there to be used: the first full day uses all of it.
        let full = date(history.plan.zone, history.plan.begin).tomorrow().unwrap();
        let used = all.iter().filter(|alarm| alarm.from <= full && alarm.to >= full);
        let used: i64 = used.map(|alarm| alarm.length).sum();
        prop_assert!(used + ROUNDING >= mask * MINUTE, "{} on {}", used, full);
    }

    /// I8, whatever else happens: what is left of a day's allowance only falls, until a later day that is known to be one.
    #[test]
    fn what_is_left_of_an_allowance_grows_only_at_a_later_day_of_a_trusted_clock(
        plan in plan(1..2), items in items(Taste { rules: 0, doors: 12, clock: 3, ..Taste::ALL }, 50),
    ) {
        let rules = plan.rules(0, 0);
        let zone = plan.zone;
        let mut history = History::of(plan, &items);
        history.wait(DAY);
        history.happen(&Happening::Tick);
        let mut calendar = Calendar { trust: true, offset: 0, latest: date(zone, history.plan.begin) };
        let mut used: BTreeMap<(usize, Date), i64> = BTreeMap::new();
        let mut folding = Folding::default();
        for record in each_minute(&history.records) {
            let before = UNITS.map(|n| folding.state.mask_left(unit(n)));
            let may_grow = calendar.take(&record, zone);
            folding.fold(&record);
            for n in UNITS {
                let most = mask(&rules, n);
                let Some(after) = folding.state.mask_left(unit(n)) else { continue };
                let used = used.entry((n, calendar.latest)).or_default();
                // The minute in which a day ends may count to either.
                prop_assert!((0..=most - *used + MINUTE).contains(&after.0), "{} of {}", after.0, most);
                // A clock that is not known takes the allowance away and gives the rest of it back.
                let is_clock = matches!(record.input, Input::Started { .. } | Input::ClockCorrected { .. });
                let Some(before) = before[n].filter(|_| !is_clock) else { continue };
                prop_assert!(after <= before || may_grow, "{} to {} at {:?}", before.0, after.0, record.at);
                *used += (before.0 - after.0).max(0);
            }
        }
        for ((n, day), used) in used {
            prop_assert!(used <= mask(&rules, n) + MINUTE, "{} of unit {} on {}", used, n, day);
        }
    }
}

fn mask(rules: &SiteRules, n: usize) -> i64 {
    rules.units[&unit(n)].door.mask_per_day.value.0
}

/// What the clock tells of the site's days.
struct Calendar {
    trust: bool,
    offset: i64,
    latest: Date,
}

impl Calendar {
    /// Takes a record; true if with it a later day may have begun, as far as a trusted clock tells.
    fn take(&mut self, record: &Record, zone: &str) -> bool {
        let mut begins = false;
        let mut at = record.at;
        self.advance(at, zone, &mut begins);
        match record.input {
            Input::Started { trust, .. } => self.trust = trust != Trust::Untrusted,
            Input::ClockCorrected { to, offset } => {
                (self.trust, self.offset, at) = (true, offset.0, to);
            }
            Input::ClockUntrusted => self.trust = false,
            _ => {}
        }
        self.advance(at, zone, &mut begins);
        begins
    }

    fn advance(&mut self, at: RuleMs, zone: &str, begins: &mut bool) {
        let today = date(zone, at.0 - self.offset);
        if self.trust && today > self.latest {
            self.latest = today;
            *begins = true;
        }
    }
}

/// The records with ticks between them, at each full minute of what was lived through.
fn each_minute(records: &[Record]) -> Vec<Record> {
    let mut all: Vec<Record> = vec![];
    for record in records {
        let was_lived =
            all.last().is_some_and(|before| !matches!(before.input, Input::ClockCorrected { .. }))
                && !matches!(record.input, Input::Started { .. });
        let from = all.last().map_or(record.at.0, |before| before.at.0);
        let minutes = (from / MINUTE + 1..=(record.at.0 - 1) / MINUTE).filter(|_| was_lived);
        all.extend(minutes.map(|minute| Record::tick(RuleMs(minute * MINUTE))));
        all.push(record.clone());
    }
    all
}
