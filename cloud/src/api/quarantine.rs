//! `/quarantine`.

use super::asked::{Asked, Days, PAGE};
use super::caller::Caller;
use super::page::Page;
use super::problem::ApiError;
use super::right::Look;
use crate::store::views::{self, Quarantined, ReasonCount};
use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

const QUARANTINE_DAYS: Days = Days { usual: 31, most: 400 };

/// What was set aside in a range: how many for each reason, and a page of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Quarantine {
    /// How many for each reason, over the whole range.
    pub counts: Vec<ReasonCount>,
    /// The rows and what asks for more of them.
    #[serde(flatten)]
    pub page: Page<Quarantined>,
}

/// Readings that could not be used, newest first, and how many for each reason.
#[utoipa::path(
    get,
    path = "/quarantine",
    tag = "quarantine",
    params(
        ("from" = Option<String>, Query, format = DateTime,
            description = "Received then or later, RFC 3339 in UTC; by default 31 days before `to`"),
        ("to" = Option<String>, Query, format = DateTime,
            description = "Received before; by default now, or 400 days after `from`. At most 400 days after `from`"),
        ("limit" = Option<u16>, Query, description = "Rows at most, by default 100", minimum = 1, maximum = 1000),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "What was set aside", body = Quarantine), ApiError)
)]
pub(super) async fn quarantine(mut caller: Caller<Look>, asked: Asked) -> Result<Json<Quarantine>, ApiError> {
    let (received, wanted) = asked.read(|asked| (asked.range(QUARANTINE_DAYS), asked.page(PAGE)))?;
    let counts = views::quarantine_counts(caller.transaction(), received).await?;
    let slice = views::quarantine(caller.transaction(), received, wanted.behind).await?;
    caller.done().await?;
    Ok(Json(Quarantine { counts, page: Page::of(slice, &wanted) }))
}
