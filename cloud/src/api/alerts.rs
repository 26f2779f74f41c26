//! `/alerts`.

use super::asked::{Asked, Named, PAGE};
use super::caller::Caller;
use super::page::Page;
use super::problem::{ApiError, NoSuchId};
use super::right::Look;
use crate::store::views::{self, Alert, AlertFilter, AlertStatus};
use axum::Json;
use frostguard_shared::ids::AlertId;

/// Alerts, newest first.
#[utoipa::path(
    get,
    path = "/alerts",
    tag = "alerts",
    params(
        ("status" = Option<AlertStatus>, Query, description = "With this status alone"),
        ("open" = Option<bool>, Query, description = "true: those alone that are not over, false: those that are"),
        ("unit" = Option<uuid::Uuid>, Query, description = "Of this unit alone"),
        ("from" = Option<String>, Query, format = DateTime, description = "Raised then or later, RFC 3339 in UTC"),
        ("to" = Option<String>, Query, format = DateTime, description = "Raised before"),
        ("limit" = Option<u16>, Query, description = "Rows at most, by default 100", minimum = 1, maximum = 1000),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page of alerts", body = Page<Alert>), ApiError)
)]
pub(super) async fn alerts(mut caller: Caller<Look>, asked: Asked) -> Result<Json<Page<Alert>>, ApiError> {
    let (filter, wanted) = asked.read(|asked| {
        let filter = AlertFilter {
            unit: asked.id("unit"),
            status: asked.word("status", AlertStatus::WORDS),
            open: asked.yes_or_no("open"),
            from: asked.at("from"),
            to: asked.at("to"),
        };
        (filter, asked.page(PAGE))
    })?;
    let slice = views::alerts(caller.transaction(), filter, wanted.behind).await?;
    caller.done().await?;
    Ok(Json(Page::of(slice, &wanted)))
}

/// One alert.
#[utoipa::path(
    get,
    path = "/alerts/{alert}",
    tag = "alerts",
    params(("alert" = uuid::Uuid, Path, description = "The alert")),
    responses((status = 200, description = "The alert", body = Alert), ApiError, NoSuchId)
)]
pub(super) async fn alert(
    mut caller: Caller<Look>,
    Named(alert): Named<AlertId>,
    asked: Asked,
) -> Result<Json<Alert>, ApiError> {
    asked.read(|_| ())?;
    let found = views::alert(caller.transaction(), alert).await?.ok_or(ApiError::Id)?;
    caller.done().await?;
    Ok(Json(found))
}
