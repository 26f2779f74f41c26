//! The course: one set of rules over one history, instant by instant.
//!
//! Owns the order of things: deadlines one by one before the instant that comes after them, all entries of one instant
//! together in fold order, and what comes late at its place, as soon as the history goes on. It tells an [`Outcome`] what
//! follows and writes nothing itself. What it gives does not depend on how often time is told to pass.

use super::entry::{Act, Entry};
use super::history::History;
use super::places::Places;
use frostguard_shared::ids::UnitId;
use frostguard_shared::rules::reconcile::{self, Revealed, reconcile};
use frostguard_shared::rules::{
    Alert, AlertChange, Effect, EpisodeKey, Input, QUIET_LENGTH, Record, Sounding, State,
    acknowledgement_length, next_deadline, refold, step,
};
use frostguard_shared::time::{DurationMs, RuleMs};
use std::collections::BTreeMap;

/// What comes late is folded at most once in so much time of the history, for each time costs a part of it again.
const FOLD_AGAIN_EVERY: DurationMs = DurationMs::minutes(1);
/// So many late entries are folded at once, even if the history does not go on.
const LATE_MAX: usize = 4_096;
/// So many entries are folded again together, so that there are snapshots in between.
const RUN_MAX: usize = 4_096;
/// Names of alerts that were told are kept for what comes late, at most so many; the oldest go first.
const TOLD_MAX: usize = 20_000;

/// An acknowledgement that an alert took.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Taken {
    pub(super) episode: EpisodeKey,
    pub(super) until: RuleMs,
    pub(super) by: Option<Box<str>>,
}

/// What follows at one instant.
pub(super) struct Instant<'a> {
    pub(super) places: &'a Places,
    pub(super) at: RuleMs,
    /// The state after it.
    pub(super) state: &'a State,
    pub(super) effects: &'a [Effect],
    pub(super) taken: &'a [Taken],
    /// Rules, sensors or the hub itself changed, and with them perhaps the status of units of which nothing else is said.
    pub(super) is_anew: bool,
}

/// What follows from what came late.
pub(super) struct Late<'a> {
    pub(super) places: &'a Places,
    pub(super) after: &'a State,
    /// Everything that follows from the part of the history that was folded again.
    pub(super) effects: &'a [Effect],
    pub(super) outcome: &'a reconcile::Outcome,
}

impl<'a> Late<'a> {
    /// What is revealed of each alert, and whether somebody is called: nobody for what is over, and once for what goes on,
    /// unless something holds that back.
    pub(super) fn calls(&self) -> impl Iterator<Item = (&'a Revealed, bool)> {
        let mut called: Vec<EpisodeKey> = Vec::new();
        let after = self.after;
        self.outcome.changes.iter().map(move |revealed| {
            let episode = revealed.episode;
            let is_news =
                !matches!(revealed.change, AlertChange::Cleared { .. }) && !called.contains(&episode);
            let sounds = after.sounding(&episode) == Some(Sounding::Sounding);
            let is_page = !revealed.retro && is_news && sounds;
            if is_page {
                called.push(episode);
            }
            (revealed, is_page)
        })
    }

    /// Episodes that are over and that nobody knew of, for each unit how many and since when. Somebody is told of them
    /// all at once.
    pub(super) fn found(&self) -> BTreeMap<UnitId, (i64, RuleMs)> {
        let mut found = BTreeMap::new();
        for revealed in self.outcome.changes.iter().filter(|revealed| revealed.retro) {
            if let AlertChange::Raised { .. } = revealed.change {
                let since = revealed.episode.since;
                let (count, first) = found.entry(revealed.episode.unit).or_insert((0, since));
                (*count, *first) = (*count + 1, since.min(*first));
            }
        }
        found
    }
}

