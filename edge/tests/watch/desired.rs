//! Documents of the cloud: what they change, what is refused, and what survives a death of the process.

use crate::cloud::{Cloud, Mischief};
use crate::synced::Synced;
use crate::world::{MINUTE, SECOND, T0, World};
use frostguard_edge::annunciators::Report;
use frostguard_edge::desired::decide::{Decision, Refusal};
use frostguard_edge::desired::kept::{Kept, Rules};
use frostguard_edge::desired::rehearsal::REACH;
use frostguard_edge::store::last_day::LastDay;
use frostguard_edge::watch::{Decided, Refused, Wish};
use frostguard_shared::alarm::Sounding;
use frostguard_shared::event::{Actor, ActorKind, Fact, RefusalCode};
use frostguard_shared::ids::{HubId, PersonId, UnitId};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::rules::{Field, Input, Provenance, Record, UnitRules, UnitStatus};
use frostguard_shared::signature::SecretKey;
use frostguard_shared::time::WallMs;
use frostguard_shared::wire::desired::{Document, UnitDocument};
use frostguard_shared::wire::path;
use std::collections::BTreeMap;

const PERSON: PersonId = PersonId::from_bytes([5; 16]);

pub fn key() -> SecretKey {
    SecretKey::from_seed(&[42; 32])
}

pub fn hub(world: &World) -> HubId {
    world.view().hub
}

/// The rules of all units as they are in force.
fn in_force(world: &World) -> BTreeMap<UnitId, UnitRules> {
    world.view().standing.site.units.iter().map(|unit| (unit.id, unit.rules.clone())).collect()
}

fn unit(world: &World, key: &str) -> UnitId {
    world.view().units.iter().find(|unit| unit.key == key).unwrap().id
}

fn from_organization(hundredths: i32) -> Field<Option<CentiCelsius>> {
    Field { value: Some(CentiCelsius::literal(hundredths)), provenance: Provenance::Organization }
}

/// The rules in force, with another upper limit of the freezer.
fn freezer_max(world: &World, hundredths: i32) -> BTreeMap<UnitId, UnitRules> {
    let mut rules = in_force(world);
    let freezer = rules.get_mut(&unit(world, "freezer")).unwrap();
    freezer.limits[0].max = from_organization(hundredths);
    rules
}

fn document(world: &World, version: u64, rules: &BTreeMap<UnitId, UnitRules>) -> Document {
    let unit = |(unit, rules): (&UnitId, &UnitRules)| UnitDocument {
        unit: *unit,
        rules: serde_json::to_string(rules).unwrap(),
    };
    Document { hub: hub(world), version, made: WallMs(T0), units: rules.iter().map(unit).collect() }
}

fn decided(world: &World, decision: Decision) -> Decided {
    let kept = &world.view().standing.kept;
    Decided { after: kept.decided, step: kept.step, decision }
}

/// Has the watch apply a freezer's limit, as if it had been decided on.
pub fn apply(world: &mut World, version: u64, hundredths: i32) {
    let rules = freezer_max(world, hundredths);
    let decided = decided(world, Decision::Apply(Rules { version, rules }));
    let now = world.clock;
    assert!(world.watch().configure(decided, now).unwrap().is_ok());
}

/// Has the watch hold a freezer's limit back.
fn hold(world: &mut World, version: u64, hundredths: i32) {
    let rules = freezer_max(world, hundredths);
    let refusal = Refusal::held(Rules { version, rules }, RefusalCode::HardLimit, "it would thaw".into());
    let decided = decided(world, Decision::Refuse(refusal));
    let now = world.clock;
    assert!(world.watch().configure(decided, now).unwrap().is_ok());
}

fn works(world: &mut World, output: &str) {
    let now = world.clock;
    let state = Report::State { output: output.into(), fault: None };
    world.watch().report(state, now).unwrap();
}

/// An output answers the last call.
pub fn answers(world: &mut World, output: &str) {
    let now = world.clock;
    let call = world.desired().call.unwrap().number;
    world.watch().report(Report::Answered { output: output.into(), call }, now).unwrap();
}

pub fn applied(world: &World) -> u64 {
    world.view().standing.kept.applied()
}

fn is_on_trial(world: &World) -> bool {
    world.view().standing.kept.on_trial.is_some()
}

pub fn freezer_limit(world: &World) -> i32 {
    let view = world.view();
    view.units.iter().find(|unit| unit.key == "freezer").unwrap().limits.1.unwrap().hundredths()
}

