//! Owns the story of one point and one side: what its values, told from the first to the last, make of its temperature.
//! Takes everything that happened to it, marks of its confirmation among it; gives where it stands, and what turned.
//! Must never find out by itself when a time is up: that is found by asking it at every instant.

use crate::model::{MINUTE, Ms, Severity};
use crate::values::{Judged, Zone};

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Phase {
    Normal,
    Pending,
    Confirmed,
    Recovering,
}

/// Something that matters to an episode.
#[derive(Clone, Debug)]
pub enum Step {
    /// A believed value with what it means to each tier, the severities of these, and the delay until it is well again.
    Value { at: Ms, judged: Vec<Option<Judged>>, severities: Vec<Severity>, off_delay: Ms },
    /// A tier's time was up.
    Confirmed { tier: usize, severity: Severity },
    /// A tier's longest time was up.
    Capped,
    /// The hub was off, nobody knows for how long.
    Unknown,
    /// New rules: whether it was they who brought the last value inside all limits.
    Rules { inside: bool },
}

/// What turned.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Happens {
    Begins(Severity),
    Worsens(Severity),
    Capped,
    Relapses(Severity),
    Clears,
    Settles,
}

/// How one tier stands in the present episode.
#[derive(Clone, Default, Debug)]
pub struct TierStanding {
    /// Its first violating value.
    pub since: Option<Ms>,
    /// When it counted as out of range, of all episodes; the last may still run.
    pub runs: Vec<(Ms, Option<Ms>)>,
    /// How many runs belong to earlier episodes.
    earlier: usize,
    /// The times between a value that was held back and the one that confirmed it: a jump is real only in hindsight, and
    /// then nothing that might have excused it counts.
    pub hindsight: Vec<(Ms, Ms)>,
    pub confirmed: bool,
}

impl TierStanding {
    /// The runs of the present episode.
    pub fn own_runs(&self) -> &[(Ms, Option<Ms>)] {
        &self.runs[self.earlier..]
    }

    pub fn is_running(&self) -> bool {
        self.runs.last().is_some_and(|run| run.1.is_none())
    }

    fn count(&mut self, at: Ms, zone: Zone) {
        let has_begun = self.runs.len() > self.earlier;
        match zone {
            Zone::Violates if !self.is_running() => self.runs.push((at, None)),
            Zone::Between if has_begun && !self.is_running() => self.runs.push((at, None)),
            Zone::Recovered => self.pause(at),
            _ => {}
        }
    }

    fn pause(&mut self, at: Ms) {
        if let Some((_, end @ None)) = self.runs.last_mut() {
            *end = Some(at);
        }
    }
}

/// Where a point and side stand.
#[derive(Clone, Debug)]
pub struct Standing {
    pub phase: Phase,
    pub tiers: Vec<TierStanding>,
    pub severity: Severity,
    /// Whether the longest time of some tier was up in this episode, and told.
    pub capped: bool,
    /// When the values came that were recovered, one after another.
    recovered: Vec<Ms>,
    hold_until: Ms,
    doubtful: bool,
}

impl Standing {
    pub fn new() -> Standing {
        Standing {
            phase: Phase::Normal,
            tiers: Vec::new(),
            severity: Severity::Info,
            capped: false,
            recovered: Vec::new(),
            hold_until: 0,
            doubtful: false,
        }
    }

    /// Goes on with the next step of the story; gives what turned.
    pub fn step(&mut self, now: Ms, step: &Step) -> Vec<Happens> {
        match step {
            Step::Value { at, judged, severities, off_delay } => {
                self.value((*at, now), judged, severities, *off_delay)
            }
            Step::Confirmed { tier, severity } => {
                self.tiers[*tier].confirmed = true;
                self.confirm(*severity)
            }
            Step::Capped => {
                self.capped = true;
                if self.phase == Phase::Pending {
                    self.recovered.clear();
                }
                (self.phase, self.severity) = (Phase::Confirmed, Severity::Critical);
                vec![Happens::Capped]
            }
            Step::Unknown => {
                self.doubtful |= self.phase == Phase::Pending;
                Vec::new()
            }
            Step::Rules { inside } => {
                let was = self.phase;
                if was == Phase::Normal || !inside {
                    return Vec::new();
                }
                self.end(now);
                match was {
                    Phase::Confirmed => vec![Happens::Clears, Happens::Settles],
                    Phase::Recovering => vec![Happens::Settles],
                    Phase::Pending | Phase::Normal => Vec::new(),
                }
            }
        }
    }

