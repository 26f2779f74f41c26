//! The last day of each point, for its chart. Pure.
//!
//! Owns buckets of five minutes with the lowest and the highest value in each, so that a spike of one reading is seen
//! and a day is at most 288 buckets a point, however often a sensor speaks. Takes samples in any order; an empty bucket
//! is a gap and is never drawn over.

use crate::store::history::Sample;
use frostguard_shared::ids::PointId;
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::time::{DurationMs, RuleMs};
use std::collections::BTreeMap;

/// The length of a bucket.
pub const BUCKET: DurationMs = DurationMs::minutes(5);
/// How far a chart reaches back.
pub const REACH: DurationMs = DurationMs::minutes(24 * 60);
/// Buckets without a value that are drawn over: a sensor that speaks every few minutes leaves some empty.
const BRIDGED: i64 = 2;
/// Points that are kept; further ones have no chart.
const POINTS_MAX: usize = 256;

/// The lowest and the highest value of a stretch of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The lowest.
    pub low: CentiCelsius,
    /// The highest.
    pub high: CentiCelsius,
}

/// One bucket, by how long before now it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bucket {
    /// The middle of it, before now.
    pub ago: DurationMs,
    /// Its values.
    pub span: Span,
}

/// The last day of all points.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Day {
    points: BTreeMap<PointId, BTreeMap<i64, Span>>,
}

impl Day {
    /// Adds samples, and forgets what lies further back than a day before now.
    pub fn add(&mut self, samples: &[Sample], now: RuleMs) {
        for sample in samples {
            if !self.points.contains_key(&sample.point) && self.points.len() >= POINTS_MAX {
                continue;
            }
            let value = sample.temperature;
            self.points
                .entry(sample.point)
                .or_default()
                .entry(sample.at.0.div_euclid(BUCKET.0))
                .and_modify(|span| *span = Span { low: span.low.min(value), high: span.high.max(value) })
                .or_insert(Span { low: value, high: value });
        }
        let first = (now - REACH).0.div_euclid(BUCKET.0);
        for buckets in self.points.values_mut() {
            *buckets = buckets.split_off(&first);
        }
        self.points.retain(|_, buckets| !buckets.is_empty());
    }

    /// The stretches of a point without a gap, oldest first.
    pub fn stretches(&self, point: PointId, now: RuleMs) -> Vec<Vec<Bucket>> {
        let mut stretches: Vec<Vec<Bucket>> = Vec::new();
        let mut before = None;
        for (number, span) in self.points.get(&point).into_iter().flatten() {
            let middle = RuleMs(number * BUCKET.0 + BUCKET.0 / 2);
            let bucket = Bucket { ago: DurationMs((now - middle).0.max(0)), span: *span };
            match stretches.last_mut() {
                Some(stretch) if before.is_some_and(|before| number - before <= 1 + BRIDGED) => {
                    stretch.push(bucket);
                }
                _ => stretches.push(vec![bucket]),
            }
            before = Some(*number);
        }
        stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn point() -> PointId {
        PointId::from_bytes([1; 16])
    }

    fn sample(minute: i64, hundredths: i32) -> Sample {
        Sample { point: point(), at: RuleMs(minute * MINUTE), temperature: CentiCelsius::literal(hundredths) }
    }

    #[test]
    fn a_spike_of_one_reading_among_many_is_kept() {
        let mut day = Day::default();
        let mut samples: Vec<Sample> = (0..60).map(|minute| sample(minute, -1_800)).collect();
        samples.push(sample(31, -900));
        day.add(&samples, RuleMs(60 * MINUTE));
        let stretches = day.stretches(point(), RuleMs(60 * MINUTE));
        assert_eq!(stretches.len(), 1);
        assert_eq!(stretches[0].len(), 12);
        let highest = stretches[0].iter().map(|bucket| bucket.span.high).max().unwrap();
        assert_eq!(highest, CentiCelsius::literal(-900));
        assert!(stretches[0].iter().all(|bucket| bucket.span.low == CentiCelsius::literal(-1_800)));
    }

    #[test]
    fn silence_is_a_gap_and_a_slow_sensor_is_none() {
        let mut day = Day::default();
        let slow: Vec<Sample> = (0..8).map(|n| sample(n * 15, 400)).collect();
        let late: Vec<Sample> = (0..3).map(|n| sample(200 + n, 400)).collect();
        day.add(&[slow, late].concat(), RuleMs(300 * MINUTE));
        let stretches = day.stretches(point(), RuleMs(300 * MINUTE));
        assert_eq!(stretches.iter().map(Vec::len).collect::<Vec<_>>(), [8, 1]);
    }

    #[test]
    fn what_is_older_than_a_day_is_forgotten_and_late_values_find_their_place() {
        let mut day = Day::default();
        let now = RuleMs(3_000 * MINUTE);
        day.add(&[sample(100, 400), sample(2_999, 500), sample(2_000, 300)], now);
        let agos: Vec<i64> =
            day.stretches(point(), now).iter().flatten().map(|bucket| bucket.ago.0 / MINUTE).collect();
        assert_eq!(agos, [997, 2]);
        assert_eq!(day.stretches(PointId::from_bytes([9; 16]), now), Vec::<Vec<Bucket>>::new());
    }
}
