//! Rolling up: what a batch adds to the hours of its units, and the latest of each.
//!
//! Pure. Only believable values of points that stand for the unit (air, product) count; what is kept and shown but not
//! believed must not move a minimum. Adding is correct because a reading is taken exactly once. Temperatures are
//! integers of 0.01 °C, humidity integers of 0.01 %, so sums are exact.

use super::place::Placed;
use frostguard_shared::ids::UnitId;
use frostguard_shared::quantity::BasisPointsRh;
use frostguard_shared::time::WallMs;
use std::collections::{BTreeMap, HashMap};

/// An hour in ms. Hours begin with UTC's, which all zones in use share or split evenly.
pub const HOUR_MS: i64 = 3_600_000;

/// Least, most, sum and number of something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spread {
    /// The least.
    pub min: i64,
    /// The most.
    pub max: i64,
    /// The sum.
    pub sum: i64,
    /// How many.
    pub count: i32,
}

impl Spread {
    fn of(value: i64) -> Self {
        Self { min: value, max: value, sum: value, count: 1 }
    }
    fn add(&mut self, value: i64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += value;
        self.count += 1;
    }
}

/// The temperatures between which a unit is in order, in 0.01 °C; the limits themselves are inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// The lowest.
    pub min: Option<i32>,
    /// The highest.
    pub max: Option<i32>,
}

impl Limits {
    fn exclude(self, hundredths: i32) -> bool {
        self.min.is_some_and(|min| hundredths < min) || self.max.is_some_and(|max| hundredths > max)
    }
}

/// What a batch adds to one hour of one unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hour {
    /// Temperatures in 0.01 °C.
    pub temperature: Spread,
    /// Humidity in 0.01 %, if any reading has it.
    pub humidity: Option<Spread>,
    /// Readings outside the limits in force.
    pub anomalies: i32,
}

/// The latest believable reading of a unit in a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Latest {
    /// When.
    pub at: WallMs,
    /// In 0.01 °C.
    pub temperature: i32,
    /// In 0.01 %.
    pub humidity: Option<i32>,
}

/// What a batch adds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rollup {
    /// By unit and beginning of the hour.
    pub hours: BTreeMap<(UnitId, WallMs), Hour>,
    /// By unit.
    pub latest: BTreeMap<UnitId, Latest>,
}

/// Rolls a batch up under the units' limits.
pub fn roll_up(placed: &[Placed], limits: &HashMap<UnitId, Limits>) -> Rollup {
    let mut rollup = Rollup::default();
    for placed in placed.iter().filter(|placed| placed.role.alarms() && placed.reading.quality.is_valid()) {
        let temperature = placed.reading.temperature;
        let outside = limits.get(&placed.unit).is_some_and(|limits| limits.exclude(temperature.hundredths()));
        let value = i64::from(temperature.hundredths());
        let humidity = placed.reading.humidity.map(BasisPointsRh::basis_points).map(i64::from);
        let begins = WallMs(placed.recorded.0.div_euclid(HOUR_MS) * HOUR_MS);
        rollup
            .hours
            .entry((placed.unit, begins))
            .and_modify(|hour| {
                hour.temperature.add(value);
                hour.anomalies += i32::from(outside);
                match (&mut hour.humidity, humidity) {
                    (Some(spread), Some(humidity)) => spread.add(humidity),
                    (None, Some(humidity)) => hour.humidity = Some(Spread::of(humidity)),
                    (_, None) => {}
                }
            })
            .or_insert_with(|| Hour {
                temperature: Spread::of(value),
                humidity: humidity.map(Spread::of),
                anomalies: i32::from(outside),
            });
        let latest = Latest {
            at: placed.recorded,
            temperature: temperature.hundredths(),
            humidity: humidity.map(|humidity| humidity as i32),
        };
        let known = rollup.latest.entry(placed.unit).or_insert(latest);
        if latest.at >= known.at {
            *known = latest;
        }
    }
    rollup
}

/// From the first to the last of a unit's readings in a batch, by when they were made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first.
    pub first: WallMs,
    /// The last.
    pub last: WallMs,
}

