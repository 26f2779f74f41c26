//! Owns the site that all histories are about: two units, their points, and the rules that they may have.
//! Gives strategies for rules with every field that can hold an alarm back, and the ids of everything.
//! Must never make rules that a site document could not say.

use frostguard_shared::ids::{PointId, UnitId};
use frostguard_shared::point::Role;
use frostguard_shared::quantity::{CentiCelsius, CentiDegrees};
use frostguard_shared::rules::field::{Hundredths, Trigger};
use frostguard_shared::rules::schedule::{Schedule, ScheduleForm, TimesOfDay};
use frostguard_shared::rules::{
    BatteryRule, Calibration, DoorRule, Field, InstrumentRule, ManualRule, Severity, SilenceRule,
    SilenceTrigger, SiteRules, Telling, ThermalRule, UnitRules,
};
use frostguard_shared::time::DurationMs;
use proptest::prelude::*;
use proptest::sample::select;

pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// The two units: a freezer with two sensors and a door, and a fridge with one sensor.
pub const FREEZER: usize = 0;
pub const FRIDGE: usize = 1;

/// The upper limits of the units at their loosest.
pub const MAX: [i32; 2] = [-1_500, 500];

/// The points: of which unit, as what.
pub const POINTS: [(usize, Role); 4] =
    [(FREEZER, Role::Air), (FREEZER, Role::Product), (FRIDGE, Role::Air), (FREEZER, Role::Door)];
/// Those of them that give temperatures.
pub const SENSORS: usize = 3;
pub const DOOR: usize = 3;

pub fn unit(n: usize) -> UnitId {
    UnitId::from_bytes([1 + n as u8; 16])
}

pub fn point(n: usize) -> PointId {
    PointId::from_bytes([11 + n as u8; 16])
}

pub fn minutes(count: i64) -> DurationMs {
    DurationMs::minutes(count)
}

pub fn celsius(hundredths: i32) -> CentiCelsius {
    CentiCelsius::new(hundredths).unwrap()
}

/// The zone of the site, and instants in the evening before a clock there is changed.
pub const EVENINGS: [(&str, i64); 6] = [
    ("Europe/Berlin", 1_774_728_000_000),
    ("Europe/Berlin", 1_792_872_000_000),
    ("America/New_York", 1_772_931_600_000),
    ("America/New_York", 1_793_491_200_000),
    ("Australia/Lord_Howe", 1_775_303_100_000),
    ("UTC", 1_764_000_000_000),
];

/// What varies in the limits of one tier.
#[derive(Clone, Debug)]
pub struct Limits {
    pub lower: bool,
    pub inclusive: bool,
    pub hysteresis: i32,
    pub closed: i64,
    pub open: i64,
    pub off_delay: i64,
    pub cap: Option<i64>,
    pub hard: Option<i32>,
    pub cumulative: bool,
    pub tau: Option<i64>,
    pub defrost: Option<i64>,
    pub severity: Severity,
    pub hours: Option<Schedule>,
}

pub fn hours() -> impl Strategy<Value = Option<Schedule>> {
    let all = vec![0, 1, 2, 3, 4, 5, 6];
    let form = (select(vec![all, vec![1, 2, 3, 4, 5], vec![0, 6], vec![6]]), 0i64..24, 0i64..24);
    let schedule = form.prop_map(|(days, start_hour, end_hour)| {
        Some(ScheduleForm { days, start_hour, end_hour }.try_into().unwrap())
    });
    prop_oneof![2 => Just(None), 1 => schedule]
}

pub fn severity() -> impl Strategy<Value = Severity> {
    select(vec![Severity::Info, Severity::Warning, Severity::Critical])
}

pub fn limits() -> impl Strategy<Value = Limits> {
    let margins = (any::<bool>(), any::<bool>(), select(vec![0, 10, 50, 200]));
    let delays = (
        select(vec![0i64, 1, 5, 10, 30]),
        select(vec![0i64, 1, 5, 20, 45, 90]),
        select(vec![0i64, 2, 10, 15]),
    );
    let bounds = (
        prop_oneof![3 => select(vec![Some(1i64), Some(20), Some(60), Some(240)]), 1 => Just(None)],
        prop_oneof![3 => Just(None), 1 => Just(Some(500))],
    );
    let ways = (
        prop::bool::weighted(0.2),
        prop_oneof![4 => Just(None), 1 => select(vec![Some(5i64), Some(45)])],
        prop_oneof![2 => Just(None), 1 => select(vec![Some(20i64), Some(60)])],
    );
    (margins, delays, bounds, ways, (severity(), hours())).prop_map(
        |(
            (lower, inclusive, hysteresis),
            (closed, open, off_delay),
            (cap, hard),
            ways,
            (severity, hours),
        )| {
            let (cumulative, tau, defrost) = ways;
            // A simulated product needs a cap.
            let tau = tau.filter(|_| cap.is_some());
            Limits {
                lower,
                inclusive,
                hysteresis,
                closed,
                open,
                off_delay,
                cap,
                hard,
                cumulative,
                tau,
                defrost,
                severity,
                hours,
            }
        },
    )
}

