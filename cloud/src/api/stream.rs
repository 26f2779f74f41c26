//! `/stream`: what changes, as it changes, in server-sent events.

use super::asked::Asked;
use super::caller::{ApiState, Caller};
use super::problem::ApiError;
use super::right::Look;
use crate::clock;
use crate::store::views::At;
use crate::watch::{Heard, Line, Listening, NoPlace};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use std::convert::Infallible;
use std::time::Duration;

/// How often something is sent if there is no news, so that whoever stands between keeps the connection.
const COMMENT_EVERY: Duration = Duration::from_secs(10);

/// Tells a proxy that knows it not to hold events back.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

impl From<NoPlace> for ApiError {
    fn from(_: NoPlace) -> Self {
        Self::Busy
    }
}

/// What changes from now on, as server-sent events.
///
/// `hello` {at}: from now on everything that changes is told; ask for what there is. `unit`, `alert`, `hub`: one that has
/// changed, as its own path shows it. `readings` {unit_id, readings}: new readings of a unit, in order. `history` {unit_id}:
/// readings came that are older than some that were told, or too many; ask for the range again. `reset` {}: something
/// was not told; ask for everything again. The stream ends when its key or session does.
#[utoipa::path(
    get,
    path = "/stream",
    tag = "stream",
    responses((status = 200, description = "Events without an end", content_type = "text/event-stream", body = String), ApiError)
)]
pub(super) async fn stream(
    State(state): State<ApiState>,
    mut caller: Caller<Look>,
    asked: Asked,
) -> Result<Response, ApiError> {
    asked.read(|_| ())?;
    let (organization, secret) = (caller.transaction().organization(), caller.secret());
    caller.done().await?;
    let listening = state.watch().listen(organization, secret)?;
    let comments = KeepAlive::new().interval(COMMENT_EVERY);
    Ok(([UNBUFFERED], Sse::new(events(listening)).keep_alive(comments)).into_response())
}

fn events(listening: Listening) -> impl Stream<Item = Result<Event, Infallible>> {
    let heard = stream::unfold(listening, async |mut listening| {
        let heard = listening.next().await?;
        Some((heard, listening))
    });
    heard.flat_map(|heard| {
        let events: Vec<_> = match heard {
            Heard::Hello => {
                let at = At::of_ms(clock::now().0);
                vec![Event::default().event("hello").data(serde_json::json!({ "at": at }).to_string())]
            }
            Heard::Reset => vec![Event::default().event("reset").data("{}")],
            Heard::Turn(lines) => lines.iter().map(event).collect(),
        };
        stream::iter(events.into_iter().map(Ok))
    })
}

fn event(line: &Line) -> Event {
    Event::default().event(line.event).data(&line.data)
}
