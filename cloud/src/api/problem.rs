//! Problems: every fault of the API as RFC 9457 tells it.
//!
//! Owns what a caller is told. What is not there and what is another organization's are told in the same bytes. A fault
//! of our own is logged with its causes and told without its inside.

use crate::counters::Count;
use crate::entropy::EntropyError;
use crate::store::{StoreError, views};
use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use frostguard_shared::causes::with_causes;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::openapi::{Content, Ref, RefOr, Response as Described, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Seconds that a caller is asked to wait when the database cannot answer.
const RETRY_AFTER_S: u64 = 2;

const UNAVAILABLE: (&str, &str, &str) =
    ("urn:frostguard:problem:unavailable", "not available now", "ask again after the time in Retry-After");

/// What is wrong with a parameter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ParameterFault {
    /// The parameter's name.
    pub parameter: String,
    /// What is wrong with it.
    pub detail: String,
    /// What it may be.
    pub allowed: String,
}

/// A fault as RFC 9457 tells it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Which kind of fault this is; the same for all of its kind.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The kind in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What to do about it.
    pub detail: &'static str,
    /// The parameters that cannot be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ParameterFault>,
    /// The organizations of which one has to be named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<Choice>,
}

/// An organization that can be named.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Choice {
    /// Its short name, which is what is named.
    pub slug: String,
    /// Its name.
    pub name: String,
}

/// Why a request is not answered.
#[derive(Debug)]
pub enum ApiError {
    /// No key, or none that is good.
    Key,
    /// A mail or password that is wrong; which of them is not said.
    SignIn,
    /// The caller is known, but may not do this.
    Right,
    /// A change that was asked for with a session by another's page.
    Origin,
    /// The person is a member of several organizations, and names none of them.
    Which(Vec<Choice>),
    /// There were too many tries; another is taken after so long.
    TooMany(Duration),
    /// A body that is not said to be JSON.
    MediaType,
    /// A body that is too large.
    TooLarge,
    /// Fields of a body that cannot be, each with what it may be.
    Fields(Vec<ParameterFault>),
    /// It cannot be done as things are; the text says why.
    State(&'static str),
    /// The organization has nothing of that id.
    Id,
    /// There is no such path.
    Path,
    /// The path cannot be asked that way.
    Method,
    /// Parameters that cannot be used, each with what it may be.
    Parameters(Vec<ParameterFault>),
    /// There is too much at once.
    Busy,
    /// The database cannot do it.
    Store(StoreError),
    /// There is no randomness.
    Entropy(EntropyError),
}

impl From<EntropyError> for ApiError {
    fn from(fault: EntropyError) -> Self {
        Self::Entropy(fault)
    }
}

impl From<StoreError> for ApiError {
    fn from(fault: StoreError) -> Self {
        Self::Store(fault)
    }
}

impl ApiError {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Key | Self::SignIn => StatusCode::UNAUTHORIZED,
            Self::Right | Self::Origin => StatusCode::FORBIDDEN,
            Self::Which(_) => StatusCode::CONFLICT,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Fields(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::State(_) => StatusCode::CONFLICT,
            Self::Id | Self::Path => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Parameters(_) => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(fault) if views::is_passing(fault) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Entropy(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Kind, title, and what to do about it.
    const fn words(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Key => (
                "urn:frostguard:problem:key",
                "no good key",
                "sign in, or send a key of the organization as Authorization: Bearer fg_…",
            ),
            Self::SignIn => ("urn:frostguard:problem:sign-in", "not signed in", "mail or password is wrong"),
            Self::Right => (
                "urn:frostguard:problem:right",
                "not allowed",
                "the role of this caller does not have the right that this needs",
            ),
            Self::Origin => (
                "urn:frostguard:problem:origin",
                "asked for by another page",
                "with a session, changes are asked for by the cloud's own pages: Origin must be its address",
            ),
            Self::Which(_) => (
                "urn:frostguard:problem:organization",
                "which organization",
                "this person is a member of those in organizations: name one of them by its slug",
            ),
            Self::TooMany(_) => {
                ("urn:frostguard:problem:tries", "too many tries", "try again after the time in Retry-After")
            }
            Self::MediaType => (
                "urn:frostguard:problem:media-type",
                "no JSON",
                "send the body as Content-Type: application/json",
            ),
            Self::TooLarge => ("urn:frostguard:problem:too-large", "too large", "a body has at most 64 KiB"),
            Self::Fields(_) => (
                "urn:frostguard:problem:fields",
                "fields that cannot be",
                "errors names each of them and what it may be; nothing was changed",
            ),
            Self::State(why) => ("urn:frostguard:problem:state", "not as things are", why),
            Self::Id => {
                ("urn:frostguard:problem:id", "no such id", "the organization has nothing of this id")
            }
            Self::Path => {
                ("urn:frostguard:problem:path", "no such path", "the paths are in /api/v1/openapi.json")
            }
            Self::Method => (
                "urn:frostguard:problem:method",
                "no such method",
                "the header Allow names the methods of this path",
            ),
            Self::Parameters(_) => (
                "urn:frostguard:problem:parameters",
                "parameters that cannot be used",
                "errors names each of them and what it may be",
            ),
            Self::Busy => UNAVAILABLE,
            Self::Store(_) | Self::Entropy(_) => (
                "urn:frostguard:problem:internal",
                "a fault of our own",
                "it has been written down; asking again may not help",
            ),
        }
    }

    fn told(self) -> Problem {
        let status = self.status();
        let (kind, title, detail) =
            if status == StatusCode::SERVICE_UNAVAILABLE { UNAVAILABLE } else { self.words() };
        let (errors, organizations) = match self {
            Self::Parameters(faults) | Self::Fields(faults) => (faults, Vec::new()),
            Self::Which(choices) => (Vec::new(), choices),
            _ => (Vec::new(), Vec::new()),
        };
        Problem { kind, title, status: status.as_u16(), detail, errors, organizations }
    }

    /// Seconds after which asking again may help.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany(wait) => Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
            _ => (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER_S),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match &self {
            Self::Store(fault) => {
                tracing::error!(fault = with_causes(fault), "a request to the API failed");
                Count::Failed.one();
            }
            Self::Entropy(fault) => {
                tracing::error!(fault = with_causes(fault), "a request to the API failed");
                Count::Failed.one();
            }
            Self::Busy => Count::Busy.one(),
            Self::Right => Count::RightsRefused.one(),
            Self::Origin => Count::OriginsRefused.one(),
            // Others are counted where they are found, or are slips of whoever asks.
            _ => {}
        }
        let (status, retry_after) = (self.status(), self.retry_after());
        let mut response = (status, Json(self.told())).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"frostguard\""));
        }
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

