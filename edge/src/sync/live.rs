//! Live status: how things are now, on a connection of its own, so that an alarm overtakes every backlog.
//!
//! Owns the message and when it goes: at once when an alarm or a status changes, else every half minute. The latest one
//! wins and any may be lost, so nothing is queued: while one is on its way the next one gathers what changed.

use super::Shared;
use super::http::{Failure, Link, packed};
use super::session::Session;
use crate::entropy::backoff;
use crate::store::journal::Heads;
use crate::watch::{AlarmView, PointView, UnitView, View};
use frostguard_shared::causes::with_causes;
use frostguard_shared::point::Role;
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::time::WallMs;
use frostguard_shared::wire::live::{ALARMS_MAX, Alarm, Live, UNITS_MAX, Unit};
use frostguard_shared::wire::{Reason, path};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// A cloud that hears nothing for longer takes the hub for silent.
const EVERY: Duration = Duration::from_secs(30);
/// Whoever watches a backlog wants to see it shrink: while more than so many records wait, it is told more often.
const BACKLOG: u64 = 32;
const EVERY_OF_BACKLOG: Duration = Duration::from_secs(3);
/// An old status is worth nothing: what takes longer is given up, and the present one goes.
const WITHIN: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Tells the cloud how things are, until the enrolment changes.
pub(super) async fn run(shared: &Shared, link: Link, sessions: &watch::Sender<Option<Arc<Session>>>) {
    let (mut views, mut session) = (shared.views.clone(), sessions.subscribe());
    let mut told: Option<Live> = None;
    // Views change far more often than what is told: the half minute counts from the last word, not from the last view.
    let mut told_at = shared.now();
    let mut failures = 0;
    loop {
        let Some(present) = session.borrow_and_update().clone() else {
            if session.changed().await.is_err() {
                return;
            }
            told = None;
            continue;
        };
        let view = views.borrow_and_update().clone();
        let heads = *shared.heads.borrow();
        let live = message(&view, heads, sessions_held(shared), told.as_ref().map_or(0, |told| told.counter));
        if let Some(before) = told.as_ref().filter(|told| is_old_news(told, &live)) {
            let again = pace(before).saturating_sub(shared.since(told_at));
            tokio::select! {
                changed = views.changed() => if changed.is_err() { return },
                changed = session.changed() => if changed.is_err() { return },
                () = sleep(again) => told = None,
            }
            continue;
        }
        #[cfg(feature = "faults")]
        crate::faults::reached_place("sync.before_live");
        match timeout(WITHIN, send(&link, &live, &present)).await {
            Ok(Ok(())) => {
                failures = 0;
                (told, told_at) = (Some(live), shared.now());
            }
            Ok(Err(failure)) => {
                tracing::debug!(fault = with_causes(&failure), "the live status was not taken");
                if failure.problem().is_some_and(|problem| problem.reason == Reason::Token) {
                    forget(sessions, &present);
                }
                failures += 1;
                sleep(failure.retry_after().unwrap_or_default().max(backoff(failures, LONGEST_WAIT))).await;
            }
            Err(_) => {
                failures += 1;
                sleep(backoff(failures, LONGEST_WAIT)).await;
            }
        }
    }
}

fn sessions_held(shared: &Shared) -> super::plan::Held {
    let shown = shared.shown.borrow();
    super::plan::Held { events: shown.events.acknowledged, readings: shown.readings.acknowledged }
}

/// Ends a session whose token is not good any more, unless there is a newer one already.
pub(super) fn forget(sessions: &watch::Sender<Option<Arc<Session>>>, lost: &Arc<Session>) {
    sessions.send_if_modified(|present| {
        let is_same = present.as_ref().is_some_and(|present| Arc::ptr_eq(present, lost));
        if is_same {
            *present = None;
        }
        is_same
    });
}

async fn send(link: &Link, live: &Live, session: &Session) -> Result<(), Failure> {
    link.send(path::LIVE, packed(live)?, Some(&session.token)).await.map(|_| ())
}

/// How long what was told last is good for.
fn pace(told: &Live) -> Duration {
    if told.events_waiting + told.readings_waiting > BACKLOG { EVERY_OF_BACKLOG } else { EVERY }
}

/// True if nothing has changed that somebody far away would want to know at once.
fn is_old_news(told: &Live, now: &Live) -> bool {
    let status =
        |live: &Live| live.units.iter().map(|unit| (unit.unit, unit.status.clone())).collect::<Vec<_>>();
    told.epoch == now.epoch && told.alarms == now.alarms && status(told) == status(now)
}

/// The message. The counter follows the rule axis, which never goes back over restarts, and grows within one moment.
fn message(view: &View, heads: Heads, held: super::plan::Held, after: u64) -> Live {
    Live {
        epoch: heads.epoch,
        counter: (view.rule.0.max(0) as u64).max(after + 1),
        at: view.at,
        units: view.units.iter().take(UNITS_MAX).map(unit).collect(),
        alarms: view.alarms.iter().take(ALARMS_MAX).map(alarm).collect(),
        events_waiting: heads.events.saturating_sub(held.events),
        readings_waiting: heads.readings.saturating_sub(held.readings),
    }
}

