//! Raising: the one alert of a unit and condition, and whether people are told of what happens to it.
//!
//! Owns how a condition that begins, worsens, comes back or ends meets the alert that the unit has for it, and what holds
//! a page back: a shelve, the hours of a rule, somebody who is on it. Whatever is held back is told as soon as that ends.

use super::alert::{Acknowledgement, Alert, Ended, Held};
use super::effect::{AlertChange, Effect, EpisodeKey, Page, Region, Transition, Why};
use super::point_state::PointState;
use super::scene::Scene;
use super::schedule::Schedule;
use super::unit_state::UnitState;
use super::why;
use crate::alarm::{Condition, Severity};
use crate::ids::PointId;
use crate::time::{DurationMs, RuleMs};

/// Cleared alerts that nobody has acknowledged are kept for people to see, at most so many a unit; the oldest go first.
const CLEARED_KEPT: usize = 50;

/// What an alert is raised or upgraded by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cause {
    severity: Severity,
    tier: u8,
    /// Nothing holds it back, and whoever is on it has to look again.
    demands: bool,
    /// It had ended, and comes back.
    returns: bool,
}

impl Cause {
    /// A rule of so much severity.
    pub(super) fn of(severity: Severity, tier: usize) -> Self {
        Self { severity, tier: u8::try_from(tier).unwrap_or_default(), demands: false, returns: false }
    }

    /// The same, of what had ended and comes back.
    pub(super) fn returning(severity: Severity, tier: usize) -> Self {
        Self { returns: true, ..Self::of(severity, tier) }
    }

    /// An excursion that has lasted for as long as anything may hold it back.
    pub(super) fn demanded(tier: usize) -> Self {
        Self { demands: true, ..Self::of(Severity::Critical, tier) }
    }
}

/// Why people might be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ask {
    /// It is news.
    News,
    /// It came back.
    Relapse,
    /// What held it back has ended.
    Release,
    /// Nothing may hold it back.
    Demand,
}

