//! Outcomes: what a hub made of what was desired, as its record says it.

use frostguard_shared::chain::Hash;
use frostguard_shared::event::{Fact, RefusalCode};
use serde_json::{Value, json};

use crate::world::World;

pub fn applied(version: u64) -> Fact {
    Fact::DocumentApplied { hash: Hash([7; 32]), version }
}

pub fn refused(version: u64, waits: bool) -> Fact {
    let code = if waits { RefusalCode::HardLimit } else { RefusalCode::DryRun };
    Fact::ConfigRefused { version: Some(version), code, reason: "it cannot be meant".into(), waits }
}

fn rolled_back(version: u64, to: Option<u64>) -> Fact {
    Fact::ConfigRolledBack { version, to, hash: Hash([8; 32]), reason: "the siren does not answer".into() }
}

pub fn what_a_hub_made_of_a_document_is_shown_with_its_reason(world: &World) {
    let mut hub = world.hub(11);
    let shown = || {
        let of = world.get(&format!("/hubs/{}", hub_id()))["configuration"].clone();
        (of["state"].clone(), of["applied_version"].clone(), of["reason_code"].clone(), of["reason"].clone())
    };
    fn hub_id() -> frostguard_shared::ids::HubId {
        frostguard_tests::cloud::access_world::HandmadeHub::new(11).hub
    }
    assert_eq!(shown(), (json!("none"), Value::Null, Value::Null, Value::Null));
    world.set_limit(&hub, -1_400);
    assert_eq!(shown(), (json!("pending"), Value::Null, Value::Null, Value::Null));
    hub.tell(&world.front, applied(1)).unwrap();
    assert_eq!(shown(), (json!("applied"), json!(1), Value::Null, Value::Null));
    world.set_limit(&hub, -1_300);
    hub.tell(&world.front, refused(2, false)).unwrap();
    assert_eq!(shown(), (json!("refused"), json!(1), json!("dry_run"), json!("it cannot be meant")));
    world.set_limit(&hub, 500);
    hub.tell(&world.front, refused(3, true)).unwrap();
    assert_eq!(
        shown(),
        (json!("waiting_for_confirmation"), json!(1), json!("hard_limit"), json!("it cannot be meant"))
    );
    hub.tell(&world.front, applied(3)).unwrap();
    assert_eq!(
        shown(),
        (json!("applied"), json!(3), Value::Null, Value::Null),
        "somebody there confirmed it"
    );
    hub.tell(&world.front, rolled_back(3, Some(1))).unwrap();
    assert_eq!(shown(), (json!("rolled_back"), json!(1), Value::Null, json!("the siren does not answer")));
    hub.tell(&world.front, rolled_back(3, None)).unwrap();
    assert_eq!(shown().1, Value::Null, "its own site document is in force again");
    let documents = world.get(&format!("/hubs/{}/configuration", hub.hub.hub));
    let states: Vec<_> = documents["items"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["rolled_back", "refused", "applied"]);
    assert!(documents["items"][0]["decided_at"].is_string());
    let log = world.get("/event-log?type=config.refused/1&from=2026-11-09T00:00:00Z&to=2026-11-12T00:00:00Z");
    assert_eq!(
        (&log["items"][0]["severity"], &log["items"][0]["title"]),
        (&json!("warning"), &json!("it cannot be meant"))
    );
}

pub fn what_is_pending_is_superseded_by_what_is_newer(world: &World) {
    let mut hub = world.hub(11);
    world.set_limit(&hub, -1_400);
    world.set_limit(&hub, -1_300);
    hub.tell(&world.front, refused(2, true)).unwrap();
    world.set_limit(&hub, -1_200);
    let states = "SELECT version, state FROM config_documents ORDER BY version";
    assert_eq!(world.access.ask(states).unwrap(), "1|superseded\n2|superseded\n3|pending");
    // What was on its way all the same was in force for a while.
    hub.tell(&world.front, applied(1)).unwrap();
    hub.tell(&world.front, applied(3)).unwrap();
    assert_eq!(world.access.ask(states).unwrap(), "1|applied\n2|superseded\n3|applied");
    assert_eq!(world.configuration(&hub)["applied_version"], 3);
}

pub fn a_hub_decides_on_its_own_documents_alone(world: &World) {
    let (hub, mut other) = (world.hub(11), world.hub(12));
    world.set_limit(&hub, -1_400);
    other.tell(&world.front, applied(1)).unwrap();
    assert_eq!(world.configuration(&hub)["state"], "pending");
    assert_eq!(world.configuration(&other)["state"], "none");
    assert_eq!(world.access.ask("SELECT state FROM config_documents").unwrap(), "pending");
    // A number that nobody gave is the hub's word, and in nobody's way.
    other.tell(&world.front, refused(u64::MAX >> 12, false)).unwrap();
    assert_eq!(world.access.ask("SELECT count(*) FROM config_documents").unwrap(), "1");
}
