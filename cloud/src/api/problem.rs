//! Problems: every fault of the API as RFC 9457 tells it.
//!
//! Owns what a caller is told. What is not there and what is another organization's are told in the same bytes. A fault
//! of our own is logged with its causes and told without its inside.

use crate::counters::Count;
use crate::store::{StoreError, views};
use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use frostguard_shared::causes::with_causes;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::openapi::{Content, Ref, RefOr, Response as Described, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Seconds that a caller is asked to wait when the database cannot answer.
const RETRY_AFTER_S: u32 = 2;

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
}

/// Why a request is not answered.
#[derive(Debug)]
pub enum ApiError {
    /// No key, or none that is good.
    Key,
    /// The caller is known, but may not do this.
    Right,
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
}

impl From<StoreError> for ApiError {
    fn from(fault: StoreError) -> Self {
        Self::Store(fault)
    }
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Key => StatusCode::UNAUTHORIZED,
            Self::Right => StatusCode::FORBIDDEN,
            Self::Id | Self::Path => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Parameters(_) => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(fault) if views::is_passing(fault) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn told(self) -> Problem {
        let status = self.status();
        let (kind, title, detail) = match &self {
            Self::Key => (
                "urn:frostguard:problem:key",
                "no good key",
                "send a key of the organization as Authorization: Bearer fg_…",
            ),
            Self::Right => (
                "urn:frostguard:problem:right",
                "not allowed",
                "the role of this caller does not have the right that this needs",
            ),
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
            Self::Busy | Self::Store(_) if status == StatusCode::SERVICE_UNAVAILABLE => (
                "urn:frostguard:problem:unavailable",
                "not available now",
                "ask again after the time in Retry-After",
            ),
            Self::Busy | Self::Store(_) => (
                "urn:frostguard:problem:internal",
                "a fault of our own",
                "it has been written down; asking again may not help",
            ),
        };
        let errors = if let Self::Parameters(faults) = self { faults } else { Vec::new() };
        Problem { kind, title, status: status.as_u16(), detail, errors }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match &self {
            Self::Store(fault) => {
                tracing::error!(fault = with_causes(fault), "a request to the API failed");
                Count::Failed.one();
            }
            Self::Busy => Count::Busy.one(),
            Self::Right => Count::RightsRefused.one(),
            Self::Key | Self::Id | Self::Path | Self::Method | Self::Parameters(_) => {}
        }
        let status = self.status();
        let mut response = (status, Json(self.told())).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"frostguard\""));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, RETRY_AFTER_S.into());
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
            ("403", "The caller's role may not do this"),
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
