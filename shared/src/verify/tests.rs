//! A generated bundle verifies; whatever is done to it is found, and named.

use super::*;
use crate::bundle::{Base64, BundledEvent, Header, Side, Unreadable, to_line};
use crate::chain::{genesis, link, root};
use crate::event::{Envelope, Fact, GapCause, Subject, to_bytes};
use crate::ids::PointId;
use crate::quantity::CentiCelsius;
use crate::reading::Quality;
use crate::signature::SecretKey;
use crate::time::{Boot, BoottimeMs, RuleMs, Trust, WallMs};
use crate::tree::Frontier;
use proptest::prelude::*;

fn ids() -> (HubId, EpochId) {
    (HubId::from_bytes([1; 16]), EpochId::from_bytes([2; 16]))
}

fn secret() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

fn reading(seq: u64) -> Reading {
    Reading {
        seq,
        at: WallMs(1_764_000_000_000 + seq as i64),
        boot: Boot(1),
        boottime: BoottimeMs(seq * 1_000),
        rule: RuleMs(1_764_000_000_000 + seq as i64),
        age_ms: 0,
        trust: Trust::Synced,
        point: PointId::from_bytes([4; 16]),
        temperature: CentiCelsius::new(-1_800 + (seq % 50) as i32).unwrap(),
        humidity: None,
        battery_percent: None,
        battery: None,
        signal: None,
        door: None,
        quality: Quality::Valid,
    }
}

/// A record as a hub would write it.
struct Maker {
    lines: Vec<Line>,
    head: Hash,
    seq: u64,
    tree: Frontier,
    counted: End,
}

impl Maker {
    fn new() -> Self {
        let (hub, epoch) = ids();
        let counted = End { events: 0, checkpoints: 0, readings: 0 };
        let mut maker =
            Self { lines: Vec::new(), head: genesis(hub, epoch), seq: 0, tree: Frontier::default(), counted };
        let key = secret().public().to_string();
        maker.event(Fact::EpochStarted { key, software: "0.1.0".into(), old: None });
        maker
    }

    fn event(&mut self, fact: Fact) {
        self.event_at(1_764_000_000_000 + 10 * self.seq as i64, fact);
    }

    fn event_at(&mut self, rule_ms: i64, fact: Fact) {
        let (hub, epoch) = ids();
        self.seq += 1;
        let envelope = Envelope {
            v: 1,
            hub,
            epoch,
            seq: self.seq,
            kind: fact.kind().into(),
            at_ms: WallMs(rule_ms),
            boot: Boot(1),
            boottime_ms: BoottimeMs(self.seq),
            rule_ms: RuleMs(rule_ms),
            trust: Trust::Synced,
            actor: None,
            subject: Subject::default(),
        };
        let bytes = to_bytes(&envelope, &fact).unwrap();
        self.head = link(self.head, &bytes);
        self.tree.push_event(self.head);
        self.counted.events += 1;
        let event = BundledEvent { seq: self.seq, hash: self.head, bytes: Some(Base64(bytes)) };
        self.lines.push(Line::Event(event));
    }

    fn seal(&mut self, first: u64, last: u64) {
        let leaves: Vec<Hash> = (first..=last).map(|seq| leaf(&reading(seq).to_bytes())).collect();
        self.event(Fact::ReadingsSealed { first, last, count: last + 1 - first, root: root(&leaves) });
    }

    fn checkpoint(&mut self) {
        let (hub, epoch) = ids();
        let checkpoint = Checkpoint { size: self.seq, root: self.tree.root() };
        self.counted.checkpoints += 1;
        self.lines.push(Line::Checkpoint(checkpoint.sign(hub, epoch, &secret())));
    }

    fn readings(&mut self, seqs: impl IntoIterator<Item = u64>) {
        for seq in seqs {
            self.counted.readings += 1;
            self.lines.push(Line::Reading(Base64(reading(seq).to_bytes().to_vec())));
        }
    }

