//! Owns the only reads of the clock in this crate, and waiting with a deadline.
//! Takes a condition and a limit; gives the condition's value, or an error that says what did not come.
//! Must never be used to let time pass in the hope that something has happened by then.

use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::error::SiteError;

/// How often a condition is looked at while it is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The monotonic clock, now.
#[expect(clippy::disallowed_methods, reason = "this is the one file of the crate that reads the clocks")]
pub fn now() -> Instant {
    Instant::now()
}

/// The wall clock, now.
#[expect(clippy::disallowed_methods, reason = "this is the one file of the crate that reads the clocks")]
pub fn wall() -> Timestamp {
    Timestamp::now()
}

/// Looks at `probe` until it gives a value, at most for `limit`.
///
/// # Errors
/// [`SiteError::NotInTime`] naming `what` when the limit passes first.
pub fn wait_for<T>(what: &str, limit: Duration, probe: impl FnMut() -> Option<T>) -> Result<T, SiteError> {
    wait_closely(what, limit, LOOK_EVERY, probe)
}

/// As [`wait_for`], looking as often as told: for a figure in which the waiting must not be seen.
///
/// # Errors
/// [`SiteError::NotInTime`] naming `what` when the limit passes first.
pub fn wait_closely<T>(
    what: &str,
    limit: Duration,
    look_every: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> Result<T, SiteError> {
    let start = now();
    loop {
        if let Some(value) = probe() {
            return Ok(value);
        }
        if start.elapsed() >= limit {
            return Err(SiteError::NotInTime { what: what.to_owned(), limit });
        }
        thread::sleep(look_every);
    }
}
