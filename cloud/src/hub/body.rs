//! Bodies: from bytes of a request to a message, and from a message or a refusal to a response.
//!
//! Owns media type, packing and sizes. A body is at most 1 MiB packed and 8 MiB unpacked; it is unpacked into a buffer
//! that cannot grow beyond that, so that a small body cannot become a large one.

use crate::counters::Count;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use frostguard_shared::causes::with_causes;
use frostguard_shared::wire::{
    Head, MEDIA_TYPE, PACKED_MAX, Problem, Reason, UNPACKED_MAX, WireError, from_bytes, to_bytes,
};
use minicbor::{Decode, Encode};
use std::io::Read;

/// Seconds that a hub is asked to wait when there is too much at once.
const RETRY_AFTER_S: u32 = 2;

/// A request that is not taken, as its hub is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal(Problem);

impl Refusal {
    /// Why, for machines and for people.
    pub fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self(Problem { reason, text: text.into(), held: None })
    }
    /// The same with the head that the cloud holds.
    pub fn holding(reason: Reason, text: impl Into<String>, held: Head) -> Self {
        Self(Problem { reason, text: text.into(), held: Some(held) })
    }
    /// Why.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }
    /// A fault of our own: logged and counted here, told without its inside.
    pub fn failed(fault: &dyn std::error::Error) -> Self {
        tracing::error!(fault = with_causes(fault), "a request of a hub failed");
        Count::Failed.one();
        Self::new(Reason::Unavailable, "the cloud cannot do this now; nothing was taken")
    }

    fn status(&self) -> StatusCode {
        match self.0.reason {
            Reason::Garbled => StatusCode::BAD_REQUEST,
            Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Reason::Token | Reason::Login => StatusCode::UNAUTHORIZED,
            Reason::UnknownHub => StatusCode::NOT_FOUND,
            Reason::ClaimCode => StatusCode::FORBIDDEN,
            Reason::EventsFirst
            | Reason::Ahead
            | Reason::BrokenLink
            | Reason::SiteNotEmpty
            | Reason::ForeignId
            | Reason::AlreadyEnrolled => StatusCode::CONFLICT,
            Reason::Busy => StatusCode::TOO_MANY_REQUESTS,
            Reason::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Reason::Signature => StatusCode::UNPROCESSABLE_ENTITY,
            Reason::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }

    fn count(&self) {
        match self.0.reason {
            Reason::Garbled | Reason::MediaType | Reason::Signature => Count::RequestsGarbled.one(),
            Reason::TooLarge => Count::RequestsTooLarge.one(),
            Reason::Token => Count::TokensRefused.one(),
            Reason::Login => Count::LoginsRefused.one(),
            Reason::UnknownHub => Count::HubsUnknown.one(),
            Reason::ClaimCode | Reason::SiteNotEmpty | Reason::ForeignId | Reason::AlreadyEnrolled => {
                Count::ClaimsRefused.one();
            }
            Reason::EventsFirst => Count::EventsFirst.one(),
            Reason::Ahead => Count::Ahead.one(),
            Reason::BrokenLink => Count::BrokenLinks.one(),
            Reason::Busy => Count::Busy.one(),
            // Counted where the fault is known.
            Reason::Unavailable => {}
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.count();
        let mut response = (self.status(), [(CONTENT_TYPE, MEDIA_TYPE)], to_bytes(&self.0)).into_response();
        if matches!(self.0.reason, Reason::Busy | Reason::Unavailable) {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_S.into());
        }
        response
    }
}

/// A message out.
#[derive(Debug)]
pub struct Reply<M>(pub M);

impl<M: Encode<()>> IntoResponse for Reply<M> {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, MEDIA_TYPE)], to_bytes(&self.0)).into_response()
    }
}

/// A message in.
#[derive(Debug)]
pub struct Packed<M>(pub M);

impl<S: Send + Sync, M: for<'b> Decode<'b, ()>> FromRequest<S> for Packed<M> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let is_packed = check_headers(request.headers())?;
        let body = Bytes::from_request(request, state).await.map_err(|fault| {
            if fault.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Refusal::new(Reason::TooLarge, format!("a body has at most {PACKED_MAX} bytes"))
            } else {
                Refusal::new(Reason::Garbled, "the body was cut off")
            }
        })?;
        read(&body, is_packed).map(Self)
    }
}

fn check_headers(headers: &HeaderMap) -> Result<bool, Refusal> {
    if headers.get(CONTENT_TYPE).is_none_or(|media| media != MEDIA_TYPE) {
        return Err(Refusal::new(Reason::MediaType, format!("a body is {MEDIA_TYPE}")));
    }
    match headers.get(CONTENT_ENCODING).map(|encoding| encoding.as_bytes()) {
        None => Ok(false),
        Some(b"zstd") => Ok(true),
        Some(_) => Err(Refusal::new(Reason::MediaType, "a body is packed with zstd or not at all")),
    }
}

fn read<M: for<'b> Decode<'b, ()>>(body: &[u8], is_packed: bool) -> Result<M, Refusal> {
    if body.len() > PACKED_MAX {
        return Err(Refusal::new(Reason::TooLarge, format!("a body has at most {PACKED_MAX} bytes")));
    }
    let garbled = |fault: WireError| Refusal::new(Reason::Garbled, with_causes(&fault));
    if !is_packed {
        return from_bytes(body).map_err(garbled);
    }
    from_bytes(&unpacked(body)?).map_err(garbled)
}

fn unpacked(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let decoder = zstd::stream::read::Decoder::with_buffer(body)
        .map_err(|fault| Refusal::new(Reason::Garbled, format!("not zstd: {fault}")))?;
    let read = decoder.take(UNPACKED_MAX as u64 + 1).read_to_end(&mut bytes);
    if let Err(fault) = read {
        return Err(Refusal::new(Reason::Garbled, format!("not zstd: {fault}")));
    }
    if bytes.len() > UNPACKED_MAX {
        return Err(Refusal::new(
            Reason::TooLarge,
            format!("a body has at most {UNPACKED_MAX} bytes unpacked"),
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::ids::HubId;
    use frostguard_shared::wire::login::ChallengeRequest;

    fn message() -> ChallengeRequest {
        ChallengeRequest { hub: HubId::from_bytes([1; 16]) }
    }

    #[test]
    fn a_packed_and_a_plain_body_are_read_alike() {
        let plain = to_bytes(&message());
        let packed = zstd::encode_all(&plain[..], 1).unwrap();
        assert_eq!(read::<ChallengeRequest>(&plain, false), Ok(message()));
        assert_eq!(read::<ChallengeRequest>(&packed, true), Ok(message()));
    }

    #[test]
    fn truncated_garbled_and_oversize_bodies_have_their_reasons() {
        let packed = zstd::encode_all(&to_bytes(&message())[..], 1).unwrap();
        let reason = |body: &[u8], is_packed| read::<ChallengeRequest>(body, is_packed).unwrap_err().reason();
        assert_eq!(reason(&packed[..packed.len() - 3], true), Reason::Garbled);
        assert_eq!(reason(b"not zstd at all", true), Reason::Garbled);
        assert_eq!(reason(&[0xFF; 9], false), Reason::Garbled);
        assert_eq!(reason(&vec![0; PACKED_MAX + 1], false), Reason::TooLarge);
        let bomb = zstd::encode_all(&vec![0; UNPACKED_MAX + 1][..], 1).unwrap();
        assert!(bomb.len() < 10_000, "a small body");
        assert_eq!(reason(&bomb, true), Reason::TooLarge);
    }
}
