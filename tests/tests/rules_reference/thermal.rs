//! Owns when a unit's temperatures are confirmed: it asks at every instant of interest what the whole story says by now.
//! Takes the values, doors, defrosts and rules of one unit; gives what turned for each point and side, and its phases.
//! Must never carry progress along: time out of range is summed up anew from the stretches each time it is asked for.

use crate::axis::{Axis, Happened};
use crate::doors::{self, Door};
use crate::episode::{Happens, Phase, Standing, Step, TierStanding};
use crate::listening::{Story, state};
use crate::model::{HOUR, Ms, Side, Tier, Unit, What};
use crate::values::{Evaluated, violates};
use crate::world::RuleBook;
use std::collections::BTreeMap;

/// From when until when, and what was the case then.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Ms,
    to: Ms,
    open: bool,
    defrost: bool,
    mask_left: bool,
    consumed: bool,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Class {
    Closed,
    Open,
    Defrost,
}

type Key = (String, Side);

/// What became of one point and side.
pub struct Heat {
    pub turned: Vec<(Ms, Happens)>,
    pub phases: Story<Phase>,
}

pub struct UnitHeat<'w> {
    unit: &'w Unit,
    axis: &'w Axis,
    events: &'w [Happened],
    rules: &'w RuleBook<'w>,
    doors: Vec<Story<Door>>,
    spans: Vec<Span>,
    /// Where each point and side stands, and what turned on the way there.
    standings: BTreeMap<Key, Standing>,
    turned: BTreeMap<Key, Vec<(Ms, Happens)>>,
    /// What is still to come for each point and side, in order.
    ahead: BTreeMap<Key, Vec<(Ms, Step)>>,
    phases: BTreeMap<Key, Story<Phase>>,
}

impl<'w> UnitHeat<'w> {
    /// The whole story of this unit's temperatures, and how long the mask was used in each span of time.
    pub fn story(
        unit: &'w Unit,
        axis: &'w Axis,
        events: &'w [Happened],
        values: &BTreeMap<String, Vec<Evaluated>>,
        rules: &'w RuleBook<'w>,
    ) -> (BTreeMap<Key, Heat>, Ms) {
        let doors = unit.doors.iter().map(|door| doors::known(events, door)).collect();
        let mut heat = UnitHeat {
            unit,
            axis,
            events,
            rules,
            doors,
            spans: Vec::new(),
            standings: BTreeMap::new(),
            turned: BTreeMap::new(),
            ahead: BTreeMap::new(),
            phases: BTreeMap::new(),
        };
        for point in &unit.points {
            for side in [Side::Warm, Side::Cold] {
                let values = values.get(point).map_or(&[][..], |values| &values[..]);
                heat.ahead.insert((point.clone(), side), heat.records(side, values));
                heat.standings.insert((point.clone(), side), Standing::new());
            }
        }
        heat.walk();
        let masked = heat.spans.iter().filter(|span| span.consumed).map(|span| span.to - span.from).sum();
        let told = heat.phases.iter().map(|(key, phases)| {
            let turned = heat.turned.get(key).cloned().unwrap_or_default();
            (key.clone(), Heat { turned, phases: phases.clone() })
        });
        (told.collect(), masked)
    }

    /// What happens to one point and side, its confirmations left out, by when it is known.
    fn records(&self, side: Side, values: &[Evaluated]) -> Vec<(Ms, Step)> {
        let of_values = values.iter().map(|value| {
            let rules = self.rules.at(value.known);
            let severities = rules.tiers.iter().map(|tier| tier.severity).collect();
            let off_delay = rules.tiers.iter().map(|tier| tier.off_delay).max().unwrap_or(0);
            let judged = value.side(side).to_vec();
            (value.known, 5, Step::Value { at: value.at, judged, severities, off_delay })
        });
        let of_events = self.events.iter().filter_map(|event| match &event.what {
            What::Started { down_from: Some(_), known: false } => Some((event.at, 0, Step::Unknown)),
            What::Rules { unit, rules } if *unit == self.unit.name => {
                let last = values.iter().rfind(|value| value.known < event.at);
                let limits = rules.tiers.iter().any(|tier| match side {
                    Side::Warm => tier.max.is_some(),
                    Side::Cold => tier.min.is_some(),
                });
                let old = self.rules.at(event.at - 1);
                let inside = |air| violates(old, side, air) && !violates(rules, side, air);
                let inside = !limits || last.is_some_and(|last| inside(last.air));
                Some((event.at, 2, Step::Rules { inside }))
            }
            _ => None,
        });
        let mut steps: Vec<(Ms, i32, Step)> = of_values.chain(of_events).collect();
        steps.sort_by_key(|(at, rank, _)| (*at, *rank));
        steps.into_iter().map(|(at, _, step)| (at, step)).collect()
    }

