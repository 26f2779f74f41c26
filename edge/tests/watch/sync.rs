//! Sync against the cloud's double: everything arrives once and in order, whatever happens on the way.

use crate::cloud::{Cloud, Mischief, SECRET};
use crate::synced::{Synced, agree, sender};
use crate::world::{MINUTE, SECOND, World};
use frostguard_edge::clock::Clock;
use frostguard_edge::sync::enrol::{EnrolError, Wish, enrol};
use frostguard_edge::sync::http::{Address, Link};
use frostguard_edge::sync::shown::CloudState;
use frostguard_shared::claim::ClaimCode;
use frostguard_shared::event::Fact;
use frostguard_shared::signature::SecretKey;
use frostguard_shared::time::{ClockSample, Trust, WallMs};
use frostguard_shared::wire::login::Takeover;
use frostguard_shared::wire::path;
use std::time::Duration;
use tokio::time::Instant;

/// A hub that has seen some hours, an alarm among them.
fn some_hours() -> World {
    let mut world = World::new();
    world.freezer_for(70, -1800);
    world.freezer_for(8, -1400);
    world.freezer_for(3, -1800);
    world.run(6 * SECOND);
    world
}

#[test]
fn a_stand_alone_history_goes_up_whole_and_what_follows_as_it_is_recorded() {
    let cloud = Cloud::new();
    let mut synced = Synced::with(some_hours(), &cloud);
    synced.until_live();
    agree(&synced.world, &cloud);
    assert_eq!(cloud.look(|memory| memory.sites.len()), 1, "the site is told once");
    assert_eq!(synced.world.count_of("hub.enrolled/1"), 1);
    synced.world.freezer_for(5, -1800);
    synced.world.run(6 * SECOND);
    synced.until_live();
    agree(&synced.world, &cloud);
    let last = synced.world.watch().acknowledged(frostguard_edge::store::journal::Stream::Events);
    synced.world.run(6 * SECOND);
    assert!(last > 0);
    let noted: i64 = synced
        .world
        .sql()
        .query_row("SELECT acknowledged FROM cursors WHERE stream = 2", [], |row| row.get(0))
        .unwrap();
    assert!(noted > 0, "what the cloud holds is written with a later group");
}

#[test]
fn answers_that_are_lost_lose_and_double_nothing() {
    let cloud = Cloud::new();
    cloud.look(|memory| {
        memory.mischief.extend([
            (path::EVENTS, Mischief::LoseAnswer),
            (path::EVENTS, Mischief::BadGateway),
            (path::READINGS, Mischief::LoseAnswer),
            (path::READINGS, Mischief::LoseAnswer),
            (path::LOGIN, Mischief::LoseAnswer),
            (path::CHALLENGE, Mischief::BadGateway),
        ]);
    });
    let mut synced = Synced::with(some_hours(), &cloud);
    synced.until_live();
    agree(&synced.world, &cloud);
    assert!(cloud.look(|memory| memory.mischief.is_empty()), "all of it happened");
}

#[test]
fn a_cloud_that_was_restored_to_less_is_sent_the_rest_again() {
    let cloud = Cloud::new();
    let mut synced = Synced::with(some_hours(), &cloud);
    synced.until_live();
    let epoch = synced.world.watch().heads().epoch;
    cloud.look(|memory| {
        let held = memory.epochs.get_mut(&epoch).unwrap();
        held.events.truncate(3);
        held.readings.retain(|seq, _| *seq <= 10);
        held.readings_to = 10;
    });
    synced.world.freezer_for(2, -1800);
    synced.world.run(6 * SECOND);
    synced.until("it is all there again", |synced| {
        let heads = synced.world.watch().heads();
        cloud.look(|memory| {
            let held = &memory.epochs[&epoch];
            (held.events.len() as u64, held.readings_to) == (heads.events, heads.readings)
        })
    });
    agree(&synced.world, &cloud);
    assert_eq!(cloud.times(path::LOGIN), 1, "it rewinds within the session");
}