fn alarm(view: &AlarmView) -> Alarm {
    let alarm = &view.alarm;
    Alarm {
        alert: alarm.alert,
        unit: alarm.unit,
        condition: alarm.condition.word().into(),
        severity: alarm.severity.word().into(),
        sounding: alarm.sounding.word().into(),
        since: alarm.since,
    }
}

fn unit(view: &UnitView) -> Unit {
    let worst = worst(view);
    Unit {
        unit: view.id,
        status: view.status.word().into(),
        temperature_centi_c: worst.map(|(_, value)| value.hundredths()),
        measured: worst.map(|(at, _)| at),
    }
}

/// The value furthest outside the limits, or nearest to them; without limits, the warmest.
fn worst(view: &UnitView) -> Option<(WallMs, CentiCelsius)> {
    let beyond = |value: CentiCelsius| match view.limits {
        (None, None) => value.hundredths(),
        (min, max) => {
            let above = max.map(|max| value.hundredths() - max.hundredths());
            let below = min.map(|min| min.hundredths() - value.hundredths());
            above.into_iter().chain(below).max().unwrap_or_default()
        }
    };
    let measures = |point: &&PointView| matches!(point.role, Role::Air | Role::Product);
    let values = view.points.iter().filter(measures).filter_map(|point| point.last);
    values.max_by_key(|(_, value)| beyond(*value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::kept::Kept;
    use crate::desired::{RulesFrom, Standing};
    use crate::site::{Site, UnitType};
    use frostguard_shared::chain::Hash;
    use frostguard_shared::ids::{EpochId, HubId, UnitId};
    use frostguard_shared::point::Channel;
    use frostguard_shared::rules::UnitStatus;
    use frostguard_shared::time::{BoottimeMs, RuleMs, Trust};

    fn point(role: Role, hundredths: i32) -> PointView {
        PointView {
            id: frostguard_shared::ids::PointId::from_bytes([7; 16]),
            device: "d".into(),
            channel: Channel::Air,
            role,
            last: Some((WallMs(7), CentiCelsius::literal(hundredths))),
            door: None,
            heard: "fresh",
            instrument: "ok",
            signal: None,
            last_heard: None,
        }
    }

    fn site() -> Site {
        let (people, units, devices, outputs) = Default::default();
        Site { name: "Shop".into(), zone: jiff::tz::TimeZone::UTC, people, units, devices, outputs }
    }

    fn view(status: UnitStatus, points: Vec<PointView>) -> View {
        let limits = (Some(CentiCelsius::literal(-3000)), Some(CentiCelsius::literal(-1500)));
        let unit = UnitView {
            id: UnitId::from_bytes([1; 16]),
            key: "freezer".into(),
            name: "Freezer".into(),
            kind: UnitType::Freezer,
            status,
            limits,
            conditions: Vec::new(),
            shelved_until: None,
            mask_left: None,
            rules_from: RulesFrom::Site,
            points,
        };
        View {
            hub: HubId::from_bytes([2; 16]),
            at: WallMs(9),
            rule: RuleMs(1_000),
            made: BoottimeMs(0),
            trust: Trust::Synced,
            units: vec![unit],
            alarms: Vec::new(),
            counters: Default::default(),
            sources: Default::default(),
            outputs: Default::default(),
            storage_fault: None,
            standing: Arc::new(Standing::of(site().into(), Kept::nothing(HubId::from_bytes([2; 16])))),
            identify: None,
        }
    }

    fn live(view: &View, after: u64) -> Live {
        let heads =
            Heads { epoch: EpochId::from_bytes([3; 16]), events: 9, hash: Hash([0; 32]), readings: 20 };
        message(view, heads, super::super::plan::Held { events: 4, readings: 20 }, after)
    }

    #[test]
    fn the_worst_value_is_the_one_furthest_outside_on_either_side_and_ambient_is_none() {
        let points = vec![point(Role::Air, -1600), point(Role::Product, -3200), point(Role::Ambient, 2500)];
        let told = live(&view(UnitStatus::Ok, points), 0);
        assert_eq!(told.units[0].temperature_centi_c, Some(-3200));
        assert_eq!((told.events_waiting, told.readings_waiting), (5, 0));
    }

    #[test]
    fn a_backlog_is_told_more_often_than_what_waits_at_any_time() {
        let mut told = live(&view(UnitStatus::Ok, Vec::new()), 0);
        assert_eq!((told.events_waiting, pace(&told)), (5, EVERY));
        told.readings_waiting = 28;
        assert_eq!(pace(&told), EVERY_OF_BACKLOG);
    }

    #[test]
    fn a_new_status_is_news_a_new_temperature_is_not_and_the_counter_always_grows() {
        let cold = live(&view(UnitStatus::Ok, vec![point(Role::Air, -1600)]), 0);
        let warmer = live(&view(UnitStatus::Ok, vec![point(Role::Air, -1550)]), cold.counter);
        let warm = live(&view(UnitStatus::Excursion, vec![point(Role::Air, -1450)]), warmer.counter);
        assert!(is_old_news(&cold, &warmer));
        assert!(!is_old_news(&cold, &warm));
        assert_eq!([cold.counter, warmer.counter, warm.counter], [1_000, 1_001, 1_002]);
    }
}