    fn walk(&mut self) {
        let mut instants: Vec<Ms> = self.events.iter().map(|event| event.at).collect();
        instants.extend(self.axis.quarters());
        instants.extend(self.signals().map(|(at, _)| at + self.rules.at(at).defrost_for));
        instants.retain(|at| *at <= self.axis.end());
        instants.sort_unstable();
        instants.dedup();
        let mut now = self.axis.begin();
        for next in instants {
            // Something may fall due on the way to the next instant of interest: then that is one, too.
            while let Some(due) = self.first_due(now, next) {
                self.pass(now, due);
                self.mark(due);
                now = due;
            }
            self.pass(now, next);
            let mut ready = Vec::new();
            for (key, ahead) in &mut self.ahead {
                let count = ahead.iter().take_while(|(at, _)| *at <= next).count();
                ready.extend(ahead.drain(..count).map(|(_, step)| (key.clone(), step)));
            }
            for (key, step) in ready {
                self.step(&key, next, &step);
            }
            self.mark(next);
            now = next;
        }
    }

    fn pass(&mut self, from: Ms, to: Ms) {
        if to > from {
            let span = self.span(from, to);
            self.spans.push(span);
        }
    }

    /// What is the case from `from` to `to`, if nothing falls due between.
    fn span(&self, from: Ms, to: Ms) -> Span {
        let rules = self.rules.at(from);
        let open = self.doors.iter().any(|door| state(door, from, Door::Unsure) == Door::Open);
        // A signal that is never taken back excuses for no longer than a defrost takes.
        let signal = self.signals().filter(|(at, _)| *at <= from).last();
        let defrost = signal.is_some_and(|(at, active)| active && from < at + self.rules.at(at).defrost_for)
            || rules.defrosts.iter().any(|minute| self.axis.is_within(*minute, rules.defrost_for, from));
        let mask_left = self.masked(from) < rules.mask;
        let span = Span { from, to, open, defrost, mask_left, consumed: false };
        let consumes = |((_, side), standing): (&Key, &Standing)| {
            *side == Side::Warm
                && standing.phase == Phase::Pending
                && rules.tiers.iter().zip(&standing.tiers).any(|(tier, stands)| {
                    stands.is_running()
                        && !stands.confirmed
                        && tier.open > tier.closed
                        && class(tier, Side::Warm, &span) == Class::Open
                })
        };
        Span { consumed: self.standings.iter().any(consumes), ..span }
    }

