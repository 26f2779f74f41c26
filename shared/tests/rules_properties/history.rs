//! Owns the histories: what can happen at a site, how likely, and the records that it makes.
//! Takes a plan of rules; gives records in the order of their times, each with how it came to be.
//! Must never put two happenings at one instant, except where a test asks for it: the order would be the engine's.

use frostguard_shared::ids::{EpochId, UnitId};
use frostguard_shared::point::{Assignment, Role};
use frostguard_shared::quantity::BatteryPercent;
use frostguard_shared::reading::{Door, Quality};
use frostguard_shared::rules::{
    Condition, Defrost, EpisodeKey, Input, QUIET_LENGTH, Record, Severity, State, acknowledgement_length,
};
use frostguard_shared::time::{DurationMs, RuleMs, Trust};
use proptest::prelude::*;
use proptest::sample::select;

use crate::fold::Folding;
use crate::site::{
    DAY, DOOR, FREEZER, FRIDGE, HOUR, MAX, MINUTE, POINTS, Plan, SENSORS, celsius, point, unit,
};

/// What can happen.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A sensor measures so much above its unit's loosest limit.
    Value {
        sensor: usize,
        above: i32,
        late: bool,
        battery: Option<u8>,
    },
    /// So many of them, one a minute.
    Stretch {
        sensor: usize,
        above: i32,
        count: i64,
    },
    /// A sensor gives a code that is no temperature.
    Code {
        sensor: usize,
        code: i32,
        quality: Quality,
    },
    Fault {
        sensor: usize,
    },
    Recovered {
        sensor: usize,
    },
    Door(Door),
    Defrost {
        unit: usize,
        defrost: Defrost,
    },
    Log {
        unit: usize,
        above: Option<i32>,
        ago: i64,
    },
    /// Somebody acts on one of the alerts that are shown.
    Quiet(usize),
    Acknowledge(usize),
    Resolve(usize),
    Shelve {
        unit: usize,
        minutes: i64,
    },
    Unshelve {
        unit: usize,
    },
    Restart {
        down: i64,
        known: bool,
        trust: Trust,
    },
    /// The axis jumps so far, and is so far from the wall clock from then on.
    Correct {
        jump: i64,
        offset: i64,
    },
    Untrust,
    Rules(usize),
    /// The second sensor of the freezer is moved, or gets another role.
    Assign {
        unit: usize,
        role: Role,
    },
    Tick,
}

/// What happens, and how long after the one before.
#[derive(Clone, Debug)]
pub struct Item {
    pub after: i64,
    pub what: Happening,
}

/// What a history is made of, beside temperatures.
#[derive(Clone, Copy, Debug)]
pub struct Taste {
    pub people: u32,
    pub doors: u32,
    pub clock: u32,
    pub rules: u32,
    pub invalid: u32,
}

impl Taste {
    pub const ALL: Self = Self { people: 6, doors: 6, clock: 2, rules: 2, invalid: 3 };
}

fn gap() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => Just(MINUTE),
        4 => 1i64..90_000,
        2 => select(vec![1, 9_999, 10_000, 10_001, 29_999, 30_000, 5 * MINUTE, 10 * MINUTE]),
        3 => 1..20 * MINUTE,
        1 => 1..6 * HOUR,
        1 => select(vec![DAY, HOUR, 4 * HOUR]),
    ]
}

/// Around the limit, its hysteresis, its hard limit, and far inside.
pub fn above() -> impl Strategy<Value = i32> {
    prop_oneof![
        4 => 1i32..600,
        2 => select(vec![0, 1, -1, -10, -49, -50, -51, 500, 501]),
        3 => -260i32..0,
        3 => -900i32..-300,
        1 => select(vec![-1_000, -1_001, -1_200, -1_010, 900]),
    ]
}

fn sensor() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0usize), 2 => Just(1), 2 => Just(2)]
}

fn invalid() -> impl Strategy<Value = Happening> {
    let code = select(vec![
        (-12_700, Quality::ProbeUnreadable),
        (8_500, Quality::PowerOnDefault),
        (32_767, Quality::Valid),
        (-27_315, Quality::Valid),
        (6_001, Quality::Valid),
        (-1_700, Quality::OutOfRange),
    ]);
    prop_oneof![
        2 => (sensor(), code).prop_map(|(sensor, (code, quality))| Happening::Code { sensor, code, quality }),
        1 => sensor().prop_map(|sensor| Happening::Fault { sensor }),
        1 => sensor().prop_map(|sensor| Happening::Recovered { sensor }),
    ]
}

