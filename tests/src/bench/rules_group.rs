//! Owns the figures of the rule engine: a step, what it allocates, a month of a thousand units, and a replay of many lines.
//! Takes the engine as hub, cloud and replay use it, and a release hub; gives figures of one core and of memory.
//! Must never measure a step beside which something else is done that the engine needs not.

use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use frostguard_shared::ids::{PointId, UnitId};
use frostguard_shared::point::{Assignment, Role};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::reading::Quality;
use frostguard_shared::rules::{
    AlertChange, Effect, Field, Input, Record, SiteRules, State, ThermalRule, UnitRules,
    acknowledgement_length, step,
};
use frostguard_shared::time::{RuleMs, Trust};
use frostguard_tests::clock::now;
use frostguard_tests::error::SiteError;
use stats_alloc::{Region, StatsAlloc};
use std::alloc::System;

use crate::account::{memory_mb, processor_seconds};
use crate::figure::{Figure, median};

const GROUP: &str = "rules";
const T0: i64 = 1_770_000_000_000;
const MINUTE: i64 = 60_000;
const MINUTES_OF_A_DAY: i64 = 24 * 60;
const MAX: CentiCelsius = CentiCelsius::literal(-1_500);
/// A hub of usual size, and one of a size that nobody has.
const SITES: [u32; 2] = [30, 1_000];
/// So many are measured together, for a look at the clock costs much of a step; few enough that most rounds are not
/// interrupted by anything else.
const STEPS: usize = 1_000;
const ROUNDS: usize = 501;
const DAYS: i64 = 30;
const STEP_NS: f64 = 1_000.0;
const MONTH_SECONDS: f64 = 60.0;
/// Of so many units one has an alarm on a day.
const ALARM_OF: i64 = 20;
const WARM_FROM: i64 = 600;
const WARM_FOR: i64 = 20;
const LINES: u64 = 10_000_000;
const REPLAYED_UNITS: u64 = 30;
/// What memory may grow by and still not depend on the length: room for an alert at each unit.
const SAME_MEMORY_MB: f64 = 2.0;

/// Measures everything; `say` is told what is going on.
pub fn measure(
    edge: &Path,
    folder: &Path,
    allocator: &StatsAlloc<System>,
    say: &mut dyn FnMut(&str),
) -> Result<Vec<Figure>, SiteError> {
    let compare = compare();
    let mut figures = Vec::new();
    for units in SITES {
        say(&format!("a step on a hub of {units} units"));
        figures.extend(steps(units, allocator, compare));
    }
    say("a day and a month of a thousand units");
    let (_, day) = live(1)?;
    let (seconds, month) = live(DAYS)?;
    let name = format!("1,000 units for {DAYS} days at one value a minute, time of one core");
    figures.push(Figure::new(GROUP, name, seconds, "s").at_most(MONTH_SECONDS));
    figures.push(
        Figure::new(GROUP, "most memory of that month (VmHWM)", month, "MB")
            .against("after one day", day)
            .at_most(day + SAME_MEMORY_MB),
    );
    say(&format!("a replay of {LINES} lines"));
    figures.extend(replay(edge, folder)?);
    Ok(figures)
}

fn unit(n: u32) -> UnitId {
    UnitId::from_bytes(u128::from(n).to_be_bytes())
}

fn point(n: u32) -> PointId {
    PointId::from_bytes((u128::from(n) + (1 << 64)).to_be_bytes())
}

