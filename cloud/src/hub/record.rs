//! The record's way in: batches of events and readings, and live words, each under a hub's token.

use super::HubState;
use super::body::{Packed, Refusal, Reply};
use crate::counters::Count;
use crate::ingest::{self, NotTaken, Taken, fault_point};
use crate::store::doors::{self, SecretHash, Session};
use crate::store::event_log::{self, Noticed};
use crate::store::partitions::Partitions;
use crate::store::{Duty, StoreError, TenantTx, fleet};
use axum::Router;
use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Extension, extract::FromRequestParts};
use frostguard_shared::ids::EpochId;
use frostguard_shared::wire::live::Live;
use frostguard_shared::wire::record::{Acknowledged, Events, Readings};
use frostguard_shared::wire::{Reason, WireError, path};
use std::time::Duration;

/// The routes under a token that bring the record.
pub fn routes() -> Router<HubState> {
    Router::new()
        .route(path::EVENTS, post(events))
        .route(path::READINGS, post(readings))
        .route(path::LIVE, post(live))
        .layer(Extension(Partitions::default()))
}

/// The token of a request: 32 bytes in hex behind `Bearer`. It is looked up by its hash alone.
#[derive(Clone, Copy, Debug)]
pub struct Token(SecretHash);

impl Token {
    /// The token of some headers.
    ///
    /// # Errors
    /// There is none, or it has another form.
    pub fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let refused = || Refusal::new(Reason::Token, "log in first");
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(refused)?;
        let hex = value.strip_prefix("Bearer ").ok_or_else(refused)?;
        let mut token = [0; 32];
        hex::decode_to_slice(hex, &mut token).map_err(|_| refused())?;
        Ok(Self(SecretHash::of(&token)))
    }

    /// The transaction of the organization whose hub shows the token.
    ///
    /// # Errors
    /// The token is unknown or has expired, or the database cannot be reached.
    pub async fn begin(self, state: &HubState) -> Result<(TenantTx, Session), NotTaken> {
        let mut door = state.database.door(Duty::Ingest).await?;
        let session = doors::session(&mut door, self.0).await?;
        let session =
            session.ok_or_else(|| Refusal::new(Reason::Token, "the token is unknown or has expired"))?;
        fault_point!("ingest.session.found");
        Ok((door.into_tenant(session.organization).await?, session))
    }
}

impl Token {
    /// How long it is good for.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn ends_in(self, tx: &mut TenantTx) -> Result<Duration, StoreError> {
        fleet::session_ends_in(tx, self.0).await
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Token {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Self::of(&parts.headers)
    }
}

impl From<NotTaken> for Refusal {
    fn from(not_taken: NotTaken) -> Self {
        match not_taken {
            NotTaken::Refused(refusal) => refusal,
            NotTaken::Failed(fault) => Self::failed(&fault),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(fault: StoreError) -> Self {
        Self::failed(&fault)
    }
}

impl From<WireError> for Refusal {
    fn from(fault: WireError) -> Self {
        Self::new(Reason::Garbled, fault.to_string())
    }
}

/// A session speaks for one journal: a hub that has begun a new epoch logs in again.
pub(super) fn same_epoch(session: &Session, epoch: EpochId) -> Result<(), Refusal> {
    if session.epoch == epoch {
        Ok(())
    } else {
        Err(Refusal::new(Reason::Token, "the token is of another epoch; log in again"))
    }
}

async fn events(
    State(state): State<HubState>,
    token: Token,
    Packed(batch): Packed<Events>,
) -> Result<Reply<Acknowledged>, Refusal> {
    batch.check()?;
    let (mut tx, session) = token.begin(&state).await?;
    same_epoch(&session, batch.epoch)?;
    let taken = match ingest::events::take(&mut tx, &session, &batch).await {
        Ok(taken) => taken,
        Err(not_taken) => return Err(alarmed(&state, &session, tx, not_taken, batch.first).await?),
    };
    fault_point!("ingest.events.before_commit");
    tx.commit().await?;
    fault_point!("ingest.events.after_commit");
    Count::EventsTaken.add(taken.new);
    Ok(acknowledged(taken))
}

async fn readings(
    State(state): State<HubState>,
    Extension(partitions): Extension<Partitions>,
    token: Token,
    Packed(batch): Packed<Readings>,
) -> Result<Reply<Acknowledged>, Refusal> {
    batch.check()?;
    let (mut tx, session) = token.begin(&state).await?;
    same_epoch(&session, batch.epoch)?;
    let taken = match ingest::readings::take(&mut tx, &session, &partitions, &batch).await {
        Ok(taken) => taken,
        Err(not_taken) => return Err(alarmed(&state, &session, tx, not_taken, batch.first).await?),
    };
    fault_point!("ingest.readings.before_commit");
    tx.commit().await?;
    fault_point!("ingest.readings.after_commit");
    Ok(acknowledged(taken))
}

async fn live(
    State(state): State<HubState>,
    token: Token,
    Packed(live): Packed<Live>,
) -> Result<StatusCode, Refusal> {
    let (mut tx, session) = token.begin(&state).await?;
    same_epoch(&session, live.epoch)?;
    ingest::live::take(&mut tx, &session, &live).await?;
    fault_point!("ingest.live.before_commit");
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Nothing of the batch is taken, but that a hub's record links to nothing held is an alarm, and stays.
async fn alarmed(
    state: &HubState,
    session: &Session,
    tx: TenantTx,
    not_taken: NotTaken,
    first: u64,
) -> Result<Refusal, Refusal> {
    drop(tx);
    let refusal = Refusal::from(not_taken);
    if refusal.reason() == Reason::BrokenLink {
        let mut tx = state.database.tenant(session.organization, Duty::Ingest).await?;
        let details = serde_json::json!({ "epoch": session.epoch, "first_seq": first });
        event_log::notice_once(&mut tx, session.hub, Noticed::BrokenLink, details).await?;
        tx.commit().await?;
    }
    Ok(refusal)
}

fn acknowledged(taken: Taken) -> Reply<Acknowledged> {
    if taken.new > 0 {
        Count::BatchesTaken.one();
    }
    Reply(Acknowledged { held: taken.held })
}
