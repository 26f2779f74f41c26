//! Admission: how much of what hubs and people ask is in work at once.
//!
//! Owns three bounds: on requests of hubs, on batches within them, and on requests of people, so that neither can keep
//! the other from the database. A hub's body is read before its batch is admitted, so that a slow link holds up nobody
//! else. A hub that waits for what is desired of it gives its place back once its body is there: it has a place of another
//! kind ([`crate::hub::waiting`]). Who comes beyond a bound waits a moment, and is then asked to come back: hubs keep what they have.

use crate::api::problem::ApiError;
use crate::config::Config;
use crate::hub::body::Refusal;
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
/// How long a person waits.
const PEOPLE_WAIT: Duration = Duration::from_secs(5);

/// A body that takes longer to come holds a place that others wait for.
const BODY_MAX: Duration = Duration::from_secs(20);

/// The bounds.
#[derive(Clone, Debug)]
pub struct Admission {
    hubs: Arc<Semaphore>,
    batches: Arc<Semaphore>,
    people: Arc<Semaphore>,
}

impl Admission {
    /// The bounds that the settings say.
    pub fn new(config: &Config) -> Self {
        let bound = |concurrent| Arc::new(Semaphore::new(concurrent));
        Self {
            hubs: bound(config.requests.concurrent),
            batches: bound(config.ingest.concurrent),
            people: bound(config.api.concurrent),
        }
    }
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
    // Held to the end of every request but one that waits.
    let _place = (head.uri.path() != path::DESIRED).then_some(place);
    let is_batch = matches!(head.uri.path(), path::EVENTS | path::READINGS);
    let _batch = if is_batch { Some(turn(&admission.batches).await?) } else { None };
    Ok(next.run(Request::from_parts(head, Body::from(body))).await)
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

    #[tokio::test]
    async fn who_comes_beyond_the_bound_is_asked_to_come_back() {
        let bound = Arc::new(Semaphore::new(1));
        let held = turn(&bound).await.unwrap();
        assert_eq!(turn(&bound).await.unwrap_err().reason(), Reason::Busy);
        drop(held);
        assert!(turn(&bound).await.is_ok());
    }
}