/// A site of so many freezers, each with a sensor that has been heard once.
fn site(units: u32) -> State {
    let rules = UnitRules::of_limits(ThermalRule { max: Field::unit(Some(MAX)), ..ThermalRule::DEFAULT });
    let at = RuleMs(T0);
    let site = SiteRules {
        units: (0..units).map(|n| (unit(n), rules.clone())).collect(),
        points: (0..units).map(point).collect(),
        zone: "Europe/Berlin".to_owned(),
        ..SiteRules::default()
    };
    let started = Input::Started { down_from: None, known: true, trust: Trust::Synced };
    let (state, _) = step(State::default(), &Record::given(at, started, 0));
    let (mut state, _) = step(state, &Record::rules(at, site));
    for n in 0..units {
        let assignment = Assignment { point: point(n), unit: unit(n), role: Role::Air, from: at };
        state = step(state, &Record::given(at, Input::Assigned(assignment), u64::from(n))).0;
    }
    for n in 0..units {
        state = step(state, &value(n, T0 + 1 + i64::from(n), -1_800)).0;
    }
    state
}

fn value(n: u32, at: i64, hundredths: i32) -> Record {
    let temperature = CentiCelsius::new(hundredths).unwrap_or(MAX);
    let quality = Quality::Valid;
    let input = Input::Reading { point: point(n), temperature, quality, live: true, battery: None };
    Record::given(RuleMs(at), input, 0)
}

/// A small wave, so that no two values of a sensor in a row are the same.
fn wave(minute: i64) -> i32 {
    (minute % 20) as i32 * 5
}

/// What comparing a value with two limits costs, in ns.
fn compare() -> f64 {
    let values: Vec<i32> = (0..STEPS as i64).map(|n| wave(n) - 1_850).collect();
    let (min, max) = (black_box(-2_500), black_box(-1_500));
    let rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = now();
            for value in &values {
                let value = black_box(*value);
                black_box(value < min || value > max);
            }
            begun.elapsed().as_nanos() as f64 / STEPS as f64
        })
        .collect();
    median(&rounds)
}

fn steps(units: u32, allocator: &StatsAlloc<System>, compare: f64) -> [Figure; 2] {
    let mut state = site(units);
    let mut n = 0_i64;
    let (mut rounds, mut allocations) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let records: Vec<Record> = (0..STEPS)
            .map(|_| {
                n += 1;
                let (minute, unit) = (n / i64::from(units), (n % i64::from(units)) as u32);
                value(unit, T0 + (minute + 1) * MINUTE + i64::from(unit), wave(minute) - 1_850)
            })
            .collect();
        let region = Region::new(allocator);
        let begun = now();
        for record in &records {
            let (next, effects) = step(state, record);
            state = next;
            black_box(effects);
        }
        let took = begun.elapsed();
        let change = region.change();
        rounds.push(took.as_nanos() as f64 / STEPS as f64);
        allocations.push((change.allocations + change.reallocations) as f64 / STEPS as f64);
    }
    [
        Figure::new(GROUP, format!("a step on a value in range, {units} units"), median(&rounds), "ns")
            .against("two integers compared", compare)
            .at_most(STEP_NS),
        Figure::new(GROUP, format!("allocations in such a step, {units} units"), median(&allocations), "")
            .at_most(0.0),
    ]
}

/// Lives so many days with a thousand units; gives the seconds of one core that took, and the most memory so far.
fn live(days: i64) -> Result<(f64, f64), SiteError> {
    let units = SITES[1];
    let mut state = site(units);
    let mut alarms = 0_u64;
    let own = std::process::id();
    let begun = processor_seconds(own)?;
    for minute in 1..=days * MINUTES_OF_A_DAY {
        let of_day = minute % MINUTES_OF_A_DAY;
        let is_warm_time = (WARM_FROM..WARM_FROM + WARM_FOR).contains(&of_day);
        for n in 0..units {
            let is_warm = is_warm_time && (i64::from(n) + minute / MINUTES_OF_A_DAY) % ALARM_OF == 0;
            let base = if is_warm { -1_200 } else { -1_850 };
            let at = T0 + minute * MINUTE + i64::from(n);
            let (next, effects) = step(state, &value(n, at, base + wave(minute)));
            state = next;
            for effect in effects {
                let Effect::Alert { episode, change: AlertChange::Raised { severity, .. }, .. } = effect
                else {
                    continue;
                };
                alarms += 1;
                let until = RuleMs(at) + acknowledgement_length(severity);
                let acknowledged = Input::Acknowledged { episode, until };
                state = step(state, &Record::given(RuleMs(at), acknowledged, alarms)).0;
            }
        }
    }
    let took = processor_seconds(own)? - begun;
    let expected = (days - 1) as u64 * u64::from(units) / ALARM_OF as u64;
    if alarms < expected {
        return Err(SiteError::Unexpected(format!("{alarms} alarms, and not at least {expected}")));
    }
    Ok((took, memory_mb(own, "VmHWM")?))
}

