//! Nobody sees or changes anything of another organization, and nobody does what their role may not: tried on every
//! operation that the served document names, with a key and with a session.

use std::thread;

use frostguard_cloud::api::right::Right;
use frostguard_tests::cloud::fixture::{ALFA, BRAVO, Kind, ROLES};

use crate::described::{NOBODY, Operation, operations, own};
use crate::world::{SCHEMES, Shown, World};

const JSON: &str = "application/json";

pub fn every_path_of_the_document_answers_as_described(world: &World) {
    for operation in operations(world).iter().filter(|operation| operation.method == "GET") {
        let path = operation.with(own(ALFA));
        let asked = operation.widest(&path);
        let without = world.ask_as(&Shown::Nothing, "GET", &asked, None);
        assert_eq!(without.status, if operation.needs.is_none() { 200 } else { 401 }, "{asked}");
        for scheme in operation.schemes() {
            let viewer = Shown::of(ALFA, scheme, "viewer");
            let answer = world.ask_as(&viewer, "GET", &asked, None);
            assert_eq!(answer.status, 200, "{asked} by {scheme}: {}", answer.body);
            // Each parameter is known by its described name, and no other is.
            let refused = world.ask_as(&viewer, "GET", &format!("{path}?nonsense=1"), None);
            let known = refused.json()["errors"][0]["allowed"].take();
            let mut known: Vec<_> =
                known.as_str().unwrap().split(", ").filter(|name| *name != "none").collect();
            let mut described = operation.in_query.clone();
            known.sort_unstable();
            described.sort_unstable();
            assert_eq!(known, described, "{asked}");
        }
    }
}

pub fn every_role_may_do_what_the_table_says_and_nothing_else(world: &World) {
    let (mut allowed, mut refused) = (0, 0);
    for operation in operations(world).iter().filter(|operation| operation.needs.is_some()) {
        let (_, right) = operation.needs.as_ref().unwrap();
        for (scheme, role) in SCHEMES.into_iter().flat_map(|scheme| ROLES.map(|role| (scheme, role))) {
            let name = format!("{} {} by {scheme} as {role}", operation.method, operation.template);
            // A change that is allowed is stopped behind the door, by an id that nobody has, a parameter that is none
            // and a body that is none, so that this world stays as it is.
            let path = match operation.method.as_str() {
                "GET" => operation.widest(&operation.with(own(ALFA))),
                _ => format!("{}?nonsense=1", operation.with(|_| NOBODY.to_owned())),
            };
            let body = operation.has_body.then_some(("text/plain", "{}"));
            let answer = world.ask_as(&Shown::of(ALFA, scheme, role), &operation.method, &path, body);
            if right.holders().iter().all(|holder| holder.word() != role) {
                assert_eq!(answer.status, 403, "{name}: {}", answer.body);
                assert_eq!(answer.json()["type"], "urn:frostguard:problem:right", "{name}");
                refused += 1;
            } else if operation.schemes().any(|known| known == scheme) {
                assert!(![401, 403].contains(&answer.status), "{name}: {}", answer.body);
                assert!(operation.method != "GET" || answer.status == 200, "{name}: {}", answer.body);
                allowed += 1;
            } else {
                assert_eq!(answer.status, 401, "{name}: {}", answer.body);
            }
        }
    }
    let needed =
        operations(world).into_iter().filter_map(|operation| operation.needs.map(|(_, right)| right));
    let needs_more = needed.filter(|right| *right != Right::Look).count();
    assert!(allowed > 100, "{allowed}");
    assert!(
        (refused > 0) == (needs_more > 0),
        "{refused} refused, {needs_more} routes that need more than a look"
    );
}

pub fn a_handler_gets_no_caller_whose_role_has_not_the_right_and_is_told_who_it_is(world: &World) {
    // Spelled out here once more: the table in the code is what is tried.
    let expected = [("look", 5), ("respond", 4), ("configure", 3), ("administer", 2)];
    for (right, holders) in expected {
        for (scheme, (n, role)) in SCHEMES
            .into_iter()
            .flat_map(|scheme| ROLES.into_iter().enumerate().map(move |role| (scheme, role)))
        {
            for method in ["GET", "POST", "PATCH", "DELETE"] {
                let shown = Shown::of(ALFA, scheme, role);
                let answer = world.ask_as(&shown, method, &format!("/rights/{right}"), None);
                let name = format!("{method} {right} by {scheme} as {role}: {}", answer.body);
                if n + holders < ROLES.len() {
                    assert_eq!(answer.status, 403, "{name}");
                    assert_eq!(answer.json()["type"], "urn:frostguard:problem:right", "{name}");
                    continue;
                }
                let actor = match scheme {
                    "key" => format!("key {}-0000-7000-8000-00090000000{}", ALFA.digits, n + 1),
                    _ => format!("person {}", ALFA.id(Kind::Person, 11 + n as u32)),
                };
                assert_eq!((answer.status, answer.body), (200, format!("{actor}, {role}")), "{name}");
            }
        }
    }
}

