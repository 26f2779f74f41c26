//! Commands: asking hubs to do something, and what came of it.
//!
//! Nothing is done here: a command is signed and kept, and takes effect when the hub has journalled it. Until then it is
//! shown as pending. Whoever asks for what is under way is shown what is under way.

use super::asked::{Asked, Named, PAGE};
use super::caller::{ApiState, Caller};
use super::page::Page;
use super::problem::{ApiError, BodyRefused, FieldsRefused, NoSuchId, NotNow, ParameterFault};
use super::right::{Configure, Look, Permission, Respond};
use super::told::Told;
use crate::counters::Count;
use crate::ingest::fault_point;
use crate::store::audit::{self, Act, By};
use crate::store::views::{self, Command};
use crate::store::{StoreError, commands};
use crate::{clock, entropy};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use frostguard_shared::ids::{AlertId, CommandId, HubId};
use frostguard_shared::time::WallMs;
use frostguard_shared::wire::desired;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// How long a hub may take to note an acknowledgement: as long as somebody can be thought to be on it.
const ACKNOWLEDGE_MS: i64 = 3_600_000;
/// How long any other command is worth something.
const OTHER_MS: i64 = 600_000;

/// What a hub is to do.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes the body, whose faults are told by name")]
pub(super) struct Wish {
    /// What.
    kind: HubCommand,
}

/// What a hub itself can be asked to do.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it only describes a part of the body")]
pub(super) enum HubCommand {
    /// To show which one it is.
    Identify,
    /// To try everything that an alarm needs.
    SelfTest,
}

/// Asks the hub in charge of an alert to take it that the caller is on it.
#[utoipa::path(
    post,
    path = "/alerts/{alert}/acknowledge",
    tag = "alerts",
    params(("alert" = uuid::Uuid, Path, description = "The alert")),
    responses(
        (status = 202, description = "The command, or the one that is under way", body = Command),
        ApiError, NoSuchId, NotNow
    )
)]
pub(super) async fn acknowledge(
    State(state): State<ApiState>,
    mut caller: Caller<Respond>,
    Named(alert): Named<AlertId>,
    asked: Asked,
) -> Result<(StatusCode, Json<Command>), ApiError> {
    asked.read(|_| ())?;
    let charge = commands::charge(caller.transaction(), alert).await?.ok_or(ApiError::Id)?;
    if charge.is_over {
        return Err(ApiError::State("the alert is over: there is nothing left to acknowledge"));
    }
    let no_hub = ApiError::State("no hub is in charge of this alert any more");
    let hub = charge.hub.ok_or(no_hub)?;
    ask(&state, caller, hub, desired::ACKNOWLEDGE, Some(alert)).await
}

/// Asks a hub to show which one it is, or to test itself.
#[utoipa::path(
    post,
    path = "/hubs/{hub}/commands",
    tag = "hubs",
    params(("hub" = uuid::Uuid, Path, description = "The hub")),
    request_body(content = Wish, description = "What it is to do"),
    responses(
        (status = 202, description = "The command, or the one that is under way", body = Command),
        ApiError, NoSuchId, BodyRefused, FieldsRefused
    )
)]
pub(super) async fn command_hub(
    State(state): State<ApiState>,
    mut caller: Caller<Configure>,
    Named(hub): Named<HubId>,
    asked: Asked,
    Told(body): Told<Map<String, Value>>,
) -> Result<(StatusCode, Json<Command>), ApiError> {
    asked.read(|_| ())?;
    let kind = wished(&body)?;
    if !commands::is_in_use(caller.transaction(), hub).await? {
        return Err(ApiError::Id);
    }
    ask(&state, caller, hub, kind, None).await
}

fn wished(body: &Map<String, Value>) -> Result<&'static str, ApiError> {
    let fault = |parameter: &str, detail: &str| ParameterFault {
        parameter: parameter.chars().take(64).collect(),
        detail: detail.to_owned(),
        allowed: "kind: identify or self_test".to_owned(),
    };
    let mut faults: Vec<_> =
        body.keys().filter(|name| *name != "kind").map(|name| fault(name, "is not known here")).collect();
    let kind = match body.get("kind").and_then(Value::as_str) {
        Some(desired::IDENTIFY) => Some(desired::IDENTIFY),
        Some(desired::SELF_TEST) => Some(desired::SELF_TEST),
        _ => None,
    };
    match kind {
        Some(kind) if faults.is_empty() => Ok(kind),
        Some(_) => Err(ApiError::Fields(faults)),
        None => {
            faults.push(fault("kind", "is not what it may be"));
            Err(ApiError::Fields(faults))
        }
    }
}

