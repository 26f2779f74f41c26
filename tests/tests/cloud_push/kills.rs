//! Kills: the service dies at each step of setting a rule, of asking for something and of giving it to a hub. What is there
//! afterwards is all of it or nothing, and whoever asks again is answered.

use std::time::Duration;

use frostguard_cloud::store::doors::Role;
use frostguard_tests::cloud::push_world::Front;
use frostguard_tests::cloud::service::Cloud;
use serde_json::json;

use crate::world::{World, direct, key};

const DIES_WITHIN: Duration = Duration::from_secs(20);

/// Documents, remembered changes, lines of the log, commands, and the limit.
const LEFT: &str =
    "SELECT (SELECT count(*) FROM config_documents), (SELECT count(*) FROM alert_rules_history),
    (SELECT count(*) FROM event_logs WHERE event_type IN ('rules.changed', 'command.asked')),
    (SELECT count(*) FROM hub_commands),
    (SELECT temp_max FROM alert_rules WHERE alert_type = 'alarm_active' AND is_enabled)";

/// A second service on the database of a world: it is there to be killed.
fn killable(world: &World, folder: &std::path::Path) -> Cloud {
    Cloud::prepare(folder, &world.access.database).unwrap()
}

#[test]
fn a_service_that_dies_while_a_rule_is_set_has_set_it_whole_or_not_at_all() {
    let world = direct();
    let folder = tempfile::tempdir().unwrap();
    let hub = world.hub(11);
    let path = format!("/units/{}/rules", hub.hub.site.units[0].id);
    let mut cloud = killable(&world, folder.path());
    let front = Front::at(cloud.port());
    let mut strike = |place: &str, hundredths: i32| {
        cloud.start(Some(&format!("{place}:1"))).unwrap();
        let body = json!({ "temp_max_centi_c": hundredths });
        let answer = front.api(&key(0, Role::Manager), "PATCH", &path, Some(&body));
        assert!(answer.is_err(), "{place}: {answer:?}");
        cloud.wait_end(DIES_WITHIN).unwrap();
        world.access.ask(LEFT).unwrap()
    };
    assert_eq!(strike("push.document.kept", -1_200), "0|0|0|0|-1500");
    assert_eq!(strike("push.document.before_commit", -1_200), "0|0|0|0|-1500");
    assert_eq!(strike("push.document.after_commit", -1_200), "1|1|1|0|-1200");
    // Whoever got no answer asks again, at the other service: it is there, and is not made twice.
    world.set_limit(&hub, -1_200);
    assert_eq!(world.access.ask(LEFT).unwrap(), "1|1|1|0|-1200");
    let desired = hub.ask(&world.front).unwrap().desired().unwrap();
    assert!(desired.document.is_some());
}

#[test]
fn a_service_that_dies_while_a_command_is_asked_for_or_given_loses_none_and_makes_none_twice() {
    let world = direct();
    let folder = tempfile::tempdir().unwrap();
    let hub = world.hub(11);
    let path = format!("/hubs/{}/commands", hub.hub.hub);
    let mut cloud = killable(&world, folder.path());
    let front = Front::at(cloud.port());
    let identify = json!({ "kind": "identify" });
    for (place, left) in
        [("push.command.before_commit", "0|0|0|0|-1500"), ("push.command.after_commit", "0|0|1|1|-1500")]
    {
        cloud.start(Some(&format!("{place}:1"))).unwrap();
        assert!(front.api(&key(0, Role::Manager), "POST", &path, Some(&identify)).is_err(), "{place}");
        cloud.wait_end(DIES_WITHIN).unwrap();
        assert_eq!(world.access.ask(LEFT).unwrap(), left, "{place}");
    }
    world.api(&key(0, Role::Manager), 202, "POST", &path, Some(identify));
    assert_eq!(world.access.ask(LEFT).unwrap(), "0|0|1|1|-1500");
    cloud.start(Some("push.poll.before_commit:1")).unwrap();
    assert!(hub.ask(&front).is_err());
    cloud.wait_end(DIES_WITHIN).unwrap();
    let commands = hub.ask(&world.front).unwrap().desired().unwrap().commands;
    assert_eq!(commands.len(), 1, "it was not lost with the answer");
}
