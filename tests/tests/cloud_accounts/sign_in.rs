//! Who is let in, for how long, and what guessing gets.

use std::thread;
use std::time::Duration;

use frostguard_tests::clock::now;
use frostguard_tests::cloud::ingest_world::{IngestWorld, Tenant};
use frostguard_tests::cloud::visitor::{Answer, Visitor};
use serde_json::json;

pub const MAIL: &str = "olivia@nord.example";
pub const PASSWORD: &str = "correct horse battery";

fn visitor(world: &IngestWorld) -> Visitor {
    Visitor::at(world.port())
}

fn with_olivia(world: &IngestWorld) -> Visitor {
    world.person(&world.ours, MAIL, "owner", PASSWORD).unwrap();
    visitor(world)
}

fn wrong(answer: &Answer) {
    assert_eq!(answer.status, 401, "{}", answer.body);
    assert_eq!(answer.json()["type"], "urn:frostguard:problem:sign-in");
    assert_eq!(answer.token(), None);
}

pub fn who_signs_in_asks_as_a_member_until_they_sign_out(world: &IngestWorld) {
    let visitor = with_olivia(world);
    let answer = visitor.sign_in(" Olivia@Nord.Example ", PASSWORD).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    let (session, token) = (answer.json(), answer.token().unwrap());
    assert_eq!(
        answer.header("set-cookie"),
        format!("fg_session={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=604800")
    );
    let id = world.ask("SELECT id FROM profiles WHERE email IS NOT NULL").unwrap();
    assert_eq!(session["person"], json!({ "id": id, "name": "Olivia", "email": MAIL }));
    assert_eq!(session["organization"]["slug"], "org-1");
    assert_eq!((&session["role"], &session["temp_unit"]), (&json!("owner"), &json!("C")));

    let signed_in = visitor.with_session(&token);
    let again = signed_in.ask("GET", "/session", None).unwrap().json();
    assert_eq!(again["person"], session["person"]);
    let ends = world.ask(
        "SELECT to_char(last_seen_at + interval '12 hours', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') FROM person_sessions",
    );
    assert_eq!(again["expires_at"], ends.unwrap());
    assert_eq!(signed_in.ask("GET", "/units", None).unwrap().json()["items"].as_array().unwrap().len(), 2);

    let changed = signed_in.ask("PATCH", "/session", Some(&json!({ "temp_unit": "F" }))).unwrap();
    assert_eq!((changed.status, &changed.json()["temp_unit"]), (200, &json!("F")));
    assert_eq!(signed_in.ask("GET", "/session", None).unwrap().json()["temp_unit"], "F");
    let same = signed_in.ask("PATCH", "/session", Some(&json!({}))).unwrap();
    assert_eq!((same.status, &same.json()["temp_unit"]), (200, &json!("F")));

    let out = signed_in.ask("DELETE", "/session", None).unwrap();
    assert_eq!((out.status, out.body.as_str()), (204, ""));
    assert!(
        out.header("set-cookie").starts_with("fg_session=; ")
            && out.header("set-cookie").contains("Max-Age=0")
    );
    for path in ["/session", "/units"] {
        assert_eq!(signed_in.ask("GET", path, None).unwrap().status, 401);
    }
    let log = "SELECT string_agg(event_type || ' ' || actor_type, ', ' ORDER BY recorded_at, event_type) FROM event_logs
               WHERE category = 'access' AND actor_id = (SELECT id FROM profiles WHERE email IS NOT NULL)";
    assert_eq!(world.ask(log).unwrap(), "person.signed_in user, person.signed_out user");
    assert_eq!(world.ask("SELECT count(*) FROM person_sessions").unwrap(), "0");
}

