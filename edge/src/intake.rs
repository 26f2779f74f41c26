//! Intake: decides what of the frames heard becomes a record.
//!
//! Owns the memory of whom is listened to, when each was last heard, and what was last recorded of each point. Pure:
//! takes a value and its rule time, gives a verdict. What is only heard updates this memory and is never a row.
//!
//! A reading is recorded when its point's slot of a minute has none yet; or the value moved by 0.20 °C or 2 %RH since
//! the last one recorded; or it is on another side of a limit; or its quality or a door flag changed. Beyond the slot
//! at most 12 per point and minute; the rest is counted. A door and a fault are recorded when they change, always.

use crate::sources::{Address, ChannelValue};
use frostguard_shared::event::Fault;
use frostguard_shared::ids::PointId;
use frostguard_shared::quantity::{BasisPointsRh, CentiCelsius, Dbm};
use frostguard_shared::reading::{Door, Quality, Reading};
use frostguard_shared::rules::UnitRules;
use frostguard_shared::time::RuleMs;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A point's recording slot.
const SLOT_MS: i64 = 60_000;
/// Records of one point and minute beyond its slot.
const BEYOND_SLOT: u32 = 12;
const STEP_CENTI_C: u32 = 20;
const STEP_BASIS_POINTS: u16 = 200;
/// Late readings remembered for recognising repetitions.
const LATE_KEPT: usize = 10_000;

/// What to do with a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Record a reading; `recovered` if the point had a fault until now.
    Reading {
        /// Record that the device has recovered before it.
        recovered: bool,
    },
    /// Record that the door moved.
    Door(Door),
    /// Record that the device gives no value.
    Fault(Fault),
    /// Nothing new.
    Suppressed,
    /// New, but over the bound of records a minute.
    OverBound,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    slot: i64,
    temperature: CentiCelsius,
    humidity: Option<BasisPointsRh>,
    quality: Quality,
}

#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    last: Option<Last>,
    minute: i64,
    beyond_slot: u32,
    fault: Option<Fault>,
    door: Option<Door>,
}

type LateKey = (PointId, RuleMs, CentiCelsius);

/// When a device was last heard, and how strong.
#[derive(Clone, Copy, Debug)]
pub struct LastHeard {
    /// On the rule axis.
    pub at: RuleMs,
    /// Signal.
    pub signal: Option<Dbm>,
}

/// The memory of all devices and points.
#[derive(Debug, Default)]
pub struct Intake {
    devices: BTreeMap<Address, usize>,
    heard: BTreeMap<Address, LastHeard>,
    points: BTreeMap<PointId, Memory>,
    late: BTreeSet<LateKey>,
    late_order: VecDeque<LateKey>,
}

impl Intake {
    /// The memory after these readings, oldest first, and these late ones.
    pub fn remembering(readings: &[Reading], late: &[Reading]) -> Self {
        let mut intake = Self::default();
        for reading in readings.iter().filter(|reading| reading.age_ms == 0) {
            let memory = intake.points.entry(reading.point).or_default();
            memory.last =
                Some(Last::new(reading.rule, reading.temperature, reading.humidity, reading.quality));
        }
        for reading in late {
            intake.is_new_late(reading.point, reading.rule, reading.temperature);
        }
        intake
    }

    /// Listens to these devices, in the order of the site document; all others are strangers.
    pub fn expect(&mut self, devices: impl Iterator<Item = Address>) {
        self.devices = devices.enumerate().map(|(at, address)| (address, at)).collect();
    }

    /// The place in the site document of the device with this address.
    pub fn device(&self, address: Address) -> Option<usize> {
        self.devices.get(&address).copied()
    }

    /// Notes that a device was heard.
    pub fn note(&mut self, address: Address, heard: LastHeard) {
        self.heard.insert(address, heard);
    }

    /// When a device was last heard in this run.
    pub fn last_heard(&self, address: Address) -> Option<LastHeard> {
        self.heard.get(&address).copied()
    }

    /// Notes what a point's door was last.
    pub fn remember_door(&mut self, point: PointId, door: Door) {
        self.points.entry(point).or_default().door = Some(door);
    }

    /// Decides about a live value, and remembers it as recorded if it is to be.
    pub fn decide(
        &mut self,
        point: PointId,
        value: ChannelValue,
        at: RuleMs,
        limits: Option<&UnitRules>,
    ) -> Verdict {
        let memory = self.points.entry(point).or_default();
        match value {
            ChannelValue::Door(door) if memory.door == Some(door) => Verdict::Suppressed,
            ChannelValue::Door(door) => {
                memory.door = Some(door);
                Verdict::Door(door)
            }
            ChannelValue::Fault(fault) if memory.fault == Some(fault) => Verdict::Suppressed,
            ChannelValue::Fault(fault) => {
                memory.fault = Some(fault);
                Verdict::Fault(fault)
            }
            ChannelValue::Temperature { temperature, quality, humidity } => {
                let next = Last::new(at, temperature, humidity, quality);
                memory.reading(next, at, limits)
            }
        }
    }

