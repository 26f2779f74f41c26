//! The hub's page: units now, alarms, quiet, acknowledge; plain HTML, readable at two metres.
//!
//! Owns what a browser sees. Reading needs no login; quiet needs one touch; all else that people do needs a PIN. A
//! request must name the hub by a known host, and a change must come from the hub's own page, so that no other site
//! can act through a browser in the shop. It changes nothing itself: it asks the watch and shows the answer.

mod chart;
mod configuration;
mod connections;
mod day;
mod guard;
mod live;
mod render;
mod unit;

use crate::clock::Clock;
use crate::config::PageConfig;
use crate::hub::Input;
use crate::pin::{self, Tries};
use crate::site::{Person, Site};
use crate::sources::Heard;
use crate::sync::shown::CloudView;
use crate::watch::{AlarmView, Deed, Refused, View};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router, middleware};
use frostguard_shared::ids::AlertId;
use guard::Guard;
use live::History;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::Path as FilePath;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot, watch};

/// A form of this page is far smaller.
const BODY_MAX: usize = 4 * 1_024;
/// The page's address is asked for again after this.
const BIND_AGAIN: Duration = Duration::from_secs(5);
/// A view older than this was made by a watch that does not answer.
const VIEW_STALE_MS: u64 = 5_000;
/// PINs hashed at one time; each takes 9 MiB.
const HASHES_AT_ONCE: usize = 1;

/// Nothing is loaded from elsewhere, nothing runs that is written into a page, and no other page shows this one.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// What the page needs.
#[derive(Clone)]
pub struct Page {
    views: watch::Receiver<Arc<View>>,
    cloud: watch::Receiver<CloudView>,
    input: SyncSender<Input>,
    site: Arc<Site>,
    clock: Clock,
    tries: Arc<Mutex<Tries>>,
    hashing: Arc<Semaphore>,
    guard: Arc<Guard>,
    history: Arc<History>,
    viewers: Arc<Semaphore>,
}

impl Page {
    /// A page of this site at this address; its charts are of the journal in the state folder.
    pub fn new(
        views: watch::Receiver<Arc<View>>,
        cloud: watch::Receiver<CloudView>,
        input: SyncSender<Input>,
        site: Arc<Site>,
        clock: Clock,
        config: &PageConfig,
        state_dir: &FilePath,
    ) -> Self {
        let guard = Arc::new(Guard::new(&config.hosts, config.listen));
        let (tries, hashing) = (Arc::default(), Arc::new(Semaphore::new(HASHES_AT_ONCE)));
        let history = Arc::new(History::of(state_dir.join(crate::store::FILE)));
        let viewers = live::places();
        Self { views, cloud, input, site, clock, tries, hashing, guard, history, viewers }
    }

    fn view(&self) -> Arc<View> {
        Arc::clone(&self.views.borrow())
    }

    /// Whether the watch still makes views.
    fn is_live(&self, view: &View) -> bool {
        self.clock.sample().boottime.0.saturating_sub(view.made.0) < VIEW_STALE_MS
    }

    fn alarm(&self, id: &str) -> Option<AlarmView> {
        let id: AlertId = id.parse().ok()?;
        self.view().alarms.iter().find(|view| view.alarm.alert == id).cloned()
    }
}

/// Serves the page until the hub ends. An address that cannot be had is asked for again and again: the page is not
/// what guards the food.
pub async fn serve(address: SocketAddr, page: Page, hear: impl Fn(Heard)) {
    let router = Router::new()
        .route("/", get(overview))
        .route("/hub.css", get(style))
        .route("/hub.js", get(script))
        .route("/live", get(live::live))
        .route("/status.json", get(status))
        .route("/alarms/{alert}", get(alarm))
        .route("/alarms/{alert}/quiet", post(quiet))
        .route("/alarms/{alert}/acknowledge", post(acknowledge))
        .route("/alarms/{alert}/resolve", post(resolve))
        .route("/units/{unit}", get(unit::show))
        .route("/units/{unit}/log", post(unit::log))
        .route("/units/{unit}/silence", post(unit::silence))
        .route("/units/{unit}/unsilence", post(unit::unsilence))
        .route("/configuration", get(configuration::show))
        .route("/configuration/{wish}", post(configuration::decide))
        .fallback(nowhere)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&page.guard), guard::check))
        .with_state(page);
    loop {
        let fault = match TcpListener::bind(address).await {
            Ok(listener) => {
                tracing::info!("the page is at http://{address}/");
                hear(Heard::Source { source: "page", fault: None });
                let served = axum::serve(connections::Bounded::new(listener), router.clone()).await;
                served.err().map_or_else(|| "it ended".into(), |fault| fault.to_string())
            }
            Err(fault) => format!("it cannot listen on {address}: {fault}"),
        };
        hear(Heard::Source { source: "page", fault: Some(fault) });
        tokio::time::sleep(BIND_AGAIN).await;
    }
}

async fn overview(State(page): State<Page>) -> Response {
    let now = page.fragment().await;
    html(StatusCode::OK, now.and_then(|now| render::overview(&page.site, now)))
}

