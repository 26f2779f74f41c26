//! The outbox over a real journal: what is read in one round, and what is missing.

use crate::synced::sender;
use crate::world::{MINUTE, SECOND, World};
use frostguard_edge::store::Outbox;
use frostguard_edge::store::outbox::{Round, Wanted};
use frostguard_shared::chain::link;
use frostguard_shared::checkpoint::Checkpoint;
use frostguard_shared::event::{Event, Fact};
use frostguard_shared::reading::{READING_BYTES, Reading};
use frostguard_shared::tree::Frontier;

const ALL: Wanted = Wanted { events_after: 0, events_most: 4_096, readings_after: 0, readings_most: 4_096 };

fn outbox(world: &World) -> Outbox {
    Outbox::open(&world.journal(), sender(world).0.hub).unwrap()
}

fn seqs(round: &Round) -> Vec<u64> {
    let rows = &round.readings.as_ref().unwrap().rows;
    rows.as_chunks::<READING_BYTES>().0.iter().map(|row| Reading::from_bytes(row).unwrap().seq).collect()
}

fn hours() -> World {
    let mut world = World::new();
    world.freezer_for(130, -1800);
    world.run(6 * SECOND);
    world
}

#[test]
fn a_round_holds_what_is_durable_and_what_is_only_in_memory_is_not_in_it() {
    let mut world = World::new();
    world.freezer(-1800);
    assert!(outbox(&world).read(&ALL).unwrap().readings.is_none());
    world.run(6 * SECOND);
    let round = outbox(&world).read(&ALL).unwrap();
    assert_eq!(seqs(&round), [1]);
    assert_eq!(round.heads, world.watch().heads());
}

#[test]
fn small_batches_one_after_another_are_the_whole_and_each_tree_is_its_own() {
    let world = hours();
    let mut outbox = outbox(&world);
    let (mut wanted, mut tree) = (Wanted { events_most: 3, readings_most: 7, ..ALL }, Frontier::default());
    let (mut events, mut readings) = (0, Vec::new());
    loop {
        let round = outbox.read(&wanted).unwrap();
        if let Some(batch) = &round.events {
            assert!(batch.items.len() <= 3);
            let mut hash = batch.previous;
            for bytes in &batch.items {
                hash = link(hash, bytes);
                tree.push_event(hash);
            }
            assert_eq!((hash, tree.clone()), (batch.hash, batch.tree.clone()));
            events += batch.items.len() as u64;
            wanted.events_after = events;
        }
        if round.readings.is_some() {
            assert_eq!(wanted.events_after, round.heads.events, "readings come after all events");
            readings.extend(seqs(&round));
            wanted.readings_after = *readings.last().unwrap();
        }
        if (events, wanted.readings_after) == (round.heads.events, round.heads.readings) {
            break;
        }
    }
    assert_eq!(readings, (1..=130).collect::<Vec<_>>());
    // Back to somewhere in the middle, as a restored cloud asks for.
    let again = outbox.read(&Wanted { events_after: 2, events_most: 2, ..ALL }).unwrap().events.unwrap();
    assert_eq!((again.first, again.tree.size()), (3, 4));
}

#[test]
fn a_seal_is_in_the_same_round_as_the_first_reading_after_it_or_in_an_earlier_one() {
    let mut world = World::new();
    let mut outbox = outbox(&world);
    let (mut wanted, mut sealed_to) = (ALL, 0);
    for n in 0..200 {
        world.run(MINUTE);
        world.freezer(if n % 2 == 0 { -1800 } else { -1700 });
        if n % 7 == 0 {
            world.run(6 * SECOND);
        }
        let round = outbox.read(&wanted).unwrap();
        for bytes in round.events.iter().flat_map(|batch| &batch.items) {
            if let Some(Fact::ReadingsSealed { last, .. }) = Event::from_bytes(bytes).unwrap().fact() {
                sealed_to = *last;
            }
        }
        wanted.events_after = round.heads.events;
        if round.readings.is_some() {
            wanted.readings_after = *seqs(&round).last().unwrap();
        }
        let journal = world.facts().iter().rev().find_map(|fact| match fact {
            Fact::ReadingsSealed { last, .. } => Some(*last),
            _ => None,
        });
        assert!(journal.is_none_or(|last| last == sealed_to || wanted.readings_after <= last));
    }
    assert!(sealed_to > 100);
}