    fn gap(&mut self, first: u64, last: u64) {
        self.lines.push(Line::Gap(BundledGap { first, last, cause: "damage".into() }));
    }

    fn ended(mut self) -> Vec<Line> {
        self.lines.push(Line::End(self.counted));
        self.lines
    }
}

/// Two seals, two checkpoints, everything sealed and signed.
fn whole() -> Vec<Line> {
    let mut maker = Maker::new();
    maker.event(Fact::HubStopped { reason: "test".into() });
    maker.seal(1, 5);
    maker.checkpoint();
    maker.event(Fact::Gap { cause: GapCause::HubDown, from_ms: RuleMs(1), to_ms: RuleMs(2), count: None });
    maker.seal(6, 12);
    maker.checkpoint();
    maker.readings(1..=12);
    maker.ended()
}

fn walked(lines: &[Line]) -> Verdict {
    let (hub, epoch) = ids();
    let mut walk = Walk::new(hub, epoch, Some(secret().public()));
    lines.iter().for_each(|line| walk.take(line));
    walk.finish()
}

/// The same from text, as a verifier reads it.
fn walked_text(text: &[u8]) -> Result<Verdict, String> {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let header = Header::parse(lines.next().unwrap_or_default()).map_err(|fault| fault.to_string())?;
    let mut walk = Walk::new(header.hub, header.epoch, Some(secret().public()));
    for line in lines {
        match Line::parse(line) {
            Ok(line) => walk.take(&line),
            Err(fault) => walk.take_unreadable(FormFault::Line(fault.to_string())),
        }
    }
    Ok(walk.finish())
}

fn text_of(lines: &[Line]) -> Vec<String> {
    let (hub, epoch) = ids();
    let first = to_line(&Header::new(Side::Hub, hub, epoch, 0)).unwrap();
    [first].into_iter().chain(lines.iter().map(|line| to_line(line).unwrap())).collect()
}

fn bad(lines: &[Line]) -> Bad {
    walked(lines).bad.expect("something bad")
}

#[test]
fn a_whole_record_passes_and_is_counted() {
    let verdict = walked(&whole());
    assert_eq!(verdict.bad, None);
    assert_eq!((verdict.events, verdict.readings_sealed, verdict.readings_unsealed), (5, 12, 0));
    assert_eq!(verdict.checkpoint.map(|checkpoint| checkpoint.size), Some(5));
    assert_eq!(verdict.unproved, [Unproved::Sensors, Unproved::Newer, Unproved::BeforeEnrolment]);
    assert_eq!(verdict.seal_of(6).map(|seal| (seal.event, seal.state)), Some((5, SealState::Holds)));
    assert!(walked_text(text_of(&whole()).concat().as_bytes()).unwrap().passes());
}

#[test]
fn without_a_key_a_checkpoint_or_a_seal_it_says_what_is_not_proved() {
    let mut maker = Maker::new();
    maker.seal(1, 2);
    maker.checkpoint();
    maker.event(Fact::HubStopped { reason: "test".into() });
    maker.readings(1..=5);
    let (hub, epoch) = ids();
    let mut walk = Walk::new(hub, epoch, None);
    maker.ended().iter().for_each(|line| walk.take(line));
    let verdict = walk.finish();
    assert!(verdict.passes());
    for unproved in
        [Unproved::Key, Unproved::AfterCheckpoint { events: 1 }, Unproved::Unsealed { readings: 3 }]
    {
        assert!(verdict.unproved.contains(&unproved), "{unproved}");
    }
    let mut maker = Maker::new();
    maker.readings(1..=1);
    assert!(walked(&maker.ended()).unproved.contains(&Unproved::NoCheckpoint));
}