pub fn a_mail_that_nobody_has_is_answered_like_a_wrong_password_and_takes_as_long(world: &IngestWorld) {
    let visitor = with_olivia(world);
    let mut told = Vec::new();
    let mut took = |mail: &str| {
        let times = (0..4).map(|n| {
            let begun = now();
            let answer = visitor.sign_in(mail, &format!("wrong password {n}")).unwrap();
            let took = begun.elapsed();
            wrong(&answer);
            told.push(answer.json());
            took
        });
        let mut times: Vec<Duration> = times.collect();
        times.sort_unstable();
        times[1]
    };
    // The first of all is not counted: it opens connections.
    took("warm@up.example");
    let (known, unknown) = (took(MAIL), took("nobody@nord.example"));
    assert!(
        known < unknown * 2 && unknown < known * 2,
        "{known:?} for a known mail, {unknown:?} for an unknown"
    );
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

pub fn five_wrong_tries_lock_a_mail_whether_anybody_has_it_or_not(world: &IngestWorld) {
    let visitor = with_olivia(world);
    let mut locked = Vec::new();
    for mail in [MAIL, "nobody@nord.example"] {
        for _ in 0..5 {
            wrong(&visitor.sign_in(mail, "not the one it is").unwrap());
        }
        let answer = visitor.sign_in(&mail.to_uppercase(), PASSWORD).unwrap();
        assert_eq!(answer.status, 429, "{}", answer.body);
        let wait: u32 = answer.header("retry-after").parse().unwrap();
        assert!((30..=60).contains(&wait), "{wait}");
        locked.push(answer.json());
    }
    assert_eq!(locked[0], locked[1]);
    let noted = "SELECT count(*) FROM event_logs WHERE event_type = 'person.sign_in_failed'";
    assert_eq!(world.ask(noted).unwrap(), "5", "of a known person alone, and of what was looked at alone");
    // A wrong try after the lock locks for longer; a right one forgives.
    let over = "UPDATE sign_in_tries SET locked_until = now() - interval '1 ms'";
    world.ask(over).unwrap();
    wrong(&visitor.sign_in(MAIL, "not the one it is").unwrap());
    let answer = visitor.sign_in(MAIL, PASSWORD).unwrap();
    let wait: u32 = answer.header("retry-after").parse().unwrap();
    assert!((90..=120).contains(&wait), "{wait}");
    world.ask(over).unwrap();
    assert_eq!(visitor.sign_in(MAIL, PASSWORD).unwrap().status, 201);
    for _ in 0..4 {
        wrong(&visitor.sign_in(MAIL, "not the one it is").unwrap());
    }
    assert_eq!(visitor.sign_in(MAIL, PASSWORD).unwrap().status, 201, "four wrong ones are nothing");
}

pub fn however_many_try_at_once_five_of_them_are_looked_at(world: &IngestWorld) {
    let visitor = with_olivia(world);
    let tries: Vec<_> = (0..16)
        .map(|n| {
            let visitor = visitor.clone();
            thread::spawn(move || visitor.sign_in(MAIL, &format!("guess number {n}")).unwrap().status)
        })
        .collect();
    let told: Vec<u16> = tries.into_iter().map(|one| one.join().unwrap()).collect();
    let count = |status| told.iter().filter(|told| **told == status).count();
    assert_eq!((count(401), count(429)), (5, 11), "{told:?}");
}

pub fn a_person_of_several_organizations_names_one_and_sees_no_other(world: &IngestWorld) {
    let visitor = with_olivia(world);
    world.person(&world.theirs, MAIL, "viewer", PASSWORD).unwrap();
    let which = visitor.sign_in(MAIL, PASSWORD).unwrap();
    assert_eq!(which.status, 409, "{}", which.body);
    let choices = json!([{ "slug": "org-1", "name": "Org 1" }, { "slug": "org-2", "name": "Org 2" }]);
    assert_eq!((&which.json()["organizations"], which.token()), (&choices, None));
    let naming = |slug: &str| {
        let body = json!({ "email": MAIL, "password": PASSWORD, "organization": slug });
        visitor.ask("POST", "/session", Some(&body)).unwrap()
    };
    let unit = |tenant: &Tenant| format!("/units/{}", tenant.probes[0].unit);
    for (slug, role, own, other) in
        [("org-1", "owner", &world.ours, &world.theirs), ("org-2", "viewer", &world.theirs, &world.ours)]
    {
        let answer = naming(slug);
        assert_eq!((answer.status, &answer.json()["role"]), (201, &json!(role)), "{}", answer.body);
        let signed_in = visitor.with_session(&answer.token().unwrap());
        assert_eq!(signed_in.ask("GET", &unit(own), None).unwrap().status, 200);
        assert_eq!(signed_in.ask("GET", &unit(other), None).unwrap().status, 404);
    }
    assert_eq!(naming("org-3").status, 409);
    let mut body = json!({ "email": MAIL, "password": "not the one it is", "organization": "org-1" });
    wrong(&visitor.ask("POST", "/session", Some(&body)).unwrap());
    body["organization"] = "org-3".into();
    wrong(&visitor.ask("POST", "/session", Some(&body)).unwrap());
}

pub fn a_session_ends_with_its_time_its_idleness_its_membership_and_shows_another_role_at_once(
    world: &IngestWorld,
) {
    let visitor = with_olivia(world);
    let status = |signed_in: &Visitor| signed_in.ask("GET", "/session", None).unwrap().status;
    for ended in [
        "UPDATE person_sessions SET expires_at = now() - interval '1 ms'",
        "UPDATE person_sessions SET last_seen_at = now() - interval '12 hours 1 second'",
        "DELETE FROM person_sessions",
        "UPDATE organizations SET deleted_at = now() WHERE slug = 'org-1'",
    ] {
        let signed_in = visitor.signed_in(MAIL, PASSWORD).unwrap();
        assert_eq!(status(&signed_in), 200);
        world.ask(ended).unwrap();
        assert_eq!(status(&signed_in), 401, "{ended}");
        world.ask("UPDATE organizations SET deleted_at = NULL").unwrap();
    }
    // Using it keeps it, to the minute.
    let signed_in = visitor.signed_in(MAIL, PASSWORD).unwrap();
    world.ask("UPDATE person_sessions SET last_seen_at = now() - interval '11 hours'").unwrap();
    assert_eq!(status(&signed_in), 200);
    let seen = "SELECT bool_or(last_seen_at > now() - interval '1 minute') FROM person_sessions";
    assert_eq!(world.ask(seen).unwrap(), "t");

    world.ask("UPDATE user_roles SET role = 'viewer'").unwrap();
    assert_eq!(signed_in.ask("GET", "/session", None).unwrap().json()["role"], "viewer");
    world.ask("DELETE FROM user_roles").unwrap();
    assert_eq!(status(&signed_in), 401);
    wrong(&visitor.sign_in(MAIL, PASSWORD).unwrap());
}

pub fn an_address_that_tries_many_mails_is_sent_away_and_no_other(world: &IngestWorld) {
    let visitor = with_olivia(world);
    let (one, other) = ("198.51.100.1".parse().unwrap(), "198.51.100.2".parse().unwrap());
    // So long that nobody can have it, which costs no hashing here.
    let mail = |n: u32| format!("{n}-{}@nord.example", "x".repeat(250));
    for n in 0..60 {
        wrong(&visitor.from_address(one).sign_in(&mail(n), PASSWORD).unwrap());
    }
    let answer = visitor.from_address(one).sign_in(MAIL, PASSWORD).unwrap();
    assert_eq!(answer.status, 429, "{}", answer.body);
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 200);
    assert_eq!(visitor.from_address(other).sign_in(MAIL, PASSWORD).unwrap().status, 201);
    let address = "SELECT ip_address FROM event_logs WHERE event_type = 'person.signed_in'";
    assert_eq!(world.ask(address).unwrap(), "198.51.100.2");
}