impl Limits {
    /// The tier of a unit, its upper limit so much below the loosest.
    pub fn tier(&self, unit: usize, tighter: i32) -> ThermalRule {
        let telling = Telling {
            enabled: Field::system(true),
            severity: Field::unit(self.severity),
            schedule: Field::unit(self.hours),
        };
        let trigger = if self.cumulative { Trigger::Cumulative } else { Trigger::Consecutive };
        let times = self.defrost.map(|_| {
            let texts: Vec<String> = ["00:30", "06:00", "22:15"].map(String::from).to_vec();
            TimesOfDay::try_from(texts).unwrap()
        });
        let max = MAX[unit] - tighter;
        ThermalRule {
            telling,
            min: Field::unit(self.lower.then(|| celsius(MAX[unit] - 1_000))),
            max: Field::unit(Some(celsius(max))),
            inclusive: Field::unit(self.inclusive),
            hysteresis: Field::unit(CentiDegrees::new(self.hysteresis).unwrap()),
            delay: Field::unit(minutes(self.closed)),
            confirm_closed: Field::unit(Some(minutes(self.closed))),
            confirm_open: Field::unit(Some(minutes(self.open))),
            off_delay: Field::unit(minutes(self.off_delay)),
            max_excursion: Field::unit(self.cap.map(minutes)),
            hard_limit: Field::unit(self.hard.map(|hard| CentiDegrees::new(hard).unwrap())),
            trigger: Field::unit(trigger),
            product_tau: Field::unit(self.tau.map(minutes)),
            defrost_times: Field::unit(times),
            defrost_length: Field::unit(minutes(self.defrost.unwrap_or(30))),
        }
    }
}

/// What varies in the rules of one unit.
#[derive(Clone, Debug)]
pub struct Mix {
    pub tiers: Vec<Limits>,
    pub door: (Option<i64>, Option<i64>),
    pub mask: i64,
    pub by_multiple: bool,
    pub manual: Option<i64>,
    pub required: bool,
    pub area: bool,
    pub door_hours: Option<Schedule>,
    pub offset: i32,
}

pub fn mix() -> impl Strategy<Value = Mix> {
    let tiers = prop::collection::vec(limits(), 1..3);
    let door = select(vec![(None, None), (Some(3), Some(10)), (Some(1), None), (None, Some(5))]);
    let mask = select(vec![0i64, 3, 20, 60, 600]);
    let manual = select(vec![None, Some(60i64), Some(240)]);
    let flags = (any::<bool>(), prop::bool::weighted(0.3), any::<bool>());
    (tiers, door, mask, manual, flags, hours(), select(vec![0, 0, -30, 70])).prop_map(
        |(tiers, door, mask, manual, (by_multiple, required, area), door_hours, offset)| Mix {
            tiers,
            door,
            mask,
            by_multiple,
            manual,
            required,
            area,
            door_hours,
            offset,
        },
    )
}

impl Mix {
    pub fn rules(&self, unit: usize, tighter: i32) -> UnitRules {
        let trigger = if self.by_multiple {
            SilenceTrigger::Multiple {
                multiplier: Field::unit(Hundredths(250)),
                additional: Field::unit(minutes(1)),
            }
        } else {
            SilenceTrigger::Checkins { late_after: Field::unit(2), lost_after: Field::unit(6) }
        };
        let rules = UnitRules {
            limits: self.tiers.iter().map(|tier| tier.tier(unit, tighter)).collect(),
            door: DoorRule {
                telling: Telling { schedule: Field::unit(self.door_hours), ..Telling::DEFAULT },
                warning: Field::unit(self.door.0.map(minutes)),
                critical: Field::unit(self.door.1.map(minutes)),
                mask_per_day: Field::unit(minutes(self.mask)),
            },
            silence: SilenceRule { trigger, ..SilenceRule::DEFAULT },
            manual: ManualRule {
                required: Field::unit(self.required),
                interval: Field::unit(self.manual.map(minutes)),
                ..ManualRule::DEFAULT
            },
            battery: BatteryRule::DEFAULT,
            instrument: InstrumentRule { stuck: Field::unit(None), ..InstrumentRule::DEFAULT },
            area: self.area.then(|| "kitchen".to_owned()),
            ..UnitRules::default()
        };
        rules.check().unwrap();
        rules
    }
}

/// The rules of the whole site, in so many versions, and its zone with an evening to begin in.
#[derive(Clone, Debug)]
pub struct Plan {
    pub zone: &'static str,
    pub begin: i64,
    pub versions: Vec<[Mix; 2]>,
}

pub fn plan(versions: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Plan> {
    let versions = prop::collection::vec([mix(), mix()], versions);
    (select(EVENINGS.to_vec()), 0..12 * HOUR, versions).prop_map(|((zone, evening), later, versions)| Plan {
        zone,
        begin: evening + later,
        versions,
    })
}

impl Plan {
    /// One of the versions, all of its upper limits so much below the loosest.
    pub fn rules(&self, version: usize, tighter: i32) -> SiteRules {
        let mixes = &self.versions[version % self.versions.len()];
        let calibration =
            |n: usize| (point(n), Calibration { offset_centi_c: mixes[POINTS[n].0].offset, due: None });
        SiteRules {
            units: (0..2).map(|n| (unit(n), mixes[n].rules(n, tighter))).collect(),
            points: (0..POINTS.len()).map(point).collect(),
            zone: self.zone.to_owned(),
            calibrations: (0..SENSORS).map(calibration).collect(),
        }
    }
}