/// A replay of very many lines, and of a tenth of them: the memory must be the same.
fn replay(edge: &Path, folder: &Path) -> Result<[Figure; 2], SiteError> {
    let site = folder.join("replay.toml");
    std::fs::write(&site, replayed_site()).map_err(SiteError::io("write a site document"))?;
    let (_, short) = replayed(edge, &site, LINES / 10)?;
    let (rate, long) = replayed(edge, &site, LINES)?;
    Ok([
        Figure::new(GROUP, format!("replay of {LINES} lines of JSON"), rate, "lines/s"),
        Figure::new(GROUP, "most memory of that replay (VmHWM)", long, "MB")
            .against("of a tenth of the lines", short)
            .at_most(short + SAME_MEMORY_MB),
    ])
}

fn replayed_site() -> String {
    let unit = |n| {
        format!(
            "[units.u{n}]\nname = \"Unit {n}\"\ntype = \"freezer\"\n[units.u{n}.rules.alarm_active]\n\
             temp_max_c = -15.0\n[devices.d{n}]\nmodel = \"bthome\"\naddress = \"A4:C1:38:00:02:{n:02X}\"\n\
             points = {{ air = \"u{n}:air\" }}\n"
        )
    };
    let units: String = (0..REPLAYED_UNITS).map(unit).collect();
    format!("[site]\nname = \"Bench\"\nzone = \"Europe/Berlin\"\n{units}")
}

/// Lines a second, and the most memory of the process.
fn replayed(edge: &Path, site: &Path, lines: u64) -> Result<(f64, f64), SiteError> {
    let mut command = Command::new(edge);
    command.arg("replay").arg("--site").arg(site).stdin(Stdio::piped()).stdout(Stdio::null());
    let begun = now();
    let mut child = command.spawn().map_err(SiteError::io("start a replay"))?;
    let told = told(&mut child, lines);
    if told.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(SiteError::io("wait for a replay"))?;
    let memory = told?;
    if !status.success() {
        return Err(SiteError::Unexpected(format!("the replay ended with {status}")));
    }
    Ok((lines as f64 / begun.elapsed().as_secs_f64(), memory))
}

/// Writes the lines to a replay; gives the most memory that it needed for them.
fn told(child: &mut Child, lines: u64) -> Result<f64, SiteError> {
    let pipe: ChildStdin = child
        .stdin
        .take()
        .ok_or_else(|| SiteError::Unexpected("the replay has no standard input".to_owned()))?;
    let mut pipe = BufWriter::with_capacity(1 << 16, pipe);
    let io = || SiteError::io("write to a replay");
    for n in 0..lines {
        let (minute, unit) = ((n / REPLAYED_UNITS) as i64, n % REPLAYED_UNITS);
        let is_warm = minute % MINUTES_OF_A_DAY > MINUTES_OF_A_DAY - WARM_FOR && unit % 10 == 0;
        let hundredths = wave(minute) + if is_warm { 1_200 } else { 1_800 };
        let at = T0 + minute * MINUTE + unit as i64;
        writeln!(
            pipe,
            "{{\"at\":{at},\"unit\":\"u{unit}\",\"temperature_c\":-{}.{:02}}}",
            hundredths / 100,
            hundredths % 100
        )
        .map_err(io())?;
    }
    pipe.flush().map_err(io())?;
    // All but the last few kB are folded: what the pipe holds is small.
    memory_mb(child.id(), "VmHWM")
}
