//! Transitions as they are written: one line of JSON for each change of a unit's status and of an alert.
//!
//! Owns what belongs into one line: all that happens to one alert at one instant, together with
//! the status that its unit has by then, so that nobody is called twice for one cause.

use super::course::{Instant, Late, Outcome, Taken};
use super::form::{AlertForm, Form, RegionForm, Shown, WhyForm, held, reason, why_form, word};
use super::places::Places;
use super::time;
use frostguard_shared::alarm::Severity;
use frostguard_shared::ids::UnitId;
use frostguard_shared::rules::{AlertChange, Effect, EpisodeKey, Page, State, Transition, UnitStatus, Why};
use frostguard_shared::time::RuleMs;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;

/// Names of alerts that late data has given another beginning are kept, at most so many; the oldest go first.
const RENAMED_MAX: usize = 20_000;

/// All that happens to one alert at one instant.
struct OfAlert<'a> {
    episode: EpisodeKey,
    /// What of it is told.
    change: &'a AlertChange,
    page: Page,
    /// What is shown if it is gone by now, or if more happened since.
    shown: Shown,
}

/// Figures of what was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Lines.
    pub lines: u64,
    /// Lines by which somebody is called.
    pub pages: u64,
}

/// The writer of transitions.
pub(super) struct Written<W> {
    to: W,
    with_regions: bool,
    status: HashMap<UnitId, UnitStatus>,
    shown: HashMap<EpisodeKey, Shown>,
    /// Names of alerts as they were first told of, by the name that they have now.
    first_names: BTreeMap<(RuleMs, EpisodeKey), EpisodeKey>,
    pub(super) counts: Counts,
}

/// Of two things that happen to an alert at one instant, the one that is told: that it began rather than that it is
/// urgent, one that calls somebody rather than one that does not.
fn weight(change: &AlertChange, page: Page) -> (bool, u8) {
    let rank = match change {
        AlertChange::Raised { .. } => 6,
        AlertChange::Upgraded { .. } => 5,
        AlertChange::Relapsed { .. } => 4,
        AlertChange::Escalated { .. } => 3,
        AlertChange::AckExpired => 2,
        AlertChange::Told { .. } => 1,
        AlertChange::Cleared { .. } => 0,
    };
    (page.is_sent(), rank)
}

fn place_of(effect: &Effect) -> Option<(RuleMs, UnitId)> {
    match effect {
        Effect::Transition(transition) => Some((transition.at, transition.unit)),
        Effect::Alert { at, episode, .. } => Some((*at, episode.unit)),
        // What it holds back is told by itself.
        Effect::ShelveEnded { .. } | Effect::NeedHistory { .. } => None,
    }
}