impl UnitState {
    pub(super) fn transition(
        &mut self,
        at: RuleMs,
        place: Option<usize>,
        region: Region,
        [from, to]: [&'static str; 2],
        why: Why,
        scene: &mut Scene<'_>,
    ) {
        let point = place.and_then(|place| self.points.get(place)).map(PointState::id);
        let status = self.status();
        let unit = self.id;
        scene.effects.push(Effect::Transition(Transition { at, unit, point, region, from, to, status, why }));
    }

    /// A point that is not among the unit's any more had been heard so.
    pub(super) fn point_retired(
        &self,
        at: RuleMs,
        point: PointId,
        heard: &'static str,
        why: &Why,
        scene: &mut Scene<'_>,
    ) {
        scene.effects.push(Effect::Transition(Transition {
            at,
            unit: self.id,
            point: Some(point),
            region: Region::Data,
            from: heard,
            to: "retired",
            status: self.status(),
            why: why.clone(),
        }));
    }

    fn tell(&self, at: RuleMs, episode: EpisodeKey, change: AlertChange, page: Page, scene: &mut Scene<'_>) {
        scene.effects.push(Effect::Alert { at, episode, change, page });
    }

    fn hours(&self, condition: Condition, tier: u8) -> Option<Schedule> {
        let telling = if condition.is_thermal() {
            self.rules.limits.get(usize::from(tier)).map(|rule| rule.telling)
        } else {
            Some(self.rules.telling(condition.alert_type()))
        };
        telling.and_then(|telling| telling.schedule.value)
    }

    /// Whether people are told, and what the alert remembers of that.
    fn page(&mut self, place: usize, at: RuleMs, ask: Ask, scene: &Scene<'_>) -> Page {
        let shelved = self.shelved.is_some();
        let Some((key, alert)) = self.alerts.get(place).copied() else { return Page::NotNeeded };
        let hours = self.hours(key.condition, alert.tier);
        let Some((_, alert)) = self.alerts.get_mut(place) else { return Page::NotNeeded };
        if ask != Ask::Demand {
            if shelved && !alert.demanded {
                alert.hold(Held::ByShelve);
                return Page::HeldByShelve;
            }
            if let Some(hours) = hours.filter(|_| alert.severity < Severity::Critical)
                && !scene.calendar.is_open(&hours, at)
            {
                alert.hold(Held::BySchedule(scene.calendar.next_change(&hours, at)));
                return Page::HeldBySchedule;
            }
            let on_it = matches!(alert.acknowledgement, Acknowledgement::Until(_));
            if on_it && matches!(ask, Ask::Relapse | Ask::Release) {
                alert.held = Held::No;
                return Page::HeldByAcknowledgement;
            }
            if ask == Ask::Relapse && alert.is_recent(at) {
                alert.wait_again(at);
                return Page::HeldByRecentPage;
            }
        }
        alert.tell(at);
        Page::Sent
    }

    fn place_of(&self, wanted: impl Fn(&EpisodeKey, &Alert) -> bool) -> Option<usize> {
        self.alerts.iter().position(|(key, alert)| wanted(key, alert))
    }

    /// A condition holds from now on: the unit's alert of it begins, comes back, or gets worse.
    pub(super) fn raise(
        &mut self,
        episode: EpisodeKey,
        at: RuleMs,
        cause: Cause,
        why: Why,
        scene: &mut Scene<'_>,
    ) {
        scene.alarmed |= episode.condition.is_thermal();
        let same = |key: &EpisodeKey| key.condition == episode.condition;
        if let Some(place) = self.place_of(|key, alert| same(key) && alert.is_active()) {
            self.upgrade(place, at, cause, why, scene);
            return;
        }
        let watched = cause.returns || self.is_recovering(episode.condition);
        let before = self
            .alerts
            .iter()
            .rposition(|(key, alert)| same(key) && !alert.resolved && (*key == episode || watched));
        match before {
            Some(place) => self.relapse(place, at, cause, why, scene),
            None => {
                let mut alert = Alert::raised(cause.severity, cause.tier, at);
                if cause.demands {
                    alert.demand();
                }
                self.alerts.push((episode, alert));
                let ask = if cause.demands { Ask::Demand } else { Ask::News };
                let page = self.page(self.alerts.len() - 1, at, ask, scene);
                let change = AlertChange::Raised { severity: cause.severity, why };
                self.tell(at, episode, change, page, scene);
            }
        }
    }

    fn is_recovering(&self, condition: Condition) -> bool {
        self.alarm_points().any(|point| match condition {
            Condition::TooWarm => point.warm.is_recovering(),
            Condition::TooCold => point.cold.is_recovering(),
            _ => false,
        })
    }

    fn relapse(&mut self, place: usize, at: RuleMs, cause: Cause, why: Why, scene: &mut Scene<'_>) {
        let Some((episode, alert)) = self.alerts.get_mut(place) else { return };
        let episode = *episode;
        alert.cleared = None;
        alert.relapses = alert.relapses.saturating_add(1);
        alert.severity = alert.severity.max(cause.severity);
        if cause.demands {
            alert.demand();
        }
        let why = why.with("relapses", i64::from(alert.relapses));
        let ask = if cause.demands { Ask::Demand } else { Ask::Relapse };
        let page = self.page(place, at, ask, scene);
        self.tell(at, episode, AlertChange::Relapsed { why }, page, scene);
    }

    pub(super) fn upgrade(
        &mut self,
        place: usize,
        at: RuleMs,
        cause: Cause,
        why: Why,
        scene: &mut Scene<'_>,
    ) {
        let Some((episode, alert)) = self.alerts.get_mut(place) else { return };
        let episode = *episode;
        if cause.severity <= alert.severity && !cause.demands {
            return;
        }
        alert.severity = alert.severity.max(cause.severity);
        alert.tier = cause.tier;
        if cause.demands {
            alert.demand();
        }
        let severity = alert.severity;
        let ask = if cause.demands { Ask::Demand } else { Ask::News };
        let page = self.page(place, at, ask, scene);
        self.tell(at, episode, AlertChange::Upgraded { severity, why }, page, scene);
    }

    /// A condition ended somewhere: its alert clears if it holds nowhere in the unit any more.
    pub(super) fn clear(&mut self, condition: Condition, at: RuleMs, why: Why, scene: &mut Scene<'_>) {
        if self.has(condition) {
            return;
        }
        self.end_alert(condition, at, why, scene);
    }

    /// Alerts that nobody needs to see any more go, unless their condition may still come back.
    pub(super) fn forget_done(&mut self) {
        let watched = [Condition::TooWarm, Condition::TooCold].map(|c| (c, self.is_recovering(c)));
        let is_watched = |condition| watched.iter().any(|(of, is)| *of == condition && *is);
        self.alerts.retain(|(key, alert)| !alert.is_done() || (!alert.resolved && is_watched(key.condition)));
        while self.alerts.iter().filter(|(_, alert)| !alert.is_active()).count() > CLEARED_KEPT {
            let oldest = self.place_of(|_, alert| !alert.is_active());
            let Some(oldest) = oldest else { return };
            self.alerts.remove(oldest);
        }
    }

    /// Something of an alert ended by itself.
    pub(super) fn alert_ends(&mut self, place: usize, at: RuleMs, scene: &mut Scene<'_>) {
        let Some((episode, alert)) = self.alerts.get_mut(place) else { return };
        let episode = *episode;
        match alert.end(at) {
            Ended::Nothing => {}
            Ended::Acknowledgement => {
                let page = self.page(place, at, Ask::News, scene);
                self.tell(at, episode, AlertChange::AckExpired, page, scene);
            }
            Ended::Patience => {
                let risen = alert.rise().then_some(alert.level);
                let page = self.page(place, at, Ask::News, scene);
                let change = match risen {
                    Some(level) => AlertChange::Escalated { level },
                    None => AlertChange::Told { why: Why::because("nobody is on it yet") },
                };
                self.tell(at, episode, change, page, scene);
            }
            Ended::Hours => self.release(place, at, why::hours_began(), scene),
        }
    }

    fn release(&mut self, place: usize, at: RuleMs, why: Why, scene: &mut Scene<'_>) {
        let Some((episode, _)) = self.alerts.get(place).copied() else { return };
        let page = self.page(place, at, Ask::Release, scene);
        if page == Page::Sent {
            self.tell(at, episode, AlertChange::Told { why }, page, scene);
        }
    }

    /// The unit's silence ended: what it held back is told.
    pub(super) fn unshelve(&mut self, at: RuleMs, scene: &mut Scene<'_>) {
        if self.shelved.take().is_none() {
            return;
        }
        self.transition(
            at,
            None,
            Region::Supervision,
            ["shelved", "armed"],
            Why::because("the silence ended"),
            scene,
        );
        for place in 0..self.alerts.len() {
            let held = self.alerts.get_mut(place).is_some_and(|(_, alert)| {
                let held = alert.held == Held::ByShelve;
                if held {
                    alert.held = Held::No;
                }
                held && alert.is_active()
            });
            if held {
                self.release(place, at, why::shelve_ended(), scene);
            }
        }
    }

    /// The alerts of a unit are silenced until then.
    pub(super) fn shelve(&mut self, at: RuleMs, until: RuleMs, scene: &mut Scene<'_>) {
        let until = until.min(at + super::alert::SHELVE_MAX).max(at);
        let from = if self.shelved.replace(until).is_some() { "shelved" } else { "armed" };
        let why = Why::because("people were asked not to be told of this unit for a while")
            .with("shelved_ms", (until - at).0);
        self.transition(at, None, Region::Supervision, [from, "shelved"], why, scene);
        let silenced = |alert: &Alert| alert.is_active() && !alert.demanded;
        for (_, alert) in self.alerts.iter_mut().filter(|(_, alert)| silenced(alert)) {
            alert.hold(Held::ByShelve);
        }
    }

    /// The clock or the rules changed: hours that hold something back begin at another time.
    pub(super) fn rehold(&mut self, at: RuleMs, scene: &Scene<'_>) {
        for place in 0..self.alerts.len() {
            let Some((key, alert)) = self.alerts.get(place).copied() else { return };
            if !matches!(alert.held, Held::BySchedule(_)) {
                continue;
            }
            let hours = self.hours(key.condition, alert.tier);
            let opens = match hours {
                Some(hours) if !scene.calendar.is_open(&hours, at) => scene.calendar.next_change(&hours, at),
                _ => Some(at),
            };
            if let Some((_, alert)) = self.alerts.get_mut(place) {
                alert.held = Held::BySchedule(opens);
            }
        }
    }

    /// Two units of one place are out of their limits: that is critical for both.
    pub(super) fn share_area(&mut self, at: RuleMs, scene: &mut Scene<'_>) {
        for place in 0..self.alerts.len() {
            let Some((key, alert)) = self.alerts.get(place).copied() else { return };
            if key.condition.is_thermal() && alert.is_active() && alert.severity < Severity::Critical {
                let cause = Cause::of(Severity::Critical, usize::from(alert.tier));
                self.upgrade(place, at, cause, why::neighbour(), scene);
            }
        }
    }

    /// A downtime of unknown length: whoever was on it may have gone long ago.
    pub(super) fn end_promises(&mut self, at: RuleMs, scene: &mut Scene<'_>) {
        for place in 0..self.alerts.len() {
            let Some((episode, alert)) = self.alerts.get_mut(place) else { return };
            let episode = *episode;
            alert.quiet.until = None;
            if let Acknowledgement::Until(_) = alert.acknowledgement {
                alert.acknowledgement = Acknowledgement::Expired;
                if alert.is_active() {
                    let page = self.page(place, at, Ask::News, scene);
                    self.tell(at, episode, AlertChange::AckExpired, page, scene);
                }
            }
        }
    }

    /// How far a deadline of an alert moves with the axis.
    pub(super) fn shift(&mut self, jump: DurationMs) {
        for point in &mut self.points {
            point.shift(jump);
        }
        for (_, alert) in &mut self.alerts {
            alert.shift(jump);
        }
        self.manual.shift(jump);
        self.shelved = self.shelved.map(|until| until + jump);
        self.mask_from = self.banked + jump;
        self.defrosting.shift(jump);
    }
}

/// What people say.
impl UnitState {
    /// This beep, for a while.
    pub(super) fn quiet(&mut self, episode: &EpisodeKey, until: RuleMs) {
        let alerts = self.alerts.iter_mut().rev();
        for (_, alert) in alerts.filter(|(key, _)| key == episode).take(1) {
            if alert.can_be_quieted() {
                alert.quiet.until = Some(until);
                alert.quiet.times += 1;
            }
        }
    }