    /// What the unit itself said of its defrosts.
    fn signals(&self) -> impl Iterator<Item = (Ms, bool)> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Defrost { unit, active } if *unit == self.unit.name => Some((event.at, *active)),
            _ => None,
        })
    }

    /// How much of the mask budget of the day that counts at this instant is used up.
    fn masked(&self, now: Ms) -> Ms {
        let day = self.axis.mask_day(now);
        let spans = self.spans.iter().filter(|span| span.consumed && span.to > day);
        spans.map(|span| span.to - span.from.max(day)).sum()
    }

    fn step(&mut self, key: &Key, now: Ms, step: &Step) {
        let happened = self.standings.get_mut(key).unwrap().step(now, step);
        let happened = happened.into_iter().map(|happens| (now, happens));
        self.turned.entry(key.clone()).or_default().extend(happened);
    }

    /// The first instant after `now` and before `next` at which something falls due.
    fn first_due(&self, now: Ms, next: Ms) -> Option<Ms> {
        if next - now < 2 {
            return None;
        }
        let rules = self.rules.at(now);
        let whole = self.span(now, next);
        let used = self.masked(now);
        let is_due = |at: Ms| {
            let span = Span { to: at, ..whole };
            (whole.consumed && used + (at - now) >= rules.mask)
                || self.standings.iter().any(|((_, side), standing)| {
                    rules.tiers.iter().zip(&standing.tiers).any(|(tier, stands)| {
                        let time_is_up = !stands.confirmed && self.is_confirmed(tier, *side, stands, &span);
                        is_under_way(standing)
                            && (time_is_up || (!standing.capped && is_capped(tier, stands, at)))
                    })
                })
        };
        if !is_due(next - 1) {
            return None;
        }
        let (mut before, mut due) = (now, next - 1);
        while due - before > 1 {
            let middle = before + (due - before) / 2;
            if is_due(middle) { due = middle } else { before = middle }
        }
        Some(due)
    }

    /// Marks what is due at this instant, after all that happened in it.
    fn mark(&mut self, now: Ms) {
        let rules = self.rules.at(now);
        let span = self.span(now, now);
        let mut marks = Vec::new();
        for (key, standing) in &self.standings {
            if !is_under_way(standing) {
                continue;
            }
            for (index, (tier, stands)) in rules.tiers.iter().zip(&standing.tiers).enumerate() {
                if !stands.confirmed && self.is_confirmed(tier, key.1, stands, &span) {
                    marks.push((key.clone(), Step::Confirmed { tier: index, severity: tier.severity }));
                }
            }
            let mut tiers = rules.tiers.iter().zip(&standing.tiers);
            if !standing.capped && tiers.any(|(tier, stands)| is_capped(tier, stands, now)) {
                marks.push((key.clone(), Step::Capped));
            }
        }
        for (key, mark) in marks {
            self.step(&key, now, &mark);
        }
        for (key, standing) in &self.standings {
            self.phases.entry(key.clone()).or_default().push((now, standing.phase));
        }
    }

    /// True if the tier's time out of range is enough at the end of this span, which is the last.
    fn is_confirmed(&self, tier: &Tier, side: Side, stands: &TierStanding, last: &Span) -> bool {
        if !stands.is_running() {
            return false;
        }
        if tier.cumulative {
            return pooled(stands, last.to) >= tier.closed;
        }
        let mut spent = [0_i64; 3];
        for (from, to) in stands.own_runs() {
            let run = (*from, to.unwrap_or(last.to));
            for span in self.spans.iter().rev().take_while(|span| span.to > *from).chain([last]) {
                let counted = shared(run, (span.from, span.to));
                let in_hindsight: Ms =
                    stands.hindsight.iter().map(|past| shared(counted, *past)).map(length).sum();
                spent[Class::Closed as usize] += in_hindsight;
                spent[class(tier, side, span) as usize] += length(counted) - in_hindsight;
            }
        }
        let needed = [tier.closed, tier.open, tier.defrost];
        if needed[class(tier, side, last) as usize] == 0 {
            return true;
        }
        let needed = needed.map(|needed| i128::from(needed.max(1)));
        let [closed, open, defrost] = spent.map(i128::from);
        closed * needed[1] * needed[2] + open * needed[0] * needed[2] + defrost * needed[0] * needed[1]
            >= needed[0] * needed[1] * needed[2]
    }
}

fn is_capped(tier: &Tier, stands: &TierStanding, now: Ms) -> bool {
    let (Some(since), Some(cap)) = (stands.since, tier.cap) else { return false };
    now >= since + cap || (tier.cumulative && pooled(stands, now) >= cap)
}

fn is_under_way(standing: &Standing) -> bool {
    matches!(standing.phase, Phase::Pending | Phase::Confirmed)
}

/// How long the tier was out of range in the last day, all stretches together.
fn pooled(stands: &TierStanding, now: Ms) -> Ms {
    let day_ago = now - 24 * HOUR;
    let stretch = |(from, to): &(Ms, Option<Ms>)| (to.unwrap_or(now) - (*from).max(day_ago)).max(0);
    stands.runs.iter().map(stretch).sum()
}

fn shared(one: (Ms, Ms), other: (Ms, Ms)) -> (Ms, Ms) {
    (one.0.max(other.0), one.1.min(other.1))
}

fn length((from, to): (Ms, Ms)) -> Ms {
    (to - from).max(0)
}

fn class(tier: &Tier, side: Side, span: &Span) -> Class {
    if side == Side::Cold {
        Class::Closed
    } else if span.defrost && tier.defrost > tier.closed {
        Class::Defrost
    } else if span.open && (tier.open <= tier.closed || span.mask_left) {
        Class::Open
    } else {
        Class::Closed
    }
}
