//! Owns the operations of the API as its served document tells them: how to ask each, and what it needs.
//! Takes the document; gives operations that a test can ask without knowing them.
//! Must never leave out an operation: one of a kind that these tests do not know is a fault of theirs.

use std::collections::BTreeMap;

use frostguard_cloud::api::right::Right;
use frostguard_tests::cloud::fixture::{FROM, Organization, TO};
use serde_json::Value;

use crate::world::World;

/// What there is never: an id of the right form that no organization has.
pub const NOBODY: &str = "01990000-0000-7000-8000-000000000001";

/// An operation of the document.
pub struct Operation {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path beneath the prefix, with the names of ids in braces.
    pub template: String,
    /// The ids in the path.
    pub in_path: Vec<String>,
    /// The parameters behind the question mark.
    pub in_query: Vec<String>,
    /// The schemes of those who may ask, and the right that they need; `None` if it is open to anyone.
    pub needs: Option<(Vec<String>, Right)>,
    /// Whether it takes a body.
    pub has_body: bool,
    /// Whether its answer never ends.
    pub is_stream: bool,
}

impl Operation {
    /// The path with every id in it replaced by what is named there.
    pub fn with(&self, id: impl Fn(&str) -> String) -> String {
        self.in_path
            .iter()
            .fold(self.template.clone(), |path, name| path.replace(&format!("{{{name}}}"), &id(name)))
    }
    /// As much as it shows: the whole range and the longest page.
    pub fn widest(&self, path: &str) -> String {
        if self.in_query.iter().any(|name| name == "from") {
            format!("{path}?from={FROM}&to={TO}&limit=1000")
        } else if self.in_query.iter().any(|name| name == "limit") {
            format!("{path}?limit=1000")
        } else {
            path.to_owned()
        }
    }
    /// Whether it only shows something, and shows it whole.
    pub fn is_read(&self) -> bool {
        self.method == "GET" && !self.is_stream
    }
    /// The schemes of those who may ask.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.needs.iter().flat_map(|(schemes, _)| schemes.iter().map(String::as_str))
    }
}

/// The ids of an organization's own things.
pub fn own(organization: Organization) -> impl Fn(&str) -> String {
    move |name| organization.named(name).unwrap_or_else(|| panic!("the fixture has no id for {{{name}}}"))
}

/// What an operation needs by the document.
fn needs(operation: &Value) -> Option<(Vec<String>, Right)> {
    let security = operation["security"].as_array().expect("every operation says what it needs");
    if *security == [serde_json::json!({})] {
        return None;
    }
    let mut schemes = Vec::new();
    let mut words = Vec::new();
    for (scheme, rights) in security.iter().flat_map(|one| one.as_object().unwrap()) {
        schemes.push(scheme.clone());
        words.push(rights.clone());
    }
    words.dedup();
    let right = Right::ALL.into_iter().find(|right| words == [serde_json::json!([right.word()])]);
    Some((schemes, right.unwrap_or_else(|| panic!("{words:?} is no right"))))
}

/// All operations of the document that is served.
pub fn operations(world: &World) -> Vec<Operation> {
    let document = world.ask(None, "/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 14, "{:?}", paths.keys());
    let all = paths.iter().flat_map(|(template, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, operation)| (template, method, operation))
    });
    let read = |(template, method, operation): (&String, &String, &Value)| {
        assert!(["get", "post", "put", "patch", "delete"].contains(&method.as_str()), "{method} {template}");
        let mut places = BTreeMap::from([("path", Vec::new()), ("query", Vec::new())]);
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let named = parameter["name"].as_str().unwrap().to_owned();
            places.get_mut(parameter["in"].as_str().unwrap()).unwrap().push(named);
        }
        assert_eq!(template.matches('{').count(), places["path"].len(), "{template}");
        Operation {
            method: method.to_uppercase(),
            template: template.strip_prefix("/api/v1").unwrap().to_owned(),
            in_path: places.remove("path").unwrap(),
            in_query: places.remove("query").unwrap(),
            needs: needs(operation),
            has_body: operation.get("requestBody").is_some(),
            is_stream: operation["responses"]["200"]["content"].get("text/event-stream").is_some(),
        }
    };
    all.map(read).collect()
}
