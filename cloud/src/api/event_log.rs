//! `/event-log`.

use super::asked::{Asked, Days, PAGE};
use super::caller::Caller;
use super::page::Page;
use super::problem::ApiError;
use super::right::Look;
use crate::store::views::{self, Entry, EntryFilter};
use axum::Json;

const LOG_DAYS: Days = Days { usual: 1, most: 400 };

/// The organization's log of a range, newest first.
#[utoipa::path(
    get,
    path = "/event-log",
    tag = "event log",
    params(
        ("from" = Option<String>, Query, format = DateTime,
            description = "Then or later, RFC 3339 in UTC; by default a day before `to`"),
        ("to" = Option<String>, Query, format = DateTime,
            description = "Before; by default now, or 400 days after `from`. At most 400 days after `from`"),
        ("unit" = Option<uuid::Uuid>, Query, description = "Of this unit alone"),
        ("type" = Option<String>, Query, description = "Of this type alone", max_length = 64),
        ("limit" = Option<u16>, Query, description = "Rows at most, by default 100", minimum = 1, maximum = 1000),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page of entries", body = Page<Entry>), ApiError)
)]
pub(super) async fn event_log(mut caller: Caller<Look>, asked: Asked) -> Result<Json<Page<Entry>>, ApiError> {
    let (filter, wanted) = asked.read(|asked| {
        let filter = EntryFilter {
            range: asked.range(LOG_DAYS),
            unit: asked.id("unit"),
            event_type: asked.event_type("type"),
        };
        (filter, asked.page(PAGE))
    })?;
    let slice = views::event_log(caller.transaction(), &filter, wanted.behind).await?;
    caller.done().await?;
    Ok(Json(Page::of(slice, &wanted)))
}