#[test]
fn another_key_than_the_given_one_is_the_first_events_fault() {
    let (hub, epoch) = ids();
    let mut walk = Walk::new(hub, epoch, Some(SecretKey::from_seed(&[8; 32]).public()));
    whole().iter().for_each(|line| walk.take(line));
    assert_eq!(walk.finish().bad, Some(Bad::Event { seq: 1, why: EventFault::OtherKey }));
}

#[test]
fn a_chain_made_anew_after_an_edit_does_not_fit_the_checkpoint_that_was_signed() {
    let mut forged = Maker::new();
    forged.event(Fact::HubStopped { reason: "forged".into() });
    forged.seal(1, 5);
    let honest = whole();
    forged.lines.push(honest[3].clone());
    forged.counted.checkpoints += 1;
    forged.readings(1..=5);
    assert_eq!(bad(&forged.ended()), Bad::Checkpoint { after: 3, why: CheckpointFault::Root });
}

#[test]
fn events_removed_from_the_end_are_missed_by_the_checkpoint_that_covers_them() {
    let mut cut = Maker::new();
    cut.event(Fact::HubStopped { reason: "test".into() });
    cut.seal(1, 5);
    cut.lines.push(whole()[6].clone());
    cut.counted.checkpoints += 1;
    cut.readings(1..=5);
    let why = CheckpointFault::Removed { size: 5 };
    assert_eq!(bad(&cut.ended()), Bad::Checkpoint { after: 3, why });
}

#[test]
fn an_edited_reading_fails_its_own_seal_and_no_other() {
    let mut lines = whole();
    let mut edited = reading(7);
    edited.temperature = CentiCelsius::literal(-2_000);
    lines[7 + 6] = Line::Reading(Base64(edited.to_bytes().to_vec()));
    let verdict = walked(&lines);
    assert_eq!(verdict.bad, Some(Bad::Readings { first: 6, last: 12, sealed_by: 5, why: SealFault::Root }));
    assert_eq!((verdict.bad_count, verdict.readings_sealed), (1, 5));
    assert_eq!(verdict.seal_of(7).map(|seal| seal.state), Some(SealState::Fails));
    lines[7 + 6] = Line::Unreadable(Unreadable { seq: 7, bytes: Base64(vec![1]) });
    let why = SealFault::Unreadable { seq: 7 };
    assert_eq!(bad(&lines), Bad::Readings { first: 6, last: 12, sealed_by: 5, why });
}

#[test]
fn a_told_gap_explains_what_no_seal_covers_and_never_what_one_does() {
    let make = |told: bool| {
        let mut maker = Maker::new();
        maker.seal(1, 3);
        maker.seal(7, 9);
        maker.checkpoint();
        maker.readings(1..=4);
        if told {
            maker.gap(5, 6);
        } else {
            maker.readings(5..=6);
        }
        maker.readings(7..=9);
        maker.ended()
    };
    let verdict = walked(&make(true));
    assert_eq!((verdict.bad, verdict.readings_sealed, verdict.readings_unsealed), (None, 6, 1));
    assert!(verdict.unproved.contains(&Unproved::Gaps { gaps: 1, readings: 2, first: 5, last: 6 }));
    assert!(matches!(bad(&make(false)), Bad::Event { seq: 3, why: EventFault::Seal { .. } }));

    let mut maker = Maker::new();
    maker.seal(1, 3);
    maker.readings(1..=1);
    maker.gap(2, 2);
    maker.readings(3..=3);
    let why = SealFault::Told { seq: 2 };
    assert_eq!(bad(&maker.ended()), Bad::Readings { first: 1, last: 3, sealed_by: 2, why });
}

#[test]
fn a_reading_that_nothing_covers_must_not_be_missing_without_a_word() {
    let mut maker = Maker::new();
    maker.readings([1, 2, 4]);
    assert_eq!(bad(&maker.ended()), Bad::Reading { seq: 3, why: ReadingFault::Missing });
}

