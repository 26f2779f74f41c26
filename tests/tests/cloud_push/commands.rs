//! Commands: asked for by people, done once by hubs, shown from the asking to the end.

use std::time::Duration;

use frostguard_cloud::store::doors::Role;
use frostguard_shared::event::{Check, CommandOutcome, Fact};
use frostguard_shared::ids::{AlertId, CommandId};
use frostguard_shared::wire::desired::Command;
use frostguard_tests::cloud::access_world::id;
use frostguard_tests::cloud::push_world::{Asker, DoubleHub};
use frostguard_tests::cloud::visitor::Visitor;
use serde_json::{Value, json};

use crate::world::{World, key, manager};

/// Longer than any change takes to be told.
const SOON: Duration = Duration::from_secs(15);

/// A hub with an alert on its unit.
fn alarmed(world: &World) -> (DoubleHub, AlertId, frostguard_shared::rules::EpisodeKey) {
    let mut hub = world.hub(11);
    let alert = AlertId::from_bytes(id(11, 20));
    let (_, episode) = hub.recorder.raise(&hub.probe(0), alert);
    hub.send(&world.front).unwrap();
    (hub, alert, episode)
}

/// The commands that a hub is given, each signed for it.
#[track_caller]
fn given(world: &World, hub: &DoubleHub) -> Vec<Command> {
    let desired = hub.ask(&world.front).unwrap().desired().unwrap();
    let read = desired.commands.iter().map(|signed| signed.command(&world.access.cloud).unwrap());
    let commands: Vec<_> = read.collect();
    assert!(commands.iter().all(|command| command.hub == hub.hub.hub));
    commands
}

fn done(command: CommandId, outcome: CommandOutcome, text: &str) -> Fact {
    Fact::CommandDone { command, outcome, text: text.into() }
}

fn id_of(command: &Value) -> CommandId {
    command["id"].as_str().unwrap().parse().unwrap()
}

pub fn an_acknowledgement_is_pending_until_the_hub_has_journalled_it(world: &World) {
    let (mut hub, alert, episode) = alarmed(world);
    let (person, ada) = world.person("ada", Role::Staff);
    let asked = world.api(&ada, 202, "POST", &format!("/alerts/{alert}/acknowledge"), None);
    assert_eq!(
        (&asked["state"], &asked["kind"], &asked["asked_by"]),
        (&json!("pending"), &json!("acknowledge"), &json!("ada"))
    );
    assert_eq!((&asked["alert_id"], &asked["decided_at"]), (&json!(alert), &Value::Null));
    let shown = || world.get(&format!("/alerts/{alert}"));
    assert_eq!(shown()["status"], "active", "nobody is on it until the hub says so");
    assert_eq!(
        shown()["pending_acknowledgement"],
        json!({ "command_id": asked["id"], "asked_by": "ada", "asked_at": asked["asked_at"] })
    );
    let commands = given(world, &hub);
    assert_eq!(commands.len(), 1);
    let command = &commands[0];
    assert_eq!((command.id, command.alert, command.person), (id_of(&asked), Some(alert), Some(person)));
    assert_eq!((command.kind.as_str(), command.expires.0 - command.made.0), ("acknowledge", 3_600_000));
    hub.received(command.id, "acknowledge");
    hub.send(&world.front).unwrap();
    assert_eq!(world.get(&format!("/commands/{}", command.id))["state"], "received");
    assert!(shown()["pending_acknowledgement"].is_object());
    hub.recorder.acknowledge(&hub.probe(0), alert, episode, person);
    hub.tell(&world.front, done(command.id, CommandOutcome::Done, "acknowledged")).unwrap();
    let after = shown();
    assert_eq!((&after["status"], &after["acknowledged_by"]), (&json!("acknowledged"), &json!(person)));
    assert_eq!(after["pending_acknowledgement"], Value::Null);
    let ended = world.get(&format!("/commands/{}", command.id));
    assert_eq!((&ended["state"], &ended["outcome"]), (&json!("done"), &json!("acknowledged")));
    assert!(ended["decided_at"].is_string());
}

