//! Reconciling: what late data changes in alerts that were issued already.
//!
//! Pure. Compares the state before and after folding again. An issued alert is never taken back: it is carried on
//! under its episode's new name, or it clears, visibly. An episode that late data reveals and that is over is told
//! once, as found in retrospect; one that is still going on is raised like any other.

use super::effect::{AlertChange, Effect, EpisodeKey, Why};
use super::record::{Input, Record};
use super::state::State;
use crate::time::{DurationMs, RuleMs};

/// What happened to an alert that was not recorded before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revealed {
    /// When, on the rule axis.
    pub at: RuleMs,
    /// To which.
    pub episode: EpisodeKey,
    /// What.
    pub change: AlertChange,
    /// True if it is over already: it is shown and told, and never sounded.
    pub retro: bool,
}

/// What follows from folding again.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Episodes that turn out to have begun at another time: the new name and the issued one.
    pub renamed: Vec<(EpisodeKey, EpisodeKey)>,
    /// What happened to alerts, in order.
    pub changes: Vec<Revealed>,
}

fn is_open(state: &State, key: &EpisodeKey) -> bool {
    state.alert(key).is_some_and(|alert| alert.cleared.is_none())
}

/// A unit has one alert of a condition at a time, whichever of its points began it.
fn is_same_subject(one: &EpisodeKey, other: &EpisodeKey) -> bool {
    (one.unit, one.condition) == (other.unit, other.condition)
}

/// Compares two states, given the effects that led to the second and which episodes have an alert already.
pub fn reconcile(
    before: &State,
    after: &State,
    effects: &[Effect],
    is_issued: impl Fn(&EpisodeKey) -> bool,
) -> Outcome {
    let open_before: Vec<EpisodeKey> =
        before.alerts().map(|(key, _)| *key).filter(|key| is_open(before, key)).collect();
    let mut outcome = Outcome::default();
    for effect in effects {
        let Effect::Alert { at, episode, change, .. } = effect else { continue };
        if is_issued(episode) || outcome.renamed.iter().any(|(new, _)| new == episode) {
            continue;
        }
        let going_on = is_open(after, episode);
        let same = open_before.iter().find(|old| is_same_subject(old, episode) && !is_open(after, old));
        match (change, same) {
            (AlertChange::Raised { .. }, Some(old)) if going_on => outcome.renamed.push((*episode, *old)),
            _ if is_worth_telling(change, going_on) => {
                let (at, change, retro) = (*at, change.clone(), !going_on);
                outcome.changes.push(Revealed { at, episode: *episode, change, retro });
            }
            _ => {}
        }
    }
    sum_up(&mut outcome.changes);
    outcome.changes.extend(of_issued(before, after, effects, &outcome.renamed, is_issued));
    outcome
}

/// Of an alert that nobody knew of, that it began, got worse and ended. That nobody was on it is no wonder; only of one
/// that goes on is it said how far it had come.
fn is_worth_telling(change: &AlertChange, going_on: bool) -> bool {
    match change {
        AlertChange::Raised { .. } | AlertChange::Upgraded { .. } => true,
        AlertChange::Cleared { .. } | AlertChange::Relapsed { .. } => true,
        AlertChange::Escalated { .. } => going_on,
        AlertChange::AckExpired | AlertChange::Told { .. } => false,
    }
}

/// What is over is told in one sentence where it begins, with how long it took.
fn sum_up(changes: &mut [Revealed]) {
    let ends: Vec<(EpisodeKey, RuleMs)> = changes
        .iter()
        .filter(|revealed| revealed.retro && matches!(revealed.change, AlertChange::Cleared { .. }))
        .map(|revealed| (revealed.episode, revealed.at))
        .collect();
    for revealed in changes.iter_mut().filter(|revealed| revealed.retro) {
        let end = ends.iter().rev().find(|(episode, _)| *episode == revealed.episode);
        if let (AlertChange::Raised { why, .. }, Some((episode, end))) = (&mut revealed.change, end) {
            let lasted: DurationMs = *end - episode.since;
            why.text =
                format!("{}; it was over after {lasted}, and was found in values that came late", why.text);
        }
    }
}

/// What late data says of alerts that were issued before.
fn of_issued(
    before: &State,
    after: &State,
    effects: &[Effect],
    renamed: &[(EpisodeKey, EpisodeKey)],
    is_issued: impl Fn(&EpisodeKey) -> bool,
) -> Vec<Revealed> {
    let at = after.frontier();
    let now = |episode: &EpisodeKey, change| Revealed { at, episode: *episode, change, retro: false };
    let mut changes = Vec::new();
    for (key, alert) in before.alerts().filter(|(key, _)| is_issued(key)) {
        let name = renamed.iter().find(|(_, old)| old == key).map_or(*key, |(new, _)| *new);
        let (was_open, goes_on) = (alert.cleared.is_none(), is_open(after, &name));
        match (was_open, goes_on) {
            (false, true) => {
                let why = Why::because("values that came late show that it goes on");
                changes.push(now(&name, AlertChange::Relapsed { why }));
            }
            (true, false) => {
                let why = Why::because("values that came late show that it had ended");
                changes.push(now(&name, AlertChange::Cleared { why }));
            }
            (true, true) | (false, false) => {}
        }
        let Some(known) = after.alert(&name).filter(|_| goes_on) else { continue };
        if known.severity > alert.severity {
            let why = why_upgraded(effects, &name);
            changes.push(now(&name, AlertChange::Upgraded { severity: known.severity, why }));
        }
        if known.level > alert.level {
            changes.push(now(&name, AlertChange::Escalated { level: known.level }));
        }
    }
    // Somebody was done with it, and it was not over.
    let forgotten =
        |key: &EpisodeKey| before.alert(key).is_none() && !renamed.iter().any(|(new, _)| new == key);
    for (key, _) in after.alerts().filter(|(key, _)| is_open(after, key) && is_issued(key) && forgotten(key))
    {
        let why = Why::because("values that came late show that it goes on");
        changes.push(now(key, AlertChange::Relapsed { why }));
    }
    changes
}

fn why_upgraded(effects: &[Effect], key: &EpisodeKey) -> Why {
    let found = effects.iter().rev().find_map(|effect| match effect {
        Effect::Alert { episode, change: AlertChange::Upgraded { why, .. }, .. } if episode == key => {
            Some(why)
        }
        Effect::Alert { episode, change: AlertChange::Raised { why, .. }, .. } if episode == key => Some(why),
        _ => None,
    });
    found.cloned().unwrap_or_else(|| Why::because("values that came late show that it is worse"))
}

/// What people said of an alert under a name that it had before goes to the name that it has now. True if anything was
/// renamed: then the records have to be folded once more.
pub fn rename(records: &mut [Record], name_now: impl Fn(&EpisodeKey) -> Option<EpisodeKey>) -> bool {
    let mut renamed = false;
    for record in records {
        let (Input::Quieted { episode, .. }
        | Input::Acknowledged { episode, .. }
        | Input::Resolved { episode }) = &mut record.input
        else {
            continue;
        };
        if let Some(now) = name_now(episode).filter(|now| now != episode) {
            *episode = now;
            renamed = true;
        }
    }
    renamed
}

#[cfg(test)]
mod tests;