    /// True if a late reading is not a repetition of one recorded before.
    pub fn is_new_late(&mut self, point: PointId, rule: RuleMs, temperature: CentiCelsius) -> bool {
        let key = (point, rule, temperature);
        if !self.late.insert(key) {
            return false;
        }
        self.late_order.push_back(key);
        if self.late_order.len() > LATE_KEPT
            && let Some(oldest) = self.late_order.pop_front()
        {
            self.late.remove(&oldest);
        }
        true
    }
}

impl Last {
    fn new(at: RuleMs, temperature: CentiCelsius, humidity: Option<BasisPointsRh>, quality: Quality) -> Self {
        Self { slot: at.0.div_euclid(SLOT_MS), temperature, humidity, quality }
    }
}

impl Memory {
    fn reading(&mut self, next: Last, at: RuleMs, limits: Option<&UnitRules>) -> Verdict {
        let recovered = self.fault.take().is_some();
        let Some(last) = self.last else {
            self.last = Some(next);
            return Verdict::Reading { recovered };
        };
        let flagged = recovered || last.quality != next.quality;
        if last.slot == next.slot && !flagged {
            if !is_change(&last, &next, limits) {
                return Verdict::Suppressed;
            }
            let minute = at.0.div_euclid(60_000);
            if self.minute != minute {
                (self.minute, self.beyond_slot) = (minute, 0);
            }
            if self.beyond_slot >= BEYOND_SLOT {
                return Verdict::OverBound;
            }
            self.beyond_slot += 1;
        }
        self.last = Some(next);
        Verdict::Reading { recovered }
    }
}

fn is_change(last: &Last, next: &Last, limits: Option<&UnitRules>) -> bool {
    let moved = last.temperature.hundredths().abs_diff(next.temperature.hundredths()) >= STEP_CENTI_C;
    let wetter = match (last.humidity, next.humidity) {
        (Some(last), Some(next)) => last.basis_points().abs_diff(next.basis_points()) >= STEP_BASIS_POINTS,
        (None, None) => false,
        _ => true,
    };
    let crossed = limits.is_some_and(|rule| rule.sides(last.temperature) != rule.sides(next.temperature));
    moved || wetter || crossed
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::rules::{Field, ThermalRule};

    fn point() -> PointId {
        PointId::from_bytes([1; 16])
    }

    fn celsius(hundredths: i32) -> ChannelValue {
        ChannelValue::of_hundredths(hundredths, None)
    }

    fn freezer() -> UnitRules {
        let max = Field::unit(Some(CentiCelsius::literal(-1500)));
        UnitRules::of_limits(ThermalRule { max, ..ThermalRule::DEFAULT })
    }

    const RECORD: Verdict = Verdict::Reading { recovered: false };

    #[test]
    fn one_reading_a_slot_and_others_only_on_a_change_or_on_crossing_a_limit() {
        let mut intake = Intake::default();
        let mut decide =
            |ms: i64, hundredths| intake.decide(point(), celsius(hundredths), RuleMs(ms), Some(&freezer()));
        assert_eq!(decide(0, -1510), RECORD);
        assert_eq!(decide(10_000, -1505), Verdict::Suppressed);
        assert_eq!(decide(20_000, -1499), RECORD, "across the limit");
        assert_eq!(decide(30_000, -1490), Verdict::Suppressed);
        assert_eq!(decide(40_000, -1479), RECORD, "moved by 0.20");
        assert_eq!(decide(60_000, -1479), RECORD, "a new slot");
    }

    #[test]
    fn changes_beyond_the_slot_are_bounded_but_flags_are_not() {
        let mut intake = Intake::default();
        let mut recorded = 0;
        for n in 0..40 {
            let value = celsius(if n % 2 == 0 { -1800 } else { -1700 });
            recorded += u32::from(intake.decide(point(), value, RuleMs(n), None) == RECORD);
        }
        assert_eq!(recorded, 13);
        assert_eq!(intake.decide(point(), celsius(8_500), RuleMs(50), None), RECORD, "its quality changed");
    }

    #[test]
    fn faults_and_doors_are_recorded_when_they_change_and_a_value_ends_a_fault() {
        let mut intake = Intake::default();
        let fault = ChannelValue::Fault(Fault::ProbeMissing);
        assert_eq!(intake.decide(point(), fault, RuleMs(0), None), Verdict::Fault(Fault::ProbeMissing));
        assert_eq!(intake.decide(point(), fault, RuleMs(1), None), Verdict::Suppressed);
        assert_eq!(
            intake.decide(point(), celsius(400), RuleMs(2), None),
            Verdict::Reading { recovered: true }
        );
        let open = ChannelValue::Door(Door::Open);
        assert_eq!(intake.decide(point(), open, RuleMs(3), None), Verdict::Door(Door::Open));
        assert_eq!(intake.decide(point(), open, RuleMs(4), None), Verdict::Suppressed);
    }

    #[test]
    fn a_late_reading_is_recorded_once() {
        let mut intake = Intake::default();
        assert!(intake.is_new_late(point(), RuleMs(5), CentiCelsius::literal(1)));
        assert!(!intake.is_new_late(point(), RuleMs(5), CentiCelsius::literal(1)));
        assert!(intake.is_new_late(point(), RuleMs(5), CentiCelsius::literal(2)));
    }
}
