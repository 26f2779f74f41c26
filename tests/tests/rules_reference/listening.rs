//! Owns silence and doubt: when a point was late, lost, suspect, faulty, and well again.
//! Takes all that came in from a point; gives the list of its states over time.
//! Must never let a downtime of the listener count as silence of the point.

use crate::axis::Axis;
use crate::gate::{Arrival, Sign};
use crate::model::{Ms, Rules};

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Heard {
    Fresh,
    Late,
    Lost,
    Returning,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Trust {
    Ok,
    Suspect,
    Fault,
}

/// A state from an instant on.
pub type Story<S> = Vec<(Ms, S)>;

/// The state at an instant, after all that happened in it.
pub fn state<S: Copy>(story: &Story<S>, at: Ms, before: S) -> S {
    story.iter().rfind(|(since, _)| *since <= at).map_or(before, |(_, state)| *state)
}

/// Whether a point was heard, from its assignment on.
pub fn heard(arrivals: &[Arrival], assigned: Ms, rules: &Rules, axis: &Axis) -> Story<Heard> {
    let live: Vec<&Arrival> = arrivals.iter().filter(|arrival| arrival.live).collect();
    let mut story = vec![(assigned, Heard::Fresh)];
    let (mut last, mut state) = (assigned, Heard::Fresh);
    for next in live.iter().map(|arrival| Some(**arrival)).chain([None]) {
        let until = next.map_or(axis.end(), |next| next.at);
        let (late, lost) = (axis.listened(last, rules.late_after), axis.listened(last, rules.lost_after));
        if state == Heard::Fresh && late < until {
            state = Heard::Late;
            story.push((late, state));
        }
        if (state == Heard::Late || state == Heard::Returning) && lost < until {
            state = Heard::Lost;
            story.push((lost, state));
        }
        let Some(next) = next else { break };
        let believed = matches!(next.sign, Sign::Believed | Sign::BelievedWithTheOneBefore);
        state = match state {
            Heard::Fresh | Heard::Late => Heard::Fresh,
            Heard::Lost if believed => Heard::Returning,
            Heard::Returning if believed => Heard::Fresh,
            silent => silent,
        };
        last = next.at;
        story.push((next.at, state));
    }
    story
}

/// Whether a point was to be believed.
pub fn trust(arrivals: &[Arrival], rules: &Rules, axis: &Axis) -> Story<Trust> {
    let mut story = Vec::new();
    let (mut state, mut since, mut doubted, mut believed) = (Trust::Ok, 0, 0, 0);
    for next in arrivals.iter().map(|arrival| Some(*arrival)).chain([None]) {
        let until = next.map_or(axis.end(), |next| next.at);
        let fault = axis.listened(since, 3 * rules.expected);
        if state == Trust::Suspect && fault < until {
            state = Trust::Fault;
            story.push((fault, state));
        }
        let Some(next) = next else { break };
        let good = match next.sign {
            Sign::Doubted | Sign::Valueless => 0,
            Sign::Believed => 1,
            Sign::BelievedWithTheOneBefore => 2,
        };
        if good == 0 {
            (doubted, believed) = (doubted + 1, 0);
        } else {
            (doubted, believed) = (0, believed + good);
        }
        state = match state {
            Trust::Ok if doubted > 0 => {
                since = next.at;
                Trust::Suspect
            }
            Trust::Suspect if good > 0 => Trust::Ok,
            Trust::Suspect if doubted >= 3 => Trust::Fault,
            Trust::Fault if believed >= 2 => Trust::Ok,
            same => same,
        };
        story.push((next.at, state));
    }
    story
}
