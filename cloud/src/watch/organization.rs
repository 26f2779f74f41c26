//! One organization that is watched: asks what is news, and tells it to all who watch.
//!
//! A turn is one short transaction: first who of those that watch still may, then what has changed, then the rows to
//! show. A turn that fails tells nothing; the next begins anew, and says so.

use super::followed::{Followed, News, TooMuch, UNITS_MAX};
use super::{Line, Turn, Watch};
use crate::counters::Count;
use crate::store::{Duty, StoreError, TenantTx, marks, sign_in, views};
use frostguard_shared::causes::with_causes;
use frostguard_shared::ids::OrganizationId;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Readings of a unit that are told one by one at once.
pub const READINGS_MAX: u16 = 200;
/// A turn that takes longer is given up.
const TURN_MAX: Duration = Duration::from_secs(15);

/// Follows an organization for as long as somebody watches it.
pub(super) async fn follow(
    watch: Watch,
    organization: OrganizationId,
    turns: broadcast::Sender<Turn>,
    ready: watch::Sender<bool>,
) {
    let mut every = interval(watch.0.pace.every);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut state = State::New;
    loop {
        every.tick().await;
        let told = timeout(TURN_MAX, turn(&watch, organization, &mut state)).await;
        match told {
            Ok(Ok(lines)) => {
                ready.send_replace(true);
                if !lines.is_empty() {
                    // Nobody is there: whoever was the last has just gone.
                    let _ = turns.send(lines.into());
                }
            }
            Ok(Err(TurnError::TooMuch)) => {
                tracing::error!(%organization, "an organization has too much to be watched");
                Count::Failed.one();
                watch.give_up(organization);
            }
            Ok(Err(TurnError::Store(fault))) => {
                tracing::error!(%organization, fault = with_causes(&fault), "what has changed could not be asked for");
                Count::Failed.one();
                state.is_in_doubt();
            }
            Err(_) => {
                tracing::error!(%organization, "what has changed was not told in time");
                Count::Failed.one();
                state.is_in_doubt();
            }
        }
    }
}

/// How far it was told.
enum State {
    /// Nobody was told anything yet.
    New,
    /// Up to here.
    Told(Followed),
    /// Not all of it. The next turn begins anew, and says so.
    Behind,
}

impl State {
    /// A turn was given up: it may have taken news that it has not told.
    fn is_in_doubt(&mut self) {
        if matches!(self, Self::Told(_)) {
            *self = Self::Behind;
        }
    }
}

enum TurnError {
    TooMuch,
    Store(StoreError),
}

impl From<StoreError> for TurnError {
    fn from(fault: StoreError) -> Self {
        Self::Store(fault)
    }
}

async fn turn(
    watch: &Watch,
    organization: OrganizationId,
    state: &mut State,
) -> Result<Vec<Line>, TurnError> {
    // The semaphore is never closed.
    let _asking = watch.0.asking.acquire().await;
    let secrets = watch.secrets(organization);
    let mut door = watch.0.database.door(Duty::App).await?;
    let good = sign_in::still_good(&mut door, &secrets).await?;
    watch.keep_only(organization, &secrets, &good);
    let mut tx = door.into_tenant(organization).await?;
    let since = match state {
        State::Told(followed) => Some(followed.at()),
        State::New | State::Behind => None,
    };
    let marks = marks::since(&mut tx, since, UNITS_MAX).await?;
    let lines = match state {
        State::Told(followed) => match followed.take(marks) {
            Ok(news) => told(&mut tx, news).await?,
            Err(TooMuch) => {
                *state = State::Behind;
                Vec::new()
            }
        },
        State::New | State::Behind => {
            let begun = Followed::begin(marks).map_err(|TooMuch| TurnError::TooMuch)?;
            // Whoever asks for everything now gets what is marked here, or newer.
            let is_behind = matches!(state, State::Behind);
            *state = State::Told(begun);
            if is_behind { vec![reset()] } else { Vec::new() }
        }
    };
    tx.commit().await?;
    Ok(lines)
}

fn reset() -> Line {
    Count::StreamsReset.one();
    Line { event: "reset", data: "{}".to_owned() }
}

fn line<R: Serialize>(event: &'static str, row: &R) -> Result<Line, StoreError> {
    let data = serde_json::to_string(row).map_err(StoreError::content("a row"))?;
    Ok(Line { event, data })
}

/// The rows that are news, as lines.
async fn told(tx: &mut TenantTx, news: News) -> Result<Vec<Line>, StoreError> {
    let mut lines = Vec::new();
    if !news.units.is_empty() {
        for unit in views::units_of(tx, &news.units).await? {
            lines.push(line("unit", &unit)?);
        }
    }
    let mut history = news.history;
    for new in news.readings {
        let readings = views::readings_after(tx, new.unit, (new.after, new.to), READINGS_MAX + 1).await?;
        if readings.len() > usize::from(READINGS_MAX) {
            history.push(new.unit);
        } else if !readings.is_empty() {
            lines.push(line("readings", &json!({ "unit_id": new.unit, "readings": readings }))?);
        }
    }
    history.sort_unstable();
    history.dedup();
    for unit in history {
        lines.push(line("history", &json!({ "unit_id": unit }))?);
    }
    if !news.alerts.is_empty() {
        for alert in views::alerts_of(tx, &news.alerts).await? {
            lines.push(line("alert", &alert)?);
        }
    }
    if !news.hubs.is_empty() {
        for hub in views::hubs_of(tx, &news.hubs).await? {
            lines.push(line("hub", &hub)?);
        }
    }
    Ok(lines)
}