#[test]
fn an_event_of_which_only_the_hash_is_left_is_linked_and_said() {
    let mut lines = whole();
    if let Line::Event(event) = &mut lines[1] {
        event.bytes = None;
    }
    let verdict = walked(&lines);
    assert_eq!(verdict.bad, None);
    assert!(verdict.unproved.contains(&Unproved::Dropped { events: 1 }));
    if let Line::Event(event) = &mut lines[0] {
        event.bytes = None;
    }
    assert_eq!(bad(&lines), Bad::Event { seq: 1, why: EventFault::First });
}

#[test]
fn readings_whose_seal_was_dropped_count_as_unsealed() {
    let mut lines = whole();
    if let Line::Event(event) = &mut lines[2] {
        event.bytes = None;
    }
    let verdict = walked(&lines);
    assert_eq!((verdict.bad, verdict.readings_sealed, verdict.readings_unsealed), (None, 7, 5));
}

#[test]
fn the_rule_axis_of_events_never_stands_still_or_goes_back() {
    let mut maker = Maker::new();
    maker.event_at(1_764_000_000_000, Fact::HubStopped { reason: "test".into() });
    assert!(matches!(bad(&maker.ended()), Bad::Event { seq: 2, why: EventFault::Axis { .. } }));
}

#[test]
fn an_epoch_begins_once_and_with_its_key() {
    let mut maker = Maker::new();
    maker.event(Fact::EpochStarted { key: "00".into(), software: "0.1.0".into(), old: None });
    assert_eq!(bad(&maker.ended()), Bad::Event { seq: 2, why: EventFault::Begins });
}

#[test]
fn a_seal_that_cannot_be_one_is_its_events_fault() {
    for (first, last, count) in [(2, 1, 0), (1, 5, 4), (1, 2_000, 2_000), (1, u64::MAX, 0), (0, 0, 1)] {
        let mut maker = Maker::new();
        if count > (1 << 53) || last > (1 << 53) {
            continue;
        }
        maker.event(Fact::ReadingsSealed { first, last, count, root: Hash([0; 32]) });
        let found = bad(&maker.ended());
        assert!(
            matches!(found, Bad::Event { seq: 2, why: EventFault::Seal { .. } }),
            "{first} {last}: {found}"
        );
    }
}

#[test]
fn the_golden_bundle_passes() {
    let golden = include_bytes!("../../../tests/golden/bundle-v1.jsonl");
    let (hub, epoch) = ids();
    let mut walk = Walk::new(hub, epoch, Some(secret().public()));
    let mut lines = golden.split_inclusive(|byte| *byte == b'\n');
    assert_eq!(Header::parse(lines.next().unwrap()).unwrap().hub, hub);
    lines.for_each(|line| walk.take(&Line::parse(line).unwrap()));
    let verdict = walk.finish();
    assert_eq!(verdict.bad, None);
    assert_eq!((verdict.events, verdict.readings_sealed, verdict.readings_unsealed), (4, 5, 1));
    assert_eq!(verdict.checkpoint.map(|checkpoint| checkpoint.size), Some(3));
}