impl<W: Write> Written<W> {
    pub(super) fn new(to: W, with_regions: bool) -> Self {
        Self {
            to,
            with_regions,
            status: HashMap::new(),
            shown: HashMap::new(),
            first_names: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// Gives everything out.
    pub(super) fn finish(&mut self) -> std::io::Result<Counts> {
        self.to.flush()?;
        Ok(self.counts)
    }

    fn write(&mut self, form: &Form<'_>) -> std::io::Result<()> {
        serde_json::to_writer(&mut self.to, form)?;
        self.counts.lines += 1;
        self.counts.pages += u64::from(form.page);
        self.to.write_all(b"\n")
    }

    /// The status that was written last.
    pub(super) fn status_of(&self, unit: UnitId) -> UnitStatus {
        self.status.get(&unit).copied().unwrap_or(UnitStatus::Ok)
    }

    /// All of one unit at one time.
    fn group(&mut self, at: RuleMs, unit: UnitId, instant: &Instant<'_>) -> std::io::Result<()> {
        let effects = || instant.effects.iter().filter(|effect| place_of(effect) == Some((at, unit)));
        let transitions = || effects().filter_map(transition);
        let before = self.status_of(unit);
        // Of several times that passed at once, the state is that of the last.
        let is_now = at == instant.at;
        let status = match transitions().next_back() {
            _ if is_now => instant.state.status(unit),
            Some(last) => last.status,
            None => before,
        };
        if self.with_regions {
            for transition in transitions() {
                self.region(transition, instant.places)?;
            }
        }
        let mut alerts: Vec<OfAlert<'_>> = Vec::new();
        for effect in effects() {
            let Effect::Alert { episode, change, page, .. } = effect else { continue };
            self.join(&mut alerts, *episode, change, *page);
        }
        for alert in &mut alerts {
            if let Some(now) = instant.state.alert(&alert.episode).filter(|_| is_now) {
                alert.shown = Shown::of(now);
            }
            self.keep(alert.episode, alert.shown, instant.state);
            self.alert(at, status, alert, false, instant.places)?;
        }
        if status != before && alerts.is_empty() {
            let why = transitions().rfind(|it| it.status == status).map(|it| &it.why);
            self.of_status(at, unit, status, why, instant.places)?;
        }
        self.status.insert(unit, status);
        Ok(())
    }

    /// Puts a change beside what happened to the same alert at the same time.
    fn join<'a>(
        &self,
        alerts: &mut Vec<OfAlert<'a>>,
        episode: EpisodeKey,
        change: &'a AlertChange,
        page: Page,
    ) {
        match alerts.iter_mut().find(|alert| alert.episode == episode) {
            Some(alert) => {
                alert.shown = alert.shown.after(change);
                if weight(change, page) > weight(alert.change, alert.page) {
                    (alert.change, alert.page) = (change, page);
                }
            }
            None => {
                let known = self.shown.get(&episode).copied();
                let shown = known.unwrap_or(Shown::new(Severity::Warning)).after(change);
                alerts.push(OfAlert { episode, change, page, shown });
            }
        }
    }

    fn keep(&mut self, episode: EpisodeKey, shown: Shown, state: &State) {
        if shown.is_active || state.alert(&episode).is_some() {
            self.shown.insert(episode, shown);
        } else {
            self.shown.remove(&episode);
        }
    }

    fn alert_form(&self, episode: &EpisodeKey, shown: Shown, places: &Places) -> AlertForm<'static> {
        let first = self.first_names.get(&(episode.since, *episode)).unwrap_or(episode);
        let (unit, point) = (places.unit(first.unit), places.point(first.point));
        AlertForm {
            id: format!("{unit}/{point}/{}/{}", first.condition.key(), first.since.0),
            kind: episode.condition.alert_type(),
            severity: shown.severity,
            condition: if shown.is_active { "active" } else { "cleared" },
            ack: shown.ack,
            level: shown.level,
        }
    }

    fn alert(
        &mut self,
        at: RuleMs,
        status: UnitStatus,
        alert: &OfAlert<'_>,
        retro: bool,
        places: &Places,
    ) -> std::io::Result<()> {
        let why = reason(alert.change);
        let form = Form {
            at: time::written(at),
            unit: places.unit(alert.episode.unit),
            status,
            alert: Some(self.alert_form(&alert.episode, alert.shown, places)),
            region: None,
            page: alert.page.is_sent(),
            retro,
            why: WhyForm { change: Some(word(alert.change)), held_by: held(alert.page), ..why_form(&why) },
        };
        self.write(&form)
    }

    fn of_status(
        &mut self,
        at: RuleMs,
        unit: UnitId,
        status: UnitStatus,
        why: Option<&Why>,
        places: &Places,
    ) -> std::io::Result<()> {
        let nothing = Why::because("its regions are as they are");
        let form = Form {
            at: time::written(at),
            unit: places.unit(unit),
            status,
            alert: None,
            region: None,
            page: false,
            retro: false,
            why: why_form(why.unwrap_or(&nothing)),
        };
        self.write(&form)
    }

    /// Units of which nothing was said, and whose status is another all the same.
    fn statuses(&mut self, at: RuleMs, state: &State, text: &str, places: &Places) -> std::io::Result<()> {
        for (_, unit) in places.keys() {
            let status = state.status(unit);
            if status != self.status_of(unit) {
                self.of_status(at, unit, status, Some(&Why::because(text)), places)?;
                self.status.insert(unit, status);
            }
        }
        Ok(())
    }

    fn region(&mut self, transition: &Transition, places: &Places) -> std::io::Result<()> {
        let point = transition.point.map_or("unit", |point| places.point(point));
        let (name, from, to) = (transition.region.word(), transition.from, transition.to);
        let form = Form {
            at: time::written(transition.at),
            unit: places.unit(transition.unit),
            status: transition.status,
            alert: None,
            region: Some(RegionForm { name, point, from, to }),
            page: false,
            retro: false,
            why: why_form(&transition.why),
        };
        self.write(&form)
    }

