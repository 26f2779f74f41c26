//! What an operator's commands do about people, and that a stopping service lets nobody wait.

use std::time::Duration;

use frostguard_shared::ids::HubId;
use frostguard_shared::wire::login::ChallengeRequest;
use frostguard_shared::wire::{path, to_bytes};
use frostguard_tests::clock::{now, wait_for};
use frostguard_tests::cloud::access_world::AccessWorld;
use frostguard_tests::cloud::service::Cloud;
use frostguard_tests::cloud::shared;
use frostguard_tests::cloud::visitor::Visitor;
use frostguard_tests::programs::Answer;
use serde_json::Value;

use crate::sign_in::{MAIL, PASSWORD};

const LIMIT: Duration = Duration::from_secs(10);

#[track_caller]
fn fails(answer: &Answer, because: &str) {
    assert_eq!(answer.status.code(), Some(1), "{}", answer.stdout);
    assert!(answer.stderr.contains(because), "{}", answer.stderr);
}

/// What a command answers in JSON that is told a line.
fn told(cloud: &Cloud, arguments: &[&str], line: &str) -> Value {
    let answer = cloud.command_told(&[arguments, &["--json"]].concat(), line).unwrap();
    assert!(answer.status.success(), "{}", answer.stderr);
    serde_json::from_str(&answer.stdout).unwrap()
}

fn status(visitor: &Visitor) -> u16 {
    visitor.ask("GET", "/session", None).unwrap().status
}

#[test]
fn an_operator_makes_lists_and_removes_people_and_no_command_shows_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let database = shared::cluster().unwrap().database().unwrap();
    let mut cloud = Cloud::prepare(folder.path(), &database).unwrap();
    cloud.start(None).unwrap();
    let [nord, sued] =
        ["Nord GmbH", "Sued GmbH"].map(|name| cloud.let_in(name, "Kitchen").unwrap().organization);
    let visitor = Visitor::at(cloud.port());

    let add = |mail, organization, role| {
        ["person", "add", "Olivia Owner", "--email", mail, "--organization", organization, "--role", role]
    };
    fails(&cloud.command_told(&add(MAIL, &nord, "owner"), "too short").unwrap(), "at least 12 characters");
    fails(&cloud.command_told(&add("olivia", &nord, "owner"), PASSWORD).unwrap(), "no mail address");
    fails(&cloud.command_told(&add(MAIL, "west-gmbh", "owner"), PASSWORD).unwrap(), "organization list");
    assert_eq!(cloud.command_told(&add(MAIL, &nord, "god"), PASSWORD).unwrap().status.code(), Some(2));
    let made = told(&cloud, &add(MAIL, &nord, "owner"), PASSWORD);
    assert_eq!((&made["email"], &made["role"]), (&MAIL.into(), &"owner".into()));
    assert!(!made.to_string().contains(PASSWORD));
    fails(&cloud.command_told(&add("OLIVIA@nord.example", &nord, "viewer"), PASSWORD).unwrap(), "already");

    let listed = cloud.operate(&["person", "list", "--organization", &nord]).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!((&listed[0]["id"], &listed[0]["name"]), (&made["id"], &"Olivia Owner".into()));
    assert_eq!(cloud.operate(&["person", "list", "--organization", &sued]).unwrap(), serde_json::json!([]));

    // In another organization it is the same person with the same password.
    let other = told(&cloud, &add("Olivia@Nord.Example", &sued, "viewer"), "something else");
    assert_eq!(other["had_password"], true);
    assert_eq!(visitor.sign_in(MAIL, "something else").unwrap().status, 401);
    assert_eq!(visitor.sign_in(MAIL, PASSWORD).unwrap().status, 409);

    let body = serde_json::json!({ "email": MAIL, "password": PASSWORD, "organization": nord });
    let signed_in = |visitor: &Visitor, body| {
        let answer = visitor.ask("POST", "/session", Some(body)).unwrap();
        visitor.with_session(&answer.token().unwrap_or_else(|| panic!("{}", answer.body)))
    };
    let before = signed_in(&visitor, &body);
    let changed = cloud.command_told(&["person", "password", "--email", MAIL], "another long one").unwrap();
    assert!(changed.status.success() && !changed.stdout.contains("another"), "{}", changed.stderr);
    assert_eq!(status(&before), 401, "a new password signs out everywhere");
    fails(
        &cloud.command_told(&["person", "password", "--email", "nobody@x.example"], PASSWORD).unwrap(),
        "nobody",
    );
    let body = serde_json::json!({ "email": MAIL, "password": "another long one", "organization": nord });
    let after = signed_in(&visitor, &body);

    let remove = |organization| ["person", "remove", "--email", MAIL, "--organization", organization];
    assert_eq!(cloud.operate(&remove(&nord)).unwrap()["removed"], true);
    assert_eq!(status(&after), 401);
    fails(&cloud.command(&remove(&nord)).unwrap(), "no member");
    let only = visitor.sign_in(MAIL, "another long one").unwrap().json();
    assert_eq!(only["organization"]["slug"], sued.as_str(), "they still are a member of the other");
    cloud.operate(&remove(&sued)).unwrap();
    assert_eq!(visitor.sign_in(MAIL, "another long one").unwrap().status, 401);
    let left = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM person_sessions),
                (SELECT count(*) FROM profiles WHERE full_name = 'Olivia Owner' AND user_id IS NULL AND email IS NULL)";
    assert_eq!(database.psql(left).unwrap(), "0|0|2\n", "the profiles stay, for the record names them");
    fails(
        &cloud.command_as_service(&["person", "list", "--organization", &nord]).unwrap(),
        "operator's command",
    );
    assert!(!cloud.stderr().contains(PASSWORD) && !cloud.stderr().contains("another long one"));
}