fn refusals(world: &World) -> Vec<(RefusalCode, bool)> {
    let of = |fact: Fact| match fact {
        Fact::ConfigRefused { code, waits, .. } => Some((code, waits)),
        _ => None,
    };
    world.facts().into_iter().filter_map(of).collect()
}

#[test]
fn a_limit_from_the_cloud_changes_what_is_an_alarm_and_the_record_says_where_it_came_from() {
    let cloud = Cloud::new();
    let mut synced = Synced::with(World::new(), &cloud);
    synced.world.freezer_for(10, -1_800);
    synced.until_live();
    let rules = freezer_max(&synced.world, -2_000);
    let signed = document(&synced.world, 3, &rules).signed(&key());
    cloud.look(|memory| memory.document = Some((3, signed)));
    synced.until("the document is applied", |synced| applied(&synced.world) == 3);
    synced.world.freezer_for(7, -1_800);
    assert_eq!(synced.world.status("freezer"), UnitStatus::AlarmActive);
    let why = synced.world.facts().into_iter().find_map(|fact| match fact {
        Fact::UnitTransition { to, why, .. } if to == "pending" => why.basis,
        _ => None,
    });
    let basis = why.unwrap();
    assert_eq!((basis.value, basis.provenance), (-2_000, Provenance::Organization));
    synced.until("the cloud hears of it", |_| {
        cloud.look(|memory| memory.polls.last().is_some_and(|poll| (poll.decided, poll.applied) == (3, 3)))
    });
    synced.until_live();
    assert_eq!(synced.world.count_of("config.applied/2"), 1);
    assert!(!is_on_trial(&synced.world), "nothing worked before that does not work now");
}

#[test]
fn each_document_that_cannot_be_taken_is_refused_once_with_its_word() {
    let cloud = Cloud::new();
    let mut synced = Synced::with(World::new(), &cloud);
    // Two hours at −18 °C: a limit of −20 °C would have been broken all the time.
    synced.world.freezer_for(120, -1_800);
    synced.world.run(6 * SECOND);
    synced.until_live();
    let good = document(&synced.world, 7, &in_force(&synced.world));
    let stranger = SecretKey::from_seed(&[8; 32]);
    let foreign = Document { hub: HubId::from_bytes([9; 16]), ..good.clone() };
    let fewer = Document { units: good.units[..1].to_vec(), version: 3, ..good.clone() };
    let mut none = in_force(&synced.world);
    none.values_mut().for_each(|rules| *rules = UnitRules::default());
    let at = |world: &World, version, hundredths| document(world, version, &freezer_max(world, hundredths));
    let cases = [
        (99, good.signed(&stranger), RefusalCode::Unsigned, false, 0),
        (99, foreign.signed(&key()), RefusalCode::ForeignHub, false, 0),
        (3, fewer.signed(&key()), RefusalCode::Units, false, 3),
        (4, document(&synced.world, 4, &none).signed(&key()), RefusalCode::Silences, true, 4),
        (5, at(&synced.world, 5, 0).signed(&key()), RefusalCode::HardLimit, true, 5),
        (6, at(&synced.world, 6, -2_000).signed(&key()), RefusalCode::DryRun, true, 6),
        (99, at(&synced.world, 6, -1_400).signed(&key()), RefusalCode::Stale, true, 6),
    ];
    for (n, (offered, signed, code, waits, decided)) in cases.into_iter().enumerate() {
        cloud.look(|memory| memory.document = Some((offered, signed)));
        synced.until("it is refused", |synced| synced.world.count_of("config.refused/1") == n + 1);
        let told = *refusals(&synced.world).last().unwrap();
        assert_eq!(told, (code, waits && code.is_confirmable()));
        let kept = synced.world.view().standing.kept.clone();
        assert_eq!((kept.decided, kept.waiting.is_some(), kept.applied()), (decided, waits, 0), "{code:?}");
    }
    let reason = synced.world.facts().into_iter().rev().find_map(|fact| match fact {
        Fact::ConfigRefused { code: RefusalCode::DryRun, reason, .. } => Some(reason),
        _ => None,
    });
    let reason = reason.unwrap();
    assert!(reason.contains("Freezer") && reason.contains("100 %") && reason.contains("-18.00"), "{reason}");
    let asked = cloud.times(path::DESIRED);
    synced.until("it has asked some times more", |_| cloud.times(path::DESIRED) > asked + 2);
    assert_eq!(synced.world.count_of("config.refused/1"), 7, "the same is not recorded again");
}

