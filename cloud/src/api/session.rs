//! `/session`: signing in and out, and who is signed in.

use super::asked::Asked;
use super::caller::{Actor, ApiState, Caller};
use super::cookie::{self, Over};
use super::problem::{ApiError, BodyRefused, Choice, SignInRefused};
use super::right::Look;
use super::told::Told;
use crate::clock;
use crate::sign_in::password::Password;
use crate::sign_in::{Opened, Shown, SignInError};
use crate::store::doors::Role;
use crate::store::people::{self, Did, TempUnit};
use crate::store::sign_in::{self, IDLE_MS, Whence};
use crate::store::views::At;
use crate::store::{Duty, TenantTx};
use axum::Json;
use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use frostguard_shared::ids::PersonId;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use utoipa::ToSchema;
use uuid::Uuid;

/// Who is signed in, and where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Session {
    /// The person.
    pub person: SessionPerson,
    /// The organization whose record is open.
    pub organization: SessionOrganization,
    /// What the person may do there.
    pub role: Role,
    /// The unit in which the person sees temperatures.
    pub temp_unit: TempUnit,
    /// When the session ends if it is not used before.
    pub expires_at: At,
}

/// A person who is signed in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct SessionPerson {
    /// The person, as a member of the organization.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// Mail.
    pub email: String,
}

/// The organization of a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct SessionOrganization {
    /// Id.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// Short name.
    pub slug: String,
}

/// What somebody signs in with.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    /// The person's mail.
    email: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
    /// The short name of an organization, if the person is a member of several.
    organization: Option<String>,
}

/// What a person can change about a session.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Preferences {
    /// The unit in which the person sees temperatures.
    temp_unit: Option<TempUnit>,
}

/// From where a request comes.
pub(super) struct Origin {
    address: IpAddr,
    from: Whence,
}

impl FromRequestParts<ApiState> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Infallible> {
        let connected = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|connected| connected.0);
        let address = state.own().peer(connected, &parts.headers);
        let agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        let agent = agent.chars().filter(|letter| !letter.is_control()).take(256).collect();
        Ok(Self { address, from: Whence { address: address.to_string(), agent } })
    }
}

fn over(state: &ApiState) -> Over {
    if state.own().is_secure() { Over::Tls } else { Over::Plain }
}

async fn shown(tx: &mut TenantTx, person: PersonId, role: Role, expires_at: At) -> Result<Session, ApiError> {
    let known = people::signed_in(tx, person).await?.ok_or(ApiError::Key)?;
    Ok(Session {
        person: SessionPerson {
            id: Uuid::from_bytes(*person.as_bytes()),
            name: known.name,
            email: known.email,
        },
        organization: SessionOrganization {
            id: Uuid::from_bytes(*tx.organization().as_bytes()),
            name: known.organization,
            slug: known.slug,
        },
        role,
        temp_unit: known.temp_unit,
        expires_at,
    })
}

/// A caller who has signed in.
pub(super) struct SignedIn {
    caller: Caller<Look>,
    person: PersonId,
    ends: At,
}

impl FromRequestParts<ApiState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let caller = Caller::<Look>::from_request_parts(parts, state).await?;
        match (caller.actor(), caller.session_ends()) {
            (Actor::Person(person), Some(ends)) => Ok(Self { caller, person, ends }),
            _ => Err(ApiError::Key),
        }
    }
}

impl SignedIn {
    async fn session(&mut self) -> Result<Session, ApiError> {
        let role = self.caller.role();
        shown(self.caller.transaction(), self.person, role, self.ends).await
    }
}

impl From<SignInError> for ApiError {
    fn from(fault: SignInError) -> Self {
        match fault {
            SignInError::Wrong => Self::SignIn,
            SignInError::TooMany(wait) => Self::TooMany(wait),
            SignInError::Which(memberships) => {
                let choice = |slug, name| Choice { slug, name };
                Self::Which(memberships.into_iter().map(|one| choice(one.slug, one.name)).collect())
            }
            SignInError::Busy => Self::Busy,
            SignInError::Store(fault) => Self::Store(fault),
            SignInError::Entropy(fault) => Self::Entropy(fault),
        }
    }
}

/// Sign in with mail and password: the answer sets the cookie `fg_session`.
#[utoipa::path(
    post,
    path = "/session",
    tag = "session",
    security(()),
    request_body = Credentials,
    responses((status = 201, description = "Signed in", body = Session), ApiError, BodyRefused, SignInRefused)
)]
pub(super) async fn sign_in(
    State(state): State<ApiState>,
    origin: Origin,
    headers: HeaderMap,
    asked: Asked,
    Told(credentials): Told<Credentials>,
) -> Result<Response, ApiError> {
    asked.read(|_| ())?;
    if state.own().is_foreign(&headers) {
        return Err(ApiError::Origin);
    }
    let Credentials { email, password, organization } = credentials;
    let shown_to_us = Shown { email, password: Password::typed(password), organization };
    let Opened { token, membership } =
        state.sign_in().take(shown_to_us, (origin.address, &origin.from, clock::instant())).await?;
    let mut tx = state.database().tenant(membership.organization, Duty::App).await?;
    let ends = At::of_ms(clock::now().0.saturating_add(IDLE_MS));
    let session = shown(&mut tx, membership.person, membership.role, ends).await?;
    tx.commit().await?;
    let kept = cookie::kept(&token, over(&state));
    Ok((StatusCode::CREATED, [(SET_COOKIE, kept)], Json(session)).into_response())
}

/// Who is signed in.
#[utoipa::path(
    get,
    path = "/session",
    tag = "session",
    responses((status = 200, description = "The session of the request", body = Session), ApiError)
)]
pub(super) async fn session(mut signed_in: SignedIn, asked: Asked) -> Result<Json<Session>, ApiError> {
    asked.read(|_| ())?;
    let session = signed_in.session().await?;
    signed_in.caller.done().await?;
    Ok(Json(session))
}

/// Change what the person who is signed in likes.
#[utoipa::path(
    patch,
    path = "/session",
    tag = "session",
    request_body = Preferences,
    responses((status = 200, description = "The session as it is now", body = Session), ApiError, BodyRefused)
)]
pub(super) async fn change(
    mut signed_in: SignedIn,
    asked: Asked,
    Told(wanted): Told<Preferences>,
) -> Result<Json<Session>, ApiError> {
    asked.read(|_| ())?;
    let SignedIn { caller, person, .. } = &mut signed_in;
    if let Some(unit) = wanted.temp_unit {
        people::set_temp_unit(caller.transaction(), *person, unit).await?;
    }
    let session = signed_in.session().await?;
    signed_in.caller.done().await?;
    Ok(Json(session))
}

/// Sign out: the session ends, and the answer takes the cookie away.
#[utoipa::path(
    delete,
    path = "/session",
    tag = "session",
    responses((status = 204, description = "Signed out"), ApiError)
)]
pub(super) async fn sign_out(
    State(state): State<ApiState>,
    SignedIn { mut caller, person, .. }: SignedIn,
    origin: Origin,
    asked: Asked,
) -> Result<Response, ApiError> {
    asked.read(|_| ())?;
    let secret = caller.secret();
    people::note(caller.transaction(), person, Did::SignOut, &origin.from).await?;
    sign_in::end_session(caller.transaction(), secret).await?;
    caller.done().await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie::forgotten(over(&state)))]).into_response())
}