pub fn of_more_than_twenty_sessions_the_oldest_end(world: &IngestWorld) {
    let visitor = with_olivia(world);
    let first = visitor.signed_in(MAIL, PASSWORD).unwrap();
    let status = || first.ask("GET", "/session", None).unwrap().status;
    for _ in 0..19 {
        visitor.signed_in(MAIL, PASSWORD).unwrap();
    }
    assert_eq!(status(), 200);
    visitor.signed_in(MAIL, PASSWORD).unwrap();
    assert_eq!(status(), 401);
    assert_eq!(world.ask("SELECT count(*) FROM person_sessions").unwrap(), "20");
}

pub fn a_dump_opens_nothing(world: &IngestWorld) {
    let visitor = with_olivia(world);
    let token = visitor.sign_in(MAIL, PASSWORD).unwrap().token().unwrap();
    let typed = "somebody typed it into the wrong field";
    wrong(&visitor.sign_in(typed, "another wrong password").unwrap());
    let dump = world.database.dump().unwrap();
    assert!(dump.contains(MAIL) && dump.contains("person_sessions") && dump.contains("$argon2id$"));
    for secret in [&token, PASSWORD, "another wrong password", typed] {
        assert!(!dump.contains(secret), "{secret}");
    }
    // What it does hold of a token is no token.
    let hash = world.ask("SELECT encode(token_hash, 'hex') FROM person_sessions").unwrap();
    assert_eq!(visitor.with_session(&hash).ask("GET", "/session", None).unwrap().status, 401);
}

pub fn what_is_no_sign_in_is_refused_by_its_kind(world: &IngestWorld) {
    let visitor = with_olivia(world);
    let ask = |body| visitor.ask("POST", "/session", Some(&body)).unwrap();
    for body in [
        json!({ "email": MAIL }),
        json!({ "email": MAIL, "password": 7 }),
        json!({ "email": MAIL, "password": PASSWORD, "remember": true }),
        json!([]),
    ] {
        let answer = ask(body.clone());
        assert_eq!((answer.status, answer.token()), (400, None), "{body}: {}", answer.body);
    }
    assert_eq!(ask(json!({ "email": MAIL, "password": "x".repeat(70_000) })).status, 413);
    assert_eq!(visitor.ask("POST", "/session", None).unwrap().status, 415);
    wrong(&ask(json!({ "email": MAIL, "password": "x".repeat(2_000) })));
    wrong(&ask(json!({ "email": "", "password": "" })));
    wrong(&ask(json!({ "email": "\u{0}", "password": PASSWORD })));
    assert_eq!(visitor.ask("GET", "/session", None).unwrap().status, 401);
    assert_eq!(visitor.ask("DELETE", "/session", None).unwrap().status, 401);
}
