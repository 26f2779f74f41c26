//! Admission: how much of what hubs and people ask is in work at once.
//!
//! Owns four bounds: on requests of hubs, within them on batches and on everything else that asks the database, and on
//! requests of people, so that none of them can keep another from the database. A hub's body is read before a place at
//! the database is taken for it, so that a slow link holds up nobody else. A hub that waits for what is desired of it
//! gives its places back once its body is there: it has a place of another kind ([`crate::hub::waiting`]). Who comes
//! beyond a bound waits a moment, and is then asked to come back: hubs keep what they have.

use crate::api::problem::ApiError;
use crate::config::Config;
use crate::counters::Count;
use crate::hub::body::Refusal;
use crate::watch;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use frostguard_shared::wire::{PACKED_MAX, Reason, UNPACKED_MAX, path};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a hub waits for its turn before it is sent away: it comes back by itself.
const HUBS_WAIT: Duration = Duration::from_millis(500);
/// Requests of hubs that are no batches, at once at least: a login and a live word.
const OTHERS_MIN: usize = 2;
/// How long a person waits.
const PEOPLE_WAIT: Duration = Duration::from_secs(5);

/// A body that takes longer to come holds a place that others wait for.
const BODY_MAX: Duration = Duration::from_secs(20);

/// The bounds.
#[derive(Clone, Debug)]
pub struct Admission {
    hubs: Arc<Semaphore>,
    batches: Arc<Semaphore>,
    others: Arc<Semaphore>,
    people: Arc<Semaphore>,
}

impl Admission {
    /// The bounds that the settings say.
    pub fn new(config: &Config) -> Self {
        let bound = |concurrent| Arc::new(Semaphore::new(concurrent));
        Self {
            hubs: bound(config.requests.concurrent),
            batches: bound(config.ingest.concurrent),
            others: bound(left_over(config)),
            people: bound(config.api.concurrent),
        }
    }
}

/// Connections that batches and people leave over.
fn left_over(config: &Config) -> usize {
    let taken = config.ingest.concurrent.saturating_add(config.api.concurrent).saturating_add(watch::AT_ONCE);
    (config.database.connections as usize).saturating_sub(taken).max(OTHERS_MIN)
}

async fn turn(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Refusal> {
    match timeout(HUBS_WAIT, Arc::clone(of).acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Refusal::new(Reason::Busy, "there is too much at once; nothing was taken")),
    }
}

/// Lets a request of a person or program in.
pub async fn admit_person(State(admission): State<Admission>, request: Request, next: Next) -> Response {
    match timeout(PEOPLE_WAIT, admission.people.acquire_owned()).await {
        Ok(Ok(_turn)) => next.run(request).await,
        _ => ApiError::Busy.into_response(),
    }
}

/// Lets a request of a hub in, with its body read.
pub async fn admit_hub(State(admission): State<Admission>, request: Request, next: Next) -> Response {
    match admitted(&admission, request, next).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

async fn admitted(admission: &Admission, request: Request, next: Next) -> Result<Response, Refusal> {
    let place = turn(&admission.hubs).await?;
    let (head, body) = request.into_parts();
    let body = timeout(BODY_MAX, read(body))
        .await
        .map_err(|_| Refusal::new(Reason::Busy, "the body came too slowly; send less at once"))??;
    let asked = Request::from_parts(head, Body::from(body));
    let _turn = match asked.uri().path() {
        // It waits long, and takes its turns at the database by itself.
        path::DESIRED => {
            drop(place);
            return Ok(next.run(asked).await);
        }
        path::EVENTS | path::READINGS => turn(&admission.batches).await?,
        _ => turn(&admission.others).await.inspect_err(|_| Count::OthersOfHubsRefused.one())?,
    };
    Ok(next.run(asked).await)
}

/// Reads a body of bounded size. Of one that is too large the rest is read and dropped, as far as that is cheap, so
/// that its sender comes to read why.
async fn read(mut body: Body) -> Result<Bytes, Refusal> {
    let mut kept = Vec::new();
    let mut seen = 0;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|_| Refusal::new(Reason::Garbled, "the body was cut off"))?;
        let Ok(data) = frame.into_data() else { continue };
        seen += data.len();
        if seen <= PACKED_MAX {
            kept.extend_from_slice(&data);
        } else if seen > UNPACKED_MAX {
            break;
        }
    }
    if seen <= PACKED_MAX {
        Ok(kept.into())
    } else {
        Err(Refusal::new(Reason::TooLarge, format!("a body has at most {PACKED_MAX} bytes")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_read_up_to_its_bound_and_refused_beyond_it() {
        assert_eq!(read(Body::from(vec![1; PACKED_MAX])).await.unwrap().len(), PACKED_MAX);
        for size in [PACKED_MAX + 1, UNPACKED_MAX + 2] {
            assert_eq!(read(Body::from(vec![1; size])).await.unwrap_err().reason(), Reason::TooLarge);
        }
    }

    #[test]
    fn what_batches_people_and_watchers_leave_over_is_for_the_rest_of_the_hubs() {
        let left = |connections, ingest, api| {
            let mut config = Config::default();
            (config.database.connections, config.ingest.concurrent, config.api.concurrent) =
                (connections, ingest, api);
            left_over(&config)
        };
        assert_eq!(left(30, 8, 6), 14);
        assert_eq!(left(8, 8, 6), OTHERS_MIN);
        assert_eq!(left_over(&Config::default()), 4, "as installed");
    }

    #[tokio::test]
    async fn who_comes_beyond_the_bound_is_asked_to_come_back() {
        let bound = Arc::new(Semaphore::new(1));
        let held = turn(&bound).await.unwrap();
        assert_eq!(turn(&bound).await.unwrap_err().reason(), Reason::Busy);
        drop(held);
        assert!(turn(&bound).await.is_ok());
    }
}
