//! What is told: the JSON body of a request, of bounded size, or what is wrong with it.
//!
//! A body that is not said to be JSON is refused: a browser sends JSON to another's address only after asking, a form
//! it sends unasked.

use super::problem::{ApiError, ParameterFault};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

/// Longest body.
pub(super) const BODY_MAX: usize = 64 * 1_024;

/// The bound on bodies, for all routes.
pub(super) fn bound() -> DefaultBodyLimit {
    DefaultBodyLimit::max(BODY_MAX)
}

/// A body that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Told<V>(pub V);

impl<S: Send + Sync, V: DeserializeOwned> FromRequest<S> for Told<V> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::MediaType);
        }
        let body = Bytes::from_request(request, state).await.map_err(|fault| {
            let is_large = fault.status() == StatusCode::PAYLOAD_TOO_LARGE;
            if is_large { ApiError::TooLarge } else { unreadable("was cut off") }
        })?;
        serde_json::from_slice(&body).map(Self).map_err(|fault| unreadable(fault.to_string()))
    }
}

fn unreadable(detail: impl Into<String>) -> ApiError {
    let (parameter, allowed) = ("body".to_owned(), "JSON as the document describes it".to_owned());
    ApiError::Parameters(vec![ParameterFault { parameter, detail: detail.into(), allowed }])
}

fn is_json(headers: &HeaderMap) -> bool {
    let media = headers.get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    media.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use serde_json::Value;

    async fn read(media: &str, body: Vec<u8>) -> Result<Value, u16> {
        let request = Request::post("/").header(CONTENT_TYPE, media).body(Body::from(body)).unwrap();
        let read = Told::<Value>::from_request(request, &()).await;
        read.map(|told| told.0).map_err(|fault| fault.status().as_u16())
    }

    #[tokio::test]
    async fn a_body_is_json_and_says_so() {
        assert_eq!(read("application/json", b"[1]".to_vec()).await, Ok(serde_json::json!([1])));
        assert!(read("Application/JSON; charset=utf-8", b"[1]".to_vec()).await.is_ok());
        for media in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
            assert_eq!(read(media, b"[1]".to_vec()).await, Err(415), "{media}");
        }
        assert_eq!(read("application/json", b"{".to_vec()).await, Err(400));
        assert_eq!(read("application/json", vec![b'1'; 3_000_000]).await, Err(413));
    }
}
