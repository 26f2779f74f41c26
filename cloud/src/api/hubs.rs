//! `/hubs`.

use super::asked::{Asked, Named, PAGE};
use super::caller::Caller;
use super::page::Page;
use super::problem::{ApiError, NoSuchId};
use super::right::Look;
use crate::store::views::{self, ConfigDocument, Hub};
use axum::Json;
use frostguard_shared::ids::HubId;

/// Hubs, in the order in which they were made known.
#[utoipa::path(
    get,
    path = "/hubs",
    tag = "hubs",
    params(
        ("limit" = Option<u16>, Query, description = "Rows at most, by default 100", minimum = 1, maximum = 1000),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page of hubs", body = Page<Hub>), ApiError)
)]
pub(super) async fn hubs(mut caller: Caller<Look>, asked: Asked) -> Result<Json<Page<Hub>>, ApiError> {
    let wanted = asked.read(|asked| asked.page(PAGE))?;
    let slice = views::hubs(caller.transaction(), wanted.behind).await?;
    caller.done().await?;
    Ok(Json(Page::of(slice, &wanted)))
}

/// One hub.
#[utoipa::path(
    get,
    path = "/hubs/{hub}",
    tag = "hubs",
    params(("hub" = uuid::Uuid, Path, description = "The hub")),
    responses((status = 200, description = "The hub", body = Hub), ApiError, NoSuchId)
)]
pub(super) async fn hub(
    mut caller: Caller<Look>,
    Named(hub): Named<HubId>,
    asked: Asked,
) -> Result<Json<Hub>, ApiError> {
    asked.read(|_| ())?;
    let found = views::hub(caller.transaction(), hub).await?.ok_or(ApiError::Id)?;
    caller.done().await?;
    Ok(Json(found))
}

/// The documents that were made for a hub, newest first, each with what became of it.
#[utoipa::path(
    get,
    path = "/hubs/{hub}/configuration",
    tag = "hubs",
    params(
        ("hub" = uuid::Uuid, Path, description = "The hub"),
        ("limit" = Option<u16>, Query, description = "Rows at most, by default 100", minimum = 1, maximum = 1000),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page of documents", body = Page<ConfigDocument>), ApiError, NoSuchId)
)]
pub(super) async fn configuration(
    mut caller: Caller<Look>,
    Named(hub): Named<HubId>,
    asked: Asked,
) -> Result<Json<Page<ConfigDocument>>, ApiError> {
    let wanted = asked.read(|asked| asked.page(PAGE))?;
    if !views::hub_exists(caller.transaction(), hub).await? {
        return Err(ApiError::Id);
    }
    let slice = views::documents(caller.transaction(), hub, wanted.behind).await?;
    caller.done().await?;
    Ok(Json(Page::of(slice, &wanted)))
}
