//! The clock: the one file of the cloud that reads time.

use frostguard_shared::time::WallMs;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The wall clock now. A server's clock is kept by its host; the cloud trusts it.
#[expect(clippy::disallowed_methods, reason = "this is the one place where the cloud reads the wall clock")]
pub fn now() -> WallMs {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => WallMs(since.as_millis() as i64),
        Err(before) => WallMs(-(before.duration().as_millis() as i64)),
    }
}

/// A point of the monotonic clock, for how long something took.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the cloud reads the monotonic clock"
)]
pub fn instant() -> Instant {
    Instant::now()
}