/// The spans of a batch, of all readings, believable or not.
pub fn spans(placed: &[Placed]) -> BTreeMap<UnitId, Span> {
    let mut spans = BTreeMap::new();
    for placed in placed {
        let at = placed.recorded;
        let span = spans.entry(placed.unit).or_insert(Span { first: at, last: at });
        *span = Span { first: span.first.min(at), last: span.last.max(at) };
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::ids::{DeviceId, PointId};
    use frostguard_shared::point::Role;
    use frostguard_shared::quantity::CentiCelsius;
    use frostguard_shared::reading::{Quality, Reading};
    use frostguard_shared::time::{Boot, BoottimeMs, RuleMs, Trust};
    use proptest::prelude::*;

    fn placed(at: i64, temperature: i32, quality: Quality, role: Role) -> Placed {
        let reading = Reading {
            seq: 1,
            at: WallMs(at),
            boot: Boot(1),
            boottime: BoottimeMs(0),
            rule: RuleMs(at),
            age_ms: 0,
            trust: Trust::Synced,
            point: PointId::from_bytes([1; 16]),
            temperature: CentiCelsius::new(temperature).unwrap(),
            humidity: None,
            battery_percent: None,
            battery: None,
            signal: None,
            door: None,
            quality,
        };
        let (device, unit) = (DeviceId::from_bytes([2; 16]), UnitId::from_bytes([3; 16]));
        Placed { reading, point: 1, device, unit, role, recorded: WallMs(at), is_estimated: false }
    }

    #[test]
    fn a_span_is_of_all_readings_whatever_they_are_worth() {
        let batch = [
            placed(5_000, -1_800, Quality::Valid, Role::Air),
            placed(2_000, 0, Quality::ProbeUnreadable, Role::Air),
            placed(9_000, 500, Quality::Valid, Role::Door),
        ];
        let spans = spans(&batch);
        assert_eq!(spans[&batch[0].unit], Span { first: WallMs(2_000), last: WallMs(9_000) });
        assert_eq!(spans.len(), 1);
    }

    #[test]
    fn what_is_not_believed_or_does_not_stand_for_the_unit_moves_nothing() {
        let batch = [
            placed(10, -1800, Quality::Valid, Role::Air),
            placed(20, -12_700, Quality::ProbeUnreadable, Role::Air),
            placed(30, 2500, Quality::Valid, Role::Ambient),
        ];
        let rollup = roll_up(&batch, &HashMap::new());
        let hour = rollup.hours.values().next().unwrap();
        assert_eq!(hour.temperature, Spread { min: -1800, max: -1800, sum: -1800, count: 1 });
        assert_eq!(rollup.latest.values().next().unwrap().at, WallMs(10));
    }

    #[test]
    fn readings_outside_the_limits_are_counted_and_those_on_them_are_not() {
        let batch: Vec<Placed> =
            [-2500, -2000, -1500, -1499].map(|t| placed(5, t, Quality::Valid, Role::Air)).to_vec();
        let limits = Limits { min: Some(-2000), max: Some(-1500) };
        let rollup = roll_up(&batch, &HashMap::from([(UnitId::from_bytes([3; 16]), limits)]));
        assert_eq!(rollup.hours.values().next().unwrap().anomalies, 2);
    }

    proptest! {
        #[test]
        fn hours_of_parts_add_up_to_the_hours_of_the_whole(
            values in prop::collection::vec((-10_000_000i64..10_000_000, -4_000i32..3_000), 1..60), cut in any::<prop::sample::Index>()
        ) {
            let batch: Vec<Placed> = values.iter().map(|(at, t)| placed(*at, *t, Quality::Valid, Role::Product)).collect();
            let whole = roll_up(&batch, &HashMap::new());
            let (left, right) = batch.split_at(cut.index(batch.len()));
            let (left, right) = (roll_up(left, &HashMap::new()), roll_up(right, &HashMap::new()));
            for (key, hour) in &whole.hours {
                let parts = [left.hours.get(key), right.hours.get(key)];
                let parts: Vec<Spread> = parts.into_iter().flatten().map(|hour| hour.temperature).collect();
                prop_assert_eq!(hour.temperature.sum, parts.iter().map(|part| part.sum).sum::<i64>());
                prop_assert_eq!(hour.temperature.count, parts.iter().map(|part| part.count).sum::<i32>());
                prop_assert_eq!(Some(hour.temperature.min), parts.iter().map(|part| part.min).min());
                prop_assert_eq!(Some(hour.temperature.max), parts.iter().map(|part| part.max).max());
            }
        }
    }
}