#[test]
fn missing_and_unreadable_readings_are_listed_as_gaps_wherever_they_are() {
    let world = hours();
    let change = |sql: &str| assert!(world.sql().execute(sql, []).unwrap() > 0);
    change("DELETE FROM readings WHERE seq <= 2 OR seq IN (5, 6, 9, 130)");
    change("UPDATE readings SET quality = 99 WHERE seq IN (8, 129)");
    world.sql().execute("INSERT INTO readings SELECT 131, point, boot, at_ms, boottime_ms, rule_ms, age_ms, trust, temperature, 99, NULL, NULL, NULL, NULL, NULL FROM readings WHERE seq = 3", []).unwrap();
    let round = outbox(&world).read(&ALL).unwrap();
    let batch = round.readings.as_ref().unwrap();
    let gaps: Vec<_> = batch.gaps.iter().map(|gap| (gap.first, gap.last)).collect();
    assert_eq!(gaps, [(1, 2), (5, 6), (8, 9), (129, 131)]);
    // A batch that holds nothing but what cannot be read still accounts for it.
    let only = Wanted { readings_after: 128, readings_most: 1, ..ALL };
    let round = outbox(&world).read(&only).unwrap();
    let batch = round.readings.unwrap();
    assert_eq!((batch.rows.len(), batch.gaps.len()), (0, 1));
    assert_eq!((batch.gaps[0].first, batch.gaps[0].last), (129, 129));
}

#[test]
fn a_missing_event_ends_what_can_be_sent_and_is_named() {
    let world = hours();
    world.sql().execute("DELETE FROM events WHERE seq = 5", []).unwrap();
    let mut outbox = outbox(&world);
    let batch = outbox.read(&ALL).unwrap().events.unwrap();
    assert_eq!(batch.tree.size(), 4);
    let fault = outbox.read(&Wanted { events_after: 4, ..ALL }).unwrap_err();
    assert!(fault.is_damage());
    assert!(frostguard_shared::causes::with_causes(&fault).contains("event 5"));
}

#[test]
fn each_seal_and_each_hour_leaves_a_signed_checkpoint_and_only_the_latest_are_kept() {
    let mut world = World::new();
    world.freezer_for(200, -1800);
    world.stopped();
    let (sender, _) = sender(&world);
    let epoch = world.events()[0].envelope.epoch;
    let sql = world.sql();
    let mut select = sql.prepare("SELECT size, note FROM checkpoints ORDER BY size").unwrap();
    let rows = select.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))).unwrap();
    let notes: Vec<(i64, String)> = rows.map(Result::unwrap).collect();
    assert!(notes.len() >= 3, "{}", notes.len());
    let mut tree = Frontier::default();
    let mut notes = notes.iter();
    let mut next = notes.next();
    let mut hashes = sql.prepare("SELECT hash FROM events ORDER BY seq").unwrap();
    for hash in hashes.query_map([], |row| row.get::<_, [u8; 32]>(0)).unwrap() {
        tree.push_event(frostguard_shared::chain::Hash(hash.unwrap()));
        if let Some((size, note)) = next.filter(|(size, _)| *size as u64 == tree.size()) {
            let signed = Checkpoint::verify(note, sender.hub, epoch, sender.key.public()).unwrap();
            assert_eq!(signed, Checkpoint { size: *size as u64, root: tree.root() });
            next = notes.next();
        }
    }
    assert!(next.is_none(), "each of them is of this journal");
}

#[test]
fn the_tree_is_the_same_after_a_restart_with_and_without_the_kept_edge() {
    let mut world = hours();
    world.killed();
    world.start();
    let tree = |world: &World| {
        let heads = world.watch.as_ref().unwrap().heads();
        let wanted = Wanted { events_after: heads.events - 1, ..ALL };
        outbox(world).read(&wanted).unwrap().events.unwrap().tree
    };
    let kept = tree(&world);
    world.sql().execute("UPDATE snapshots SET tree = NULL", []).unwrap();
    assert_eq!(tree(&world), kept);
}
