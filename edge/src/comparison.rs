//! A comparison: what two sets of rules make of the same records, alert by alert.
//!
//! Owns what belongs together, what counts as missed, and the figures. It takes what the engine says under either set, in
//! any order of the two, and gives what differs as soon as that is decided. Pure: a replay compares with it a history,
//! and the hub a proposed document with its last day. Memory is bounded: what is long over is decided and forgotten.

use frostguard_shared::alarm::{Condition, Severity};
use frostguard_shared::ids::UnitId;
use frostguard_shared::rules::{AlertChange, Effect, EpisodeKey};
use frostguard_shared::time::{DurationMs, RuleMs};
use std::collections::BTreeMap;

/// So long after it is over, nothing that the other rules still find can belong to it.
const DECIDED_AFTER: DurationMs = DurationMs::minutes(24 * 60);
/// So many of one unit and condition wait to be decided; the oldest are decided early.
const WAITING_MAX: usize = 64;
/// Missed excursions that are kept by name, for each unit; more are only counted.
pub const MISSED_MAX: usize = 1_000;

/// Under which rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Those of the site.
    Site,
    /// The others.
    Other,
}

/// A figure under either set of rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Each<T> {
    /// Under those of the site.
    pub site: T,
    /// Under the others.
    pub other: T,
}

impl<T> Each<T> {
    fn of(&mut self, side: Side) -> &mut T {
        match side {
            Side::Site => &mut self.site,
            Side::Other => &mut self.other,
        }
    }
}

/// What one set of rules made of something: one alert, or several in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first alert.
    pub id: EpisodeKey,
    /// How many.
    pub alerts: u32,
    /// When the first was raised.
    pub raised: RuleMs,
    /// When the last cleared, if it did.
    pub cleared: Option<RuleMs>,
    /// How urgent it became.
    pub severity: Severity,
    /// How often somebody was called.
    pub pages: u32,
}

/// Something in which the two differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The unit.
    pub unit: UnitId,
    /// What it is about.
    pub condition: Condition,
    /// What either made of it; none is nothing.
    pub spans: Each<Option<Span>>,
}

impl Difference {
    /// How much later the other rules found it, if both did.
    pub fn later(&self) -> Option<DurationMs> {
        Some(self.spans.other?.raised - self.spans.site?.raised)
    }

    /// The same in tenths of a minute.
    pub fn later_tenths(&self) -> Option<i64> {
        self.later().map(|later| tenths(later.0, 1))
    }

    fn begins(&self) -> Option<RuleMs> {
        self.each().map(|span| span.id.since).min()
    }

    /// When it is over; none while it is not.
    fn ends(&self) -> Option<RuleMs> {
        self.each().map(|span| span.cleared).max_by_key(|cleared| cleared.unwrap_or(RuleMs(i64::MAX)))?
    }

    fn is_open(&self) -> bool {
        self.each().any(|span| span.cleared.is_none())
    }

    fn each(&self) -> impl Iterator<Item = Span> {
        self.spans.site.into_iter().chain(self.spans.other)
    }

    fn is_one(&self) -> bool {
        let told = |span: Span| (span.alerts, span.raised, span.cleared, span.severity, span.pages);
        self.spans.site.map(told) != self.spans.other.map(told)
    }
}

/// An excursion that the rules of the site found and the others did not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Missed {
    /// Its alert under the rules of the site.
    pub id: EpisodeKey,
    /// When it ended, if it did.
    pub until: Option<RuleMs>,
}

/// The figures of one unit, or of all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// How often somebody was called.
    pub pages: Each<u64>,
    /// Alerts that began or came back.
    pub alarms: Each<u64>,
    /// Excursions of a temperature.
    pub excursions: Each<u64>,
    /// Excursions that the other rules missed, the first of them.
    pub missed: Vec<Missed>,
    /// How many they are in all.
    pub missed_count: u64,
    /// Excursions that both found.
    pub found_by_both: u64,
    /// By how much the other rules were later, in all.
    pub later_sum: DurationMs,
    /// By how much they were at most.
    pub later_max: Option<DurationMs>,
}

impl Figures {
    fn decided(&mut self, difference: &Difference) {
        if !difference.condition.is_thermal() {
            return;
        }
        if let Some(later) = difference.later() {
            self.found_by_both += 1;
            self.later_sum = self.later_sum + later;
            self.later_max = Some(self.later_max.map_or(later, |max| max.max(later)));
        }
        if let Each { site: Some(span), other: None } = difference.spans {
            self.missed_count += 1;
            if self.missed.len() < MISSED_MAX {
                self.missed.push(Missed { id: span.id, until: span.cleared });
            }
        }
    }

    /// Adds those of another unit.
    pub fn add(&mut self, unit: &Self) {
        let add = |sum: &mut Each<u64>, more: Each<u64>| {
            sum.site += more.site;
            sum.other += more.other;
        };
        add(&mut self.pages, unit.pages);
        add(&mut self.alarms, unit.alarms);
        add(&mut self.excursions, unit.excursions);
        let room = MISSED_MAX.saturating_sub(self.missed.len());
        self.missed.extend(unit.missed.iter().take(room));
        self.missed_count += unit.missed_count;
        self.found_by_both += unit.found_by_both;
        self.later_sum = self.later_sum + unit.later_sum;
        self.later_max = self.later_max.max(unit.later_max);
    }

