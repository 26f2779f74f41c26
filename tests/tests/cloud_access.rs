//! Owns what is promised of being known to the cloud: login, enrolment, the site, and the walls that are proved first.
//! Takes a whole cloud on a real Postgres, once directly and once through a real PgBouncer; gives a pass or the fault.
//! Must never look for what the cloud should have written anywhere but in the database.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

use frostguard_shared::chain::Hash;
use frostguard_shared::ids::{EpochId, HubId, PersonId, UnitId};
use frostguard_shared::signature::{SecretKey, enrolled_text, time_text};
use frostguard_shared::wire::login::{Standing, Takeover};
use frostguard_shared::wire::site::Site;
use frostguard_shared::wire::{Head, PACKED_MAX, Reason, path};
use frostguard_tests::cloud::access_world::{AccessWorld, HandmadeHub, id, wrong};
use frostguard_tests::cloud::ingest_world::BEGAN_MS;
use frostguard_tests::cloud::pgbouncer::{PgBouncer, Pooling};
use frostguard_tests::cloud::recorder::{Probe, Recorder};
use frostguard_tests::cloud::shared;

/// Each promise is kept over a direct connection and through a pooler in transaction mode alike.
macro_rules! promises {
    ($($promise:ident),* $(,)?) => {
        mod directly {
            $( #[test] fn $promise() { super::$promise(&super::direct()); } )*
        }
        mod through_pgbouncer {
            $( #[test] fn $promise() { let (_pooler, world) = super::pooled(); super::$promise(&world); } )*
        }
    };
}

promises! {
    an_empty_site_adopts_the_hub_s_site_with_its_ids_and_the_hub_logs_in,
    a_claim_code_is_good_for_one_hub_which_may_ask_again_with_it,
    an_unknown_a_used_and_an_expired_code_and_a_wrong_signature_take_nothing,
    a_hub_is_of_one_site_and_one_organization_until_somebody_takes_it_away,
    a_site_with_units_asks_and_does_what_it_is_told,
    an_id_or_address_of_something_else_takes_nothing_at_all,
    a_later_site_message_renames_adds_and_retires,
    a_challenge_is_good_for_one_answer_right_or_wrong,
    a_login_tells_how_the_journal_stands_to_what_is_held,
    a_body_that_is_no_message_has_its_answer_and_changes_nothing,
    what_the_database_holds_opens_nothing,
}

fn direct() -> AccessWorld {
    let database = shared::cluster().unwrap().database().unwrap();
    let url = database.url();
    AccessWorld::start(database, &url).unwrap()
}

/// Two connections of the server for eight of the cloud: what a pooler mixes up shows.
fn pooled() -> (PgBouncer, AccessWorld) {
    let cluster = shared::cluster().unwrap();
    let database = cluster.database().unwrap();
    let folder = cluster.folder().parent().unwrap().join(format!("pooler-{}", database.name()));
    let pooler = PgBouncer::start(&folder, cluster.port(), Pooling::Transaction, 2).unwrap();
    let url = database.url_at(pooler.port());
    (pooler, AccessWorld::start(database, &url).unwrap())
}

/// A hub that is enrolled at the first organization's site.
fn enrolled(world: &AccessWorld, number: u8) -> HandmadeHub {
    let hub = HandmadeHub::new(number);
    let code = world.code(0, number).unwrap();
    world.enrol(&hub.enrol(code, Takeover::Adopt)).unwrap().unwrap();
    hub
}

const COUNTS: &str =
    "SELECT (SELECT count(*) FROM hubs), (SELECT count(*) FROM units), (SELECT count(*) FROM devices),
    (SELECT count(*) FROM points), (SELECT count(*) FROM profiles), (SELECT count(*) FROM alert_rules),
    (SELECT count(*) FROM areas), (SELECT count(*) FROM claim_codes WHERE used_at IS NOT NULL)";

fn an_empty_site_adopts_the_hub_s_site_with_its_ids_and_the_hub_logs_in(world: &AccessWorld) {
    let hub = HandmadeHub::new(11);
    let code = world.code(0, 1).unwrap();
    let reply = world.enrol(&hub.enrol(code, Takeover::Ask)).unwrap().unwrap();
    assert_eq!((reply.cloud, reply.site), (world.cloud, world.tenants[0].1));
    assert_eq!((reply.site_name.as_str(), reply.organization_name.as_str()), ("Kitchen", "Org"));
    let text = enrolled_text(hub.hub, hub.key.public(), &code);
    assert_eq!(reply.cloud.verify(&text, &reply.signature), Ok(()));
    assert_eq!(world.ask(COUNTS).unwrap(), "1|1|1|1|1|1|1|1");
    let unit = "SELECT u.id, u.name, u.unit_type, a.name, s.timezone FROM units u
                JOIN areas a ON a.id = u.area_id JOIN sites s ON s.id = a.site_id";
    let expected = format!("{}|Freezer|freezer|Main|Europe/Berlin", hub.site.units[0].id);
    assert_eq!(world.ask(unit).unwrap(), expected);
    let rule = "SELECT temp_min, temp_max, delay_minutes, alert_type, severity, tier FROM alert_rules";
    assert_eq!(world.ask(rule).unwrap(), "|-1500|5|alarm_active|critical|0");
    let device = "SELECT d.id, d.device_eui, d.device_type, d.status, d.unit_id, p.id, p.channel
                  FROM devices d JOIN points p ON p.device_id = d.id";
    let (device_id, point) = (hub.site.devices[0].id, hub.site.devices[0].points[0].id);
    let told = world.ask(device).unwrap();
    assert_eq!(
        told,
        format!("{device_id}|A8404100000000{:02X}|lht65|active|{}|{point}|air", 11, hub.site.units[0].id)
    );
    assert_eq!(world.ask("SELECT count(*) FROM point_assignments").unwrap(), "0", "that follows from events");

    let nonce = world.challenge(hub.hub).unwrap();
    let reply = world.log_in(&hub.login(nonce, world.cloud)).unwrap().unwrap();
    assert_eq!(world.cloud.verify(&time_text(&nonce, reply.time), &reply.time_signature), Ok(()));
    assert_eq!((reply.standing, reply.events, reply.readings.seq), (Standing::Extends, hub.events, 0));
    assert_eq!((reply.site_wanted, reply.valid_ms), (false, 3_600_000));
    assert_eq!(world.tell(reply.token, path::SITE, &hub.site).unwrap(), Ok(()));
    assert_eq!(world.ask("SELECT firmware_version, last_seen_at IS NOT NULL FROM hubs").unwrap(), "0.1.0|t");
    assert_eq!(world.tell([7; 32], path::SITE, &hub.site).unwrap(), Err((401, Reason::Token)));
    world.ask("UPDATE hub_sessions SET expires_at = now() - interval '1 ms'").unwrap();
    assert_eq!(world.tell(reply.token, path::SITE, &hub.site).unwrap(), Err((401, Reason::Token)));
    world.logged_in(&hub).unwrap();
    assert_eq!(world.ask("SELECT count(*) FROM hub_sessions").unwrap(), "1", "the expired one is swept away");
}

fn a_claim_code_is_good_for_one_hub_which_may_ask_again_with_it(world: &AccessWorld) {
    let (hub, other) = (HandmadeHub::new(11), HandmadeHub::new(12));
    let code = world.code(0, 1).unwrap();
    let first = world.enrol(&hub.enrol(code, Takeover::Ask)).unwrap().unwrap();
    let once = world.ask(COUNTS).unwrap();
    // The answer may have been lost; by now the code may be too old as well.
    world.ask("UPDATE claim_codes SET expires_at = now() - interval '1 hour'").unwrap();
    assert_eq!(world.enrol(&hub.enrol(code, Takeover::Ask)).unwrap(), Ok(first));
    assert_eq!(world.ask(COUNTS).unwrap(), once);
    assert_eq!(world.enrol(&other.enrol(code, Takeover::Adopt)).unwrap(), Err((403, Reason::ClaimCode)));
    let stolen = HandmadeHub { key: SecretKey::from_seed(&[99; 32]), ..hub };
    assert_eq!(
        world.enrol(&stolen.enrol(code, Takeover::Ask)).unwrap(),
        Err((409, Reason::AlreadyEnrolled)),
        "the same id with another key is another hub"
    );
    assert_eq!(world.ask(COUNTS).unwrap(), once);
}

fn an_unknown_a_used_and_an_expired_code_and_a_wrong_signature_take_nothing(world: &AccessWorld) {
    let hub = HandmadeHub::new(11);
    let nothing = world.ask(COUNTS).unwrap();
    assert_eq!(world.enrol(&hub.enrol([5; 10], Takeover::Ask)).unwrap(), Err((403, Reason::ClaimCode)));
    let code = world.code(0, 1).unwrap();
    let mut asked = hub.enrol(code, Takeover::Ask);
    asked.signature = wrong(asked.signature);
    assert_eq!(world.enrol(&asked).unwrap(), Err((422, Reason::Signature)));
    world.ask("UPDATE claim_codes SET expires_at = now() - interval '1 ms'").unwrap();
    assert_eq!(world.enrol(&hub.enrol(code, Takeover::Ask)).unwrap(), Err((403, Reason::ClaimCode)));
    assert_eq!(world.ask(COUNTS).unwrap(), nothing);
    assert!(world.counter("frostguard_claims_refused_total").unwrap() >= 2);
}

fn a_hub_is_of_one_site_and_one_organization_until_somebody_takes_it_away(world: &AccessWorld) {
    let hub = enrolled(world, 11);
    for tenant in [0, 1] {
        let code = world.code(tenant, 20 + tenant as u8).unwrap();
        let told = world.enrol(&hub.enrol(code, Takeover::Adopt)).unwrap();
        assert_eq!(told, Err((409, Reason::AlreadyEnrolled)), "at organization {tenant}");
    }
    let used = "SELECT count(*) FROM claim_codes WHERE used_at IS NULL";
    assert_eq!(world.ask(used).unwrap(), "2", "the refused codes are still good");
    world.ask("UPDATE hubs SET is_active = false").unwrap();
    let nonce = world.challenge(hub.hub).unwrap();
    let told = world.log_in(&hub.login(nonce, world.cloud)).unwrap().unwrap_err();
    assert_eq!(told, (404, Reason::UnknownHub));
}

fn a_site_with_units_asks_and_does_what_it_is_told(world: &AccessWorld) {
    enrolled(world, 11);
    let code = world.code(0, 2).unwrap();
    let second = HandmadeHub::new(12);
    assert_eq!(world.enrol(&second.enrol(code, Takeover::Ask)).unwrap(), Err((409, Reason::SiteNotEmpty)));
    assert!(world.enrol(&second.enrol(code, Takeover::Adopt)).unwrap().is_ok());
    assert_eq!(world.ask("SELECT count(*), count(DISTINCT area_id) FROM units").unwrap(), "2|1");

    let third = HandmadeHub::new(13);
    let code = world.code(0, 3).unwrap();
    assert!(world.enrol(&third.enrol(code, Takeover::Discard)).unwrap().is_ok());
    assert_eq!(world.ask("SELECT count(*) FROM units").unwrap(), "2");
    let reply = world.logged_in(&third).unwrap();
    assert!(!reply.site_wanted);
    let mut changed = third.clone();
    changed.site.units[0].name = "Renamed".into();
    assert_eq!(world.tell(reply.token, path::SITE, &changed.site).unwrap(), Ok(()));
    assert_eq!(world.ask("SELECT count(*) FROM units").unwrap(), "2", "discarded once is discarded");
    assert!(!world.logged_in(&changed).unwrap().site_wanted);

    let empty = HandmadeHub::new(14);
    let none = Site { people: vec![], units: vec![], devices: vec![], ..empty.site.clone() };
    let empty = HandmadeHub { site: none, ..empty };
    let code = world.code(0, 4).unwrap();
    assert!(world.enrol(&empty.enrol(code, Takeover::Ask)).unwrap().is_ok(), "there is nothing to choose");
}

fn an_id_or_address_of_something_else_takes_nothing_at_all(world: &AccessWorld) {
    let theirs = HandmadeHub::new(11);
    let code = world.code(1, 1).unwrap();
    world.enrol(&theirs.enrol(code, Takeover::Ask)).unwrap().unwrap();
    let own = enrolled(world, 13);
    let before = world.ask(COUNTS).unwrap();
    let code = world.code(0, 2).unwrap();
    let claim: [fn(&mut Site, &Site, &Site); 6] = [
        |site, theirs, _| {
            site.units[0].id = theirs.units[0].id;
            site.devices[0].points[0].unit = theirs.units[0].id;
        },
        |site, theirs, _| site.devices[0].id = theirs.devices[0].id,
        |site, theirs, _| site.devices[0].points[0].id = theirs.devices[0].points[0].id,
        |site, theirs, _| site.people[0].id = theirs.people[0].id,
        // Of the same organization, but another hub's.
        |site, _, own| site.devices[0].id = own.devices[0].id,
        |site, _, own| site.devices[0].address = own.devices[0].address.clone(),
    ];
    for (at, claim) in claim.into_iter().enumerate() {
        let mut hub = HandmadeHub::new(12);
        claim(&mut hub.site, &theirs.site, &own.site);
        let told = world.enrol(&hub.enrol(code, Takeover::Adopt)).unwrap();
        assert_eq!(told, Err((409, Reason::ForeignId)), "number {at}");
        assert_eq!(world.ask(COUNTS).unwrap(), before, "number {at}");
    }
    let token = world.logged_in(&own).unwrap().token;
    let mut site = own.site.clone();
    site.units.push(theirs.site.units[0].clone());
    assert_eq!(world.tell(token, path::SITE, &site).unwrap(), Err((409, Reason::ForeignId)));
    assert_eq!(world.ask(COUNTS).unwrap(), before);
    // The same address at another organization is another thing.
    let mut hub = HandmadeHub::new(12);
    hub.site.devices[0].address = theirs.site.devices[0].address.clone();
    assert!(world.enrol(&hub.enrol(code, Takeover::Adopt)).unwrap().is_ok());
}

fn a_later_site_message_renames_adds_and_retires(world: &AccessWorld) {
    let hub = enrolled(world, 11);
    let more = HandmadeHub::new(12);
    let mut grown = hub.clone();
    grown.site.units[0].name = "Old freezer".into();
    grown.site.units.extend(more.site.units.clone());
    grown.site.devices.extend(more.site.devices.clone());
    grown.site.people[0].name = "Maria B.".into();
    let reply = world.logged_in(&grown).unwrap();
    assert!(reply.site_wanted);
    assert_eq!(world.tell(reply.token, path::SITE, &grown.site).unwrap(), Ok(()));
    let units = "SELECT string_agg(name || ' ' || is_active, ',' ORDER BY name) FROM units";
    assert_eq!(world.ask(units).unwrap(), "Freezer true,Old freezer true");
    assert_eq!(world.ask("SELECT full_name FROM profiles").unwrap(), "Maria B.");
    let reply = world.logged_in(&grown).unwrap();
    assert!(!reply.site_wanted);

    let mut shrunk = hub.clone();
    shrunk.site.units = more.site.units.clone();
    shrunk.site.devices = more.site.devices.clone();
    shrunk.site.units[0].rules = shrunk.site.units[0].rules.replace("-1500", "-1200");
    assert_eq!(world.tell(reply.token, path::SITE, &shrunk.site).unwrap(), Ok(()));
    assert_eq!(world.ask(units).unwrap(), "Freezer true,Old freezer false");
    let devices = "SELECT string_agg(is_active || ' ' || status, ',' ORDER BY device_eui) FROM devices";
    assert_eq!(world.ask(devices).unwrap(), "false inactive,true active");
    let limits = "SELECT string_agg(temp_max::text, ',' ORDER BY temp_max) FROM alert_rules WHERE is_enabled";
    assert_eq!(world.ask(limits).unwrap(), "-1500,-1200");

    // What was retired comes back with the same id, and a new sensor takes the address of a retired one.
    let mut again = hub.clone();
    again.site.devices[0].id = frostguard_shared::ids::DeviceId::from_bytes(id(77, 6));
    again.site.devices[0].points[0].id = frostguard_shared::ids::PointId::from_bytes(id(77, 7));
    assert_eq!(world.tell(reply.token, path::SITE, &again.site).unwrap(), Ok(()));
    assert_eq!(world.ask(units).unwrap(), "Freezer false,Freezer true");
    assert_eq!(world.ask("SELECT count(*), count(*) FILTER (WHERE is_active) FROM devices").unwrap(), "3|1");
}

fn a_challenge_is_good_for_one_answer_right_or_wrong(world: &AccessWorld) {
    let hub = enrolled(world, 11);
    let counted = || world.counter("frostguard_logins_refused_total").unwrap();
    let before = counted();
    let refused = Err((401, Reason::Login));
    let nonce = world.challenge(hub.hub).unwrap();
    let good = hub.login(nonce, world.cloud);
    assert!(world.log_in(&good).unwrap().is_ok());
    assert_eq!(world.log_in(&good).unwrap().map(drop), refused, "a replayed login");

    let nonce = world.challenge(hub.hub).unwrap();
    let mut forged = hub.login(nonce, world.cloud);
    forged.signature = wrong(forged.signature);
    assert_eq!(world.log_in(&forged).unwrap().map(drop), refused, "a wrong signature");
    let good = hub.login(nonce, world.cloud);
    assert_eq!(world.log_in(&good).unwrap().map(drop), refused, "a wrong answer uses the challenge up");

    let nonce = world.challenge(hub.hub).unwrap();
    world.ask("UPDATE hub_challenges SET expires_at = now() - interval '1 ms'").unwrap();
    assert_eq!(world.log_in(&hub.login(nonce, world.cloud)).unwrap().map(drop), refused, "too late");
    assert_eq!(world.log_in(&hub.login([1; 32], world.cloud)).unwrap().map(drop), refused, "never given");
    let other = enrolled(world, 12);
    let nonce = world.challenge(other.hub).unwrap();
    assert_eq!(world.log_in(&hub.login(nonce, world.cloud)).unwrap().map(drop), refused, "another hub's");
    let nonce = world.challenge(hub.hub).unwrap();
    let elsewhere = hub.login(nonce, SecretKey::from_seed(&[1; 32]).public());
    assert_eq!(world.log_in(&elsewhere).unwrap().map(drop), refused, "meant for another cloud");

    assert!(counted() >= before + 7, "each of them is counted");

    let stranger = HandmadeHub::new(99);
    let nonce = world.challenge(stranger.hub).unwrap();
    let told = world.log_in(&stranger.login(nonce, world.cloud)).unwrap().map(drop);
    assert_eq!(told, Err((404, Reason::UnknownHub)));
    assert_eq!(world.ask("SELECT count(*) FROM hub_sessions").unwrap(), "1");
    let open = "SELECT count(*) FROM hub_challenges WHERE expires_at > now()";
    assert_eq!(world.ask(open).unwrap(), "1", "only the challenge that the wrong hub has answered is open");
}

fn a_login_tells_how_the_journal_stands_to_what_is_held(world: &AccessWorld) {
    let mut hub = enrolled(world, 11);
    let (unit, device) = (hub.site.units[0].id, &hub.site.devices[0]);
    let probe = Probe { unit, device: device.id, point: device.points[0].id };
    let mut journal = Recorder::begin(hub.hub, hub.epoch, hub.key.clone(), BEGAN_MS);
    for _ in 0..8 {
        journal.assign(&probe);
    }
    let last = journal.events();
    hub.events = journal.head();
    let reply = world.logged_in(&hub).unwrap();
    assert_eq!((reply.standing, reply.events.seq), (Standing::Extends, 0));
    let (status, _) = world
        .send(
            Some(reply.token),
            path::EVENTS,
            &frostguard_shared::wire::to_bytes(&journal.events_batch(1, last)),
        )
        .unwrap();
    assert_eq!(status, 200);
    let stand = |events: Head| {
        let hub = HandmadeHub { events, ..hub.clone() };
        let reply = world.logged_in(&hub).unwrap();
        (reply.standing, reply.events)
    };
    let held = journal.head();
    assert_eq!(stand(held), (Standing::Extends, held));
    let further = Head { seq: last + 5, hash: Some(Hash([8; 32])) };
    assert_eq!(stand(further), (Standing::Extends, held), "as far as the cloud can tell");
    let restored = Head { seq: 4, hash: Some(journal.hash_at(4)) };
    assert_eq!(stand(restored), (Standing::Behind, held));
    assert_eq!(stand(Head { seq: 0, hash: None }), (Standing::Behind, held));
    assert_eq!(stand(Head { seq: 4, hash: Some(Hash([8; 32])) }), (Standing::Beside, held));
    assert_eq!(stand(Head { seq: last, hash: Some(Hash([8; 32])) }), (Standing::Beside, held));
    hub.epoch = EpochId::from_bytes([42; 16]);
    let reply = world.logged_in(&hub).unwrap();
    assert_eq!((reply.standing, reply.events.seq), (Standing::Extends, 0), "a new epoch begins at nothing");
}

fn a_body_that_is_no_message_has_its_answer_and_changes_nothing(world: &AccessWorld) {
    let hub = enrolled(world, 11);
    let before = world.ask(COUNTS).unwrap();
    let status = |path: &str, body: &[u8]| world.send(None, path, body).unwrap().0;
    for path in [path::CHALLENGE, path::LOGIN, path::ENROL] {
        assert_eq!(status(path, b"nothing of the kind"), 400, "{path}");
        assert_eq!(status(path, &vec![0; PACKED_MAX + 1]), 413, "{path}");
    }
    let whole = frostguard_shared::wire::to_bytes(&hub.enrol([1; 10], Takeover::Ask));
    assert_eq!(status(path::ENROL, &whole[..whole.len() - 9]), 400);
    let mut twice = HandmadeHub::new(12);
    twice.site.units.push(twice.site.units[0].clone());
    let code = world.code(0, 9).unwrap();
    assert_eq!(world.enrol(&twice.enrol(code, Takeover::Adopt)).unwrap(), Err((400, Reason::Garbled)));
    twice.site.units.truncate(1);
    twice.site.units[0].name = "a\0b".into();
    assert_eq!(world.enrol(&twice.enrol(code, Takeover::Adopt)).unwrap(), Err((400, Reason::Garbled)));
    let headless = HandmadeHub { events: Head { seq: 3, hash: None }, ..hub };
    let login = headless.login(world.challenge(headless.hub).unwrap(), world.cloud);
    assert_eq!(world.log_in(&login).unwrap().map(drop), Err((400, Reason::Garbled)));
    assert_eq!(world.ask(COUNTS).unwrap(), before);
}

fn what_the_database_holds_opens_nothing(world: &AccessWorld) {
    let hub = enrolled(world, 11);
    let open = world.code(0, 0xA7).unwrap();
    let key = format!("fg_{}", hex::encode([0xB3; 32]));
    world.api_key(0, &key).unwrap();
    let token = world.logged_in(&hub).unwrap().token;
    let dump = world.database.dump().unwrap();
    assert!(dump.contains(&hex::encode(hub.key.public().0)), "the dump is whole");
    let secrets = [&open[..], &[11; 10][..], &token[..], key.as_bytes(), &[11; 32][..]];
    for (at, secret) in secrets.into_iter().enumerate() {
        assert!(!dump.contains(&hex::encode(secret)), "secret number {at} in hex");
    }
    assert!(!dump.contains(&key) && !dump.contains(&hex::encode([0xB3; 32])), "the key as text");
}

#[test]
fn the_ids_of_one_hand_made_hub_are_not_those_of_another() {
    let (one, other) = (HandmadeHub::new(1), HandmadeHub::new(2));
    assert_ne!(one.hub, HubId::from_bytes(id(2, 1)));
    assert_ne!(one.site.units[0].id, UnitId::from_bytes(id(2, 3)));
    assert_ne!(one.site.people[0].id, PersonId::from_bytes(id(2, 5)));
    assert_ne!(one.site_hash(), other.site_hash());
}
