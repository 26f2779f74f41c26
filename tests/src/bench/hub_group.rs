//! Owns the hub's figures: size, memory, start, the way of an alarm, processor time and writing.
//! Takes a release hub's program and a folder on a real disk; gives figures, each a median of several runs.
//! Must never measure a hub with fault points, nor leave anything running.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use frostguard_tests::clock::{now, wait_closely, wait_for};
use frostguard_tests::error::SiteError;
use frostguard_tests::site::thermal::Compressor;
use frostguard_tests::workbench::{SOON, Workbench, counter};
use frostguard_tests::world::{DEMO_SITE, FREEZER, PERSON, PIN, World};

use crate::account::{memory_mb, processor_seconds, written_bytes};
use crate::figure::{Figure, median, percentile};
use crate::{latency, month};

const GROUP: &str = "hub";
const RUNS: usize = 5;
/// Worlds that live at one time; each needs little of the processor.
const WORLDS: usize = 3;
/// How long a hub lives in peace before its memory is read and its work is added up.
const PEACE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(90);

const SIZE_MB: f64 = 12.0;
const MEMORY_MB: f64 = 25.0;
const START_S: f64 = 1.0;
const ALARM_P99_MS: f64 = 100.0;

/// Measures everything, with all state below `folder`; `say` is told what is going on.
pub fn measure(hub: &Path, folder: &Path, say: &mut dyn FnMut(&str)) -> Result<Vec<Figure>, SiteError> {
    let bytes = fs::metadata(hub).map_err(SiteError::io(format!("look at {}", hub.display())))?.len();
    let mut figures =
        vec![Figure::new(GROUP, "size of the program", bytes as f64 / 1e6, "MB").at_most(SIZE_MB)];
    say("starts with an empty state");
    figures.push(
        Figure::new(GROUP, "start to rules live, empty state", median(&fresh_starts(folder)?), "s")
            .at_most(START_S),
    );
    say("a month of data, and starts with it");
    figures.extend(starts_after_a_month(folder)?);
    say("alarms");
    figures.extend(alarms(folder)?);
    say("a minute of peace, and a PIN");
    figures.extend(in_peace(folder)?);
    Ok(figures)
}

/// From spawning the process to the first answer of its page that says the rules are live, in seconds.
fn start(bench: &mut Workbench) -> Result<f64, SiteError> {
    let begun = bench.hub.launch(None)?;
    let live = || (bench.hub.status().ok()?["rules_live"] == true).then(|| begun.elapsed());
    Ok(wait_closely("rules are live", PATIENCE, Duration::from_millis(1), live)?.as_secs_f64())
}

fn fresh_starts(folder: &Path) -> Result<Vec<f64>, SiteError> {
    (0..RUNS)
        .map(|run| {
            let mut bench = Workbench::lay_out(&folder.join(format!("fresh-{run}")), DEMO_SITE)?;
            let took = start(&mut bench)?;
            bench.clear_away()?;
            Ok(took)
        })
        .collect()
}

fn starts_after_a_month(folder: &Path) -> Result<Vec<Figure>, SiteError> {
    let mut bench = Workbench::lay_out(&folder.join("month"), DEMO_SITE)?;
    let readings = month::live_through(&bench.hub, month::DAYS)?;
    let journal = fs::metadata(bench.hub.state_dir().join("journal.db"));
    let bytes = journal.map_err(SiteError::io("look at the journal"))?.len();
    let mut took = Vec::new();
    for _ in 0..RUNS {
        took.push(start(&mut bench)?);
        // Killed, so that every start is one after a power cut.
        bench.hub.kill();
    }
    bench.clear_away()?;
    let start = format!("start to rules live, 30 days ({readings} readings)");
    Ok(vec![
        Figure::new(GROUP, start, median(&took), "s").at_most(START_S),
        Figure::new(GROUP, "journal of those 30 days", bytes as f64 / 1e6, "MB"),
    ])
}

