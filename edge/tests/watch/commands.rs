//! Commands of the cloud: each done once, by whom it was asked, in time or not at all.

use crate::desired::{answers, applied, apply, freezer_limit, hub, key};
use crate::world::{MINUTE, SECOND, World};
use frostguard_shared::alarm::Sounding;
use frostguard_shared::event::{Actor, ActorKind, CommandOutcome, Fact};
use frostguard_shared::ids::{AlertId, CommandId, HubId, PersonId, SiteId};
use frostguard_shared::signature::SecretKey;
use frostguard_shared::time::{Trust, WallMs};
use frostguard_shared::wire::desired::{ACKNOWLEDGE, Command, IDENTIFY, SELF_TEST};

const PERSON: PersonId = PersonId::from_bytes([5; 16]);

fn done(world: &World) -> Vec<(CommandId, CommandOutcome)> {
    let of = |fact: Fact| match fact {
        Fact::CommandDone { command, outcome, .. } => Some((command, outcome)),
        _ => None,
    };
    world.facts().into_iter().filter_map(of).collect()
}

/// A world whose hub belongs to the double's cloud.
fn enrolled() -> World {
    let mut world = World::new();
    let now = world.clock;
    world.watch().note_enrolled(key().public(), SiteId::from_bytes([7; 16]), now).unwrap();
    world
}

/// A command that is good for a minute.
fn command(world: &World, n: u8, kind: &str, alert: Option<AlertId>) -> Command {
    Command {
        id: CommandId::from_bytes([n; 16]),
        hub: hub(world),
        made: world.clock.wall,
        expires: WallMs(world.clock.wall.0 + MINUTE),
        person: Some(PERSON),
        kind: kind.into(),
        alert,
    }
}

fn send(world: &mut World, command: &Command) {
    let now = world.clock;
    world.watch().command(&command.signed(&key()), now).unwrap();
}

#[test]
fn an_acknowledgement_from_afar_is_a_persons_and_is_done_once_however_often_it_comes() {
    let mut world = enrolled();
    world.freezer_for(7, -1_400);
    let alert = world.desired().alarms[0].alert;
    let acknowledge = command(&world, 1, ACKNOWLEDGE, Some(alert));
    send(&mut world, &acknowledge);
    send(&mut world, &acknowledge);
    assert_eq!(world.desired().alarms[0].sounding, Sounding::Acknowledged);
    world.killed();
    world.start();
    send(&mut world, &acknowledge);
    let events = world.events();
    let kinds: Vec<&str> = events.iter().map(|event| event.envelope.kind.as_str()).collect();
    let count = |kind: &str| kinds.iter().filter(|known| **known == kind).count();
    assert_eq!(
        (count("command.received/1"), count("alert.acknowledged/1"), count("command.done/1")),
        (1, 1, 1)
    );
    let event = events.iter().find(|event| event.envelope.kind == "alert.acknowledged/1").unwrap();
    assert_eq!(event.envelope.actor, Some(Actor { kind: ActorKind::Person, id: Some(PERSON) }));
    assert_eq!(done(&world), [(acknowledge.id, CommandOutcome::Done)]);
}

#[test]
fn a_command_that_was_received_when_the_hub_died_is_done_at_its_next_start() {
    let mut world = enrolled();
    world.freezer_for(7, -1_400);
    let alert = world.desired().alarms[0].alert;
    let acknowledge = command(&world, 1, ACKNOWLEDGE, Some(alert));
    send(&mut world, &acknowledge);
    world.killed();
    // What a kill between the two transactions leaves behind: the first one.
    let bytes = frostguard_shared::wire::to_bytes(&acknowledge);
    let sql = world.sql();
    let last: i64 = sql.query_row("SELECT received_seq FROM commands", [], |row| row.get(0)).unwrap();
    sql.execute("DELETE FROM events WHERE seq > ?1", [last]).unwrap();
    sql.execute("UPDATE commands SET to_do = ?1", [bytes]).unwrap();
    sql.execute("DELETE FROM snapshots WHERE events_seq > ?1", [last]).unwrap();
    drop(sql);
    assert_eq!(done(&world), []);
    world.start();
    assert_eq!(done(&world), [(acknowledge.id, CommandOutcome::Done)]);
    assert_eq!(world.count_of("alert.acknowledged/1"), 1);
    assert_eq!(world.desired().alarms[0].sounding, Sounding::Acknowledged);
}

