//! What is desired: a hub asks, and is answered at once or as soon as there is something, within 25 seconds.
//!
//! A request looks into the database twice at most: when it comes, and when there is news. In between it holds neither a
//! connection nor a place among the requests in work ([`super::waiting`]). What the hub says of itself is noted when it
//! comes. What it makes of a document or a command comes with its record.

use super::HubState;
use super::body::{Packed, Refusal, Reply};
use super::record::{Token, same_epoch};
use super::waiting::{Place, Woken};
use crate::clock;
use crate::ingest::fault_point;
use crate::store::{commands, configuration, fleet};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use frostguard_shared::ids::HubId;
use frostguard_shared::wire::desired::{COMMANDS_MAX, Desired, Poll, WAIT_MAX_MS};
use frostguard_shared::wire::{Reason, path};
use std::time::Duration;

/// The route by which hubs ask what is desired.
pub fn routes() -> Router<HubState> {
    Router::new().route(path::DESIRED, post(desired))
}

/// What a look into the database has found.
struct Found {
    hub: HubId,
    desired: Desired,
    session_ends: Duration,
}

async fn desired(
    State(state): State<HubState>,
    token: Token,
    Packed(poll): Packed<Poll>,
) -> Result<Response, Refusal> {
    if poll.received.len() > COMMANDS_MAX {
        let text = format!("at most {COMMANDS_MAX} commands can be named at once");
        return Err(Refusal::new(Reason::TooLarge, text));
    }
    let place = state.waiting.place()?;
    let began = clock::instant();
    loop {
        let found = look(&state, &place, token, &poll).await?;
        if found.desired != Desired::default() {
            return Ok(Reply(found.desired).into_response());
        }
        let left = Duration::from_millis(WAIT_MAX_MS).saturating_sub(began.elapsed());
        let most = left.min(found.session_ends);
        match place.wait(found.hub, poll.decided, most).await {
            Woken::News => {}
            Woken::Nothing if most < left && began.elapsed() >= most => {
                return Err(Refusal::new(Reason::Token, "the token has expired; log in again"));
            }
            Woken::Nothing => return Ok(StatusCode::NO_CONTENT.into_response()),
        }
    }
}

/// Notes what the hub says of itself, and finds what it does not know yet.
async fn look(state: &HubState, place: &Place, token: Token, poll: &Poll) -> Result<Found, Refusal> {
    let _turn = place.turn().await?;
    let (mut tx, session) = token.begin(state).await?;
    same_epoch(&session, poll.epoch)?;
    let hub = session.hub;
    let session_ends = token.ends_in(&mut tx).await?;
    configuration::note(&mut tx, hub, poll.decided, poll.applied).await?;
    commands::note_received(&mut tx, hub, &poll.received).await?;
    let known = fleet::known(&mut tx, hub).await?;
    let document = match known {
        None => return Err(Refusal::new(Reason::UnknownHub, "no such hub is enrolled here")),
        Some(_) => configuration::newer(&mut tx, hub, poll.decided).await?,
    };
    let commands = commands::waiting(&mut tx, hub).await?;
    fault_point!("push.poll.before_commit");
    tx.commit().await?;
    Ok(Found { hub, desired: Desired { document, commands }, session_ends })
}
