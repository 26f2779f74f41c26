//! How lists are cut: nothing is lost, nothing repeated, and a token belongs to its list.

use frostguard_tests::cloud::fixture::{ALFA, FROM, Kind, TO};
use serde_json::{Value, json};

use crate::world::World;

fn readings() -> String {
    format!("/units/{}/readings", ALFA.id(Kind::Unit, 1))
}

pub fn readings_of_equal_times_are_neither_lost_nor_repeated_whatever_the_page(world: &World) {
    let path = format!("{}?from={FROM}&to={TO}", readings());
    let whole = world.all(ALFA, &path);
    let place = |row: &Value| {
        let (stream, seq) = (row["stream"].as_i64().unwrap(), row["seq"].as_i64().unwrap());
        (row["recorded_at"].as_str().unwrap().to_owned(), stream, seq)
    };
    let places: Vec<_> = whole.iter().map(place).collect();
    assert_eq!(places.len(), 60);
    assert!(places.is_sorted_by(|one, next| one < next), "in order, and none twice");
    assert_eq!(places.iter().filter(|(at, ..)| at == "2025-07-01T00:00:00.000Z").count(), 12);
    for limit in [1, 2, 5, 7, 12, 13, 59, 60, 61] {
        assert_eq!(world.all(ALFA, &format!("{path}&limit={limit}")), whole, "in pages of {limit}");
    }
}

pub fn every_list_gives_the_same_rows_in_pages_as_at_once(world: &World) {
    let unit = ALFA.id(Kind::Unit, 1);
    let ranged = format!("from={FROM}&to={TO}");
    for (path, rows) in [
        ("/sites?".to_owned(), 2),
        ("/units?".to_owned(), 6),
        ("/hubs?".to_owned(), 2),
        ("/alerts?".to_owned(), 8),
        (format!("/event-log?{ranged}"), 12),
        (format!("/quarantine?{ranged}"), 9),
        (format!("/units/{unit}/door-events?{ranged}"), 9),
        (format!("/units/{unit}/metrics?{ranged}"), 30),
    ] {
        let whole = world.all(ALFA, &path);
        assert_eq!(whole.len(), rows, "{path}");
        for limit in [1, 2, 5] {
            let mut pages = world.all(ALFA, &format!("{path}&limit={limit}"));
            let mut whole = whole.clone();
            // When a hub was last seen goes on between the two.
            for hub in pages.iter_mut().chain(&mut whole) {
                hub["last_seen_at"].take();
            }
            assert_eq!(pages, whole, "{path} in pages of {limit}");
        }
    }
}

pub fn a_range_begins_with_its_first_moment_and_ends_before_its_last(world: &World) {
    let of = |range: &str| world.all(ALFA, &format!("{}?{range}", readings())).len();
    assert_eq!(of("from=2025-06-30T23:50:00Z&to=2025-07-01T00:10:00Z"), 48);
    assert_eq!(of("from=2025-06-30T23:50:00.001Z&to=2025-07-01T00:10:00.001Z"), 48);
    assert_eq!(of("from=2025-06-30T23:50:00Z&to=2025-06-30T23:50:00.001Z"), 12);
    assert_eq!(of("from=2025-06-15T00:00:00Z&to=2025-07-16T00:00:00Z"), 60, "31 days");
    assert_eq!(of("from=2025-06-20T00:00:00Z"), 60, "31 days from there");
}

pub fn a_token_is_refused_when_damaged_or_given_with_another_question(world: &World) {
    let path = format!("{}?from={FROM}&to={TO}&limit=10", readings());
    let page = world.good(ALFA, &path);
    let token = page["next"].as_str().unwrap();
    let ask =
        |path: &str, token: &str| world.ask(Some(&ALFA.key("viewer")), &format!("{path}&after={token}"));
    assert_eq!(ask(&path, token).status, 200);
    let last = if token.ends_with('A') { "Q" } else { "A" };
    let damaged = format!("{}{last}", &token[..token.len() - 1]);
    let first = format!("_{}", &token[1..]);
    for (path, token) in [
        (path.clone(), damaged.as_str()),
        (path.clone(), &first),
        (path.clone(), ""),
        (path.clone(), "..%2F..%2Fetc%2Fpasswd"),
        (path.replace(FROM, "2025-06-16T00:00:00Z"), token),
        (path.replace("/readings", "/metrics"), token),
        (path.replace("000300000001", "000300000002"), token),
        ("/units?limit=10".to_owned(), token),
    ] {
        let answer = ask(&path, token);
        assert_eq!(answer.status, 400, "{path}&after={token}");
        assert_eq!(answer.json()["errors"][0]["parameter"], json!("after"));
    }
}