async fn script() -> Response {
    let kind = "text/javascript; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], include_str!("../../templates/hub.js")).into_response()
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../templates/hub.css"))
        .into_response()
}

async fn status(State(page): State<Page>) -> Json<serde_json::Value> {
    let view = page.view();
    let cloud = page.cloud.borrow().clone();
    Json(render::status(&view, &cloud, page.is_live(&view)))
}

async fn alarm(State(page): State<Page>, Path(id): Path<String>) -> Response {
    match page.alarm(&id) {
        Some(view) => html(StatusCode::OK, render::alarm(&view, &page.site, None)),
        None => message(StatusCode::NOT_FOUND, "There is no such alarm any more", &page),
    }
}

async fn nowhere(State(page): State<Page>) -> Response {
    message(StatusCode::NOT_FOUND, "There is no such page", &page)
}

async fn quiet(State(page): State<Page>, Path(id): Path<String>) -> Response {
    let Ok(alert) = id.parse() else {
        return message(StatusCode::NOT_FOUND, "There is no such alarm any more", &page);
    };
    let (answer, answered) = oneshot::channel();
    ask(&page, Input::Quiet(alert, answer), answered).await
}

/// A person and the proof of who they are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    person: String,
    pin: String,
}

async fn acknowledge(State(page): State<Page>, Path(id): Path<String>, Form(proof): Form<Proof>) -> Response {
    of_alarm(&page, &id, proof, Deed::Acknowledge).await
}

async fn resolve(State(page): State<Page>, Path(id): Path<String>, Form(proof): Form<Proof>) -> Response {
    of_alarm(&page, &id, proof, Deed::Resolve).await
}

/// Does something to an alarm as a person.
async fn of_alarm(page: &Page, id: &str, proof: Proof, deed: fn(AlertId) -> Deed) -> Response {
    let Some(view) = page.alarm(id) else {
        return message(StatusCode::NOT_FOUND, "There is no such alarm any more", page);
    };
    let person = match prove(page, &proof.person, proof.pin).await {
        Ok(person) => person,
        Err((status, text)) => return html(status, render::alarm(&view, &page.site, Some(text))),
    };
    let (answer, answered) = oneshot::channel();
    ask(page, Input::Act(deed(view.alarm.alert), person.id, answer), answered).await
}

/// The person who has proved by a PIN who they are; else what to tell them.
async fn prove<'a>(page: &'a Page, key: &str, pin: String) -> Result<&'a Person, (StatusCode, &'static str)> {
    let Some(person) = page.site.people.iter().find(|person| person.key == key) else {
        return Err((StatusCode::FORBIDDEN, "That person is not known here."));
    };
    let tries = || page.tries.lock().unwrap_or_else(PoisonError::into_inner);
    if !tries().allow(&person.key, page.clock.sample().boottime) {
        let text = "Too many tries. Wait five minutes, or ask someone else.";
        return Err((StatusCode::TOO_MANY_REQUESTS, text));
    }
    let Ok(_turn) = page.hashing.acquire().await else {
        return Err((StatusCode::SERVICE_UNAVAILABLE, "The hub is stopping."));
    };
    let hash = person.pin_hash.clone();
    let right = tokio::task::spawn_blocking(move || pin::is_right(&pin, &hash)).await.unwrap_or(false);
    if !right {
        return Err((StatusCode::FORBIDDEN, "That PIN is wrong."));
    }
    tries().forgive(&person.key);
    Ok(person)
}

/// Asks the watch; done is shown by going back to the overview.
async fn ask(page: &Page, input: Input, answered: oneshot::Receiver<Result<(), Refused>>) -> Response {
    if page.input.try_send(input).is_err() {
        return message(StatusCode::SERVICE_UNAVAILABLE, "The hub is busy; try again", page);
    }
    match answered.await {
        Ok(Ok(())) => Redirect::to("/").into_response(),
        Ok(Err(refused)) => {
            let status = match refused {
                Refused::NoSuchAlert | Refused::NoSuchUnit | Refused::NothingWaits => StatusCode::NOT_FOUND,
                Refused::QuietTooOften | Refused::DoesNotFit => StatusCode::CONFLICT,
                Refused::NotOver | Refused::NotSilenced => StatusCode::CONFLICT,
                Refused::Length | Refused::NoReason => StatusCode::UNPROCESSABLE_ENTITY,
                Refused::NotRecorded => StatusCode::SERVICE_UNAVAILABLE,
            };
            message(status, &refused.to_string(), page)
        }
        Err(_) => message(StatusCode::SERVICE_UNAVAILABLE, "The hub is stopping", page),
    }
}

fn message(status: StatusCode, text: &str, page: &Page) -> Response {
    html(status, render::message(text, &page.site))
}

fn html(status: StatusCode, rendered: Result<String, askama::Error>) -> Response {
    match rendered {
        Ok(text) => (status, [(header::CONTENT_SECURITY_POLICY, POLICY)], Html(text)).into_response(),
        Err(fault) => {
            tracing::error!(%fault, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made.").into_response()
        }
    }
}
