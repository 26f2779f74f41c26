//! `/units`, and beneath each unit its readings, figures and door.

use super::asked::{Asked, Days, Limits, Named, PAGE};
use super::caller::Caller;
use super::page::Page;
use super::problem::{ApiError, NoSuchId};
use super::right::Look;
use crate::store::views::{self, DoorEvent, Granularity, Metric, Reading, Unit, UnitFilter, UnitStatus};
use axum::Json;
use frostguard_shared::ids::UnitId;

/// Readings are many: a page may be longer, a range must be shorter.
const READINGS: Limits = Limits { usual: 1_000, most: 5_000 };
const READING_DAYS: Days = Days { usual: 1, most: 31 };
/// A year of hours, and a little.
const METRIC_DAYS: Days = Days { usual: 1, most: 400 };
const DOOR_DAYS: Days = Days { usual: 1, most: 400 };

/// Units with the latest of each, in the order in which they were made.
#[utoipa::path(
    get,
    path = "/units",
    tag = "units",
    params(
        ("site" = Option<uuid::Uuid>, Query, description = "Of this site alone"),
        ("status" = Option<UnitStatus>, Query, description = "With this status alone"),
        ("limit" = Option<u16>, Query, description = "Rows at most, by default 100", minimum = 1, maximum = 1000),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page of units", body = Page<Unit>), ApiError)
)]
pub(super) async fn units(mut caller: Caller<Look>, asked: Asked) -> Result<Json<Page<Unit>>, ApiError> {
    let (filter, wanted) = asked.read(|asked| {
        let filter = UnitFilter { site: asked.id("site"), status: asked.word("status", UnitStatus::WORDS) };
        (filter, asked.page(PAGE))
    })?;
    let slice = views::units(caller.transaction(), filter, wanted.behind).await?;
    caller.done().await?;
    Ok(Json(Page::of(slice, &wanted)))
}

/// One unit with its latest.
#[utoipa::path(
    get,
    path = "/units/{unit}",
    tag = "units",
    params(("unit" = uuid::Uuid, Path, description = "The unit")),
    responses((status = 200, description = "The unit", body = Unit), ApiError, NoSuchId)
)]
pub(super) async fn unit(
    mut caller: Caller<Look>,
    Named(unit): Named<UnitId>,
    asked: Asked,
) -> Result<Json<Unit>, ApiError> {
    asked.read(|_| ())?;
    let found = views::unit(caller.transaction(), unit).await?.ok_or(ApiError::Id)?;
    caller.done().await?;
    Ok(Json(found))
}

/// The readings of a unit in a range, oldest first.
#[utoipa::path(
    get,
    path = "/units/{unit}/readings",
    tag = "units",
    params(
        ("unit" = uuid::Uuid, Path, description = "The unit"),
        ("from" = Option<String>, Query, format = DateTime,
            description = "Measured then or later, RFC 3339 in UTC; by default a day before `to`"),
        ("to" = Option<String>, Query, format = DateTime,
            description = "Measured before; by default now, or 31 days after `from`. At most 31 days after `from`"),
        ("limit" = Option<u16>, Query, description = "Rows at most, by default 1000", minimum = 1, maximum = 5000),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page of readings", body = Page<Reading>), ApiError, NoSuchId)
)]
pub(super) async fn readings(
    mut caller: Caller<Look>,
    Named(unit): Named<UnitId>,
    asked: Asked,
) -> Result<Json<Page<Reading>>, ApiError> {
    let (range, wanted) = asked.read(|asked| (asked.range(READING_DAYS), asked.page(READINGS)))?;
    must_exist(&mut caller, unit).await?;
    let slice = views::readings(caller.transaction(), unit, range, wanted.behind).await?;
    caller.done().await?;
    Ok(Json(Page::of(slice, &wanted)))
}

/// The figures of a unit's readings by the hour, oldest first.
#[utoipa::path(
    get,
    path = "/units/{unit}/metrics",
    tag = "units",
    params(
        ("unit" = uuid::Uuid, Path, description = "The unit"),
        ("from" = Option<String>, Query, format = DateTime,
            description = "Begun then or later, RFC 3339 in UTC; by default a day before `to`"),
        ("to" = Option<String>, Query, format = DateTime,
            description = "Begun before; by default now, or 400 days after `from`. At most 400 days after `from`"),
        ("granularity" = Option<Granularity>, Query, description = "The length of a period, by default an hour"),
        ("limit" = Option<u16>, Query, description = "Rows at most, by default 100", minimum = 1, maximum = 1000),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page of figures", body = Page<Metric>), ApiError, NoSuchId)
)]
pub(super) async fn metrics(
    mut caller: Caller<Look>,
    Named(unit): Named<UnitId>,
    asked: Asked,
) -> Result<Json<Page<Metric>>, ApiError> {
    let (range, granularity, wanted) = asked.read(|asked| {
        let range = asked.range(METRIC_DAYS);
        let granularity = asked.word("granularity", Granularity::WORDS).unwrap_or(Granularity::Hourly);
        (range, granularity, asked.page(PAGE))
    })?;
    must_exist(&mut caller, unit).await?;
    let slice = views::metrics(caller.transaction(), unit, granularity, range, wanted.behind).await?;
    caller.done().await?;
    Ok(Json(Page::of(slice, &wanted)))
}

/// What a unit's door did in a range, oldest first.
#[utoipa::path(
    get,
    path = "/units/{unit}/door-events",
    tag = "units",
    params(
        ("unit" = uuid::Uuid, Path, description = "The unit"),
        ("from" = Option<String>, Query, format = DateTime,
            description = "Then or later, RFC 3339 in UTC; by default a day before `to`"),
        ("to" = Option<String>, Query, format = DateTime,
            description = "Before; by default now, or 400 days after `from`. At most 400 days after `from`"),
        ("limit" = Option<u16>, Query, description = "Rows at most, by default 100", minimum = 1, maximum = 1000),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page of door events", body = Page<DoorEvent>), ApiError, NoSuchId)
)]
pub(super) async fn door_events(
    mut caller: Caller<Look>,
    Named(unit): Named<UnitId>,
    asked: Asked,
) -> Result<Json<Page<DoorEvent>>, ApiError> {
    let (range, wanted) = asked.read(|asked| (asked.range(DOOR_DAYS), asked.page(PAGE)))?;
    must_exist(&mut caller, unit).await?;
    let slice = views::door_events(caller.transaction(), unit, range, wanted.behind).await?;
    caller.done().await?;
    Ok(Json(Page::of(slice, &wanted)))
}

/// An empty list would say that the unit is there and recorded nothing.
async fn must_exist(caller: &mut Caller<Look>, unit: UnitId) -> Result<(), ApiError> {
    if views::unit_exists(caller.transaction(), unit).await? { Ok(()) } else { Err(ApiError::Id) }
}
