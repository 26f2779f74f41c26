//! The API, `/api/v1`: what people and programs far away may see of their own organization, and do in it.
//!
//! Owns routes, parameters, answers and the document that describes them. A request names no organization: its key or session
//! does, once, in the same transaction that answers it ([`caller`]). What belongs to another organization is not there: the
//! answer is the one for an id that never existed. Times are RFC 3339 in UTC with milliseconds, ids lower-case UUIDs,
//! temperatures integers of 0.01 °C, humidities integers of 0.01 %. Lists come in pages ([`page`]), faults as RFC 9457
//! ([`problem`]). Every route is registered together with its description, so that none is served and not described.

mod alerts;
mod asked;
pub mod caller;
mod commands;
mod cookie;
mod cursor;
mod document;
mod event_log;
mod hubs;
pub mod origin;
pub mod page;
pub mod problem;
mod quarantine;
pub mod right;
mod rules;
mod session;
mod sites;
mod stream;
#[cfg(test)]
mod tests;
mod told;
mod units;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::any;
use caller::ApiState;
use problem::ApiError;
use right::{Configure, Look, Respond, need, need_session};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Where the API stands.
pub const PREFIX: &str = "/api/v1";

/// The routes of the API.
pub fn routes(state: ApiState) -> Router {
    let (router, _) = described();
    let inner = router
        .method_not_allowed_fallback(async || ApiError::Method)
        .fallback(async || ApiError::Path)
        .layer(map_response(not_to_be_kept))
        .layer(told::bound())
        .with_state(state.described_by(&openapi()));
    // The one path beneath the prefix that nesting leaves to whoever is outside.
    let bare = any(async || ApiError::Path).layer(map_response(not_to_be_kept));
    Router::new().nest(PREFIX, inner).route(&format!("{PREFIX}/"), bare)
}

/// The document that describes the API.
pub fn openapi() -> OpenApi {
    let (_, paths) = described();
    document::opening().nest(PREFIX, paths)
}

/// Each route with its description.
fn described() -> (Router<ApiState>, OpenApi) {
    OpenApiRouter::default()
        .routes(routes!(document::document))
        .routes(routes!(session::sign_in))
        .routes(need_session::<Look>(routes!(session::session)))
        .routes(need_session::<Look>(routes!(session::change)))
        .routes(need_session::<Look>(routes!(session::sign_out)))
        .routes(need::<Look>(routes!(sites::sites)))
        .routes(need::<Look>(routes!(units::units)))
        .routes(need::<Look>(routes!(units::unit)))
        .routes(need::<Look>(routes!(units::readings)))
        .routes(need::<Look>(routes!(units::metrics)))
        .routes(need::<Look>(routes!(units::door_events)))
        .routes(need::<Look>(routes!(alerts::alerts)))
        .routes(need::<Look>(routes!(alerts::alert)))
        .routes(need::<Look>(routes!(hubs::hubs)))
        .routes(need::<Look>(routes!(hubs::hub)))
        .routes(need::<Look>(routes!(rules::rules)))
        .routes(need::<Configure>(routes!(rules::change_rules)))
        .routes(need::<Look>(routes!(hubs::configuration)))
        .routes(need::<Respond>(routes!(commands::acknowledge)))
        .routes(need::<Look>(routes!(commands::commands_of)))
        .routes(need::<Configure>(routes!(commands::command_hub)))
        .routes(need::<Look>(routes!(commands::command)))
        .routes(need::<Look>(routes!(event_log::event_log)))
        .routes(need::<Look>(routes!(quarantine::quarantine)))
        .routes(need::<Look>(routes!(stream::stream)))
        .split_for_parts()
}

/// What a key may see is nothing for a cache between.
async fn not_to_be_kept(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
