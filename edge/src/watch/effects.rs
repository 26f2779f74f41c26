//! Effects: what the rules ask to be recorded becomes events, and what people should hear becomes news.
//!
//! Owns the alert's id: it is made when an episode is first raised, kept with it, and never given twice.

use super::people::about;
use super::{Watch, WatchError};
use crate::annunciators::{Happened, NEWS_KEPT, News};
use crate::entropy;
use crate::identity::unix_ms;
use crate::store::Draft;
use crate::store::journal::{Also, Numbered};
use frostguard_shared::event::{Event, Fact, ShelveEnd, Subject};
use frostguard_shared::ids::AlertId;
use frostguard_shared::rules::{AlertChange, Effect, EpisodeKey, Transition};
use frostguard_shared::time::RuleMs;
use std::collections::VecDeque;
use std::sync::Arc;

impl Watch {
    pub(super) fn follow(&mut self, effects: Vec<Effect>) -> Result<(), WatchError> {
        for effect in effects {
            match effect {
                Effect::Transition(transition) => self.transition(transition)?,
                Effect::Alert { at, episode, change, .. } => self.alert(at, episode, change, false)?,
                Effect::ShelveEnded { unit, .. } => {
                    let subject = Subject { unit: Some(unit), ..Subject::default() };
                    let fact = Fact::ShelveEnded { by: ShelveEnd::Time };
                    self.append(Draft { fact, subject, actor: None })?;
                }
                Effect::NeedHistory { from, .. } => {
                    self.need_history = Some(self.need_history.map_or(from, |earlier| earlier.min(from)));
                }
            }
        }
        Ok(())
    }

    pub(super) fn transition(&mut self, transition: Transition) -> Result<(), WatchError> {
        let subject = Subject { unit: Some(transition.unit), point: transition.point, ..Subject::default() };
        let fact = Fact::UnitTransition {
            region: transition.region,
            from: transition.from.into(),
            to: transition.to.into(),
            status: transition.status,
            since_ms: transition.at,
            why: transition.why,
        };
        self.append(Draft { fact, subject, actor: None })
    }

    pub(super) fn alert(
        &mut self,
        at: RuleMs,
        episode: EpisodeKey,
        change: AlertChange,
        retro: bool,
    ) -> Result<(), WatchError> {
        if matches!(change, AlertChange::Raised { .. }) && self.alerts.contains_key(&episode) {
            // An episode is one alert, however often it is folded.
            return Ok(());
        }
        // What is only told again is no fact: outputs are shown by the state that it sounds.
        let Some(fact) = fact_of(at, episode, change, retro) else { return Ok(()) };
        let alert = self.alert_of(episode)?;
        self.append(Draft { fact, subject: about(&episode, alert), actor: None })
    }

    /// The alert that an episode is, made with the event that is about to be appended if it is new.
    fn alert_of(&mut self, episode: EpisodeKey) -> Result<AlertId, WatchError> {
        if let Some((alert, _)) = self.alerts.get(&episode) {
            return Ok(*alert);
        }
        let alert = AlertId::v7(unix_ms(self.now), entropy::bytes()?);
        self.know_alert(episode, alert, self.journal.told_number(self.journal.last_event() + 1));
        Ok(alert)
    }

    pub(super) fn know_alert(&mut self, episode: EpisodeKey, alert: AlertId, raised_seq: u64) {
        self.alerts.insert(episode, (alert, raised_seq));
        self.journal.also(Also::Alert { episode, alert, raised_seq });
    }

    /// Keeps what annunciators should tell.
    pub(super) fn keep_news(&mut self, numbered: &Numbered) {
        let number = self.journal.told_number(numbered.seq);
        let Some(news) = self.news_of(&numbered.event, number) else { return };
        if is_summed_up(&self.news, &news) {
            return;
        }
        self.news.push_back(Arc::new(news));
        if self.news.len() > NEWS_KEPT {
            self.news.pop_front();
            self.count("news.dropped");
        }
    }

    pub(super) fn news_of(&self, event: &Event, seq: u64) -> Option<News> {
        let (happened, episode, text) = match event.fact()? {
            Fact::AlertRaised { episode, why, .. } => (Happened::Raised, episode, why.text.clone()),
            Fact::AlertQuieted { episode, .. } => (Happened::Quieted, episode, "quiet for 15 minutes".into()),
            Fact::AlertAcknowledged { episode, .. } => {
                (Happened::Acknowledged, episode, "someone is on it".into())
            }
            Fact::AlertAckExpired { episode, .. } => {
                (Happened::AckExpired, episode, "acknowledged, but still not over".into())
            }
            Fact::AlertCleared { episode, why, .. } => (Happened::Cleared, episode, why.text.clone()),
            Fact::AlertRelapsed { episode, why, .. } => (Happened::Relapsed, episode, why.text.clone()),
            Fact::AlertUpgraded { episode, why, .. } => (Happened::Upgraded, episode, why.text.clone()),
            Fact::AlertEscalated { episode, level, .. } => {
                (Happened::Escalated, episode, format!("nobody is on it; told at level {level}"))
            }
            Fact::AlertResolved { episode } => {
                (Happened::Resolved, episode, "somebody is done with it".into())
            }
            _ => return None,
        };
        let unit = self.site.unit(episode.unit);
        let name = unit.map_or_else(|| episode.unit.to_string(), |unit| unit.name.clone());
        let severity = match event.fact()? {
            Fact::AlertRaised { severity, .. } | Fact::AlertUpgraded { severity, .. } => Some(*severity),
            _ => self.state.alert(episode).map(|alert| alert.severity),
        };
        Some(News {
            seq,
            happened,
            alert: event.envelope.subject.alert?,
            unit: episode.unit,
            text: format!("{name}: {text}"),
            unit_name: name,
            condition: episode.condition,
            severity: severity.unwrap_or(frostguard_shared::alarm::Severity::Warning),
            at: self.axis.wall_of(event.envelope.rule_ms),
            retro: matches!(event.fact()?, Fact::AlertRaised { retro: true, .. }),
        })
    }
}

/// What a change of an alert is for the record; `None` for what leaves no trace of its own.
fn fact_of(at: RuleMs, episode: EpisodeKey, change: AlertChange, retro: bool) -> Option<Fact> {
    let since_ms = at;
    Some(match change {
        AlertChange::Raised { severity, why } => Fact::AlertRaised {
            episode,
            alert_type: episode.condition.alert_type(),
            condition: episode.condition,
            severity,
            since_ms,
            retro,
            why,
        },
        AlertChange::Upgraded { severity, why } => Fact::AlertUpgraded { episode, severity, since_ms, why },
        AlertChange::Cleared { why } => Fact::AlertCleared { episode, since_ms, why },
        AlertChange::Relapsed { why } => Fact::AlertRelapsed { episode, since_ms, why },
        AlertChange::AckExpired => Fact::AlertAckExpired { episode, since_ms },
        AlertChange::Escalated { level } => Fact::AlertEscalated { episode, level, since_ms },
        AlertChange::Told { .. } => return None,
    })
}

/// True for what was said already in the one sentence with which something found in retrospect is told.
pub(super) fn is_summed_up(told: &VecDeque<Arc<News>>, news: &News) -> bool {
    !news.retro
        && told.iter().rev().any(|earlier| earlier.alert == news.alert && earlier.retro)
        && matches!(news.happened, Happened::Cleared | Happened::Relapsed | Happened::Upgraded)
}