    /// By how much the other rules were later on average, in tenths of a minute, rounded half away from zero.
    pub fn later_mean_tenths(&self) -> Option<i64> {
        let count = i64::try_from(self.found_by_both).ok().filter(|count| *count > 0)?;
        Some(tenths(self.later_sum.0, count))
    }

    /// The same at most.
    pub fn later_max_tenths(&self) -> Option<i64> {
        self.later_max.map(|max| tenths(max.0, 1))
    }
}

/// So many ms among so many, in tenths of a minute, rounded half away from zero.
fn tenths(ms: i64, count: i64) -> i64 {
    let whole = count.saturating_mul(6_000);
    let rounded = ms.saturating_abs().saturating_add(whole / 2) / whole;
    if ms < 0 { -rounded } else { rounded }
}

/// A comparison.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    waiting: BTreeMap<(UnitId, Condition), Vec<Difference>>,
    figures: BTreeMap<UnitId, Figures>,
    decided: Vec<Difference>,
}

impl Comparison {
    /// What the engine says under one set of rules.
    pub fn take(&mut self, side: Side, effect: &Effect) {
        if let Effect::Alert { at, episode, change, page } = effect {
            self.change(side, *at, *episode, change, page.is_sent());
        }
    }

    /// What happened to an alert under one set of rules, and whether somebody was called.
    pub fn change(
        &mut self,
        side: Side,
        at: RuleMs,
        episode: EpisodeKey,
        change: &AlertChange,
        is_page: bool,
    ) {
        let figures = self.figures.entry(episode.unit).or_default();
        *figures.pages.of(side) += u64::from(is_page);
        if matches!(change, AlertChange::Raised { .. } | AlertChange::Relapsed { .. }) {
            *figures.alarms.of(side) += 1;
        }
        let is_excursion = episode.condition.is_thermal() && matches!(change, AlertChange::Raised { .. });
        *figures.excursions.of(side) += u64::from(is_excursion);
        let waiting = self.waiting.entry((episode.unit, episode.condition)).or_default();
        if let AlertChange::Raised { severity, .. } = change {
            raised(waiting, side, at, episode, *severity);
        }
        let Some(span) = waiting.iter_mut().rev().find_map(|waits| waits.spans.of(side).as_mut()) else {
            return;
        };
        span.pages += u32::from(is_page);
        match change {
            AlertChange::Cleared { .. } => span.cleared = Some(at),
            AlertChange::Relapsed { .. } => span.cleared = None,
            AlertChange::Upgraded { severity, .. } => span.severity = span.severity.max(*severity),
            AlertChange::Raised { .. }
            | AlertChange::AckExpired
            | AlertChange::Escalated { .. }
            | AlertChange::Told { .. } => {}
        }
        if waiting.len() > WAITING_MAX {
            let oldest = waiting.remove(0);
            self.decide(oldest);
        }
    }

    /// Somebody was called about a unit, but not of one alert alone.
    pub fn page(&mut self, side: Side, unit: UnitId) {
        *self.figures.entry(unit).or_default().pages.of(side) += 1;
    }

    fn decide(&mut self, difference: Difference) {
        self.figures.entry(difference.unit).or_default().decided(&difference);
        if difference.is_one() {
            self.decided.push(difference);
        }
    }

    /// What is decided by now.
    pub fn settle(&mut self, now: RuleMs) -> Vec<Difference> {
        let is_over = |waits: &Difference| {
            !waits.is_open() && waits.ends().is_some_and(|end| end + DECIDED_AFTER < now)
        };
        let mut over = Vec::new();
        for waiting in self.waiting.values_mut() {
            over.extend(waiting.extract_if(.., |waits| is_over(waits)));
        }
        self.waiting.retain(|_, waiting| !waiting.is_empty());
        over.sort_by_key(|difference| (difference.begins(), difference.unit));
        for difference in over {
            self.decide(difference);
        }
        std::mem::take(&mut self.decided)
    }

    /// The records end here: all is decided.
    pub fn finish(&mut self) -> Vec<Difference> {
        let mut rest: Vec<Difference> = std::mem::take(&mut self.waiting).into_values().flatten().collect();
        rest.sort_by_key(|difference| (difference.begins(), difference.unit));
        for difference in rest {
            self.decide(difference);
        }
        std::mem::take(&mut self.decided)
    }

    /// The figures of a unit by now; of what is not decided only the counts.
    pub fn figures(&self, unit: UnitId) -> Figures {
        self.figures.get(&unit).cloned().unwrap_or_default()
    }
}

/// An alert belongs to what the other rules, or the same, found at that time: it began before that was over.
fn raised(waiting: &mut Vec<Difference>, side: Side, at: RuleMs, episode: EpisodeKey, severity: Severity) {
    let new = Span { id: episode, alerts: 1, raised: at, cleared: None, severity, pages: 0 };
    let overlaps = |waits: &Difference| {
        let is_before_its_end = waits.is_open() || waits.ends().is_some_and(|end| episode.since <= end);
        is_before_its_end && waits.begins().is_some_and(|begin| begin <= at)
    };
    if let Some(known) = waiting.iter_mut().rev().find(|waits| overlaps(waits)) {
        let span = known.spans.of(side);
        *span = Some(span.map_or(new, |span| Span {
            alerts: span.alerts + 1,
            cleared: None,
            severity: span.severity.max(severity),
            ..span
        }));
        return;
    }
    let mut spans = Each { site: None, other: None };
    *spans.of(side) = Some(new);
    waiting.push(Difference { unit: episode.unit, condition: episode.condition, spans });
}

#[cfg(test)]
mod tests;
