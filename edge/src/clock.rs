//! The clock: the one file of the hub that reads time.
//!
//! Owns the reading of the wall clock, the time since boot, the boot's id, and what vouches for the wall clock.
//! Gives [`ClockSample`]s; everything else in the hub is given the time.
//!
//! What vouches: the file that `systemd-timesyncd` leaves in `/run` while it is synchronised; else a battery-backed
//! clock that set the wall clock at boot and agrees with it when the hub starts; else, if the configuration says so, the host of a
//! virtual machine. Nothing else does.

use frostguard_shared::time::{BoottimeMs, ClockBounds, ClockSample, ClockSource, WallMs};
use rustix::time::{ClockId, clock_gettime};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use thiserror::Error;

/// The boot's id cannot be read. Stop: without it no record can say in which boot it was made.
#[derive(Debug, Error)]
#[error("the kernel's boot id cannot be read from {path}")]
pub struct BootIdError {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

/// When this program was built, in ms since 1970: no honest clock is earlier.
const BUILT_MS: i64 = include!(concat!(env!("OUT_DIR"), "/built_ms.in"));
/// A battery-backed clock that is off by more than this did not set the wall clock.
const BATTERY_AGREES_S: i64 = 5;

/// The clocks of this machine.
#[derive(Clone, Debug)]
pub struct Clock {
    bounds: ClockBounds,
    kept_by_host: bool,
    synchronised: PathBuf,
    set_by_battery: bool,
}

impl Clock {
    /// The machine's clocks, judged by the latest trusted wall time of any earlier run.
    pub fn new(high_water: WallMs, kept_by_host: bool) -> Self {
        Self {
            bounds: ClockBounds { built: WallMs(BUILT_MS), high_water },
            kept_by_host,
            synchronised: PathBuf::from("/run/systemd/timesync/synchronized"),
            set_by_battery: battery_agrees(Path::new("/sys/class/rtc/rtc0"), wall()),
        }
    }

    /// Reads all clocks together.
    pub fn sample(&self) -> ClockSample {
        let since_boot = clock_gettime(ClockId::Boottime);
        let wall = wall();
        let boottime = BoottimeMs(since_boot.tv_sec as u64 * 1_000 + since_boot.tv_nsec as u64 / 1_000_000);
        ClockSample { wall, boottime, trust: self.bounds.judge(wall, self.source()) }
    }

    fn source(&self) -> ClockSource {
        if self.synchronised.exists() {
            ClockSource::Synchronised
        } else if self.kept_by_host || self.set_by_battery {
            ClockSource::HeldOver
        } else {
            ClockSource::Unknown
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place where the hub reads the wall clock")]
fn wall() -> WallMs {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => WallMs(since.as_millis() as i64),
        Err(before) => WallMs(-(before.duration().as_millis() as i64)),
    }
}

/// Whether a battery-backed clock set the wall clock at boot. Asked once: later the two drift apart without either
/// having become worse.
fn battery_agrees(battery: &Path, wall: WallMs) -> bool {
    let read = |name: &str| std::fs::read_to_string(battery.join(name)).ok();
    let set_at_boot = read("hctosys").is_some_and(|text| text.trim() == "1");
    let seconds = read("since_epoch").and_then(|text| text.trim().parse::<i64>().ok());
    set_at_boot && seconds.is_some_and(|seconds| (seconds - wall.0 / 1_000).abs() <= BATTERY_AGREES_S)
}

/// The kernel's id of the present boot.
///
/// # Errors
/// The kernel does not tell it.
pub fn boot_id() -> Result<String, BootIdError> {
    let path = PathBuf::from("/proc/sys/kernel/random/boot_id");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(source) => Err(BootIdError { path, source }),
    }
}
