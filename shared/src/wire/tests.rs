//! What the wire promises, byte for byte.

use super::record::{EventItem, Events, Gap, Missing, Readings};
use super::*;
use crate::ids::EpochId;
use crate::reading::READING_BYTES;
use proptest::prelude::*;

fn events() -> Events {
    Events {
        epoch: EpochId::from_bytes([2; 16]),
        first: 7,
        previous: Hash([3; 32]),
        items: vec![EventItem::of(b"{}".to_vec()), EventItem { bytes: None, hash: Some(Hash([4; 32])) }],
        checkpoint: "a note".into(),
    }
}

fn readings(first: u64, rows: usize, gaps: Vec<Gap>) -> Readings {
    Readings {
        epoch: EpochId::from_bytes([2; 16]),
        first,
        rows: vec![5; rows * READING_BYTES].into(),
        gaps,
        under: Head { seq: 9, hash: Some(Hash([6; 32])) },
    }
}

#[test]
fn a_batch_of_events_has_the_golden_bytes() {
    let bytes = to_bytes(&events());
    assert_eq!(hex::encode(&bytes), include_str!("../../../tests/golden/wire-events-v1.hex").trim());
    assert_eq!(from_bytes::<Events>(&bytes).unwrap(), events());
}

#[test]
fn a_key_of_a_later_version_is_skipped() {
    // {1: the epoch, 2: 7, …} with one more key, 99, at its end.
    let mut bytes = to_bytes(&events());
    assert_eq!(bytes[0], 0xA5);
    bytes[0] = 0xA6;
    bytes.extend_from_slice(&[0x18, 99, 0x81, 0x01]);
    assert_eq!(from_bytes::<Events>(&bytes).unwrap(), events());
}

#[test]
fn a_missing_key_a_cut_message_and_what_follows_one_are_refused() {
    let bytes = to_bytes(&events());
    for end in 0..bytes.len() {
        assert!(from_bytes::<Events>(&bytes[..end]).is_err(), "cut at {end}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(from_bytes::<Events>(&longer).is_err());
    assert!(from_bytes::<Events>(&[0xA1, 0x02, 0x07]).is_err(), "most keys missing");
}

#[test]
fn numbers_step_over_gaps() {
    let gap = |first, last| Gap { first, last, cause: Missing::Damage };
    let batch = readings(10, 3, vec![gap(10, 11), gap(13, 13)]);
    assert_eq!(batch.numbers().collect::<Vec<_>>(), [12, 14, 15]);
    assert_eq!(batch.last(), 15);
    assert!(batch.check().is_ok());
    assert_eq!(readings(10, 1, vec![gap(11, 20)]).last(), 20, "a gap may end the batch");
    assert!(readings(10, 1, vec![gap(12, 20)]).check().is_err(), "beyond the batch");
    assert!(readings(10, 1, vec![gap(9, 9)]).check().is_err(), "before it");
    assert!(readings(10, 0, vec![]).check().is_err(), "nothing");
    assert!(readings(10, RECORDS_MAX + 1, vec![]).check().is_err(), "too much");
    assert_eq!(readings(10, 0, vec![gap(10, 12)]).last(), 12, "a gap alone");
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic_and_what_is_read_is_written_the_same(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(message) = from_bytes::<Readings>(&bytes) {
            let _ = message.check();
        }
        if let Ok(message) = from_bytes::<Problem>(&bytes) {
            prop_assert_eq!(from_bytes::<Problem>(&to_bytes(&message)).unwrap(), message);
        }
    }

    #[test]
    fn readings_are_numbered_without_holes_but_the_gaps(first in 1u64..1000, rows in 0usize..40, holes in prop::collection::vec((0u64..4, 1u64..5), 0..6)) {
        // Gaps at random distances; those that would stand beyond the rows are left out.
        let mut gaps = Vec::new();
        let (mut next, mut left) = (first, rows as u64);
        for (distance, length) in holes {
            if distance > left { break }
            left -= distance;
            next += distance;
            gaps.push(Gap { first: next, last: next + length - 1, cause: Missing::Bound });
            next += length;
        }
        let batch = readings(first, rows, gaps);
        prop_assume!(batch.check().is_ok());
        let in_gap = |n: u64| batch.gaps.iter().any(|gap| (gap.first..=gap.last).contains(&n));
        let numbers: Vec<u64> = batch.numbers().collect();
        let expected: Vec<u64> = (first..=batch.last()).filter(|n| !in_gap(*n)).collect();
        prop_assert_eq!(numbers, expected);
    }
}