pub fn asking_again_gives_what_is_under_way_and_a_hub_gets_each_command_once(world: &World) {
    let (mut hub, alert, _) = alarmed(world);
    let ask = |path: &str, body: Option<Value>| world.api(&manager(), 202, "POST", path, body);
    let acknowledge = format!("/alerts/{alert}/acknowledge");
    let commands = format!("/hubs/{}/commands", hub.hub.hub);
    let first = ask(&acknowledge, None);
    assert_eq!(ask(&acknowledge, None)["id"], first["id"]);
    let identify = ask(&commands, Some(json!({ "kind": "identify" })));
    assert_eq!(ask(&commands, Some(json!({ "kind": "identify" })))["id"], identify["id"]);
    let test = ask(&commands, Some(json!({ "kind": "self_test" })));
    let kinds: Vec<_> = given(world, &hub).into_iter().map(|command| command.kind).collect();
    assert_eq!(kinds, ["acknowledge", "identify", "self_test"], "the oldest first");
    assert_eq!(given(world, &hub).len(), 3, "an answer may be lost");
    // What the hub names as received is not sent again, whether or not its record is there.
    hub.poll.received = vec![id_of(&first), id_of(&test)];
    let left = given(world, &hub);
    assert_eq!(left.iter().map(|command| command.id).collect::<Vec<_>>(), [id_of(&identify)]);
    assert_eq!(world.get(&format!("/commands/{}", id_of(&test)))["state"], "received");
    let listed = world.get(&commands);
    let ids: Vec<_> = listed["items"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, [&test["id"], &identify["id"], &first["id"]], "newest first");
    assert_eq!(
        world.access.ask("SELECT count(*) FROM event_logs WHERE event_type = 'command.asked'").unwrap(),
        "3"
    );
    hub.tell(&world.front, done(id_of(&first), CommandOutcome::Done, "")).unwrap();
    let again = ask(&acknowledge, None);
    assert_ne!(again["id"], first["id"], "what is at its end can be asked for again");
}

pub fn whoever_watches_sees_documents_and_acknowledgements_move(world: &World) {
    let (mut hub, alert, _) = alarmed(world);
    let Asker::Key(viewer) = key(0, Role::Viewer) else { unreachable!("it is a key") };
    let events = Visitor::at(world.access.port()).with_key(&viewer).listen().unwrap();
    events.named("hello", SOON).unwrap();
    // A margin of what has changed may still be told of what was before.
    let next = |name: &'static str, wanted: &dyn Fn(&Value) -> bool| {
        let found =
            events.first(name, SOON, |event| (event.name == name && wanted(&event.data)).then_some(()));
        found.unwrap();
    };
    world.set_limit(&hub, -1_200);
    next("hub", &|hub| {
        hub["configuration"]["state"] == "pending" && hub["configuration"]["desired_version"] == 1
    });
    hub.tell(&world.front, crate::outcomes::applied(1)).unwrap();
    next("hub", &|hub| {
        hub["configuration"]["state"] == "applied" && hub["configuration"]["applied_version"] == 1
    });
    let path = format!("/alerts/{alert}/acknowledge");
    let asked = world.api(&manager(), 202, "POST", &path, None);
    next("alert", &|alert| alert["pending_acknowledgement"]["command_id"] == asked["id"]);
    hub.tell(&world.front, done(id_of(&asked), CommandOutcome::Refused, "no")).unwrap();
    next("alert", &|alert| alert["pending_acknowledgement"].is_null());
    world.api(&manager(), 202, "POST", &path, None);
    next("alert", &|alert| alert["pending_acknowledgement"].is_object());
    world
        .access
        .ask("UPDATE hub_commands SET expires_at = now() + interval '2 s' WHERE state = 'pending'")
        .unwrap();
    next("alert", &|alert| alert["pending_acknowledgement"].is_null());
}