fn people() -> impl Strategy<Value = Happening> {
    let log = (0..2usize, prop::option::weighted(0.8, above()), select(vec![0, 0, MINUTE, 3 * HOUR]));
    prop_oneof![
        (0..4usize).prop_map(Happening::Acknowledge),
        (0..4usize).prop_map(Happening::Resolve),
        (0..4usize).prop_map(Happening::Quiet),
        log.prop_map(|(unit, above, ago)| Happening::Log { unit, above, ago }),
        (0..2usize, select(vec![1i64, 20, 240, 600]))
            .prop_map(|(unit, minutes)| Happening::Shelve { unit, minutes }),
        (0..2usize).prop_map(|unit| Happening::Unshelve { unit }),
    ]
}

fn doors() -> impl Strategy<Value = Happening> {
    let defrost = (0..2usize, select(vec![Defrost::Running, Defrost::Over]));
    prop_oneof![
        3 => Just(Happening::Door(Door::Open)),
        2 => Just(Happening::Door(Door::Closed)),
        1 => defrost.prop_map(|(unit, defrost)| Happening::Defrost { unit, defrost }),
        1 => Just(Happening::Fault { sensor: DOOR }),
    ]
}

fn trust() -> impl Strategy<Value = Trust> {
    select(vec![Trust::Untrusted, Trust::HeldOver, Trust::Synced])
}

pub fn restart() -> impl Strategy<Value = Happening> {
    (select(vec![1i64, 500, MINUTE, 7 * MINUTE, 2 * HOUR, 3 * DAY]), any::<bool>(), trust())
        .prop_map(|(down, known, trust)| Happening::Restart { down, known, trust })
}

pub fn correct() -> impl Strategy<Value = Happening> {
    let jump = prop_oneof![Just(0i64), 1i64..HOUR, Just(40 * DAY)];
    (jump, select(vec![0i64, 0, HOUR, -HOUR, 3 * DAY]))
        .prop_map(|(jump, offset)| Happening::Correct { jump, offset })
}

fn clock() -> impl Strategy<Value = Happening> {
    prop_oneof![2 => restart(), 1 => correct(), 1 => Just(Happening::Untrust)]
}

fn changes() -> impl Strategy<Value = Happening> {
    let assign = (0..2usize, select(vec![Role::Air, Role::Product, Role::Ambient]));
    prop_oneof![
        2 => (0..3usize).prop_map(Happening::Rules),
        1 => assign.prop_map(|(unit, role)| Happening::Assign { unit, role }),
    ]
}

fn temperatures() -> impl Strategy<Value = Happening> {
    let battery = prop_oneof![3 => Just(None), 1 => (0u8..=100).prop_map(Some)];
    let value = (sensor(), above(), prop::bool::weighted(0.1), battery)
        .prop_map(|(sensor, above, late, battery)| Happening::Value { sensor, above, late, battery });
    let stretch = (sensor(), above(), 2i64..16).prop_map(|(sensor, above, count)| Happening::Stretch {
        sensor,
        above,
        count,
    });
    prop_oneof![2 => value, 1 => stretch]
}

/// One thing that happens.
pub fn item(taste: Taste) -> impl Strategy<Value = Item> {
    let what = prop_oneof![
        16 => temperatures().boxed(),
        taste.invalid => invalid().boxed(),
        taste.people => people().boxed(),
        taste.doors => doors().boxed(),
        taste.clock => clock().boxed(),
        taste.rules => changes().boxed(),
        1 => Just(Happening::Tick).boxed(),
    ];
    (gap(), what).prop_map(|(after, what)| Item { after, what })
}

pub fn items(taste: Taste, most: usize) -> impl Strategy<Value = Vec<Item>> {
    prop::collection::vec(item(taste), 1..most)
}

/// A history that is being made: it is folded as it goes, since people act on what they see.
pub struct History {
    pub plan: Plan,
    pub folding: Folding,
    pub records: Vec<Record>,
    now: RuleMs,
    sent: u64,
}

impl History {
    /// A site whose hub has just started for the first time, under the plan's first rules.
    pub fn begin(plan: Plan, tighter: i32) -> Self {
        let now = RuleMs(plan.begin);
        let mut history = Self { plan, folding: Folding::default(), records: vec![], now, sent: 0 };
        history.fold(Input::Started { down_from: None, known: true, trust: Trust::Synced });
        let rules = history.plan.rules(0, tighter);
        history.take(Record::rules(now, rules));
        for (n, (of, role)) in POINTS.into_iter().enumerate() {
            history.assign(n, of, role);
        }
        history
    }

    pub fn of(plan: Plan, items: &[Item]) -> Self {
        let mut history = Self::begin(plan, 0);
        history.live(items);
        history
    }

    pub fn live(&mut self, items: &[Item]) {
        for item in items {
            self.wait(item.after);
            self.happen(&item.what);
        }
    }

    pub fn now(&self) -> RuleMs {
        self.now
    }

    pub fn wait(&mut self, length: i64) {
        self.now = self.now + DurationMs(length);
    }

    pub fn state(&self) -> &State {
        &self.folding.state
    }