/// Where what follows goes.
pub(super) trait Outcome {
    /// An instant at which something followed.
    fn instant(&mut self, instant: &Instant<'_>) -> std::io::Result<()>;
    /// What came late was folded.
    fn late(&mut self, late: &Late<'_>) -> std::io::Result<()>;
}

/// One set of rules over a history.
pub(super) struct Course {
    state: State,
    history: History,
    late: Vec<Entry>,
    folded_again: Option<RuleMs>,
    /// Alerts that were told of, by the time since which they hold.
    told: BTreeMap<(RuleMs, EpisodeKey), ()>,
}

impl Course {
    pub(super) fn new() -> Self {
        let history = History::new(State::default());
        Self { state: State::default(), history, late: Vec::new(), folded_again: None, told: BTreeMap::new() }
    }

    /// The state by now.
    #[cfg(test)]
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Folds all entries of one instant.
    pub(super) fn instant(
        &mut self,
        at: RuleMs,
        entries: &mut Vec<Entry>,
        places: &Places,
        outcome: &mut impl Outcome,
    ) -> std::io::Result<()> {
        self.pass(listened_until(at, entries), places, outcome)?;
        if !entries.is_empty() {
            self.fold_instant(at, entries, places, outcome)?;
        }
        // What came late came after the first line of this instant.
        if self.folded_again.is_none_or(|last| at - last >= FOLD_AGAIN_EVERY) {
            self.fold_late(places, outcome)?;
        }
        Ok(())
    }

    fn fold_instant(
        &mut self,
        at: RuleMs,
        entries: &mut Vec<Entry>,
        places: &Places,
        outcome: &mut impl Outcome,
    ) -> std::io::Result<()> {
        let mut taken = Vec::new();
        let is_anew = entries.iter().any(makes_anew);
        let effects = fold(&mut self.state, entries, &mut taken);
        self.history.keep(at, entries.drain(..), &self.state);
        self.know_all(&effects);
        if effects.is_empty() && taken.is_empty() && !is_anew {
            return Ok(());
        }
        let (state, effects, taken) = (&self.state, &effects[..], &taken[..]);
        outcome.instant(&Instant { places, at, state, effects, taken, is_anew })
    }

    /// Lets everything happen that is due before a time, one deadline after the other.
    fn pass(&mut self, limit: RuleMs, places: &Places, outcome: &mut impl Outcome) -> std::io::Result<()> {
        while let Some(at) = next_deadline(&self.state).filter(|at| *at < limit) {
            let effects = stepped(&mut self.state, &Record::tick(at + DurationMs(1)));
            self.know_all(&effects);
            let (state, effects, taken) = (&self.state, &effects[..], &[][..]);
            outcome.instant(&Instant { places, at, state, effects, taken, is_anew: false })?;
        }
        Ok(())
    }

    /// The history ends with this time: what is due by then happens.
    pub(super) fn end(
        &mut self,
        at: RuleMs,
        places: &Places,
        outcome: &mut impl Outcome,
    ) -> std::io::Result<()> {
        self.fold_late(places, outcome)?;
        self.pass(at + DurationMs(1), places, outcome)
    }

    fn know_all(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Alert { episode, .. } = effect {
                self.know(*episode);
            }
        }
    }

    fn know(&mut self, episode: EpisodeKey) {
        self.told.insert((episode.since, episode), ());
        if self.told.len() > TOLD_MAX {
            self.told.pop_first();
        }
    }
}

/// What comes late.
impl Course {
    /// Takes entries from before the present instant; false if they are from before all that can be folded again.
    pub(super) fn late(
        &mut self,
        entries: &mut Vec<Entry>,
        places: &Places,
        outcome: &mut impl Outcome,
    ) -> std::io::Result<bool> {
        let reaches = self.history.reaches();
        let is_beyond = |entry: &Entry| reaches.is_some_and(|reached| entry.at <= reached);
        if entries.iter().any(is_beyond) {
            entries.clear();
            return Ok(false);
        }
        self.late.append(entries);
        if self.late.len() >= LATE_MAX {
            self.fold_late(places, outcome)?;
        }
        Ok(true)
    }