/// What a fault names, to be compared with what was changed: the line of the bundle that it points to, if it can.
fn lines_named(bad: &Bad) -> std::ops::RangeInclusive<usize> {
    // In `whole()`: line 0 the header; 1 to 3 events; 4 a checkpoint; 5 and 6 events; 7 a checkpoint; then readings.
    let event = |seq: u64| [1, 2, 3, 5, 6].get(seq as usize - 1).copied().unwrap_or(7);
    match bad {
        // Named by the number that it now bears, which may be any.
        Bad::Event { why: EventFault::Order, .. } => 1..=6,
        Bad::Event { seq, .. } => event(*seq)..=event(*seq),
        Bad::Readings { first, last, .. } => 7 + *first as usize..=7 + *last as usize,
        Bad::Reading { why: ReadingFault::Order, .. } => 8..=19,
        Bad::Reading { seq, .. } => 7 + *seq as usize..=7 + *seq as usize,
        Bad::Checkpoint { after, .. } => event(*after)..=event(*after) + 1,
        Bad::Form { line, .. } => *line as usize - 1..=*line as usize - 1,
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_any_record_is_found_and_named() {
    let lines = text_of(&whole());
    let starts: Vec<usize> =
        lines.iter().scan(0, |at, line| Some(std::mem::replace(at, *at + line.len()))).collect();
    let text = lines.concat().into_bytes();
    for at in starts[1]..text.len() {
        let mut changed = text.clone();
        changed[at] ^= 1 << (at % 8);
        let line = starts.partition_point(|start| *start <= at) - 1;
        let verdict = walked_text(&changed).unwrap();
        let bad = verdict.bad.unwrap_or_else(|| panic!("byte {at} of line {line}"));
        let named = lines_named(&bad);
        // Without its newline a line takes the next one with it; a number that grew leaves a hole before it.
        let near = named.contains(&line) || named.contains(&(line + 1));
        assert!(near, "byte {at} of line {line}: {bad}");
    }
}

#[test]
fn a_record_dropped_repeated_or_swapped_is_found() {
    let lines = whole();
    for at in 0..lines.len() {
        let mut dropped = lines.clone();
        dropped.remove(at);
        assert!(!walked(&dropped).passes(), "line {at} dropped");
        let mut twice = lines.clone();
        twice.insert(at, lines[at].clone());
        assert!(!walked(&twice).passes(), "line {at} twice");
        for other in at + 1..lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(at, other);
            assert!(!walked(&swapped).passes(), "lines {at} and {other} swapped");
        }
    }
}

#[test]
fn a_cut_bundle_never_passes() {
    let text = text_of(&whole()).concat();
    for end in 0..text.len() - 1 {
        assert!(
            walked_text(&text.as_bytes()[..end]).is_err()
                || !walked_text(&text.as_bytes()[..end]).unwrap().passes(),
            "cut at {end}"
        );
    }
}

proptest! {
    #[test]
    fn records_of_any_size_pass_whole_and_fail_without_any_one_reading(
        ranges in prop::collection::vec(1u64..90, 1..8), victim in any::<prop::sample::Index>()
    ) {
        let mut maker = Maker::new();
        let mut last = 0;
        for length in ranges {
            maker.seal(last + 1, last + length);
            last += length;
            maker.checkpoint();
        }
        maker.readings(1..=last);
        let mut lines = maker.ended();
        let verdict = walked(&lines);
        prop_assert_eq!((verdict.bad, verdict.readings_sealed), (None, last));
        let victim = victim.index(last as usize);
        let at = lines.len() - 1 - last as usize + victim;
        lines.remove(at);
        let seq = victim as u64 + 1;
        let found = bad(&lines);
        prop_assert!(matches!(found, Bad::Readings { first, last, .. } if (first..=last).contains(&seq)), "{}", found);
    }

    #[test]
    fn no_lines_make_the_walk_panic(lines in prop::collection::vec((0u8..5, 0u64..9, 0u64..9), 0..40)) {
        let (hub, epoch) = ids();
        let mut walk = Walk::new(hub, epoch, None);
        let ends = [0, 1, 2, 3, 4, 5, u64::MAX - 1, u64::MAX, 1 << 60];
        for (kind, first, last) in lines {
            let (first, last) = (ends[first as usize], ends[last as usize]);
            walk.take(&match kind {
                0 => Line::Event(BundledEvent { seq: first, hash: Hash([0; 32]), bytes: None }),
                1 => Line::Reading(Base64(Reading { seq: first, ..reading(1) }.to_bytes().to_vec())),
                2 => Line::Unreadable(Unreadable { seq: first, bytes: Base64(vec![]) }),
                3 => Line::Gap(BundledGap { first, last, cause: "bound".into() }),
                _ => Line::Checkpoint(String::new()),
            });
        }
        prop_assert!(!walk.finish().passes());
    }
}
