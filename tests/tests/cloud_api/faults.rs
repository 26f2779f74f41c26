//! What is refused, and in which words.

use frostguard_tests::cloud::fixture::{ALFA, FROM, Kind, TO};
use serde_json::{Value, json};

use crate::world::{Answer, Shown, World};

fn problem(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    for field in ["type", "title", "detail"] {
        assert!(problem[field].is_string(), "{field}: {problem}");
    }
    problem
}

pub fn no_key_and_every_bad_key_are_refused_alike(world: &World) {
    let unknown = format!("Bearer {}", ALFA.key("nobody"));
    let (revoked, expired) =
        (format!("Bearer {}", ALFA.key("revoked")), format!("Bearer {}", ALFA.key("expired")));
    let basic = format!("Basic {}", ALFA.key("viewer"));
    let bare = ALFA.key("viewer");
    let shouted = format!("Bearer {}", ALFA.key("viewer").to_uppercase());
    let mut told = Vec::new();
    for authorization in [
        None,
        Some(unknown.as_str()),
        Some(&revoked),
        Some(&expired),
        Some(&basic),
        Some(&bare),
        Some(&shouted),
    ] {
        for path in ["/api/v1/units", "/api/v1/units/no-id?limit=0", "/api/v1/quarantine"] {
            let answer = world.ask_exactly(authorization, path);
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"frostguard\"", "{authorization:?}");
            told.push(problem(&answer, 401));
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(world.ask_exactly(Some(&format!("bearer {bare}")), "/api/v1/units").status, 200);
}

pub fn every_bad_session_is_refused_like_none(world: &World) {
    let known = ALFA.session("viewer");
    let mut told = Vec::new();
    for token in [
        ALFA.session("nobody"),
        ALFA.session("idle"),
        ALFA.session("expired"),
        known.to_uppercase(),
        format!("{known}0"),
        String::new(),
        ALFA.key("viewer"),
        format!("{known}; fg_session={known}"),
    ] {
        for path in ["/units", "/units/no-id?limit=0", "/session"] {
            told.push(problem(&world.ask_as(&Shown::Session(token.clone()), "GET", path, None), 401));
        }
    }
    told.push(problem(&world.ask_as(&Shown::Nothing, "GET", "/units", None), 401));
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(world.ask_as(&Shown::Session(known), "GET", "/units", None).status, 200);
}

pub fn a_parameter_out_of_its_range_is_named_with_its_range(world: &World) {
    let unit = ALFA.id(Kind::Unit, 1);
    let under = |path: &str| format!("/units/{unit}{path}");
    for (path, parameter, allowed) in [
        (under("/readings?limit=0"), "limit", "1 to 5000"),
        (under("/readings?limit=5001"), "limit", "1 to 5000"),
        (
            under("/readings?from=2025-06-01T00:00:00Z&to=2025-07-02T00:00:00.001Z"),
            "from",
            "before to, at most 31 days",
        ),
        (under(&format!("/readings?from={TO}&to={FROM}")), "from", "before to, at most 31 days"),
        (under("/readings?to=yesterday"), "to", "2026-11-23T13:05:00Z or 2026-11-23T13:05:00.000Z"),
        (
            under("/readings?from=2025-06-01T02:00:00%2B02:00"),
            "from",
            "2026-11-23T13:05:00Z or 2026-11-23T13:05:00.000Z",
        ),
        (under("/metrics?granularity=secondly"), "granularity", "hourly"),
        (under("/door-events?limit=1001"), "limit", "1 to 1000"),
        (
            "/units?status=melted".to_owned(),
            "status",
            "ok, excursion, alarm_active, monitoring_interrupted, manual_required, restoring, offline",
        ),
        ("/units?site=7".to_owned(), "site", "a lower-case UUID with hyphens"),
        ("/alerts?status=active&status=resolved".to_owned(), "status", "once"),
        (
            "/event-log?type=a%20b".to_owned(),
            "type",
            "1 to 64 of letters, digits, dot, underscore, hyphen, slash",
        ),
        ("/units/no-id".to_owned(), "unit", "a lower-case UUID with hyphens"),
        (format!("/units/{}", unit.to_uppercase()), "unit", "a lower-case UUID with hyphens"),
        ("/alerts/%00".to_owned(), "alert", "a lower-case UUID with hyphens"),
        ("/hubs/%ff".to_owned(), "id", "a lower-case UUID with hyphens"),
    ] {
        let answer = world.ask(Some(&ALFA.key("viewer")), &path);
        let errors = problem(&answer, 400)["errors"].take();
        assert_eq!(errors.as_array().unwrap().len(), 1, "{path}: {errors}");
        assert_eq!(
            (&errors[0]["parameter"], &errors[0]["allowed"]),
            (&json!(parameter), &json!(allowed)),
            "{path}"
        );
    }
}

pub fn an_unknown_parameter_is_named_with_those_that_are_known(world: &World) {
    let ask = |path: &str| problem(&world.ask(Some(&ALFA.key("viewer")), path), 400)["errors"].take();
    let errors = ask("/units?stat=ok&limit=many");
    let named: Vec<_> =
        errors.as_array().unwrap().iter().map(|error| error["parameter"].as_str().unwrap()).collect();
    assert_eq!(named, ["limit", "stat"], "all at once");
    assert_eq!(errors[1]["allowed"], "site, status, limit, after");
    assert_eq!(ask(&format!("/units/{}?fields=all", ALFA.id(Kind::Unit, 1)))[0]["allowed"], "none");
}

pub fn an_unknown_path_and_an_unknown_method_are_problems_too(world: &World) {
    let key = ALFA.key("owner");
    for path in ["", "/", "/unit", "/units/", "/units/1/2/3", "/organizations", "/openapi.yaml"] {
        problem(&world.ask(Some(&key), path), 404);
        problem(&world.ask(None, path), 404);
    }
    for path in ["/api/v1/units", "/api/v1/alerts/x", "/api/v1/openapi.json"] {
        let answer = world.post(path);
        problem(&answer, 405);
        assert_eq!(answer.header("allow"), "GET,HEAD", "{path}");
    }
}

pub fn nothing_of_an_answer_is_to_be_kept_by_a_cache(world: &World) {
    for path in ["/units", "/units/no-id", "/nowhere", "/openapi.json"] {
        assert_eq!(world.ask(Some(&ALFA.key("viewer")), path).header("cache-control"), "no-store", "{path}");
        assert_eq!(world.ask(None, path).header("cache-control"), "no-store", "{path}");
    }
    assert_eq!(world.post("/api/v1/units").header("cache-control"), "no-store");
}