#[test]
fn an_alert_that_is_unknown_or_over_is_not_acknowledged_from_afar() {
    let mut world = enrolled();
    world.freezer_for(7, -1_400);
    let alert = world.desired().alarms[0].alert;
    world.freezer_for(5, -1_800);
    assert_eq!(world.desired().alarms[0].sounding, Sounding::Cleared);
    let over = command(&world, 1, ACKNOWLEDGE, Some(alert));
    let unknown = command(&world, 2, ACKNOWLEDGE, Some(AlertId::from_bytes([9; 16])));
    let nobody = Command { person: None, ..command(&world, 3, ACKNOWLEDGE, Some(alert)) };
    let strange = command(&world, 4, "open_the_door", None);
    for command in [&over, &unknown, &nobody, &strange] {
        send(&mut world, command);
    }
    let outcomes: Vec<CommandOutcome> = done(&world).into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [CommandOutcome::Refused; 4]);
    assert_eq!(world.count_of("alert.acknowledged/1"), 0);
}

#[test]
fn a_command_that_is_late_unsigned_foreign_or_of_a_hub_without_a_clock_does_nothing() {
    let mut world = enrolled();
    let late = Command { expires: world.clock.wall, ..command(&world, 1, IDENTIFY, None) };
    send(&mut world, &late);
    assert_eq!(done(&world), [(late.id, CommandOutcome::Expired)]);
    let now = world.clock;
    let stranger = SecretKey::from_seed(&[8; 32]);
    let forged = command(&world, 2, IDENTIFY, None).signed(&stranger);
    world.watch().command(&forged, now).unwrap();
    let foreign = Command { hub: HubId::from_bytes([9; 16]), ..command(&world, 3, IDENTIFY, None) };
    send(&mut world, &foreign);
    assert_eq!((world.count_of("command.received/1"), world.counter("commands.strange")), (1, 2));
    assert_eq!(world.desired().identify, None);
    world.clock.trust = Trust::Untrusted;
    let unsure = command(&world, 4, IDENTIFY, None);
    send(&mut world, &unsure);
    assert_eq!(done(&world)[1], (unsure.id, CommandOutcome::Refused));
}

#[test]
fn a_hub_that_is_looked_for_shows_itself_for_a_minute() {
    let mut world = enrolled();
    let identify = command(&world, 1, IDENTIFY, None);
    send(&mut world, &identify);
    assert_eq!(world.desired().identify.as_deref(), Some("Test"));
    assert_eq!(world.view().identify.as_deref(), Some("Test"));
    world.run(59 * SECOND);
    assert!(world.desired().identify.is_some());
    world.run(2 * SECOND);
    assert_eq!((world.desired().identify, done(&world)), (None, vec![(identify.id, CommandOutcome::Done)]));
}

#[test]
fn a_self_test_tells_what_each_part_did_and_ends_in_time_even_if_an_output_is_dumb() {
    let mut world = enrolled();
    let first = command(&world, 1, SELF_TEST, None);
    send(&mut world, &first);
    assert_eq!(world.count_of("selftest.done/1"), 0);
    world.pass(SECOND);
    world.freezer(-1_400);
    assert_eq!(world.counter("readings.recorded"), 1, "the watch goes on meanwhile");
    answers(&mut world, "log");
    let second = command(&world, 2, SELF_TEST, None);
    send(&mut world, &second);
    world.run(21 * SECOND);
    let tests: Vec<(bool, Vec<String>)> = world
        .facts()
        .into_iter()
        .filter_map(|fact| match fact {
            Fact::SelftestDone { passed, checks } => {
                let failed = checks.into_iter().filter(|check| !check.passed).map(|check| check.name);
                Some((passed, failed.collect()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(tests, [(true, vec![]), (false, vec!["output log".to_owned()])]);
    assert_eq!(done(&world).len(), 2);
}

#[test]
fn a_new_epoch_says_the_rules_in_force_anew_and_does_no_command_again() {
    let mut world = enrolled();
    apply(&mut world, 2, -1_200);
    let identify = command(&world, 1, IDENTIFY, None);
    send(&mut world, &identify);
    let now = world.clock;
    let why = frostguard_edge::store::journal::Anew::CloudDiffers;
    world.watch().begin_anew(why, now).unwrap().unwrap();
    assert_eq!((world.count_of("config.applied/2"), world.count_of("config.applied/1")), (1, 0));
    send(&mut world, &identify);
    world.killed();
    world.start();
    send(&mut world, &identify);
    assert_eq!((world.count_of("command.received/1"), world.counter("commands.repeated")), (0, 1));
    assert_eq!(world.view().standing.received, [identify.id], "the cloud may not know of it");
    world.run(2 * MINUTE);
    assert_eq!((applied(&world), freezer_limit(&world)), (2, -1_200));
}
