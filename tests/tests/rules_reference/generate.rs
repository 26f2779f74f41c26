//! Owns random histories that are worth having: food that warms, doors that stand open, sensors that fail, people.
//! Takes a source of choices; gives a history, the same for the same choices.
//! Must never depend on what the real engine makes of a history; the reference is asked when there is something to
//! acknowledge.

use crate::model::*;
use crate::reference::outcomes;
use crate::rulebook;
use frostguard_tests::chance::Chance;

/// Beginnings: a working day; the evenings before and the hours around both changes of clocks, in two zones; a month's end.
const BEGINNINGS: [(&str, Ms); 8] = [
    ("Europe/Berlin", 1_780_300_800_000),
    ("Europe/Berlin", 1_774_735_200_000),
    ("Europe/Berlin", 1_792_882_800_000),
    ("America/New_York", 1_772_946_000_000),
    ("America/New_York", 1_793_505_600_000),
    ("Asia/Kolkata", 1_782_840_600_000),
    ("UTC", 1_767_218_400_000),
    ("Europe/Berlin", 1_780_344_000_000),
];

/// A number from `from` to `to`, both included.
pub fn between(chance: &mut Chance, from: i64, to: i64) -> i64 {
    from + chance.below((to - from + 1) as u64) as i64
}

/// True once in so many times.
pub fn once_in(chance: &mut Chance, times: u64) -> bool {
    chance.below(times) == 0
}

/// A history on its way.
struct Making<'c> {
    chance: &'c mut Chance,
    begin: Ms,
    length: Ms,
    events: Vec<Event>,
}

/// A random history.
pub fn history(chance: &mut Chance) -> History {
    let (zone, begin) = *chance.one_of(&BEGINNINGS);
    let begin = begin + between(chance, 0, 90) * MINUTE;
    let longest = if once_in(chance, 6) { 900 } else { 330 };
    let length = between(chance, 60, longest) * MINUTE;
    let count = *chance.one_of(&[1, 1, 2, 3]);
    let share = once_in(chance, 2);
    let units: Vec<Unit> = (0..count)
        .map(|index| {
            let name = format!("u{index}");
            let probes = *chance.one_of(&[1, 1, 2]);
            Unit {
                area: share.then(|| "kitchen".to_owned()),
                points: (0..probes).map(|probe| format!("{name}.{probe}")).collect(),
                doors: if once_in(chance, 4) { Vec::new() } else { vec![format!("{name}.door")] },
                name,
            }
        })
        .collect();
    let mut making = Making { chance, begin, length, events: Vec::new() };
    making.say(begin, What::Started { down_from: None, known: true });
    for unit in &units {
        making.unit(unit, begin);
    }
    making.restarts();
    making.corrections();
    let latest = making.events.iter().map(|event| event.at).max().unwrap_or(begin);
    let end = latest + between(making.chance, 5, 300) * MINUTE;
    making.say(end, What::Tick);
    let events = making.events;
    let mut history = History { zone: zone.to_owned(), units, events };
    history.events = history.in_order();
    people(chance, &mut history);
    history.events = history.in_order();
    history
}

