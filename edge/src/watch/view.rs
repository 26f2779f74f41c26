//! The view: what page and annunciators are shown of the watch.
//!
//! Pure copies: nothing that is shown can reach back into the watch.

use super::Watch;
use crate::annunciators::{Alarm, Desired};
use crate::desired::{RulesFrom, Standing};
use crate::site::UnitType;
use frostguard_shared::alarm::{Condition, Sounding};
use frostguard_shared::ids::{HubId, PointId, UnitId};
use frostguard_shared::point::{Channel, Role};
use frostguard_shared::quantity::{CentiCelsius, Dbm};
use frostguard_shared::reading::Door;
use frostguard_shared::rules::{EpisodeKey, UnitStatus};
use frostguard_shared::time::{BoottimeMs, DurationMs, RuleMs, Trust, WallMs};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that the page shows.
#[derive(Clone, Debug)]
pub struct View {
    /// The hub.
    pub hub: HubId,
    /// The time, corrected.
    pub at: WallMs,
    /// The same on the rule axis.
    pub rule: RuleMs,
    /// When this was made, for telling an old view.
    pub made: BoottimeMs,
    /// Trust in the wall clock.
    pub trust: Trust,
    /// The units in the document's order.
    pub units: Vec<UnitView>,
    /// The alarms, most urgent first.
    pub alarms: Vec<AlarmView>,
    /// Counters by name.
    pub counters: BTreeMap<String, u64>,
    /// Sources, with what is wrong with them.
    pub sources: BTreeMap<&'static str, Option<String>>,
    /// Outputs, with what is wrong with them.
    pub outputs: BTreeMap<String, Option<String>>,
    /// Why the record cannot be written, if it cannot.
    pub storage_fault: Option<String>,
    /// How it stands with what the cloud desires.
    pub standing: Arc<Standing>,
    /// The name by which the hub shows itself, while somebody looks for it.
    pub identify: Option<String>,
}

/// A unit as it is shown.
#[derive(Clone, Debug)]
pub struct UnitView {
    /// Its id.
    pub id: UnitId,
    /// Its key in the site document.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its kind of equipment.
    pub kind: UnitType,
    /// Its status.
    pub status: UnitStatus,
    /// Its limits of the first tier, lower and upper; none is shown as such.
    pub limits: (Option<CentiCelsius>, Option<CentiCelsius>),
    /// What is wrong with it, the most urgent first; what is over is not among it.
    pub conditions: Vec<Condition>,
    /// Until when its alerts are silenced, if they are.
    pub shelved_until: Option<WallMs>,
    /// How much longer today an open door excuses warm air, while one is open.
    pub mask_left: Option<DurationMs>,
    /// Where its rules come from.
    pub rules_from: RulesFrom,
    /// Its points.
    pub points: Vec<PointView>,
}

/// A point as it is shown.
#[derive(Clone, Debug)]
pub struct PointView {
    /// Its id.
    pub id: PointId,
    /// The device's key in the site document.
    pub device: String,
    /// Its channel.
    pub channel: Channel,
    /// What it measures.
    pub role: Role,
    /// The last believable value and when.
    pub last: Option<(WallMs, CentiCelsius)>,
    /// For a door.
    pub door: Option<Door>,
    /// Whether it is heard.
    pub heard: &'static str,
    /// Whether it is believed.
    pub instrument: &'static str,
    /// The last signal.
    pub signal: Option<Dbm>,
    /// When its device was last heard.
    pub last_heard: Option<WallMs>,
}

/// An alarm as it is shown.
#[derive(Clone, Debug)]
pub struct AlarmView {
    /// The alarm.
    pub alarm: Alarm,
    /// The highest or lowest believable value now.
    pub now: Option<CentiCelsius>,
    /// Whether it can be quieted (again).
    pub can_be_quieted: bool,
    /// How far it was told upwards, because nobody acknowledged it.
    pub level: u8,
}

impl Watch {
    /// What annunciators should make true.
    pub fn desired(&self) -> Desired {
        Desired {
            hub: self.identity.hub(),
            alarms: self.alarm_views().into_iter().map(|view| view.alarm).collect(),
            news: self.news.clone(),
            storage_fault: self.storage_fault.clone(),
            told: Arc::clone(&self.told_at_start),
            call: self.configuration.call(),
            identify: self.shown_as(),
        }
    }