#[test]
fn a_token_that_has_expired_is_replaced_and_nothing_is_lost() {
    let cloud = Cloud::new();
    let mut synced = Synced::with(some_hours(), &cloud);
    synced.until_live();
    cloud.look(|memory| memory.mischief.push_back((path::EVENTS, Mischief::ForgetToken)));
    synced.world.freezer_for(8, -1400);
    synced.until_live();
    agree(&synced.world, &cloud);
    assert_eq!(cloud.times(path::LOGIN), 2);
}

#[test]
fn a_busy_cloud_is_given_the_pause_that_it_asks_for() {
    let cloud = Cloud::new();
    let mut synced = Synced::with(some_hours(), &cloud);
    synced.until_live();
    cloud.look(|memory| memory.mischief.push_back((path::EVENTS, Mischief::Busy)));
    synced.world.freezer_for(8, -1400);
    synced.until("the cloud was busy", |_| cloud.look(|memory| memory.mischief.is_empty()));
    let (began, asked) = (Instant::now(), cloud.times(path::EVENTS));
    synced.until("it is waited for", |synced| synced.shown.borrow().state == CloudState::Waiting);
    synced.until("it is asked again", |_| cloud.times(path::EVENTS) > asked);
    assert!(began.elapsed() > Duration::from_millis(900), "{:?}", began.elapsed());
    synced.until_live();
    agree(&synced.world, &cloud);
}

#[test]
fn one_record_that_is_not_taken_is_shown_and_holds_up_nothing_but_what_is_behind_it() {
    let cloud = Cloud::new();
    cloud.look(|memory| memory.poison = Some(40));
    let mut synced = Synced::with(some_hours(), &cloud);
    synced.until("it is shown", |synced| {
        synced.shown.borrow().error.as_ref().is_some_and(|error| error.contains("reading 40"))
    });
    assert_eq!(synced.shown.borrow().readings.acknowledged, 39);
    synced.world.freezer_for(8, -1400);
    synced.until("events go on", |synced| {
        let heads = synced.world.watch().heads();
        synced.shown.borrow().events.acknowledged == heads.events
    });
}

#[test]
fn an_impostor_is_given_nothing() {
    let cloud = Cloud::impostor();
    let mut synced = Synced::with(some_hours(), &cloud);
    synced.until("it is shown", |synced| {
        synced.shown.borrow().error.as_ref().is_some_and(|error| error.contains("not signed"))
    });
    for path in [path::EVENTS, path::READINGS, path::LIVE, path::SITE] {
        assert_eq!(cloud.times(path), 0, "{path}");
    }
}

#[test]
fn a_hub_that_knows_no_time_takes_the_clouds_and_records_it_before_it_sends_anything() {
    let cloud = Cloud::new();
    // A mark in ten years makes every clock of this machine unbelievable; the cloud lives beyond it.
    let real = Clock::new(WallMs(0), true).sample();
    let mark = WallMs(real.wall.0 + 315_576_000_000);
    let clock = Clock::new(mark, true);
    cloud.look(|memory| memory.time = mark.0 + 60_000);
    let mut world = World::at(ClockSample { trust: Trust::Untrusted, ..real });
    world.freezer(-1800);
    crate::synced::enrol(&world, &cloud);
    let mut synced = Synced::by(world, clock);
    synced.until_live();
    let corrected = synced.world.facts().into_iter().find_map(|fact| match fact {
        Fact::ClockCorrected { source, error_ms, to_ms, .. } => Some((source, error_ms, to_ms)),
        _ => None,
    });
    let (source, error_ms, to) = corrected.unwrap();
    assert_eq!(source, "cloud");
    assert!(error_ms >= 1 && (to.0 - mark.0 - 60_000).abs() < 30_000, "{error_ms} {to:?}");
    let first = cloud.look(|memory| memory.asked.iter().position(|asked| asked == path::EVENTS).unwrap());
    assert!(first >= 2, "after the login");
    agree(&synced.world, &cloud);
    let epoch = synced.world.watch().heads().epoch;
    cloud.look(|memory| {
        let all: Vec<String> = memory.epochs[&epoch]
            .events
            .iter()
            .map(|(_, bytes)| String::from_utf8(bytes.clone()).unwrap())
            .collect();
        assert!(all.iter().any(|event| event.contains("clock.corrected/1")), "in the first batch already");
    });
}