fn alarms(folder: &Path) -> Result<Vec<Figure>, SiteError> {
    let times = latency::measure(&folder.join("alarms"))?;
    let count = times.alarm.len();
    let figure = |percent| {
        let name = format!("over the limit to MQTT, p{percent} of {count} alarms");
        let what = format!("bare MQTT and one fdatasync of 4 KiB, p{percent}");
        Figure::new(GROUP, name, percentile(&times.alarm, percent), "ms")
            .against(&what, percentile(&times.bare, percent))
    };
    Ok(vec![figure(50), figure(99).at_most(ALARM_P99_MS)])
}

/// What one hub used.
struct Use {
    resident_mb: f64,
    peak_mb: f64,
    processor_s_per_hour: f64,
    bytes_per_reading: f64,
}

fn in_peace(folder: &Path) -> Result<Vec<Figure>, SiteError> {
    let used: Result<Vec<Use>, SiteError> = thread::scope(|scope| {
        let worlds: Vec<_> = (0..WORLDS)
            .map(|world| {
                let state = folder.join(format!("peace-{world}"));
                scope.spawn(move || one_peace(&state))
            })
            .collect();
        let gone = || SiteError::Unexpected("a world ended without a word".to_owned());
        worlds.into_iter().map(|world| world.join().unwrap_or_else(|_| Err(gone()))).collect()
    });
    let used = used?;
    let of = |field: fn(&Use) -> f64| median(&used.iter().map(field).collect::<Vec<_>>());
    let seconds = PEACE.as_secs();
    Ok(vec![
        Figure::new(GROUP, format!("memory after {seconds} s (VmRSS)"), of(|u| u.resident_mb), "MB")
            .at_most(MEMORY_MB),
        Figure::new(GROUP, "most memory, after a PIN was checked (VmHWM)", of(|u| u.peak_mb), "MB"),
        Figure::new(GROUP, "processor time at the demo's pace", of(|u| u.processor_s_per_hour), "s/h"),
        Figure::new(GROUP, "written to disk at the demo's pace", of(|u| u.bytes_per_reading), "B/reading"),
    ])
}

/// The demo's world, with alarms that come at once.
fn one_peace(state: &Path) -> Result<Use, SiteError> {
    let site = DEMO_SITE.replace("\ndelay_minutes = 1\n", "\ndelay_minutes = 0\n");
    let mut world = World::start_with(state, &site)?;
    world.hub.start(None)?;
    let pid = world.hub.id().ok_or_else(|| SiteError::Unexpected("the hub does not run".to_owned()))?;
    let recorded = || Ok::<_, SiteError>(counter(&world.hub.status()?, "readings.recorded"));
    wait_for("readings are recorded", SOON, || recorded().ok().filter(|count| *count > 0))?;
    let (began, processor, written, readings) =
        (now(), processor_seconds(pid)?, written_bytes(pid)?, recorded()?);
    // Nothing is waited for: this is the stretch of time that is measured.
    wait_for("the peace is over", PATIENCE, || (began.elapsed() >= PEACE).then_some(()))?;
    let hours = began.elapsed().as_secs_f64() / 3_600.0;
    let processor_s_per_hour = (processor_seconds(pid)? - processor) / hours;
    let bytes_per_reading = (written_bytes(pid)? - written) / (recorded()? - readings) as f64;
    let resident_mb = memory_mb(pid, "VmRSS")?;
    check_a_pin(&world)?;
    let peak_mb = memory_mb(pid, "VmHWM")?;
    world.hub.stop()?;
    world.stop()?;
    Ok(Use { resident_mb, peak_mb, processor_s_per_hour, bytes_per_reading })
}

fn check_a_pin(world: &World) -> Result<(), SiteError> {
    world.site.compressor(FREEZER, Compressor::Dead)?;
    let alarm = wait_for("the freezer's alarm", PATIENCE, || {
        world.hub.status().ok()?["alarms"][0]["alert"].as_str().map(str::to_owned)
    })?;
    let fields = [("person", PERSON), ("pin", PIN)];
    let answer = world.hub.browser().post(&format!("/alarms/{alarm}/acknowledge"), &fields)?;
    if answer.status == 303 {
        return Ok(());
    }
    Err(SiteError::Unexpected(format!("the PIN was not taken: {}", answer.status)))
}
