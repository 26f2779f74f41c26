//! Owns what is promised of the operator's commands: exit codes, causes, and no secret in what they say.
//! Takes the real program on a real Postgres; gives a pass or what it said.
//! Must never reach into the service but by its commands.

use frostguard_tests::cloud::service::Cloud;
use frostguard_tests::cloud::shared;

#[test]
fn a_command_that_fails_says_why_and_never_shows_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let database = shared::cluster().unwrap().database().unwrap();
    let mut cloud = Cloud::prepare(folder.path(), &database).unwrap();
    let key = std::fs::read(folder.path().join("cloud.key")).unwrap();
    let again = cloud.operate(&["migrate"]).unwrap();
    assert_eq!((&again["partitions_made"], &again["key"]["state"]), (&0.into(), &"found".into()));
    assert_eq!(std::fs::read(folder.path().join("cloud.key")).unwrap(), key);

    let usage = cloud.command(&["site", "add"]).unwrap();
    assert_eq!(usage.status.code(), Some(2), "{}", usage.stderr);
    let unknown = cloud.command(&["claim-code", "--site", "Nowhere"]).unwrap();
    assert_eq!(unknown.status.code(), Some(1));
    assert!(unknown.stderr.contains("Nowhere") && unknown.stderr.contains("site list"), "{}", unknown.stderr);
    let served = cloud.command_as_service(&["organization", "list"]).unwrap();
    assert_eq!(served.status.code(), Some(1), "whoever serves cannot see who is here");
    assert!(served.stderr.contains("an operator's command"), "{}", served.stderr);

    let nowhere = frostguard_tests::process::free_port().unwrap();
    cloud.through(format!("postgres://frostguard:opensesame@127.0.0.1:{nowhere}/x"));
    for command in ["check", "serve"] {
        let failed = cloud.command_as_service(&[command]).unwrap();
        assert_eq!(failed.status.code(), Some(1));
        assert!(failed.stderr.contains("refused"), "the cause is told: {}", failed.stderr);
        assert!(!failed.stderr.contains("opensesame") && !failed.stdout.contains("opensesame"));
    }
}