pub fn what_a_hub_made_of_a_command_is_shown(world: &World) {
    let mut hub = world.hub(11);
    let path = format!("/hubs/{}/commands", hub.hub.hub);
    let ask = |kind: &str| id_of(&world.api(&manager(), 202, "POST", &path, Some(json!({ "kind": kind }))));
    let shown = |command: CommandId| {
        let shown = world.get(&format!("/commands/{command}"));
        (shown["state"].clone(), shown["outcome"].clone())
    };
    let test = ask("self_test");
    hub.received(test, "self_test");
    let check = |name: &str, passed, text: &str| Check { name: name.into(), passed, text: text.into() };
    let checks = vec![check("journal", true, "written"), check("siren", false, "no answer")];
    hub.tell(&world.front, Fact::SelftestDone { passed: false, checks }).unwrap();
    let found = "1 of 2 checks passed; failed: siren: no answer";
    assert_eq!(shown(test), (json!("received"), json!(found)));
    hub.tell(&world.front, done(test, CommandOutcome::Done, "")).unwrap();
    assert_eq!(shown(test), (json!("done"), json!(found)), "the end without a word leaves what was found");
    let log = world.get("/event-log?type=selftest.done/1&from=2026-11-09T00:00:00Z&to=2026-11-12T00:00:00Z");
    assert_eq!((&log["items"][0]["severity"], &log["items"][0]["title"]), (&json!("warning"), &json!(found)));
    let identify = ask("identify");
    hub.tell(&world.front, done(identify, CommandOutcome::Refused, "there is nothing to show with")).unwrap();
    assert_eq!(shown(identify), (json!("refused"), json!("there is nothing to show with")));
    let late = ask("identify");
    hub.tell(&world.front, done(late, CommandOutcome::Expired, "it came too late")).unwrap();
    assert_eq!(shown(late).0, "expired");
    // A command of another hub is none of this one's.
    let mut other = world.hub(12);
    let ours = ask("identify");
    other.tell(&world.front, done(ours, CommandOutcome::Done, "stolen")).unwrap();
    assert_eq!(shown(ours), (json!("pending"), Value::Null));
}

pub fn a_command_whose_time_is_over_has_expired_and_can_be_asked_for_again(world: &World) {
    let (mut hub, alert, _) = alarmed(world);
    let path = format!("/alerts/{alert}/acknowledge");
    let first = world.api(&manager(), 202, "POST", &path, None);
    world.access.ask("UPDATE hub_commands SET expires_at = now() - interval '1 ms'").unwrap();
    let shown = world.get(&format!("/commands/{}", id_of(&first)));
    assert_eq!((&shown["state"], shown["decided_at"].is_string()), (&json!("expired"), true));
    assert_eq!(world.get(&format!("/alerts/{alert}"))["pending_acknowledgement"], Value::Null);
    let second = world.api(&manager(), 202, "POST", &path, None);
    assert_ne!(second["id"], first["id"]);
    let commands = given(world, &hub);
    assert_eq!(commands.iter().map(|command| command.id).collect::<Vec<_>>(), [id_of(&second)]);
    // A hub that was away had done it in time.
    hub.tell(&world.front, done(id_of(&first), CommandOutcome::Done, "in time")).unwrap();
    assert_eq!(world.get(&format!("/commands/{}", id_of(&first)))["state"], "done");
}

pub fn nobody_commands_what_is_not_theirs_and_nobody_acknowledges_what_is_over(world: &World) {
    let (mut hub, alert, episode) = alarmed(world);
    let acknowledge = format!("/alerts/{alert}/acknowledge");
    let commands = format!("/hubs/{}/commands", hub.hub.hub);
    let identify = || Some(json!({ "kind": "identify" }));
    world.api(&key(0, Role::Viewer), 403, "POST", &acknowledge, None);
    world.api(&key(0, Role::Staff), 403, "POST", &commands, identify());
    let stranger = key(1, Role::Owner);
    world.api(&stranger, 404, "POST", &acknowledge, None);
    world.api(&stranger, 404, "POST", &commands, identify());
    world.api(&manager(), 422, "POST", &commands, Some(json!({ "kind": "reboot" })));
    assert_eq!(world.access.ask("SELECT count(*) FROM hub_commands").unwrap(), "0");
    let asked = world.api(&key(0, Role::Staff), 202, "POST", &acknowledge, None);
    world.api(&stranger, 404, "GET", &format!("/commands/{}", id_of(&asked)), None);
    world.api(&stranger, 404, "GET", &commands, None);
    let open = |status: &str| world.get(&format!("/alerts?open={status}"))["items"].as_array().unwrap().len();
    assert_eq!((open("true"), open("false")), (1, 0));
    hub.recorder.clear(&hub.probe(0), alert, episode);
    hub.send(&world.front).unwrap();
    assert_eq!((open("true"), open("false")), (1, 0), "over, but nobody has acknowledged it");
    let person = hub.hub.site.people[0].id;
    hub.recorder.acknowledge(&hub.probe(0), alert, episode, person);
    hub.send(&world.front).unwrap();
    assert_eq!((open("true"), open("false")), (0, 1));
    world.access.ask("UPDATE hub_commands SET state = 'done'").unwrap();
    let refused = world.api(&manager(), 409, "POST", &acknowledge, None);
    assert_eq!(refused["type"], "urn:frostguard:problem:state");
}
