//! The clock: the one file of the hub that reads time.
//!
//! Owns the reading of the wall clock, the time since boot, the boot's id, and what vouches for the wall clock.
//! Gives [`ClockSample`]s; everything else in the hub is given the time.
//!
//! What vouches: the file that `systemd-timesyncd` leaves in `/run` while it is synchronised; else a battery-backed
//! clock that set the wall clock at boot and agrees with it when the hub starts; else, if the configuration says so, the host of a
//! virtual machine; else, for the rest of this run, the cloud's signed time, counted on from when it was told by the
//! time since boot. Nothing else does.

use frostguard_shared::time::{BoottimeMs, ClockBounds, ClockSample, ClockSource, WallMs};
use rustix::time::{ClockId, clock_gettime};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
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

/// Who vouches for the wall clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Voucher {
    /// In a word, as it is recorded.
    pub source: &'static str,
    /// The error that it admits to.
    pub error_ms: u64,
}

impl Voucher {
    /// The machine's own clock, whoever keeps it.
    pub const WALL_CLOCK: Self = Self { source: "wall clock", error_ms: 0 };
}

/// The cloud's time, as it was told.
#[derive(Clone, Copy, Debug)]
struct CloudTime {
    /// Wall time minus time since boot.
    offset_ms: i64,
    error_ms: u64,
}

/// The clocks of this machine; its copies share what the cloud has told.
#[derive(Clone, Debug)]
pub struct Clock {
    bounds: ClockBounds,
    kept_by_host: bool,
    synchronised: PathBuf,
    set_by_battery: bool,
    cloud: Arc<Mutex<Option<CloudTime>>>,
}

impl Clock {
    /// The machine's clocks, judged by the latest trusted wall time of any earlier run.
    pub fn new(high_water: WallMs, kept_by_host: bool) -> Self {
        Self {
            bounds: ClockBounds { built: WallMs(BUILT_MS), high_water },
            kept_by_host,
            synchronised: PathBuf::from("/run/systemd/timesync/synchronized"),
            set_by_battery: battery_agrees(Path::new("/sys/class/rtc/rtc0"), wall()),
            cloud: Arc::default(),
        }
    }

    /// Reads all clocks together.
    pub fn sample(&self) -> ClockSample {
        self.sample_vouched().0
    }

    /// Reads all clocks together, and says who vouches for the wall clock.
    pub fn sample_vouched(&self) -> (ClockSample, Voucher) {
        let own = self.own();
        let told = *self.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(told) = told.filter(|_| !own.trust.is_trusted()) else { return (own, Voucher::WALL_CLOCK) };
        let wall = WallMs(told.offset_ms.saturating_add(own.boottime.0 as i64));
        let trust = self.bounds.judge(wall, ClockSource::Synchronised);
        (ClockSample { wall, trust, ..own }, Voucher { source: "cloud", error_ms: told.error_ms })
    }

    /// True if nothing of this machine vouches for the wall clock, so that the cloud's time is wanted.
    pub fn needs_cloud(&self) -> bool {
        !self.own().trust.is_trusted()
    }

    /// Takes the cloud's signed time, as it was when the time since boot was `at`.
    pub fn told_by_cloud(&self, wall: WallMs, at: BoottimeMs, error_ms: u64) {
        let offset_ms = wall.0.saturating_sub(at.0 as i64);
        let mut cloud = self.cloud.lock().unwrap_or_else(PoisonError::into_inner);
        *cloud = Some(CloudTime { offset_ms, error_ms });
    }

    /// The time for checking certificates: never before the build or the latest trusted time of any earlier run, so that
    /// a hub whose clock has lost its battery still finds a certificate to be valid by now.
    pub fn certificate_time(&self) -> WallMs {
        self.sample().wall.max(self.bounds.built).max(self.bounds.high_water)
    }

    fn own(&self) -> ClockSample {
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

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::time::Trust;

    #[test]
    fn the_clouds_time_is_taken_where_nothing_of_the_machine_vouches_and_goes_on_with_the_time_since_boot() {
        // Ten years on no clock of this machine is believed, whatever keeps it.
        let mark = WallMs(wall().0 + 315_576_000_000);
        let clock = Clock::new(mark, true);
        assert!(clock.needs_cloud());
        assert_eq!(clock.sample().trust, Trust::Untrusted);
        let copy = clock.clone();
        copy.told_by_cloud(WallMs(mark.0 + 5_000), clock.sample().boottime, 40);
        let (sample, voucher) = clock.sample_vouched();
        assert_eq!((sample.trust, voucher), (Trust::Synced, Voucher { source: "cloud", error_ms: 40 }));
        assert!((sample.wall.0 - mark.0 - 5_000).abs() < 2_000);
        copy.told_by_cloud(WallMs(mark.0 - 1), clock.sample().boottime, 40);
        assert_eq!(clock.sample().trust, Trust::Untrusted, "below the mark nobody is believed");
        assert_eq!(clock.certificate_time(), mark);
    }

    #[test]
    fn a_machine_that_knows_the_time_does_not_ask_the_cloud() {
        let clock = Clock::new(WallMs(0), true);
        assert!(!clock.needs_cloud());
        clock.told_by_cloud(WallMs(1), BoottimeMs(0), 1);
        assert_eq!(clock.sample_vouched().1, Voucher::WALL_CLOCK);
    }
}
