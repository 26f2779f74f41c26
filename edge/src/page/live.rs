//! Live updates: the overview as it changes, pushed to whoever looks at it.
//!
//! Owns the stream of server-sent events and the day's history behind the charts. A page is sent when it differs from
//! the one sent before, at most once a second; a beat tells in between that the hub is there. Viewers have a bound of
//! their own, so that a screen on every wall leaves connections for those who act. It writes nothing.

use super::Page;
use super::day::{Day, REACH};
use super::render;
use crate::store::history::{self, Mark};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use frostguard_shared::causes::with_causes;
use frostguard_shared::time::{BoottimeMs, RuleMs};
use futures_util::stream;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

/// Viewers at once; a further one sees the page as it was when it was loaded, and loads it again by itself.
const VIEWERS: usize = 32;
/// A changed page is sent at most this often.
const EVERY: Duration = Duration::from_secs(1);
/// When nothing has changed at so many looks, one each [`EVERY`], the viewer hears that the hub is there.
const BEAT: u32 = 3;
/// The record is looked at for the charts at most this often.
const LOOK_EVERY_MS: u64 = 10_000;

/// Places for viewers.
pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(VIEWERS))
}

/// The last day of all points, read from the record as it grows.
pub(super) struct History {
    path: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    day: Arc<Day>,
    mark: Option<Mark>,
    looked: Option<BoottimeMs>,
}

impl History {
    /// The history of a journal's file.
    pub(super) fn of(path: PathBuf) -> Self {
        Self { path, known: Mutex::default() }
    }

    /// The last day before now. If the disk cannot be read it is the day as it was known: a chart is not what alarms.
    pub(super) async fn day(&self, now: RuleMs, here: BoottimeMs) -> Arc<Day> {
        let mut known = self.known.lock().await;
        if known.looked.is_some_and(|looked| here.0.saturating_sub(looked.0) < LOOK_EVERY_MS) {
            return Arc::clone(&known.day);
        }
        known.looked = Some(here);
        let (path, mark) = (self.path.clone(), known.mark);
        let read = tokio::task::spawn_blocking(move || history::read(&path, mark, now - REACH)).await;
        match read {
            Ok(Ok(stretch)) => {
                Arc::make_mut(&mut known.day).add(&stretch.samples, now);
                known.mark = Some(stretch.mark);
            }
            Ok(Err(fault)) => tracing::warn!(fault = with_causes(&fault), "the charts could not be read"),
            // The runtime is ending.
            Err(_) => {}
        }
        Arc::clone(&known.day)
    }
}

/// What one viewer was sent.
struct Viewer {
    page: Page,
    sent: String,
    _place: OwnedSemaphorePermit,
}

/// The stream of pages.
pub(super) async fn live(State(page): State<Page>) -> Response {
    let Ok(place) = Arc::clone(&page.viewers).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many look at this page live\n").into_response();
    };
    let viewer = Viewer { page, sent: String::new(), _place: place };
    let events = stream::unfold(viewer, |mut viewer| async move {
        let event = viewer.next().await;
        Some((Ok::<_, Infallible>(event), viewer))
    });
    Sse::new(events).into_response()
}

impl Viewer {
    async fn next(&mut self) -> Event {
        for _ in 0..BEAT {
            if !self.sent.is_empty() {
                sleep(EVERY).await;
            }
            match self.page.fragment().await {
                Ok(fragment) if fragment != self.sent => {
                    self.sent.clone_from(&fragment);
                    return Event::default().event("page").data(fragment);
                }
                Ok(_) => {}
                Err(fault) => tracing::error!(%fault, "the page could not be made"),
            }
        }
        Event::default().event("beat").data("")
    }
}

impl Page {
    /// What changes of the overview.
    pub(super) async fn fragment(&self) -> Result<String, askama::Error> {
        let view = self.view();
        let day = self.history.day(view.rule, self.clock.sample().boottime).await;
        let cloud = self.cloud.borrow().clone();
        render::now(&view, &cloud, self.is_live(&view), &self.site, &day)
    }
}
