//! Nobody sees anything of another organization: tried on every path that the served document names.

use std::collections::BTreeMap;
use std::thread;

use frostguard_tests::cloud::fixture::{ALFA, BRAVO, FROM, Organization, ROLES, TO};
use serde_json::Value;

use crate::world::World;

/// What there is never: an id of the right form that no organization has.
const NOBODY: &str = "01990000-0000-7000-8000-000000000001";

/// A path of the document, as it is asked.
struct Path {
    template: String,
    in_path: Vec<String>,
    in_query: Vec<String>,
    is_open: bool,
}

impl Path {
    /// The path with every id in it replaced by what is named there.
    fn with(&self, id: impl Fn(&str) -> String) -> String {
        self.in_path
            .iter()
            .fold(self.template.clone(), |path, name| path.replace(&format!("{{{name}}}"), &id(name)))
    }
    /// As much as it shows: the whole range and the longest page.
    fn widest(&self, path: &str) -> String {
        if self.in_query.iter().any(|name| name == "from") {
            format!("{path}?from={FROM}&to={TO}&limit=1000")
        } else if self.in_query.iter().any(|name| name == "limit") {
            format!("{path}?limit=1000")
        } else {
            path.to_owned()
        }
    }
}

fn own(organization: Organization) -> impl Fn(&str) -> String {
    move |name| organization.named(name).unwrap_or_else(|| panic!("the fixture has no id for {{{name}}}"))
}

/// All paths of the document that is served. A path of another kind than these tests know is a fault of theirs.
fn paths(world: &World) -> Vec<Path> {
    let document = world.ask(None, "/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 13, "{:?}", paths.keys());
    let read = |(template, operations): (&String, &Value)| {
        let methods: Vec<_> = operations.as_object().unwrap().keys().collect();
        assert_eq!(methods, ["get"], "{template} can be asked in a way that is not tried here");
        let mut places = BTreeMap::from([("path", Vec::new()), ("query", Vec::new())]);
        for parameter in operations["get"]["parameters"].as_array().into_iter().flatten() {
            let named = parameter["name"].as_str().unwrap().to_owned();
            places.get_mut(parameter["in"].as_str().unwrap()).unwrap().push(named);
        }
        assert_eq!(template.matches('{').count(), places["path"].len(), "{template}");
        Path {
            template: template.strip_prefix("/api/v1").unwrap().to_owned(),
            in_path: places.remove("path").unwrap(),
            in_query: places.remove("query").unwrap(),
            is_open: operations["get"]["security"] == serde_json::json!([{}]),
        }
    };
    paths.iter().map(read).collect()
}

pub fn every_path_of_the_document_answers_as_described(world: &World) {
    for path in paths(world) {
        let asked = path.widest(&path.with(own(ALFA)));
        let answer = world.ask(Some(&ALFA.key("viewer")), &asked);
        assert_eq!(answer.status, 200, "{asked}: {}", answer.body);
        assert_eq!(path.is_open, path.template == "/openapi.json", "{asked} needs a key by its description");
        assert_eq!(world.ask(None, &asked).status, if path.is_open { 200 } else { 401 }, "{asked}");
        // Each parameter is known by its described name, and no other is.
        if !path.is_open {
            let refused =
                world.ask(Some(&ALFA.key("viewer")), &format!("{}?nonsense=1", path.with(own(ALFA))));
            let known = refused.json()["errors"][0]["allowed"].take();
            let mut known: Vec<_> =
                known.as_str().unwrap().split(", ").filter(|name| *name != "none").collect();
            let mut described = path.in_query.clone();
            known.sort_unstable();
            described.sort_unstable();
            assert_eq!(known, described, "{asked}");
        }
    }
}

pub fn whatever_is_asked_with_an_id_of_the_other_is_not_there(world: &World) {
    let mut asked = 0;
    for path in paths(world).iter().filter(|path| !path.in_path.is_empty()) {
        for (one, other) in [(ALFA, BRAVO), (BRAVO, ALFA)] {
            for role in ROLES {
                let ask = |id: &dyn Fn(&str) -> String| {
                    let answer = world.ask(Some(&one.key(role)), &path.widest(&path.with(id)));
                    (answer.status, answer.body)
                };
                let foreign = ask(&own(other));
                let unknown = ask(&|_: &str| NOBODY.to_owned());
                assert_eq!(foreign.0, 404, "{} as {role}: {}", path.template, foreign.1);
                assert_eq!(foreign, unknown, "{} tells that the id exists", path.template);
                assert_eq!(ask(&own(one)).0, 200, "{}", path.template);
                asked += 1;
            }
        }
    }
    assert_eq!(asked, 6 * 2 * 5, "every path with an id, as each of the two, with each role");
}

pub fn no_list_shows_anything_of_the_other(world: &World) {
    for path in paths(world).iter().filter(|path| !path.is_open) {
        for (one, other) in [(ALFA, BRAVO), (BRAVO, ALFA)] {
            for role in ROLES {
                let asked = path.widest(&path.with(own(one)));
                let answer = world.ask(Some(&one.key(role)), &asked);
                assert_eq!(answer.status, 200, "{asked}: {}", answer.body);
                assert!(answer.body.len() > 60, "{asked} shows nothing at all: {}", answer.body);
                assert!(!other.is_seen_in(&answer.body), "{asked} as {role}: {}", answer.body);
                assert!(answer.json().get("next").is_none(), "{asked} does not show all");
            }
        }
    }
}

pub fn a_filter_with_an_id_of_the_other_finds_nothing(world: &World) {
    let mut asked = 0;
    for path in paths(world) {
        for filter in path.in_query.iter().filter(|name| ALFA.named(name).is_some()) {
            let wide = path.widest(&path.with(own(ALFA)));
            let count = |id: &str| {
                world.good(ALFA, &format!("{wide}&{filter}={id}"))["items"].as_array().unwrap().len()
            };
            assert_eq!(count(&BRAVO.named(filter).unwrap()), 0, "{wide} {filter}");
            assert!(count(&ALFA.named(filter).unwrap()) > 0, "{wide} {filter}");
            asked += 1;
        }
    }
    assert_eq!(asked, 3, "units by site, alerts by unit, entries by unit");
}

pub fn two_organizations_that_ask_at_once_never_see_each_other(world: &World) {
    let paths = &paths(world);
    thread::scope(|threads| {
        for asker in 0..8 {
            let (one, other) = if asker % 2 == 0 { (ALFA, BRAVO) } else { (BRAVO, ALFA) };
            threads.spawn(move || {
                for path in paths.iter().filter(|path| !path.is_open).cycle().skip(asker).take(60) {
                    let asked = path.widest(&path.with(own(one)));
                    let answer = world.ask(Some(&one.key("staff")), &asked);
                    assert_eq!(answer.status, 200, "{asked}: {}", answer.body);
                    assert!(one.is_seen_in(&answer.body) || path.template == "/quarantine", "{asked}");
                    assert!(!other.is_seen_in(&answer.body), "{asked}: {}", answer.body);
                }
            });
        }
    });
}