    fn shown_as(&self) -> Option<String> {
        self.commands.is_shown(self.now.boottime).then(|| self.site.name.clone())
    }

    /// What the page shows.
    pub fn view(&self) -> View {
        View {
            hub: self.identity.hub(),
            at: self.axis.wall_of(self.axis.now(self.now)),
            rule: self.axis.now(self.now),
            made: self.now.boottime,
            trust: self.now.trust,
            units: self.site.units.iter().map(|unit| self.unit_view(unit)).collect(),
            alarms: self.alarm_views(),
            counters: self.counters.clone(),
            sources: self.sources.clone(),
            outputs: self.outputs.clone(),
            storage_fault: self.storage_fault.clone(),
            standing: self.standing(),
            identify: self.shown_as(),
        }
    }

    fn unit_view(&self, unit: &crate::site::Unit) -> UnitView {
        let rules = self.state.unit_rules(unit.id).unwrap_or(&unit.rules);
        let limits = rules.limits.first().map_or((None, None), |tier| (tier.min.value, tier.max.value));
        let points = self.site.points().filter(|(_, _, point)| point.unit == unit.id).map(
            |(device, channel, point)| {
                let state = self.state.point(point.id);
                let heard = self.intake.last_heard(device.address);
                PointView {
                    id: point.id,
                    device: device.key.clone(),
                    channel,
                    role: point.role,
                    last: state
                        .and_then(|state| state.last)
                        .map(|(at, value)| (self.axis.wall_of(at), value)),
                    door: state.and_then(|state| state.door()),
                    heard: state.map_or("fresh", |state| state.data.heard.word()),
                    instrument: state.map_or("ok", |state| state.instrument.word()),
                    signal: heard.and_then(|heard| heard.signal),
                    last_heard: heard.map(|heard| self.axis.wall_of(heard.at)),
                }
            },
        );
        UnitView {
            id: unit.id,
            key: unit.key.clone(),
            name: unit.name.clone(),
            kind: unit.kind,
            status: self.state.status(unit.id),
            limits,
            conditions: self.conditions(unit.id),
            shelved_until: self.state.shelved_until(unit.id).map(|until| self.axis.wall_of(until)),
            mask_left: self.mask_left(unit.id),
            rules_from: self.configuration.standing().rules_from(unit),
            points: points.collect(),
        }
    }

    fn conditions(&self, unit: UnitId) -> Vec<Condition> {
        let open = self.state.alerts().filter(|(key, alert)| key.unit == unit && alert.cleared.is_none());
        let mut conditions: Vec<_> = open.map(|(key, alert)| (alert.severity, key.condition)).collect();
        conditions.sort_by_key(|(severity, condition)| (std::cmp::Reverse(*severity), *condition));
        conditions.into_iter().map(|(_, condition)| condition).collect()
    }

    fn mask_left(&self, unit: UnitId) -> Option<DurationMs> {
        let mut points = self.state.points().filter(|point| point.assignment.unit == unit);
        points.any(|point| point.door() == Some(Door::Open)).then(|| self.state.mask_left(unit)).flatten()
    }

    fn alarm_views(&self) -> Vec<AlarmView> {
        let mut alarms: Vec<AlarmView> =
            self.state.alerts().filter_map(|(episode, alert)| self.alarm_view(episode, alert)).collect();
        alarms.sort_by_key(|view| {
            (
                view.alarm.sounding == Sounding::Cleared,
                std::cmp::Reverse(view.alarm.severity),
                view.alarm.since,
            )
        });
        alarms
    }

    fn alarm_view(&self, episode: &EpisodeKey, alert: &frostguard_shared::rules::Alert) -> Option<AlarmView> {
        let (id, raised_seq) = *self.alerts.get(episode)?;
        let unit = self.site.unit(episode.unit);
        let alarm = Alarm {
            alert: id,
            unit: episode.unit,
            unit_key: unit.map(|unit| unit.key.clone()).unwrap_or_default(),
            unit_name: unit.map_or_else(|| episode.unit.to_string(), |unit| unit.name.clone()),
            condition: episode.condition,
            severity: alert.severity,
            sounding: self.state.sounding(episode)?,
            since: self.axis.wall_of(episode.since),
            raised_seq,
        };
        let now = self.state.point(episode.point).and_then(|point| point.last).map(|(_, value)| value);
        Some(AlarmView { alarm, now, can_be_quieted: alert.can_be_quieted(), level: alert.level })
    }
}
