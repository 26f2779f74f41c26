//! Owns what a test can say for certain about the values that an engine must have believed.
//! Takes the records; gives the last value of each sensor with its calibration, where there is no doubt about it.
//! Must never guess: after a jump nothing is certain until a value that is no jump.

use frostguard_shared::reading::Quality;
use frostguard_shared::rules::{Input, Record, SiteRules};

use crate::site::{SENSORS, point};

/// A change up to this is no jump, however soon it comes.
const NEVER_A_JUMP: i32 = 1_500;
const RANGE: std::ops::RangeInclusive<i32> = -6_000..=6_000;

/// What is certain of each sensor.
#[derive(Clone, Debug, Default)]
pub struct Believing {
    /// The last value that is no code and within the range, without its calibration.
    passed: [Option<i32>; SENSORS],
    certain: [Option<i32>; SENSORS],
    rules: SiteRules,
}

impl Believing {
    /// Takes a record; gives the sensor and its value if it is a reading that is believed for certain.
    pub fn take(&mut self, record: &Record) -> Option<(usize, i32)> {
        match &record.input {
            Input::RulesApplied(rules) => self.rules = (**rules).clone(),
            Input::Reading { point: of, temperature, quality, .. } => {
                let sensor = (0..SENSORS).find(|n| point(*n) == *of)?;
                let value = temperature.hundredths();
                if *quality != Quality::Valid || !RANGE.contains(&value) {
                    return None;
                }
                let before = self.passed[sensor].replace(value);
                let is_certain = before.is_none_or(|before| (value - before).abs() <= NEVER_A_JUMP);
                let calibration = self.rules.calibrations.get(of).map_or(0, |known| known.offset_centi_c);
                self.certain[sensor] = is_certain.then_some(value + calibration);
                return self.certain[sensor].map(|value| (sensor, value));
            }
            _ => {}
        }
        None
    }

    /// The last value of a sensor, if there is no doubt that it was believed.
    pub fn certain(&self, sensor: usize) -> Option<i32> {
        self.certain[sensor]
    }

    /// The rules in force.
    pub fn rules(&self) -> &SiteRules {
        &self.rules
    }
}
