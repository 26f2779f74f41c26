//! The document: what describes the API to programs, in OpenAPI 3.1, made from the routes themselves.

use super::caller::ApiState;
use super::problem::Problem;
use crate::store::views::{AlertStatus, Granularity, UnitStatus};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "FrostGuard",
        description = "What an organization's hubs have recorded of its refrigeration. Times are RFC 3339 in UTC with \
                       milliseconds; ids are lower-case UUIDs; temperatures are integers of 0.01 °C and humidities \
                       integers of 0.01 %. A list with more behind it carries `next`, to be given as `after`.",
        license(name = "MIT", identifier = "MIT")
    ),
    components(schemas(Problem, UnitStatus, AlertStatus, Granularity)),
    modifiers(&Schemes)
)]
struct Opening;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let key = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A key of the organization, as `frostguard-cloud` makes it: `fg_…`"))
            .build();
        let session = ApiKeyValue::with_description(
            "fg_session",
            "The session of a person who has signed in. A request that changes something must come from the cloud's own \
             pages: its `Origin` says so",
        );
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(key));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    }
}

/// The document before any route.
pub(super) fn opening() -> Document {
    Opening::openapi()
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "document",
    security(()),
    responses((status = 200, description = "The document", content_type = "application/json", body = serde_json::Value))
)]
pub(super) async fn document(State(state): State<ApiState>) -> Response {
    ([(CONTENT_TYPE, "application/json")], state.document()).into_response()
}
