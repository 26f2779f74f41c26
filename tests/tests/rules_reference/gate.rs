//! Owns which values are believed, decided over the whole list of what the points said.
//! Takes the events in elapsed time; gives, for each point, what came in and which values count from when.
//! Must never know of limits: a value is believed for what it is, not for what it means.

use crate::axis::Happened;
use crate::model::{MINUTE, Ms, Rules, What};
use std::collections::BTreeMap;

/// Values that stand for a broken sensor.
const CODES: [i32; 4] = [-12_700, 8_500, 32_767, -32_768];
/// A move back by so much is a turn.
const TURN: i32 = 30;
const TURNS: usize = 3;

/// What a point said at a time, as it looked when it came.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Arrival {
    pub at: Ms,
    pub live: bool,
    pub sign: Sign,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Sign {
    Believed,
    Doubted,
    /// Believed, and with it the value before, which had been held back.
    BelievedWithTheOneBefore,
    /// A device that is alive without a value, which is no reading.
    Valueless,
}

/// A value that is believed: measured at `at`, and believed since `known`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Value {
    pub at: Ms,
    pub known: Ms,
    pub raw: i32,
}

#[derive(Clone, Default, Debug)]
pub struct Told {
    pub arrivals: Vec<Arrival>,
    pub values: Vec<Value>,
    /// The last value that was possible at all.
    possible: Option<(Ms, i32)>,
    held: Option<(Ms, i32)>,
}

/// What all points told.
pub fn told<'e>(events: &'e [Happened], rules_of: impl Fn(&str, Ms) -> &'e Rules) -> BTreeMap<String, Told> {
    let mut all: BTreeMap<String, Told> = BTreeMap::new();
    for event in events {
        match &event.what {
            What::Reading { point, value, sound, live } => {
                let rules = rules_of(point, event.at);
                let sign = sign(&mut all, point, event.at, *value, *sound, rules);
                let arrival = Arrival { at: event.at, live: *live, sign };
                all.entry(point.clone()).or_default().arrivals.push(arrival);
            }
            What::Fault { point } => {
                let arrival = Arrival { at: event.at, live: false, sign: Sign::Valueless };
                all.entry(point.clone()).or_default().arrivals.push(arrival);
            }
            _ => {}
        }
    }
    all
}

fn sign(
    all: &mut BTreeMap<String, Told>,
    point: &str,
    at: Ms,
    value: i32,
    sound: bool,
    rules: &Rules,
) -> Sign {
    let impossible = CODES.contains(&value) || value < rules.range.0 || value > rules.range.1;
    if !sound || impossible {
        return Sign::Doubted;
    }
    let jumps = |from: (Ms, i32)| {
        let moved = i64::from((value - from.1).abs());
        moved * MINUTE > rules.rate * MINUTE.max(at - from.0)
    };
    let stuck = is_stuck(all, point, at, value, rules.stuck);
    let told = all.entry(point.to_owned()).or_default();
    let last = told.values.last().map(|last| (last.at, last.raw));
    let before = if told.held.is_some() { last } else { told.possible };
    told.possible = Some((at, value));
    match (told.held, before) {
        (Some(held), _) if !jumps(held) => {
            told.held = None;
            told.values.push(Value { at: held.0, known: at, raw: held.1 });
            told.values.push(Value { at, known: at, raw: value });
            Sign::BelievedWithTheOneBefore
        }
        (_, Some(before)) if jumps(before) => {
            told.held = Some((at, value));
            Sign::Doubted
        }
        _ => {
            told.held = None;
            if stuck {
                return Sign::Doubted;
            }
            told.values.push(Value { at, known: at, raw: value });
            Sign::Believed
        }
    }
}

/// True if the point has said the same for so long, while another point has seen things move.
fn is_stuck(all: &BTreeMap<String, Told>, point: &str, at: Ms, value: i32, stuck: Ms) -> bool {
    let same = |told: &Told| {
        told.values.iter().rev().take_while(|one| one.raw == value).last().map(|first| first.at)
    };
    let Some(since) = all.get(point).and_then(same) else { return false };
    at - since >= stuck
        && all.iter().any(|(other, told)| other != point && turns(&told.values, since) >= TURNS)
}

/// How often the values turned round since then.
fn turns(values: &[Value], since: Ms) -> usize {
    let (mut turns, mut rising, mut extreme) = (0, None, None);
    for value in values {
        let counts = usize::from(value.at >= since);
        let last = *extreme.get_or_insert(value.raw);
        let moved = value.raw - last;
        let (up, down) = (moved >= TURN, moved <= -TURN);
        match rising {
            Some(true) if down => turns += counts,
            Some(false) if up => turns += counts,
            _ => {}
        }
        if up || down {
            rising = Some(up);
            extreme = Some(value.raw);
        } else if rising == Some(true) {
            extreme = Some(last.max(value.raw));
        } else if rising == Some(false) {
            extreme = Some(last.min(value.raw));
        }
    }
    turns
}