#[test]
fn a_document_of_a_version_that_no_event_can_name_does_not_stop_the_hub() {
    let cloud = Cloud::new();
    let mut synced = Synced::with(World::new(), &cloud);
    let huge = document(&synced.world, u64::MAX, &in_force(&synced.world)).signed(&key());
    cloud.look(|memory| memory.document = Some((u64::MAX, huge)));
    synced.until("it is refused", |synced| synced.world.count_of("config.refused/1") == 1);
    assert_eq!(refusals(&synced.world), [(RefusalCode::Unreadable, false)]);
}

#[test]
fn the_last_day_is_read_whole_in_pieces_and_not_beyond_it() {
    let mut world = World::new();
    for n in 0..(26 * 60 * 4) {
        world.pass(15 * SECOND);
        world.freezer(if n % 2 == 0 { -1_800 } else { -1_840 });
    }
    world.run(6 * SECOND);
    let from = world.view().rule - REACH;
    let mut day = LastDay::open(&world.journal(), hub(&world), from).unwrap();
    assert!(day.snapshot().frontier() <= from);
    let mut pieces: Vec<Vec<Record>> = Vec::new();
    while let Some(piece) = day.next_piece().unwrap() {
        pieces.push(piece);
    }
    let given: Vec<i64> = pieces
        .iter()
        .flatten()
        .filter(|record| matches!(record.input, Input::Reading { .. }))
        .map(|record| record.at.0)
        .collect();
    let frontier = day.snapshot().frontier().0;
    let recorded: Vec<i64> =
        world.readings().iter().map(|(rule, _, _)| *rule).filter(|rule| *rule > frontier).collect();
    assert_eq!(given, recorded);
    assert!(pieces.len() > 1 && from.0 - frontier < 16 * MINUTE, "{} pieces", pieces.len());
}

#[test]
fn an_answer_that_is_lost_or_a_token_that_is_forgotten_delays_a_document_and_stops_nothing() {
    let cloud = Cloud::new();
    cloud.look(|memory| {
        memory.mischief.extend([
            (path::DESIRED, Mischief::LoseAnswer),
            (path::DESIRED, Mischief::ForgetToken),
            (path::DESIRED, Mischief::BadGateway),
        ]);
    });
    let world = World::new();
    let signed = document(&world, 2, &freezer_max(&world, -1_000)).signed(&key());
    cloud.look(|memory| memory.document = Some((2, signed)));
    let mut synced = Synced::with(world, &cloud);
    synced.until("the document is applied", |synced| applied(&synced.world) == 2);
    synced.until_live();
    assert_eq!(cloud.look(|memory| memory.mischief.len()), 0);
    assert_eq!(cloud.times(path::LOGIN), 2, "it has logged in anew once");
    assert_eq!(synced.world.count_of("config.applied/2"), 1);
}

#[test]
fn a_hub_that_was_away_takes_the_newest_document_at_its_first_contact() {
    let cloud = Cloud::new();
    let mut world = World::new();
    world.freezer_for(5, -1_800);
    let signed = document(&world, 9, &freezer_max(&world, -1_000)).signed(&key());
    cloud.look(|memory| memory.document = Some((9, signed)));
    let mut synced = Synced::with(world, &cloud);
    synced.until("the document is applied", |synced| applied(&synced.world) == 9);
    assert_eq!(freezer_limit(&synced.world), -1_000);
}

#[test]
fn rules_from_the_cloud_survive_a_death_and_edits_of_the_site_document_do_not_touch_them() {
    let mut world = World::new();
    apply(&mut world, 1, -1_200);
    world.killed();
    world.change_site("temp_max_c = -15.0", "temp_max_c = -25.0");
    world.change_site("temp_max_c = 8.0", "temp_max_c = 7.0");
    world.start();
    assert_eq!((applied(&world), freezer_limit(&world)), (1, -1_200));
    assert_eq!(world.count_of("config.applied/2"), 1);
    assert_eq!(world.count_of("config.applied/1"), 1, "the document names every unit");
    world.run(2 * SECOND);
    assert!(!is_on_trial(&world));
    world.killed();
    world.change_site("[devices.tag]", "[units.new]\nname = \"New\"\ntype = \"fridge\"\n[devices.tag]");
    world.start();
    let named = |key: &str| world.view().units.iter().find(|unit| unit.key == key).unwrap().rules_from;
    assert_eq!(named("new"), frostguard_edge::desired::RulesFrom::Site);
    assert_eq!(world.count_of("config.applied/1"), 2);
}

