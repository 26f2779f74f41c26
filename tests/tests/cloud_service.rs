//! Owns what is promised of the cloud's process: it starts on a database that is safe, lets in, ends in order.
//! Takes the real program on a real Postgres; gives a pass or what it said.
//! Must never reach into the service but by its ports and its operator's commands.

use frostguard_tests::cloud::service::Cloud;
use frostguard_tests::cloud::shared;

#[test]
fn the_service_starts_lets_in_and_ends_when_asked_and_a_killed_one_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = shared::cluster().unwrap().database().unwrap();
    let mut cloud = Cloud::prepare(folder.path(), &database).unwrap();
    cloud.start(None).unwrap();
    let let_in = cloud.let_in("Nord GmbH", "Kitchen").unwrap();
    assert!(!let_in.code.is_empty() && !let_in.api_key.is_empty());
    assert_eq!(database.psql("SELECT count(*) FROM sites").unwrap(), "1\n");
    cloud.kill();
    cloud.start(None).unwrap();
    assert!(cloud.stop().unwrap().success());
}