pub fn a_change_is_not_taken_from_another_s_page(world: &World) {
    for operation in operations(world).iter().filter(|operation| operation.method != "GET") {
        let path = format!("/api/v1{}", operation.with(|_| NOBODY.to_owned()));
        let foreign: &[&[(&str, &str)]] = &[
            &[("Origin", "https://evil.example")],
            &[("Origin", "null")],
            &[("Sec-Fetch-Site", "cross-site")],
            &[("Sec-Fetch-Site", "same-site")],
        ];
        let without: &[&[(&str, &str)]] = &[&[]];
        // Who signs in shows no session yet: a program may do that, which tells of no page.
        let of_session = if operation.needs.is_some() { without } else { &[] };
        for headers in foreign.iter().chain(of_session) {
            let answer = world.ask_with_session(&operation.method, &path, &ALFA.session("owner"), headers);
            assert_eq!(answer.status, 403, "{} {path} {headers:?}: {}", operation.method, answer.body);
            assert_eq!(answer.json()["type"], "urn:frostguard:problem:origin", "{path}");
        }
    }
}

pub fn whatever_is_asked_with_an_id_of_the_other_is_not_there(world: &World) {
    let mut asked = 0;
    for operation in operations(world).iter().filter(|operation| !operation.in_path.is_empty()) {
        for (one, other) in [(ALFA, BRAVO), (BRAVO, ALFA)] {
            for (scheme, role) in operation.schemes().flat_map(|scheme| ROLES.map(|role| (scheme, role))) {
                let ask = |id: &dyn Fn(&str) -> String| {
                    let body = operation.has_body.then_some((JSON, "{}"));
                    let path = operation.widest(&operation.with(id));
                    let answer = world.ask_as(&Shown::of(one, scheme, role), &operation.method, &path, body);
                    (answer.status, answer.body)
                };
                let foreign = ask(&own(other));
                let unknown = ask(&|_: &str| NOBODY.to_owned());
                let name = format!("{} {} by {scheme} as {role}", operation.method, operation.template);
                assert_eq!(foreign, unknown, "{name} tells that the id exists");
                if operation.is_read() {
                    assert_eq!(foreign.0, 404, "{name}: {}", foreign.1);
                    assert_eq!(ask(&own(one)).0, 200, "{name}");
                } else {
                    assert!((400..500).contains(&foreign.0), "{name}: {foreign:?}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked >= 6 * 2 * 5 * 2, "every path with an id, as each of the two, with each role and scheme");
}

/// Every operation that shows something of the organization, with each way to ask for it.
fn reads(operations: &[Operation]) -> impl Iterator<Item = (&Operation, &str)> {
    let reads = operations.iter().filter(|operation| operation.is_read());
    reads.flat_map(|operation| operation.schemes().map(move |scheme| (operation, scheme)))
}

pub fn no_list_shows_anything_of_the_other(world: &World) {
    for (operation, scheme) in reads(&operations(world)) {
        for (one, other) in [(ALFA, BRAVO), (BRAVO, ALFA)] {
            for role in ROLES {
                let asked = operation.widest(&operation.with(own(one)));
                let answer = world.ask_as(&Shown::of(one, scheme, role), "GET", &asked, None);
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
    for (operation, scheme) in reads(&operations(world)) {
        for filter in operation.in_query.iter().filter(|name| ALFA.named(name).is_some()) {
            let wide = operation.widest(&operation.with(own(ALFA)));
            let count = |id: &str| {
                let viewer = Shown::of(ALFA, scheme, "viewer");
                let answer = world.ask_as(&viewer, "GET", &format!("{wide}&{filter}={id}"), None);
                answer.json()["items"].as_array().unwrap().len()
            };
            assert_eq!(count(&BRAVO.named(filter).unwrap()), 0, "{wide} {filter}");
            assert!(count(&ALFA.named(filter).unwrap()) > 0, "{wide} {filter}");
            asked += 1;
        }
    }
    assert!(asked >= 6, "units by site, alerts by unit, entries by unit, each with key and session: {asked}");
}

pub fn two_organizations_that_ask_at_once_never_see_each_other(world: &World) {
    let operations = &operations(world);
    thread::scope(|threads| {
        for asker in 0..8 {
            let (one, other) = if asker % 2 == 0 { (ALFA, BRAVO) } else { (BRAVO, ALFA) };
            threads.spawn(move || {
                let reads: Vec<_> = reads(operations).collect();
                for (operation, scheme) in reads.into_iter().cycle().skip(asker).take(60) {
                    let asked = operation.widest(&operation.with(own(one)));
                    let answer = world.ask_as(&Shown::of(one, scheme, "staff"), "GET", &asked, None);
                    assert_eq!(answer.status, 200, "{asked}: {}", answer.body);
                    let shows_no_word = operation.template == "/quarantine";
                    assert!(one.is_seen_in(&answer.body) || shows_no_word, "{asked}");
                    assert!(!other.is_seen_in(&answer.body), "{asked}: {}", answer.body);
                }
            });
        }
    });
}