#[test]
fn an_episode_goes_on_under_a_limit_that_the_last_value_breaks_too_and_ends_under_one_that_it_does_not() {
    let mut world = World::new();
    world.freezer_for(7, -1_400);
    let alert = world.desired().alarms[0].alert;
    apply(&mut world, 1, -1_450);
    assert_eq!(world.desired().alarms[0].sounding, Sounding::Sounding);
    apply(&mut world, 2, -1_000);
    let alarm = &world.desired().alarms[0];
    assert_eq!((alarm.alert, alarm.sounding), (alert, Sounding::Cleared));
    let cleared = world.facts().into_iter().find_map(|fact| match fact {
        Fact::AlertCleared { why, .. } => Some(why.text),
        _ => None,
    });
    assert!(cleared.unwrap().starts_with("rule_changed"));
}

#[test]
fn a_decision_made_by_what_is_no_longer_the_case_is_not_done() {
    let mut world = World::new();
    let rules = freezer_max(&world, -1_200);
    let early = decided(&world, Decision::Apply(Rules { version: 5, rules }));
    apply(&mut world, 4, -1_300);
    let now = world.clock;
    let answer = world.watch().configure(early, now).unwrap();
    assert_eq!(answer.unwrap_err().kept.decided, 4);
    assert_eq!(freezer_limit(&world), -1_300);
}

#[test]
fn a_document_that_waits_takes_effect_by_a_person_or_is_turned_down_by_one() {
    let mut world = World::new();
    hold(&mut world, 1, 0);
    world.killed();
    world.start();
    let waiting = world.view().standing.kept.waiting.clone().unwrap();
    assert_eq!((waiting.document.version, waiting.reason.as_str()), (1, "it would thaw"));
    let now = world.clock;
    let other = world.watch().decide_waiting(Wish::Apply, 2, PERSON, now).unwrap();
    assert_eq!(other, Err(Refused::NothingWaits));
    world.watch().decide_waiting(Wish::Apply, 1, PERSON, now).unwrap().unwrap();
    assert_eq!((applied(&world), freezer_limit(&world)), (1, 0));
    let by = world.events().into_iter().find(|event| event.envelope.kind == "config.applied/2").unwrap();
    let person = Some(Actor { kind: ActorKind::Person, id: Some(PERSON) });
    assert_eq!(by.envelope.actor, person);

    hold(&mut world, 2, 100);
    hold(&mut world, 3, 200);
    let now = world.clock;
    let older = world.watch().decide_waiting(Wish::TurnDown, 2, PERSON, now).unwrap();
    assert_eq!(older, Err(Refused::NothingWaits), "a newer document takes the place of an older one");
    world.watch().decide_waiting(Wish::TurnDown, 3, PERSON, now).unwrap().unwrap();
    assert_eq!((applied(&world), world.view().standing.kept.waiting.is_some()), (1, false));
    let last = world.events().into_iter().rev().find(|event| event.envelope.kind == "config.refused/1");
    assert_eq!(last.unwrap().envelope.actor, person);
    assert_eq!(refusals(&world).last(), Some(&(RefusalCode::HardLimit, false)));
    world.killed();
    world.start();
    assert!(world.view().standing.kept.waiting.is_none());
}

#[test]
fn a_document_that_waits_and_no_longer_fits_the_units_is_not_applied() {
    let mut world = World::new();
    hold(&mut world, 1, 0);
    world.killed();
    world.change_site("[devices.tag]", "[units.new]\nname = \"New\"\ntype = \"fridge\"\n[devices.tag]");
    world.start();
    let now = world.clock;
    let answer = world.watch().decide_waiting(Wish::Apply, 1, PERSON, now).unwrap();
    assert_eq!((answer, applied(&world)), (Err(Refused::DoesNotFit), 0));
}

#[test]
fn a_trial_ends_well_when_steady_sources_and_outputs_are_back() {
    let mut world = World::new();
    works(&mut world, "log");
    for _ in 0..120 {
        world.pass(SECOND);
        world.freezer(-1_800);
    }
    apply(&mut world, 1, -1_200);
    assert!(is_on_trial(&world));
    answers(&mut world, "log");
    assert!(is_on_trial(&world), "the source has not delivered yet");
    world.freezer(-1_800);
    assert!(!is_on_trial(&world));
    world.run(2 * MINUTE);
    assert_eq!((applied(&world), world.count_of("config.rolled_back/1")), (1, 0));
}