    pub fn fold(&mut self, input: Input) {
        self.sent += 1;
        self.take(Record::given(self.now, input, self.sent));
    }

    pub fn take(&mut self, record: Record) {
        self.folding.fold(&record);
        self.records.push(record);
    }

    fn assign(&mut self, n: usize, of: usize, role: Role) {
        self.fold(Input::Assigned(Assignment { point: point(n), unit: unit(of), role, from: self.now }));
    }

    /// A live value, so much above the loosest limit of the sensor's first unit once its calibration is added.
    pub fn value(&mut self, sensor: usize, above: i32) {
        self.happen(&Happening::Value { sensor, above, late: false, battery: None });
    }

    fn reading(&mut self, sensor: usize, hundredths: i32, quality: Quality, late: bool, battery: Option<u8>) {
        self.fold(Input::Reading {
            point: point(sensor),
            temperature: celsius(hundredths),
            quality,
            live: !late,
            battery: battery.map(|percent| BatteryPercent::new(percent.into()).unwrap()),
        });
    }

    /// The alert that somebody acts on, if any is shown; else one that never was.
    fn alert(&self, n: usize) -> (EpisodeKey, Severity) {
        let shown: Vec<_> = self.state().alerts().map(|(key, alert)| (*key, alert.severity)).collect();
        let never = EpisodeKey {
            unit: unit(FREEZER),
            point: point(0),
            condition: Condition::TooWarm,
            since: RuleMs(self.now.0 - 1),
        };
        shown.get(n % shown.len().max(1)).copied().unwrap_or((never, Severity::Warning))
    }

    pub fn happen(&mut self, what: &Happening) {
        match *what {
            Happening::Value { sensor, above, late, battery } => {
                let value = MAX[POINTS[sensor].0] + above;
                self.reading(sensor, value, Quality::Valid, late, battery);
            }
            Happening::Stretch { sensor, above, count } => {
                for n in 0..count {
                    self.wait(if n == 0 { 0 } else { MINUTE });
                    self.value(sensor, above);
                }
            }
            Happening::Code { sensor, code, quality } => self.reading(sensor, code, quality, false, None),
            Happening::Fault { sensor } => self.fold(Input::Fault { point: point(sensor) }),
            Happening::Recovered { sensor } => self.fold(Input::Recovered { point: point(sensor) }),
            Happening::Door(door) => self.fold(Input::Door { point: point(DOOR), door }),
            Happening::Defrost { unit: n, defrost } => self.fold(Input::Defrost { unit: unit(n), defrost }),
            Happening::Log { unit: n, above, ago } => self.fold(Input::ManualLog {
                unit: unit(n),
                temperature: above.map(|above| celsius(MAX[n] + above)),
                taken: self.now - DurationMs(ago),
            }),
            Happening::Rules(version) => {
                let record = Record::rules(self.now, self.plan.rules(version, 0));
                self.take(record);
            }
            Happening::Assign { unit: n, role } => self.assign(1, n, role),
            Happening::Tick => self.take(Record::tick(self.now)),
            _ => self.act(what),
        }
    }

    /// What people and the clock do.
    fn act(&mut self, what: &Happening) {
        match *what {
            Happening::Quiet(n) => {
                self.fold(Input::Quieted { episode: self.alert(n).0, until: self.now + QUIET_LENGTH });
            }
            Happening::Acknowledge(n) => {
                let (episode, severity) = self.alert(n);
                let until = self.now + acknowledgement_length(severity);
                self.fold(Input::Acknowledged { episode, until });
            }
            Happening::Resolve(n) => self.fold(Input::Resolved { episode: self.alert(n).0 }),
            Happening::Shelve { unit: n, minutes } => {
                self.fold(Input::Shelved { unit: unit(n), until: self.now + DurationMs::minutes(minutes) });
            }
            Happening::Unshelve { unit: n } => self.fold(Input::Unshelved { unit: unit(n) }),
            Happening::Restart { down, known, trust } => {
                let down_from = Some(self.now);
                self.wait(down);
                self.fold(Input::Started { down_from, known, trust });
            }
            Happening::Correct { jump, offset } => {
                let to = self.now + DurationMs(jump);
                self.fold(Input::ClockCorrected { to, offset: DurationMs(offset) });
                self.now = to;
            }
            Happening::Untrust => self.fold(Input::ClockUntrusted),
            _ => {}
        }
    }
}

/// The unit that a sensor belongs to at first.
pub fn unit_of(sensor: usize) -> UnitId {
    unit(POINTS[sensor].0)
}

/// Both units.
pub const UNITS: [usize; 2] = [FREEZER, FRIDGE];
/// The epoch that given inputs claim.
pub const EPOCH: EpochId = EpochId::from_bytes([0; 16]);
/// All sensors.
pub const ALL_SENSORS: [usize; SENSORS] = [0, 1, 2];
