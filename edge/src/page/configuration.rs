//! The rules from the cloud on the page: what waits for somebody at the hub, and the forms that decide on it.
//!
//! Owns the card that says what is asked, why it was held back and since when, and the page on which a person lets it
//! take effect or turns it down. It decides nothing itself: it asks the watch and shows the answer.

use super::render::local;
use super::{Page, ask, html, message, prove};
use crate::annunciators::mqtt::rfc3339;
use crate::desired::RulesFrom;
use crate::desired::kept::{Kept, Waiting};
use crate::hub::Input;
use crate::site::{Site, Unit};
use crate::watch::{UnitView, View, Wish};
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use frostguard_shared::alarm::AlertType;
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::rules::UnitRules;
use frostguard_shared::rules::field::{RuleField, Slot};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

#[derive(Template)]
#[template(path = "waiting.html")]
struct Card<'a> {
    identify: Option<&'a str>,
    fault: Option<&'a str>,
    waiting: Option<Asked>,
    on_trial: Option<u64>,
}

#[derive(Template)]
#[template(path = "configuration.html")]
struct Question<'a> {
    site: &'a str,
    asked: Asked,
    people: Vec<(&'a str, &'a str)>,
    error: Option<&'a str>,
}

/// What is asked, in words.
struct Asked {
    version: u64,
    since: String,
    reason: String,
    changes: Vec<String>,
}

/// What the overview shows above all else: who looks for this hub, and what waits for somebody.
pub(super) fn card(view: &View, site: &Site) -> Result<String, askama::Error> {
    let kept = &view.standing.kept;
    Card {
        identify: view.identify.as_deref(),
        fault: view.standing.fault.as_deref(),
        waiting: kept.waiting.as_ref().map(|waiting| asked(waiting, view, site)),
        on_trial: kept.on_trial.as_ref().map(|_| kept.applied()),
    }
    .render()
}

/// How it stands, for machines.
pub(super) fn status(view: &View) -> Value {
    let Kept { decided, waiting, on_trial, .. } = &*view.standing.kept;
    json!({
        "applied": view.standing.kept.applied(),
        "decided": decided,
        "on_trial": on_trial.as_ref().map(|trial| json!({ "since": rfc3339(trial.since) })),
        "waiting": waiting.as_ref().map(|waiting| json!({
            "version": waiting.document.version,
            "code": waiting.code,
            "reason": waiting.reason,
            "since": rfc3339(waiting.since),
        })),
        "fault": view.standing.fault,
        "identify": view.identify,
    })
}

/// A unit's limits and where they come from, for machines.
pub(super) fn limits(unit: &UnitView) -> Value {
    let (from, version) = match unit.rules_from {
        RulesFrom::Site => ("site.toml", None),
        RulesFrom::Cloud(version) => ("cloud", Some(version)),
    };
    let text = |limit: Option<CentiCelsius>| limit.map(|limit| limit.to_string());
    json!({ "min_c": text(unit.limits.0), "max_c": text(unit.limits.1), "from": from, "version": version })
}

/// The page that asks.
pub(super) async fn show(State(page): State<Page>) -> Response {
    question(&page, StatusCode::OK, None)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    version: u64,
    person: String,
    pin: String,
}

/// Somebody decides.
pub(super) async fn decide(
    State(page): State<Page>,
    Path(wish): Path<String>,
    Form(form): Form<Answer>,
) -> Response {
    let wish = match wish.as_str() {
        "apply" => Wish::Apply,
        "turn-down" => Wish::TurnDown,
        _ => return message(StatusCode::NOT_FOUND, "There is no such page", &page),
    };
    let person = match prove(&page, &form.person, form.pin).await {
        Ok(person) => person.id,
        Err((status, text)) => return question(&page, status, Some(text)),
    };
    let (answer, answered) = oneshot::channel();
    ask(&page, Input::Decide(wish, form.version, person, answer), answered).await
}

fn question(page: &Page, status: StatusCode, error: Option<&str>) -> Response {
    let view = page.view();
    let Some(waiting) = &view.standing.kept.waiting else {
        return message(StatusCode::NOT_FOUND, "Nothing waits for a decision", page);
    };
    let site = &page.site;
    let people = site.people.iter().map(|person| (person.key.as_str(), person.name.as_str())).collect();
    let asked = asked(waiting, &view, site);
    html(status, Question { site: &site.name, asked, people, error }.render())
}

fn asked(waiting: &Waiting, view: &View, site: &Site) -> Asked {
    let changed = view.standing.site.units.iter().filter_map(|unit| {
        let after = waiting.document.rules.get(&unit.id).filter(|after| **after != unit.rules)?;
        Some(change(unit, after))
    });
    Asked {
        version: waiting.document.version,
        since: local(waiting.since, site, "%a %H:%M"),
        reason: waiting.reason.clone(),
        changes: changed.collect(),
    }
}

/// Fields of one unit that are named; the rest are counted.
const NAMED_MAX: usize = 8;

/// What would be otherwise, field by field.
fn change(unit: &Unit, after: &UnitRules) -> String {
    let before = unit.rules.fields();
    let was = |slot, field| {
        let of = before.iter().find(|(at, known, _)| (*at, *known) == (slot, field));
        of.and_then(|(_, _, said)| said.value)
    };
    let told = after.fields();
    let mut changed: Vec<String> = told
        .iter()
        .filter(|(slot, field, said)| was(*slot, *field) != said.value)
        .map(|(slot, field, said)| {
            let now = field.in_words(was(*slot, *field));
            format!("{} {}, now {now}", name(*slot, *field), field.in_words(said.value))
        })
        .collect();
    let (tiers, were) = (after.limits.len(), unit.rules.limits.len());
    if tiers < were {
        changed.insert(0, format!("{} of {were} tiers of limits go", were - tiers));
    }
    let more = changed.len().saturating_sub(NAMED_MAX);
    let named = changed.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join("; ");
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    match changed.len() {
        0 => format!("{}: the same values, said by others", unit.name),
        _ => format!("{}: {named}{more}", unit.name),
    }
}

/// A field's name for people: of the slot, unless it is the limits.
fn name(slot: Slot, field: RuleField) -> String {
    let field = match field {
        RuleField::TempMin => "lower limit".to_owned(),
        RuleField::TempMax => "upper limit".to_owned(),
        _ => field.word().replace('_', " "),
    };
    match (slot.kind, slot.tier) {
        (AlertType::AlarmActive, 0) => field,
        (AlertType::AlarmActive, tier) => format!("tier {tier}: {field}"),
        (kind, _) => format!("{}: {field}", kind.word().replace('_', " ")),
    }
}
