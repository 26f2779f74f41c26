//! Waiting: who may wait, for how long, and what that costs.

use std::thread;
use std::time::Duration;

use frostguard_shared::ids::{CommandId, EpochId, HubId};
use frostguard_shared::wire::Reason;
use frostguard_shared::wire::desired::{COMMANDS_MAX, Poll};
use frostguard_tests::clock::{now, wait_for};
use frostguard_tests::cloud::access_world::id;
use frostguard_tests::cloud::push_world::Polled;

use crate::world::{World, direct};

/// Connections of the cloud to its database, in these tests.
const POOL: u32 = 8;

fn waits(world: &World, hubs: u32) {
    wait_for("the hubs wait", Duration::from_secs(30), || {
        let noted = world.access.ask("SELECT count(*) FROM hub_configs").unwrap();
        (noted == hubs.to_string()).then_some(())
    })
    .unwrap();
}

pub fn a_poll_without_a_good_token_is_refused(world: &World) {
    let mut hub = world.hub(11);
    world.set_limit(&hub, -1_200);
    assert_eq!(world.front.poll([7; 32], &hub.poll).unwrap(), Polled::Refused(401, Reason::Token));
    let other = Poll { epoch: EpochId::from_bytes([9; 16]), ..hub.poll.clone() };
    assert_eq!(world.front.poll(hub.token, &other).unwrap(), Polled::Refused(401, Reason::Token));
    hub.poll.received = vec![CommandId::from_bytes([1; 16]); COMMANDS_MAX + 1];
    assert_eq!(hub.ask(&world.front).unwrap(), Polled::Refused(413, Reason::TooLarge));
    hub.poll.received.clear();
    world.access.ask("UPDATE hubs SET is_active = false").unwrap();
    assert_eq!(hub.ask(&world.front).unwrap(), Polled::Refused(401, Reason::Token), "it was given up");
}

pub fn a_token_that_expires_while_its_hub_waits_is_told(world: &World) {
    let hub = world.hub(11);
    world.access.ask("UPDATE hub_sessions SET expires_at = now() + interval '1500 ms'").unwrap();
    let begun = now();
    assert_eq!(hub.ask(&world.front).unwrap(), Polled::Refused(401, Reason::Token));
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(1_000) && took < Duration::from_secs(5), "{took:?}");
}

pub fn a_hub_that_asks_anew_takes_the_place_of_its_own_request(world: &World) {
    let hub = world.hub(11);
    thread::scope(|threads| {
        let old = threads.spawn(|| {
            let begun = now();
            (hub.ask(&world.front).unwrap(), begun.elapsed())
        });
        waits(world, 1);
        let anew = threads.spawn(|| hub.ask(&world.front).unwrap());
        let (answer, took) = old.join().unwrap();
        assert_eq!(answer, Polled::Nothing);
        assert!(took < Duration::from_secs(15), "{took:?}");
        world.set_limit(&hub, -1_200);
        assert!(anew.join().unwrap().desired().is_some());
    });
}

pub fn two_hundred_hubs_wait_on_no_more_connections_than_the_pool_has(world: &World) {
    let hub = world.hub(11);
    let (organization, site) = world.access.tenants[0];
    let many = 200_u32;
    let hub_of = |n: u32| {
        let mut bytes = id(99, 30);
        bytes[8..12].copy_from_slice(&(n | 0x8000_0000).to_be_bytes());
        HubId::from_bytes(bytes)
    };
    let rows = (0..many).map(|n| format!("('{}'::uuid, {n})", hub_of(n))).collect::<Vec<_>>().join(", ");
    let epoch = hub.hub.epoch;
    world
        .access
        .ask(&format!(
            "INSERT INTO hubs (id, organization_id, site_id, name, public_key)
             SELECT id, '{organization}', '{site}', 'Hub', sha256(n::text::bytea) FROM (VALUES {rows}) AS new (id, n);
             INSERT INTO hub_sessions (token_hash, organization_id, hub_id, epoch, expires_at)
             SELECT sha256(decode(lpad(to_hex(n), 64, '0'), 'hex')), '{organization}', id, '{epoch}', now() + interval '1 hour'
             FROM (VALUES {rows}) AS new (id, n)"
        ))
        .unwrap();
    thread::scope(|threads| {
        let token_of = |n: u32| {
            let mut token = [0; 32];
            token[28..].copy_from_slice(&n.to_be_bytes());
            token
        };
        let poll = &hub.poll;
        let polls: Vec<_> =
            (0..many).map(|n| threads.spawn(move || world.front.poll(token_of(n), poll).unwrap())).collect();
        waits(world, many);
        // While all of them wait, people and other hubs are served, over the few connections that there are.
        let begun = now();
        for hundredths in [-1_300, -1_200, -1_100] {
            world.set_limit(&hub, hundredths);
        }
        assert!(world.document(&hub).version == 3 && begun.elapsed() < Duration::from_secs(5));
        let connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                           AND usename = 'frostguard'";
        let open: u32 = world.access.ask(connections).unwrap().parse().unwrap();
        assert!((1..=POOL).contains(&open), "{open} connections");
        assert!(polls.iter().all(|poll| !poll.is_finished()), "everybody still waits");
        // And each is woken by what is its own alone.
        let chosen = hub_of(123);
        world
            .access
            .ask(&format!(
                "INSERT INTO config_documents (organization_id, hub_id, version, bytes, signature, content_hash, made_at, changes)
                 SELECT organization_id, '{chosen}', 1, bytes, signature, content_hash, made_at, changes
                 FROM config_documents WHERE version = 3"
            ))
            .unwrap();
        wait_for("the one is answered", Duration::from_secs(10), || polls[123].is_finished().then_some(()))
            .unwrap();
        assert_eq!(polls.iter().filter(|poll| poll.is_finished()).count(), 1);
        world.access.stop();
        let answers: Vec<_> = polls.into_iter().map(|poll| poll.join().unwrap()).collect();
        let told = answers.iter().filter(|answer| matches!(answer, Polled::Desired(_))).count();
        let nothing = answers.iter().filter(|answer| **answer == Polled::Nothing).count();
        assert_eq!((told, nothing), (1, 199));
    });
}

pub fn what_a_hub_says_of_itself_is_noted(world: &World) {
    let mut hub = world.hub(11);
    world.set_limit(&hub, -1_300);
    (hub.poll.decided, hub.poll.applied) = (0, 0);
    assert_eq!(world.document(&hub).version, 1);
    world.set_limit(&hub, -1_200);
    (hub.poll.decided, hub.poll.applied) = (1, 1);
    assert_eq!(world.document(&hub).version, 2);
    let shown = world.configuration(&hub);
    assert_eq!(
        (&shown["applied_version"], &shown["state"]),
        (&serde_json::json!(1), &serde_json::json!("pending"))
    );
    assert!(shown["applied_at"].is_string());
    let written = "SELECT updated_at FROM hub_configs";
    let before = world.access.ask(written).unwrap();
    assert_eq!(world.document(&hub).version, 2);
    assert_eq!(world.access.ask(written).unwrap(), before, "the same again writes nothing");
}

#[test]
fn at_the_end_of_the_service_everybody_who_waits_is_answered_at_once() {
    let world = direct();
    let (one, other) = (world.hub(11), world.hub(12));
    thread::scope(|threads| {
        let waiting = [&one, &other].map(|hub| threads.spawn(|| hub.ask(&world.front).unwrap()));
        waits(&world, 2);
        let begun = now();
        world.access.stop();
        for hub in waiting {
            assert_eq!(hub.join().unwrap(), Polled::Nothing);
        }
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    });
}
