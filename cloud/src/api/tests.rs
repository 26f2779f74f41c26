//! The committed document against the routes, and problems as they are told.

use super::problem::{ApiError, ParameterFault};
use super::right::Right;
use super::*;
use crate::store::StoreError;
use crate::store::views::UnitStatus;
use axum::body::to_bytes;
use axum::response::IntoResponse;
use serde_json::{Value, json};

/// Set, this writes the document instead of comparing it.
const WRITE: &str = "FROSTGUARD_WRITE_OPENAPI";

#[test]
fn the_committed_document_describes_the_routes_as_they_are() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let document = openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(file, &document).unwrap();
    }
    let committed = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        committed == document,
        "cloud/openapi.json is not what the routes say: run this test with {WRITE}=1"
    );
}

/// The operations that are open to whoever asks.
const OPEN: [(&str, &str); 2] = [("/api/v1/openapi.json", "get"), ("/api/v1/session", "post")];

#[test]
fn every_operation_is_described_with_its_faults_and_with_what_it_needs() {
    let document = serde_json::to_value(openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 13);
    let operations = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
    });
    let mut ids = std::collections::HashSet::new();
    for (path, method, operation) in operations {
        let name = format!("{method} {path}");
        // Clients are made from the document, and name what they make by it.
        assert!(
            ids.insert(&operation["operationId"]),
            "{name} is called as another one: {}",
            operation["operationId"]
        );
        assert!(path.starts_with(PREFIX), "{name}");
        assert!(
            operation["summary"].is_string() || operation["description"].is_string(),
            "{name} says nothing"
        );
        let responses = operation["responses"].as_object().unwrap();
        assert!(!path.contains('{') || responses.contains_key("404"), "{name}");
        if OPEN.contains(&(path.as_str(), method.as_str())) {
            assert_eq!(operation["security"], json!([{}]), "{name}");
            continue;
        }
        for status in ["400", "401", "403", "500", "503"] {
            assert!(responses.contains_key(status), "{name} {status}");
        }
        assert!(responses.keys().any(|status| status.starts_with('2')), "{name} is never good");
        let is_named = |right: &Right| {
            let (key, session) = (json!({ "key": [right.word()] }), json!({ "session": [right.word()] }));
            // What is of a person is nothing for a key.
            let is_of_session = path == "/api/v1/session";
            operation["security"] == if is_of_session { json!([session]) } else { json!([key, session]) }
        };
        assert!(Right::ALL.iter().any(is_named), "{name} does not say what it needs");
    }
}

#[test]
fn every_reference_in_the_document_leads_somewhere_and_every_word_is_the_one_that_is_sent() {
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = serde_json::to_value(openapi()).unwrap();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50, "{found:?}");
    for reference in found {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
    }
    assert_eq!(document["components"]["schemas"]["UnitStatus"]["enum"], json!(UnitStatus::WORDS));
    assert_eq!(serde_json::to_value(UnitStatus::AlarmActive).unwrap(), "alarm_active");
}

async fn told(fault: ApiError) -> (u16, Value, axum::http::HeaderMap) {
    let response = fault.into_response();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 10_000).await.unwrap();
    (parts.status.as_u16(), serde_json::from_slice(&body).unwrap(), parts.headers)
}

#[tokio::test]
async fn a_problem_says_its_kind_its_status_and_each_parameter() {
    let fault = ParameterFault {
        parameter: "limit".to_owned(),
        detail: "is outside its range".to_owned(),
        allowed: "1 to 5000".to_owned(),
    };
    let (status, body, headers) = told(ApiError::Parameters(vec![fault])).await;
    assert_eq!(
        (status, &headers["content-type"]),
        (400, &HeaderValue::from_static("application/problem+json"))
    );
    assert_eq!(
        body,
        json!({
            "type": "urn:frostguard:problem:parameters",
            "title": "parameters that cannot be used",
            "status": 400,
            "detail": "errors names each of them and what it may be",
            "errors": [{ "parameter": "limit", "detail": "is outside its range", "allowed": "1 to 5000" }],
        })
    );
}

#[tokio::test]
async fn a_wrong_key_is_told_how_to_send_a_good_one() {
    let (status, body, headers) = told(ApiError::Key).await;
    assert_eq!(
        (status, &headers["www-authenticate"]),
        (401, &HeaderValue::from_static("Bearer realm=\"frostguard\""))
    );
    assert_eq!(body["status"], 401);
    assert_eq!(body.get("errors"), None);
}

#[tokio::test]
async fn a_fault_of_our_own_is_told_without_its_inside() {
    let inside = StoreError::content("a secret")(std::io::Error::other("what the secret is"));
    let (status, body, _) = told(ApiError::Store(inside)).await;
    assert_eq!((status, body["title"].as_str()), (500, Some("a fault of our own")));
    assert!(!body.to_string().contains("secret"), "{body}");
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_a_matter_of_time() {
    let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "nobody at 127.0.0.1");
    let fault = StoreError::step("begin")(sqlx::Error::Io(refused));
    let (status, body, headers) = told(ApiError::Store(fault)).await;
    assert_eq!((status, &headers["retry-after"]), (503, &HeaderValue::from(2)));
    assert!(!body.to_string().contains("127.0.0.1"), "{body}");
}
