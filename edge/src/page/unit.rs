//! A unit on the page: log a temperature by hand, silence its alerts for a while, end that.
//!
//! Owns the forms of one unit and what of them is refused before anybody is asked: a temperature that is none, a length
//! that is not offered. Each needs a person's PIN. It changes nothing itself: it asks the watch and shows the answer.

use super::{Page, Proof, ask, html, message, prove, render};
use crate::hub::Input;
use crate::watch::{Deed, SHELVE_LENGTHS, UnitView};
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use frostguard_shared::ids::UnitId;
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::time::DurationMs;
use serde::Deserialize;
use tokio::sync::oneshot;

/// No kitchen thermometer shows less than the first or more than the second.
const READABLE: (CentiCelsius, CentiCelsius) =
    (CentiCelsius::literal(-10_000), CentiCelsius::literal(15_000));

#[derive(Template)]
#[template(path = "unit.html")]
struct UnitPage<'a> {
    site: &'a str,
    unit: render::Unit<'a>,
    people: Vec<(&'a str, &'a str)>,
    lengths: Vec<(i64, String)>,
    typed: Typed,
    error: Option<&'a str>,
}

/// What somebody has typed already, so that a wrong PIN does not cost them the rest.
#[derive(Default)]
struct Typed {
    temperature: String,
    note: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    person: String,
    pin: String,
    temperature: String,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Silence {
    person: String,
    pin: String,
    minutes: i64,
    reason: String,
}

/// The page of a unit.
pub(super) async fn show(State(page): State<Page>, Path(key): Path<String>) -> Response {
    shown(&page, &key, StatusCode::OK, Typed::default(), None)
}

/// Somebody has read a thermometer.
pub(super) async fn log(
    State(page): State<Page>,
    Path(key): Path<String>,
    Form(form): Form<Log>,
) -> Response {
    let typed = Typed { temperature: form.temperature.clone(), note: form.note.clone(), ..Typed::default() };
    let Some(temperature) = read_off(&form.temperature) else {
        let text = "That is no temperature between −100 and 150 °C.";
        return shown(&page, &key, StatusCode::UNPROCESSABLE_ENTITY, typed, Some(text));
    };
    let proof = Proof { person: form.person, pin: form.pin };
    act(&page, &key, proof, typed, |unit| Deed::Log { unit, temperature, note: form.note }).await
}

/// Somebody silences the unit.
pub(super) async fn silence(
    State(page): State<Page>,
    Path(key): Path<String>,
    Form(form): Form<Silence>,
) -> Response {
    let typed = Typed { reason: form.reason.clone(), ..Typed::default() };
    if !SHELVE_LENGTHS.contains(&form.minutes) {
        let text = "A unit can be silenced for a quarter of an hour to 4 hours.";
        return shown(&page, &key, StatusCode::UNPROCESSABLE_ENTITY, typed, Some(text));
    }
    if form.reason.trim().is_empty() {
        let text = "Say why the unit is to be silent.";
        return shown(&page, &key, StatusCode::UNPROCESSABLE_ENTITY, typed, Some(text));
    }
    let proof = Proof { person: form.person, pin: form.pin };
    let length = DurationMs::minutes(form.minutes);
    act(&page, &key, proof, typed, |unit| Deed::Shelve { unit, length, reason: form.reason }).await
}

/// Somebody ends the silence.
pub(super) async fn unsilence(
    State(page): State<Page>,
    Path(key): Path<String>,
    Form(proof): Form<Proof>,
) -> Response {
    act(&page, &key, proof, Typed::default(), Deed::Unshelve).await
}

async fn act(
    page: &Page,
    key: &str,
    proof: Proof,
    typed: Typed,
    deed: impl FnOnce(UnitId) -> Deed,
) -> Response {
    let Some(unit) = page.view().units.iter().find(|unit| unit.key == key).map(|unit| unit.id) else {
        return nowhere(page);
    };
    let person = match prove(page, &proof.person, proof.pin).await {
        Ok(person) => person.id,
        Err((status, text)) => return shown(page, key, status, typed, Some(text)),
    };
    let (answer, answered) = oneshot::channel();
    ask(page, Input::Act(deed(unit), person, answer), answered).await
}

fn nowhere(page: &Page) -> Response {
    message(StatusCode::NOT_FOUND, "There is no such unit here", page)
}

fn shown(page: &Page, key: &str, status: StatusCode, typed: Typed, error: Option<&str>) -> Response {
    let (view, site) = (page.view(), &page.site);
    let Some(unit) = view.units.iter().find(|unit| unit.key == key) else { return nowhere(page) };
    html(status, rendered(unit, site, typed, error))
}

fn rendered(
    unit: &UnitView,
    site: &crate::site::Site,
    typed: Typed,
    error: Option<&str>,
) -> Result<String, askama::Error> {
    let people = site.people.iter().map(|person| (person.key.as_str(), person.name.as_str())).collect();
    let unit = render::unit_shown(unit, site, None);
    let lengths = SHELVE_LENGTHS.map(|minutes| (minutes, in_words(minutes))).into();
    UnitPage { site: &site.name, unit, people, lengths, typed, error }.render()
}

fn in_words(minutes: i64) -> String {
    match minutes {
        60 => "1 hour".into(),
        hours if hours % 60 == 0 => format!("{} hours", hours / 60),
        minutes => format!("{minutes} minutes"),
    }
}

/// A temperature as people type it: with a comma or a point, a sign of either kind, and perhaps its unit.
fn read_off(text: &str) -> Option<CentiCelsius> {
    let plain = text.trim().replace(['−', '–'], "-").replace(',', ".");
    let plain = plain.trim_end_matches(['C', 'c']).trim_end_matches('°').trim();
    CentiCelsius::parse(plain).ok().filter(|value| (READABLE.0..=READABLE.1).contains(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_is_read_as_people_type_it_and_what_is_none_is_refused() {
        for (text, hundredths) in
            [("-18", -1_800), ("−18,3", -1_830), (" 4.25 °C ", 425), ("+3", 300), ("0", 0), ("5c", 500)]
        {
            assert_eq!(read_off(text), Some(CentiCelsius::literal(hundredths)), "{text}");
        }
        for text in ["", "cold", "4.255", "1e2", "--4", "151", "-100.01", "4 5"] {
            assert_eq!(read_off(text), None, "{text}");
        }
    }
}