#[test]
fn a_service_that_is_told_to_stop_ends_its_streams_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let database = shared::cluster().unwrap().database().unwrap();
    let mut cloud = Cloud::prepare(folder.path(), &database).unwrap();
    cloud.start(None).unwrap();
    let let_in = cloud.let_in("Nord GmbH", "Kitchen").unwrap();
    let streams: Vec<_> =
        (0..5).map(|_| Visitor::at(cloud.port()).with_key(&let_in.api_key).listen().unwrap()).collect();
    for stream in &streams {
        stream.named("hello", LIMIT).unwrap();
    }
    let begun = now();
    assert!(cloud.stop().unwrap().success());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}: the farewell was waited for", begun.elapsed());
    for stream in &streams {
        assert_eq!(stream.end(LIMIT).unwrap(), []);
    }
}

#[test]
fn logins_that_wait_for_the_database_leave_people_and_batches_their_places() {
    let database = shared::cluster().unwrap().database().unwrap();
    let url = database.url();
    let world = AccessWorld::start(database, &url).unwrap();
    world.api_key(0, "fg_looking_on").unwrap();
    let body = to_bytes(&ChallengeRequest { hub: HubId::from_bytes([1; 16]) });
    let refused = "frostguard_others_of_hubs_refused_total";
    let before = world.counter(refused).unwrap();
    std::thread::scope(|threads| {
        // Whoever asks for a challenge waits for as long as this is held.
        let holder = threads.spawn(|| {
            world.ask("BEGIN; LOCK TABLE hub_challenges IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(5); COMMIT")
        });
        let locked = "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted
                      AND relation = 'hub_challenges'::regclass";
        wait_for("the lock", LIMIT, || (world.ask(locked).unwrap() == "1").then_some(())).unwrap();
        let waiting = [(); 2].map(|()| threads.spawn(|| world.send(None, path::CHALLENGE, &body).unwrap().0));
        let queued =
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'hub_challenges'::regclass";
        wait_for("two logins", LIMIT, || (world.ask(queued).unwrap() == "2").then_some(())).unwrap();
        assert_eq!(world.send(None, path::CHALLENGE, &body).unwrap().0, 429, "there is no third place");
        assert_eq!(world.counter(refused).unwrap(), before + 1);
        let person = Visitor::at(world.port()).with_key("fg_looking_on");
        assert_eq!(person.ask("GET", "/units", None).unwrap().status, 200);
        let batch = world.send(Some([0; 32]), path::EVENTS, b"no batch").unwrap();
        assert_ne!(batch.0, 429, "a batch finds its place");
        assert_eq!(waiting.map(|one| one.join().unwrap()), [200; 2]);
        holder.join().unwrap().unwrap();
    });
    assert_eq!(world.send(None, path::CHALLENGE, &body).unwrap().0, 200);
}