impl Making<'_> {
    fn say(&mut self, at: Ms, what: What) {
        self.events.push(Event { at, what });
    }

    /// An instant that no timer of whole seconds falls on.
    fn odd_instant(&mut self) -> Ms {
        self.begin + between(self.chance, 1, self.length / SECOND) * SECOND + between(self.chance, 1, 450)
    }

    fn unit(&mut self, unit: &Unit, begin: Ms) {
        let rules = rulebook::rules(self.chance, &unit.points, begin);
        let boxed = Box::new(rules.clone());
        self.say(begin, What::Rules { unit: unit.name.clone(), rules: boxed });
        for point in &unit.points {
            self.readings(point, &rules);
            if once_in(self.chance, 4) {
                self.batteries(point);
            }
        }
        for door in &unit.doors {
            self.door(door);
        }
        if once_in(self.chance, 6) {
            let at = self.odd_instant();
            let length = between(self.chance, 5, 40) * MINUTE;
            self.say(at, What::Defrost { unit: unit.name.clone(), active: true });
            self.say(at + length, What::Defrost { unit: unit.name.clone(), active: false });
        }
        for _ in 0..self.chance.below(3) {
            let at = self.odd_instant();
            let value = (!once_in(self.chance, 5)).then(|| between(self.chance, -200, 900) as i32);
            let late = if once_in(self.chance, 3) { between(self.chance, 1, 60) * MINUTE } else { 0 };
            self.say(at, What::Manual { unit: unit.name.clone(), value, taken: at - late });
        }
        if once_in(self.chance, 4) {
            let at = self.odd_instant();
            let rules = rulebook::changed(self.chance, &rules);
            self.say(at, What::Rules { unit: unit.name.clone(), rules: Box::new(rules) });
        }
    }

    /// Readings that stay somewhere for a while, then go somewhere else: inside, on the edge, outside, and far out.
    fn readings(&mut self, point: &str, rules: &Rules) {
        let tier = rules.tiers.first();
        let high = tier.and_then(|tier| tier.max).unwrap_or(500);
        let low = tier.and_then(|tier| tier.min).unwrap_or(high - 800);
        let inside = (high + low) / 2;
        let places = [inside, inside, high + 120, high + 120, high - 20, high + 15, low - 90, high + 900];
        let exact = once_in(self.chance, 3);
        let offset = if exact { 0 } else { between(self.chance, 0, 59_000) };
        let (mut at, mut place, mut value) = (self.begin + offset, inside, inside);
        let mut stays = between(self.chance, 3, 30);
        let mut frozen = 0;
        while at < self.begin + self.length {
            if stays == 0 {
                place = *self.chance.one_of(&places);
                stays = between(self.chance, 1, 45);
                if once_in(self.chance, 7) {
                    at += between(self.chance, 1, 40) * rules.expected;
                }
                if once_in(self.chance, 12) {
                    // A probe falls out, or is put back: too fast to be believed at once, but it stays.
                    value += *self.chance.one_of(&[1_900, -1_900, 2_600]);
                    place = value;
                }
                frozen = if once_in(self.chance, 25) { between(self.chance, 30, 120) } else { 0 };
            }
            stays -= 1;
            frozen -= 1;
            if frozen <= 0 {
                value += ((place - value) / 2).clamp(-400, 400) + between(self.chance, -25, 25) as i32;
            }
            self.reading(point, at, value);
            let jitter = if exact { 0 } else { between(self.chance, -900, 900) };
            at += rules.expected + jitter;
        }
    }

    fn reading(&mut self, point: &str, at: Ms, value: i32) {
        let point = point.to_owned();
        let reading = |value, sound, live| What::Reading { point: point.clone(), value, sound, live };
        let what = match self.chance.below(400) {
            0 => reading(*self.chance.one_of(&[-12_700, 8_500, 7_000, -6_500]), true, true),
            1 => reading(value, false, true),
            2 => reading(value + 2_500, true, true),
            3 => What::Fault { point: point.clone() },
            4 => {
                // A broken sensor says the same nonsense for a while.
                for turn in 1..=between(self.chance, 1, 4) {
                    self.say(at + turn * 5_003, reading(8_500, true, true));
                }
                reading(8_500, true, true)
            }
            5..8 => reading(value, true, false),
            _ => reading(value, true, true),
        };
        self.say(at, what);
    }

    fn door(&mut self, door: &str) {
        let mut at = self.odd_instant() / 2 + self.begin / 2;
        let busy = between(self.chance, 5, 90);
        while at < self.begin + self.length {
            let open = match self.chance.below(4) {
                0 => between(self.chance, 1, 12),
                1 => between(self.chance, 20, 200),
                _ => between(self.chance, 120, 2_400),
            };
            let odd = between(self.chance, 1, 450);
            self.say(at, What::Door { point: door.to_owned(), open: true });
            if once_in(self.chance, 20) {
                self.say(at + open * 500, What::Fault { point: door.to_owned() });
            }
            self.say(at + open * SECOND + odd, What::Door { point: door.to_owned(), open: false });
            let shut = if once_in(self.chance, 3) {
                between(self.chance, 1, 20) * SECOND
            } else {
                between(self.chance, 1, busy) * MINUTE
            };
            at += open * SECOND + odd + shut + between(self.chance, 1, 450);
        }
    }

    fn batteries(&mut self, point: &str) {
        for _ in 0..between(self.chance, 1, 5) {
            let at = self.odd_instant();
            let percent = between(self.chance, 10, 35);
            self.say(at, What::Battery { point: point.to_owned(), percent });
        }
    }

    /// Downtimes: nothing is recorded in them but what the sensors kept for later.
    fn restarts(&mut self) {
        for _ in 0..self.chance.below(3) {
            let from = self.odd_instant();
            let until = from + between(self.chance, 1, 60) * MINUTE + 7;
            self.events.retain(|event| {
                let inside = (from..=until).contains(&event.at);
                let kept = matches!(event.what, What::Rules { .. } | What::Started { .. });
                !inside || kept
            });
            let clash = self.events.iter().any(|event| match event.what {
                What::Started { down_from, .. } => {
                    event.at >= from && down_from.is_some_and(|down| down <= until)
                }
                What::Rules { .. } => (from..=until).contains(&event.at),
                _ => false,
            });
            if !clash {
                let known = !once_in(self.chance, 3);
                self.say(until, What::Started { down_from: Some(from), known });
            }
        }
    }

    /// The clock is set: forward, which moves the axis, or back, which does not.
    fn corrections(&mut self) {
        if !once_in(self.chance, 3) {
            return;
        }
        let at = self.odd_instant();
        let down = self.events.iter().any(|event| match event.what {
            What::Started { down_from: Some(from), .. } => (from..=event.at).contains(&at),
            _ => event.at == at,
        });
        if down {
            return;
        }
        let (jump, offset) = match self.chance.below(3) {
            0 => (between(self.chance, 3, 600) * MINUTE, 0),
            1 => (between(self.chance, 3, 100) * SECOND, 0),
            _ => (0, between(self.chance, 1, 300) * MINUTE),
        };
        for event in self.events.iter_mut().filter(|event| event.at > at) {
            event.at += jump;
            match &mut event.what {
                What::Started { down_from: Some(from), .. } => *from += jump,
                What::Manual { taken, .. } if *taken > at => *taken += jump,
                _ => {}
            }
        }
        self.say(at, What::Clock { to: at + jump, offset });
    }
}

