//! The chart of a unit's last day as SVG coordinates. Pure.
//!
//! Owns the scale: time from a day ago on the left to now on the right, temperature from the lowest to the highest of
//! values and limits. Each stretch without a gap is one band from its lowest to its highest values; a gap stays empty.

use super::day::{BUCKET, Bucket, Day, REACH};
use crate::watch::UnitView;
use frostguard_shared::point::Role;
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::time::{DurationMs, RuleMs};
use std::fmt::Write;

/// Width and height of the picture, in its own units: a minute is one wide.
const WIDTH: i64 = 1_440;
const HEIGHT: i64 = 100;
/// The least range shown, in 0.01 °C: noise of a sensor is no mountain.
const LEAST_RANGE: i64 = 400;

/// A chart, ready to be written down.
pub struct Chart {
    /// A closed path for each stretch without a gap.
    pub bands: Vec<String>,
    /// How far down the upper limit lies, if there is one.
    pub upper: Option<i64>,
    /// How far down the lower limit lies, if there is one.
    pub lower: Option<i64>,
    /// How far below the lower limit the picture goes on.
    pub below: i64,
    /// The highest value of the day.
    pub highest: CentiCelsius,
    /// The lowest value of the day.
    pub lowest: CentiCelsius,
}

struct Scale {
    low: i64,
    high: i64,
}

impl Scale {
    /// The scale of values and limits, with a little air on both sides.
    fn of(values: impl Iterator<Item = CentiCelsius>) -> Option<Self> {
        let (low, high) = values.map(|value| i64::from(value.hundredths())).fold(None, |range, value| {
            let (low, high) = range.unwrap_or((value, value));
            Some((value.min(low), value.max(high)))
        })?;
        let missing = (LEAST_RANGE - (high - low)).max(0) / 2;
        let air = (high - low) / 12;
        Some(Self { low: low - missing - air, high: high + missing + air })
    }

    fn y(&self, value: CentiCelsius) -> i64 {
        (self.high - i64::from(value.hundredths())) * HEIGHT / (self.high - self.low).max(1)
    }
}

fn x(ago: DurationMs) -> i64 {
    WIDTH - ago.0.clamp(0, REACH.0) * WIDTH / REACH.0
}

/// The chart of a unit; `None` if nothing was believed in the last day.
pub fn of(unit: &UnitView, day: &Day, now: RuleMs) -> Option<Chart> {
    let measures = unit.points.iter().filter(|point| matches!(point.role, Role::Air | Role::Product));
    let stretches: Vec<Vec<Bucket>> = measures.flat_map(|point| day.stretches(point.id, now)).collect();
    let spans = || stretches.iter().flatten().map(|bucket| bucket.span);
    let highest = spans().map(|span| span.high).max()?;
    let lowest = spans().map(|span| span.low).min()?;
    let (lower, upper) = unit.limits;
    let scale = Scale::of([lowest, highest].into_iter().chain(lower).chain(upper))?;
    let lower = lower.map(|limit| scale.y(limit));
    Some(Chart {
        bands: stretches.iter().map(|stretch| band(stretch, &scale)).collect(),
        upper: upper.map(|limit| scale.y(limit)),
        lower,
        below: lower.map_or(0, |y| HEIGHT - y),
        highest,
        lowest,
    })
}

/// Along the highest values and back along the lowest. Its ends are those of its first and last bucket, so that a lonely
/// bucket is as wide as the time that it stands for.
fn band(stretch: &[Bucket], scale: &Scale) -> String {
    let (Some(first), Some(last)) = (stretch.first(), stretch.last()) else { return String::new() };
    let half = BUCKET.0 / 2;
    let begin = Bucket { ago: DurationMs(first.ago.0 + half), ..*first };
    let end = Bucket { ago: DurationMs(last.ago.0 - half), ..*last };
    let corners: Vec<Bucket> = [begin].into_iter().chain(stretch.iter().copied()).chain([end]).collect();
    let there = corners.iter().map(|bucket| (x(bucket.ago), scale.y(bucket.span.high)));
    let back = corners.iter().rev().map(|bucket| (x(bucket.ago), scale.y(bucket.span.low)));
    let mut path = String::new();
    for (number, (x, y)) in there.chain(back).enumerate() {
        let step = if number == 0 { 'M' } else { 'L' };
        // Writing into a string cannot fail.
        let _ = write!(path, "{step}{x} {y}");
    }
    path.push('Z');
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::day::Span;

    fn bucket(minutes_ago: i64, low: i32, high: i32) -> Bucket {
        let span = Span { low: CentiCelsius::literal(low), high: CentiCelsius::literal(high) };
        Bucket { ago: DurationMs::minutes(minutes_ago), span }
    }

    #[test]
    fn now_is_at_the_right_edge_and_a_day_ago_at_the_left() {
        assert_eq!(x(DurationMs(0)), WIDTH);
        assert_eq!(x(DurationMs::minutes(720)), WIDTH / 2);
        assert_eq!(x(REACH), 0);
        assert_eq!(x(REACH + REACH), 0);
    }

    #[test]
    fn a_band_goes_along_the_highest_values_and_back_along_the_lowest() {
        let scale = Scale { low: 0, high: 1_000 };
        let stretch = [bucket(720, 200, 400), bucket(10, 100, 500)];
        assert_eq!(band(&stretch, &scale), "M718 60L720 60L1430 50L1433 50L1433 90L1430 90L720 80L718 80Z");
        let lonely = band(&[bucket(720, 200, 200)], &scale);
        assert_eq!(lonely, "M718 80L720 80L723 80L723 80L720 80L718 80Z");
    }

    #[test]
    fn the_scale_shows_noise_small_and_holds_every_value() {
        let quiet = Scale::of([CentiCelsius::literal(400), CentiCelsius::literal(420)].into_iter()).unwrap();
        assert!(quiet.high - quiet.low >= LEAST_RANGE - 1);
        let wide =
            Scale::of([CentiCelsius::literal(-3_000), CentiCelsius::literal(800)].into_iter()).unwrap();
        assert!((0..=HEIGHT).contains(&wide.y(CentiCelsius::literal(-3_000))));
        assert!((0..=HEIGHT).contains(&wide.y(CentiCelsius::literal(800))));
        assert!(Scale::of(std::iter::empty()).is_none());
    }
}