    fn confirm(&mut self, severity: Severity) -> Vec<Happens> {
        match self.phase {
            Phase::Pending => {
                self.phase = Phase::Confirmed;
                self.severity = severity;
                self.recovered.clear();
                vec![Happens::Begins(severity)]
            }
            Phase::Confirmed if severity > self.severity => {
                self.severity = severity;
                vec![Happens::Worsens(severity)]
            }
            _ => Vec::new(),
        }
    }

    fn value(
        &mut self,
        (at, known): (Ms, Ms),
        judged: &[Option<Judged>],
        severities: &[Severity],
        off_delay: Ms,
    ) -> Vec<Happens> {
        let zones: Vec<Zone> = judged.iter().flatten().map(|judged| judged.zone).collect();
        if zones.is_empty() {
            return Vec::new();
        }
        let violates = zones.contains(&Zone::Violates);
        let recovered = zones.iter().all(|zone| *zone == Zone::Recovered);
        if self.phase == Phase::Normal {
            if !violates {
                return Vec::new();
            }
            self.phase = Phase::Pending;
        }
        self.tiers.resize_with(judged.len().max(self.tiers.len()), TierStanding::default);
        for (tier, judged) in self.tiers.iter_mut().zip(judged) {
            let Some(judged) = judged else { continue };
            if judged.zone == Zone::Violates {
                tier.since = tier.since.or(Some(at));
            }
            tier.count(at, judged.counts);
            tier.hindsight.extend((known > at).then_some((at, known)));
        }
        let hard = judged.iter().flatten().any(|judged| judged.hard);
        let violated = judged.iter().zip(severities).filter_map(|(judged, severity)| {
            judged.filter(|judged| judged.zone == Zone::Violates).map(|_| *severity)
        });
        let severity = if hard { Severity::Critical } else { violated.max().unwrap_or(Severity::Info) };
        if violates {
            self.recovered.clear();
            return self.violated(hard, severity);
        }
        if !recovered {
            self.recovered.clear();
            return Vec::new();
        }
        self.recovered.push(at);
        self.well(at, off_delay)
    }

    fn violated(&mut self, hard: bool, severity: Severity) -> Vec<Happens> {
        match self.phase {
            Phase::Recovering => {
                self.phase = Phase::Confirmed;
                self.severity = if hard { Severity::Critical } else { self.severity };
                vec![Happens::Relapses(self.severity)]
            }
            Phase::Pending if self.doubtful || hard => self.confirm(severity),
            Phase::Confirmed if hard => self.confirm(severity),
            _ => Vec::new(),
        }
    }

    fn well(&mut self, at: Ms, off_delay: Ms) -> Vec<Happens> {
        let enough = self.recovered.len() >= 2;
        match self.phase {
            Phase::Pending if enough => {
                self.end(at);
                Vec::new()
            }
            Phase::Confirmed if enough && at - self.recovered[0] >= off_delay => {
                self.phase = Phase::Recovering;
                self.hold_until = at + off_delay.max(10 * MINUTE);
                vec![Happens::Clears]
            }
            Phase::Recovering if at >= self.hold_until => {
                self.end(at);
                vec![Happens::Settles]
            }
            _ => Vec::new(),
        }
    }

    fn end(&mut self, at: Ms) {
        let mut ended = std::mem::take(&mut self.tiers);
        for tier in &mut ended {
            tier.pause(at);
            let runs = std::mem::take(&mut tier.runs);
            *tier = TierStanding { earlier: runs.len(), runs, ..TierStanding::default() };
        }
        *self = Standing { tiers: ended, ..Standing::new() };
    }
}