    fn taken(&mut self, taken: &Taken, instant: &Instant<'_>) -> std::io::Result<()> {
        let Some(alert) = instant.state.alert(&taken.episode) else { return Ok(()) };
        let shown = Shown::of(alert);
        self.keep(taken.episode, shown, instant.state);
        let by = taken.by.as_deref();
        let lasts = taken.until - instant.at;
        let why = Why::because(format!("{} is on it, for {lasts}", by.unwrap_or("somebody")))
            .with("lasts_ms", lasts.0);
        let form = Form {
            at: time::written(instant.at),
            unit: instant.places.unit(taken.episode.unit),
            status: instant.state.status(taken.episode.unit),
            alert: Some(self.alert_form(&taken.episode, shown, instant.places)),
            region: None,
            page: false,
            retro: false,
            why: WhyForm { change: Some("acknowledged"), by, ..why_form(&why) },
        };
        self.write(&form)
    }
}

fn transition(effect: &Effect) -> Option<&Transition> {
    match effect {
        Effect::Transition(transition) => Some(transition),
        _ => None,
    }
}

/// What comes late.
impl<W: Write> Written<W> {
    fn rename(&mut self, renamed: &[(EpisodeKey, EpisodeKey)]) {
        for (now, before) in renamed {
            let first = self.first_names.remove(&(before.since, *before)).unwrap_or(*before);
            self.first_names.insert((now.since, *now), first);
            if let Some(shown) = self.shown.remove(before) {
                self.shown.insert(*now, shown);
            }
        }
        while self.first_names.len() > RENAMED_MAX {
            self.first_names.pop_first();
        }
    }

    fn revealed(&mut self, late: &Late<'_>) -> std::io::Result<()> {
        for (revealed, is_page) in late.calls() {
            let (episode, change) = (revealed.episode, &revealed.change);
            let known = self.shown.get(&episode).copied().unwrap_or(Shown::new(Severity::Warning));
            let now = late.after.alert(&episode).filter(|_| !revealed.retro).map(Shown::of);
            let shown = now.unwrap_or(known.after(change));
            let page = if is_page { Page::Sent } else { Page::NotNeeded };
            let status = if revealed.retro {
                let known = late.effects.iter().filter_map(transition);
                let mut then = known.filter(|it| it.unit == episode.unit && it.at <= revealed.at);
                then.next_back().map_or(UnitStatus::Ok, |it| it.status)
            } else {
                late.after.status(episode.unit)
            };
            self.keep(episode, shown, late.after);
            let alert = OfAlert { episode, change, page, shown };
            self.alert(revealed.at, status, &alert, revealed.retro, late.places)?;
        }
        Ok(())
    }

    /// One call for all that is over and that nobody knew of, for each unit.
    fn summaries(&mut self, late: &Late<'_>) -> std::io::Result<()> {
        for (unit, (count, first)) in late.found() {
            let since = time::written(first);
            let text =
                format!("values that came late show what nobody was told of: {count} in all, since {since}");
            let why = Why::because(text).with("episodes", count);
            let form = Form {
                at: time::written(late.after.frontier()),
                unit: late.places.unit(unit),
                status: late.after.status(unit),
                alert: None,
                region: None,
                page: true,
                retro: true,
                why: WhyForm { change: Some("summary"), ..why_form(&why) },
            };
            self.write(&form)?;
        }
        Ok(())
    }
}

impl<W: Write> Outcome for Written<W> {
    fn instant(&mut self, instant: &Instant<'_>) -> std::io::Result<()> {
        let mut groups: Vec<(RuleMs, UnitId)> = Vec::new();
        for group in instant.effects.iter().filter_map(place_of) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        for (at, unit) in groups {
            self.group(at, unit, instant)?;
        }
        if instant.is_anew {
            const TEXT: &str = "its rules, its sensors or the hub itself began anew";
            self.statuses(instant.at, instant.state, TEXT, instant.places)?;
        }
        instant.taken.iter().try_for_each(|taken| self.taken(taken, instant))
    }

    fn late(&mut self, late: &Late<'_>) -> std::io::Result<()> {
        self.rename(&late.outcome.renamed);
        self.revealed(late)?;
        self.summaries(late)?;
        const TEXT: &str = "values that came late change what is known";
        self.statuses(late.after.frontier(), late.after, TEXT, late.places)
    }
}