#[test]
fn a_live_alarm_is_told_at_once_with_a_counter_that_grows_over_restarts() {
    let cloud = Cloud::new();
    let mut world = World::new();
    world.freezer_for(3, -1800);
    let mut synced = Synced::with(world, &cloud);
    synced.until("a first status", |_| cloud.look(|memory| !memory.live.is_empty()));
    synced.world.freezer_for(7, -1400);
    synced.until("the alarm", |_| {
        cloud.look(|memory| memory.live.last().is_some_and(|live| live.alarms.len() == 1))
    });
    let last = cloud.look(|memory| memory.live.last().unwrap().clone());
    assert_eq!((last.units.len(), last.alarms[0].condition.as_str()), (2, "too_warm"));
    let mut world = synced.cut();
    world.killed();
    world.start();
    let mut synced = Synced::with(world, &cloud);
    let before = cloud.look(|memory| memory.live.len());
    synced.until("a status after the restart", |_| cloud.look(|memory| memory.live.len() > before));
    cloud.look(|memory| {
        assert!(memory.live.windows(2).all(|pair| pair[0].counter < pair[1].counter));
    });
}

#[test]
fn a_changed_event_is_never_vouched_for_and_the_record_begins_anew() {
    let cloud = Cloud::new();
    let mut world = some_hours();
    world.run(MINUTE);
    world.sql().execute("UPDATE events SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"boot\":1', '\"boot\":2') AS BLOB) WHERE seq = 5", []).unwrap();
    let old = world.watch().heads().epoch;
    let mut synced = Synced::with(world, &cloud);
    synced.until("a new epoch", |synced| synced.world.watch().heads().epoch != old);
    synced.until_live();
    agree(&synced.world, &cloud);
    let known = cloud.look(|memory| memory.epochs[&old].events.len());
    assert_eq!(known, 4, "what comes before the change was sent");
    assert_eq!(synced.world.count_of("storage.damaged/1"), 1);
}

/// Enrols a world's hub by a claim code.
fn enrolled(world: &World, cloud: &Cloud, code: ClaimCode) -> Result<(), EnrolError> {
    let (sender, site) = sender(world);
    let address = Address::parse(&cloud.url()).unwrap();
    let link = Link::open(address.clone(), None, &Clock::new(WallMs(0), true)).unwrap();
    let wish = Wish { code, name: "hub".into(), site, takeover: Takeover::Ask };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let enrolment = runtime.block_on(enrol(&link, &address, &sender, wish))?;
    enrolment.save(world.folder.path()).unwrap();
    Ok(())
}

#[test]
fn a_running_hub_notices_that_it_was_enrolled_and_asking_twice_is_harmless() {
    let cloud = Cloud::new();
    let mut synced = Synced::by(some_hours(), Clock::new(WallMs(0), true));
    synced.until("it says that it belongs to nobody", |synced| {
        let shown = synced.shown.borrow();
        shown.state == CloudState::NotEnrolled && shown.events.last > 0
    });
    enrolled(&synced.world, &cloud, cloud.code()).unwrap();
    enrolled(&synced.world, &cloud, cloud.code()).unwrap();
    synced.until_live();
    agree(&synced.world, &cloud);
    assert_eq!(synced.shown.borrow().name.as_deref(), Some("Shops, Main street"));
}

#[test]
fn a_cloud_that_is_not_the_one_of_the_code_is_not_believed() {
    let world = World::new();
    let (cloud, impostor) = (Cloud::new(), Cloud::impostor());
    let stranger = SecretKey::from_seed(&[1; 32]).public().fingerprint();
    let code = ClaimCode { secret: SECRET, cloud: stranger };
    assert!(matches!(enrolled(&world, &cloud, code), Err(EnrolError::OtherCloud)));
    assert!(matches!(enrolled(&world, &impostor, impostor.code()), Err(EnrolError::OtherCloud)));
    let used = ClaimCode { secret: [1; 10], cloud: cloud.key.public().fingerprint() };
    assert!(matches!(enrolled(&world, &cloud, used), Err(EnrolError::ClaimCode(_))));
    assert!(!world.folder.path().join("cloud.json").exists());
}
