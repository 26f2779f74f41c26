//! `/sites`.

use super::asked::{Asked, PAGE};
use super::caller::Caller;
use super::page::Page;
use super::problem::ApiError;
use super::right::Look;
use crate::store::views::{self, Site};
use axum::Json;

/// Sites, in the order in which they were made.
#[utoipa::path(
    get,
    path = "/sites",
    tag = "sites",
    params(
        ("limit" = Option<u16>, Query, description = "Rows at most, by default 100", minimum = 1, maximum = 1000),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page of sites", body = Page<Site>), ApiError)
)]
pub(super) async fn sites(mut caller: Caller<Look>, asked: Asked) -> Result<Json<Page<Site>>, ApiError> {
    let wanted = asked.read(|asked| asked.page(PAGE))?;
    let slice = views::sites(caller.transaction(), wanted.behind).await?;
    caller.done().await?;
    Ok(Json(Page::of(slice, &wanted)))
}