/// People act on what they are told: they acknowledge, ask for quiet, shelve, resolve.
fn people(chance: &mut Chance, history: &mut History) {
    for _ in 0..2 {
        let told = outcomes(history).outcomes;
        let last = history.events.iter().map(|event| event.at).max().unwrap_or(0);
        for outcome in told.iter().filter(|outcome| outcome.at < last) {
            let unit = outcome.unit.clone();
            let at = outcome.at + between(chance, 1, 2_400) * SECOND + between(chance, 451, 900);
            let what = match &outcome.came {
                Came::Raised(condition, _) | Came::Relapsed(condition) => match chance.below(6) {
                    0..2 => {
                        let until = at + *chance.one_of(&[15, 30]) * MINUTE;
                        What::Acknowledge { unit, condition: *condition, until }
                    }
                    2 => What::Quiet { unit, condition: *condition, until: at + 15 * MINUTE },
                    3 => What::Shelve { unit, until: at + between(chance, 5, 300) * MINUTE },
                    _ => continue,
                },
                Came::Cleared(condition) if once_in(chance, 4) => {
                    What::Resolve { unit, condition: *condition }
                }
                Came::Cleared(condition) if once_in(chance, 4) => {
                    What::Acknowledge { unit, condition: *condition, until: at + 15 * MINUTE }
                }
                _ => continue,
            };
            let silent = history.events.iter().any(|event| match event.what {
                What::Started { down_from: Some(from), .. } => (from..=event.at).contains(&at),
                What::Clock { to, .. } => (event.at..=to).contains(&at),
                _ => event.at == at,
            });
            if at < last && !silent {
                history.events.push(Event { at, what });
            }
        }
    }
}