/// Signs and keeps a command, unless the same is under way.
async fn ask<P: Permission>(
    state: &ApiState,
    mut caller: Caller<P>,
    hub: HubId,
    kind: &'static str,
    alert: Option<AlertId>,
) -> Result<(StatusCode, Json<Command>), ApiError> {
    let by: By = caller.actor().into();
    let made = clock::now();
    let valid_ms = if alert.is_some() { ACKNOWLEDGE_MS } else { OTHER_MS };
    let command = desired::Command {
        id: CommandId::v7(made.0.max(0) as u64, entropy::bytes()?),
        hub,
        made,
        expires: WallMs(made.0.saturating_add(valid_ms)),
        person: by.person(),
        kind: kind.to_owned(),
        alert,
    };
    let tx = caller.transaction();
    let (id, is_new) = commands::ask(tx, &command, &command.signed(state.key()), by.person()).await?;
    if is_new {
        Count::CommandsMade.one();
        let data = json!({ "command": id, "alert": alert, "kind": kind });
        let (title, log) = (format!("asked the hub: {kind}"), "command.asked");
        let act =
            Act { by, kind: log, category: "commands", title: &title, unit: None, hub: Some(hub), data };
        audit::keep(tx, &act).await?;
    }
    let shown = views::command(tx, id).await?.ok_or_else(|| StoreError::hole("a command"))?;
    fault_point!("push.command.before_commit");
    caller.done().await?;
    fault_point!("push.command.after_commit");
    Ok((StatusCode::ACCEPTED, Json(shown)))
}

/// What a hub was asked to do, newest first.
#[utoipa::path(
    get,
    path = "/hubs/{hub}/commands",
    tag = "hubs",
    params(
        ("hub" = uuid::Uuid, Path, description = "The hub"),
        ("limit" = Option<u16>, Query, description = "Rows at most, by default 100", minimum = 1, maximum = 1000),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page of commands", body = Page<Command>), ApiError, NoSuchId)
)]
pub(super) async fn commands_of(
    mut caller: Caller<Look>,
    Named(hub): Named<HubId>,
    asked: Asked,
) -> Result<Json<Page<Command>>, ApiError> {
    let wanted = asked.read(|asked| asked.page(PAGE))?;
    if !views::hub_exists(caller.transaction(), hub).await? {
        return Err(ApiError::Id);
    }
    let slice = views::commands(caller.transaction(), hub, wanted.behind).await?;
    caller.done().await?;
    Ok(Json(Page::of(slice, &wanted)))
}

/// One command.
#[utoipa::path(
    get,
    path = "/commands/{command}",
    tag = "hubs",
    params(("command" = uuid::Uuid, Path, description = "The command")),
    responses((status = 200, description = "The command", body = Command), ApiError, NoSuchId)
)]
pub(super) async fn command(
    mut caller: Caller<Look>,
    Named(command): Named<CommandId>,
    asked: Asked,
) -> Result<Json<Command>, ApiError> {
    asked.read(|_| ())?;
    let found = views::command(caller.transaction(), command).await?.ok_or(ApiError::Id)?;
    caller.done().await?;
    Ok(Json(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::views::CommandKind;

    #[test]
    fn a_hub_can_be_asked_for_what_concerns_itself_and_nothing_else() {
        let read = |body: Value| wished(body.as_object().unwrap());
        assert!(matches!(read(json!({ "kind": "identify" })), Ok("identify")));
        assert!(matches!(read(json!({ "kind": "self_test" })), Ok("self_test")));
        for body in [
            json!({}),
            json!({ "kind": "acknowledge" }),
            json!({ "kind": "reboot" }),
            json!({ "kind": 1 }),
            json!({ "kind": "identify", "loud": true }),
        ] {
            assert!(matches!(read(body.clone()), Err(ApiError::Fields(_))), "{body}");
        }
    }

    #[test]
    fn the_words_of_commands_are_those_of_the_wire() {
        let wire = [desired::ACKNOWLEDGE, desired::IDENTIFY, desired::SELF_TEST];
        assert_eq!(CommandKind::WORDS, wire);
    }
}