#[test]
fn an_output_that_does_not_answer_takes_the_rules_back_within_the_trial() {
    let mut world = World::new();
    works(&mut world, "log");
    apply(&mut world, 1, -1_200);
    world.run(74 * SECOND);
    assert_eq!((applied(&world), is_on_trial(&world)), (1, true));
    world.run(2 * SECOND);
    assert_eq!((applied(&world), is_on_trial(&world), freezer_limit(&world)), (0, false, -1_500));
    let back = world.facts().into_iter().find_map(|fact| match fact {
        Fact::ConfigRolledBack { version, to, reason, .. } => Some((version, to, reason)),
        _ => None,
    });
    let (version, to, reason) = back.unwrap();
    assert_eq!((version, to), (1, None));
    assert!(reason.contains("output log"), "{reason}");
    world.killed();
    world.start();
    assert_eq!((applied(&world), world.view().standing.kept.decided), (0, 1));
    assert_eq!(world.count_of("config.rolled_back/1"), 1);
    world.freezer_for(7, -1_300);
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive, "the rules before guard again");
}

#[test]
fn a_source_that_falls_silent_takes_the_rules_back_and_one_that_was_silent_before_does_not() {
    let mut world = World::new();
    for _ in 0..120 {
        world.pass(SECOND);
        world.freezer(-1_800);
    }
    apply(&mut world, 1, -1_200);
    world.run(76 * SECOND);
    assert_eq!((applied(&world), world.count_of("config.rolled_back/1")), (0, 1));
    apply(&mut world, 2, -1_200);
    world.run(76 * SECOND);
    assert_eq!((applied(&world), is_on_trial(&world)), (2, false));
}

#[test]
fn a_trial_goes_on_over_one_start_and_the_second_start_takes_the_rules_back() {
    let mut world = World::new();
    works(&mut world, "log");
    apply(&mut world, 1, -1_200);
    world.killed();
    world.start();
    assert_eq!((applied(&world), is_on_trial(&world)), (1, true));
    world.killed();
    world.start();
    assert_eq!((applied(&world), is_on_trial(&world), freezer_limit(&world)), (0, false, -1_500));
    assert_eq!(world.count_of("config.rolled_back/1"), 1);
    assert_eq!(world.count_of("config.applied/2"), 1);
}

#[test]
fn a_death_between_file_and_journal_is_made_up_for_at_the_next_start() {
    let mut world = World::new();
    world.freezer_for(7, -1_400);
    let rules = freezer_max(&world, -1_000);
    let mut kept = (*world.view().standing.kept).clone();
    world.killed();
    // What a kill right after the file was written leaves behind.
    kept.apply(Rules { version: 1, rules }, None, WallMs(T0), Default::default());
    kept.save(world.folder.path()).unwrap();
    assert_eq!(world.count_of("config.applied/2"), 0);
    world.start();
    assert_eq!((applied(&world), freezer_limit(&world)), (1, -1_000));
    assert_eq!(world.count_of("config.applied/2"), 1);
    assert_eq!(world.count_of("alert.cleared/1"), 1, "what follows from it is recorded with it");
    world.killed();
    world.start();
    assert_eq!(world.count_of("config.applied/2"), 1, "it is said once");
}

#[test]
fn a_damaged_file_is_set_aside_and_the_site_document_rules_until_the_cloud_sends_anew() {
    let mut world = World::new();
    apply(&mut world, 4, -1_200);
    world.killed();
    let path = world.folder.path().join(Kept::FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("-1200", "-1100")).unwrap();
    world.start();
    let standing = world.view().standing;
    assert_eq!((standing.kept.applied(), standing.kept.decided, freezer_limit(&world)), (0, 0, -1_500));
    assert!(standing.fault.as_ref().unwrap().contains("hash"), "{:?}", standing.fault);
    assert_eq!(world.count_of("storage.damaged/1"), 1);
    assert_eq!(world.count_of("config.applied/1"), 2);
    assert!(world.folder.path().join("rules.damaged-1.json").exists());
    apply(&mut world, 5, -1_200);
    assert_eq!((applied(&world), freezer_limit(&world)), (5, -1_200));
    assert_eq!(world.view().standing.fault, None, "it is mended");
    assert_eq!(world.count_of("config.applied/2"), 2);
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_rules_before_in_force() {
    let mut world = World::new();
    // A folder where the file would be written first: it cannot be opened for writing.
    std::fs::create_dir(world.folder.path().join("rules.json.new")).unwrap();
    apply(&mut world, 1, -1_200);
    assert_eq!((applied(&world), freezer_limit(&world)), (0, -1_500));
    assert_eq!(refusals(&world), [(RefusalCode::Storage, false)]);
    assert!(world.view().storage_fault.is_some() || world.counter("configuration.not_saved") > 0);
    std::fs::remove_dir(world.folder.path().join("rules.json.new")).unwrap();
    world.run(12 * SECOND);
    world.killed();
    world.start();
    assert_eq!(world.view().standing.kept.decided, 1, "what was decided is written when the disk lets it");
}