    /// A person is on it.
    pub(super) fn acknowledge(&mut self, episode: &EpisodeKey, at: RuleMs, until: RuleMs) {
        let alerts = self.alerts.iter_mut().rev();
        for (_, alert) in alerts.filter(|(key, _)| key == episode).take(1) {
            alert.acknowledge(at, until);
        }
        self.forget_done();
    }

    /// A person is done with it; while its condition holds nobody can be.
    pub(super) fn resolve(&mut self, episode: &EpisodeKey) {
        let alerts = self.alerts.iter_mut().rev();
        for (_, alert) in alerts.filter(|(key, alert)| key == episode && !alert.is_active()).take(1) {
            alert.resolved = true;
        }
        self.forget_done();
    }

    /// Its rule does not run any more: the alert of a condition ends, whatever holds.
    pub(super) fn end_alert(&mut self, condition: Condition, at: RuleMs, why: Why, scene: &mut Scene<'_>) {
        let active = self.place_of(|key, alert| key.condition == condition && alert.is_active());
        let Some((episode, alert)) = active.and_then(|place| self.alerts.get_mut(place)) else { return };
        let episode = *episode;
        alert.cleared = Some(at);
        alert.tells_at = None;
        alert.held = Held::No;
        self.tell(at, episode, AlertChange::Cleared { why }, Page::NotNeeded, scene);
        self.forget_done();
    }
}