    fn fold_late(&mut self, places: &Places, outcome: &mut impl Outcome) -> std::io::Result<()> {
        let Some(from) = self.late.iter().map(|entry| entry.at).min() else { return Ok(()) };
        let mut late = std::mem::take(&mut self.late);
        let now = self.state.frontier();
        self.folded_again = Some(now);
        let Some((mut state, mut entries)) = self.history.rewind(from) else { return Ok(()) };
        for entry in entries.iter_mut().filter(|entry| entry.line == 0 && entry.at > from) {
            entry.begin_at(from);
        }
        entries.append(&mut late);
        entries.sort_by_key(|entry| entry.at);
        let mut effects = Vec::new();
        let mut taken = Vec::new();
        while let Some(length) = run(&entries) {
            let rest = entries.split_off(length);
            let Some(at) = entries.last().map(|entry| entry.at) else { break };
            effects.extend(fold(&mut state, &entries, &mut taken));
            self.history.keep(at, std::mem::replace(&mut entries, rest), &state);
        }
        if state.frontier() < now {
            effects.extend(stepped(&mut state, &Record::tick(now)));
        }
        let before = std::mem::replace(&mut self.state, state);
        let told = |episode: &EpisodeKey| self.told.contains_key(&(episode.since, *episode));
        let found = reconcile(&before, &self.state, &effects, told);
        for (name, _) in &found.renamed {
            self.know(*name);
        }
        for revealed in &found.changes {
            self.know(revealed.episode);
        }
        outcome.late(&Late { places, after: &self.state, effects: &effects, outcome: &found })
    }
}

fn makes_anew(entry: &Entry) -> bool {
    match &entry.act {
        Act::Record(record) => matches!(
            record.input,
            Input::RulesApplied(_)
                | Input::Assigned(_)
                | Input::Started { .. }
                | Input::ClockCorrected { .. }
        ),
        Act::Ack(..) | Act::Quiet(_) | Act::Resolve(_) => false,
    }
}

/// Until when deadlines can be let pass one by one: a start takes the time before it along, in which nobody listened.
fn listened_until(at: RuleMs, entries: &[Entry]) -> RuleMs {
    let down_from = entries.iter().filter_map(|entry| match &entry.act {
        Act::Record(Record { input: Input::Started { down_from, .. }, .. }) => *down_from,
        _ => None,
    });
    down_from.min().map_or(at, |from| from.min(at))
}

/// How many entries, from the first on, can be folded together: all of one instant, and further instants as long as it is
/// known whom each entry concerns. A start must see what came late in its downtime.
fn run(entries: &[Entry]) -> Option<usize> {
    let instants = entries.chunk_by(|one, next| one.at == next.at);
    let is_known = |instant: &[Entry]| instant.iter().all(|entry| matches!(entry.act, Act::Record(_)));
    let mut length = 0;
    for instant in instants {
        if length > 0 && (!is_known(instant) || length >= RUN_MAX) {
            break;
        }
        length += instant.len();
        if !is_known(instant) {
            break;
        }
    }
    (length > 0).then_some(length)
}

fn stepped(state: &mut State, record: &Record) -> Vec<Effect> {
    let (after, effects) = step(std::mem::take(state), record);
    *state = after;
    effects
}

fn folded(state: &mut State, records: Vec<Record>) -> Vec<Effect> {
    let (after, effects) = refold(std::mem::take(state), records);
    *state = after;
    effects
}

/// Folds entries, of one instant unless all of them are records, in fold order; who an act concerns is seen when it is its
/// turn.
fn fold(state: &mut State, entries: &[Entry], taken: &mut Vec<Taken>) -> Vec<Effect> {
    if let [Entry { act: Act::Record(record), .. }] = entries
        && !matches!(record.input, Input::Started { .. })
    {
        return stepped(state, record);
    }
    let is_after_people =
        |record: &Record| matches!(record.input, Input::Shelved { .. } | Input::Unshelved { .. });
    let records = |after: bool| -> Vec<Record> {
        let all = entries.iter().filter_map(|entry| match &entry.act {
            Act::Record(record) if is_after_people(record) == after => Some(record.clone()),
            _ => None,
        });
        all.collect()
    };
    if entries.iter().all(|entry| matches!(entry.act, Act::Record(_))) {
        let all = entries.iter().filter_map(|entry| match &entry.act {
            Act::Record(record) => Some(record.clone()),
            _ => None,
        });
        return folded(state, all.collect());
    }
    let mut effects = folded(state, records(false));
    for turn in [quiets, acknowledgements] {
        for entry in entries {
            effects.extend(folded(state, turn(state, entry, taken)));
        }
    }
    effects.extend(folded(state, records(true)));
    for entry in entries {
        effects.extend(folded(state, resolutions(state, entry)));
    }
    effects
}

fn of_unit(state: &State, unit: UnitId) -> impl Iterator<Item = (&EpisodeKey, &Alert)> {
    state.alerts().filter(move |(key, _)| key.unit == unit)
}

fn quiets(state: &State, entry: &Entry, _: &mut Vec<Taken>) -> Vec<Record> {
    let Act::Quiet(unit) = entry.act else { return Vec::new() };
    let until = entry.at + QUIET_LENGTH;
    let can_be = of_unit(state, unit).filter(|(_, alert)| alert.can_be_quieted());
    can_be
        .map(|(episode, _)| Record::given(entry.at, Input::Quieted { episode: *episode, until }, entry.line))
        .collect()
}

fn acknowledgements(state: &State, entry: &Entry, taken: &mut Vec<Taken>) -> Vec<Record> {
    let Act::Ack(unit, by) = &entry.act else { return Vec::new() };
    let active = of_unit(state, *unit).filter(|(_, alert)| alert.cleared.is_none());
    active
        .map(|(episode, alert)| {
            let until = entry.at + acknowledgement_length(alert.severity);
            taken.push(Taken { episode: *episode, until, by: by.clone() });
            Record::given(entry.at, Input::Acknowledged { episode: *episode, until }, entry.line)
        })
        .collect()
}

fn resolutions(state: &State, entry: &Entry) -> Vec<Record> {
    let Act::Resolve(unit) = entry.act else { return Vec::new() };
    let cleared = of_unit(state, unit).filter(|(_, alert)| alert.cleared.is_some());
    cleared
        .map(|(episode, _)| Record::given(entry.at, Input::Resolved { episode: *episode }, entry.line))
        .collect()
}