fn described(meaning: &str) -> RefOr<Described> {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().description(meaning).content(MEDIA_TYPE, problem).build().into()
}

/// The faults that every path with a key can have.
impl IntoResponses for ApiError {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        [
            ("400", "A parameter cannot be used"),
            ("401", "No key, or none that is good"),
            ("403", "The caller's role may not do this, or another's page has asked for it"),
            ("500", "A fault of our own"),
            ("503", "Not available now; Retry-After says when to ask again"),
        ]
        .map(|(status, meaning)| (status.to_owned(), described(meaning)))
        .into()
    }
}

/// The fault that every path with an id can have as well.
pub(super) struct NoSuchId;

impl IntoResponses for NoSuchId {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        [("404".to_owned(), described("The organization has nothing of this id"))].into()
    }
}

/// The faults that every path with a body can have as well.
pub(super) struct BodyRefused;

impl IntoResponses for BodyRefused {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        [("413", "The body is too large"), ("415", "The body is not said to be JSON")]
            .map(|(status, meaning)| (status.to_owned(), described(meaning)))
            .into()
    }
}

/// The faults that signing in can have as well.
pub(super) struct SignInRefused;

impl IntoResponses for SignInRefused {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        [
            ("401", "Mail or password is wrong"),
            ("403", "Another's page has asked for it"),
            ("409", "The person is a member of several organizations: `organizations` names them"),
            ("429", "Too many tries; Retry-After says when another is taken"),
        ]
        .map(|(status, meaning)| (status.to_owned(), described(meaning)))
        .into()
    }
}

/// The fault that setting fields can have as well.
pub(super) struct FieldsRefused;

impl IntoResponses for FieldsRefused {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        let meaning = "Fields that cannot be; nothing was changed";
        [("422".to_owned(), described(meaning))].into()
    }
}

/// The fault that asking for something can have as well.
pub(super) struct NotNow;

impl IntoResponses for NotNow {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        [("409".to_owned(), described("It cannot be done as things are"))].into()
    }
}
