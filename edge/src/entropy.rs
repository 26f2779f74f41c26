//! Entropy: the one file of the hub that draws randomness.
//!
//! Gives random bytes from the operating system for ids, keys, epochs and jitter. Everything else is given them.

use std::time::Duration;
use thiserror::Error;

/// The operating system gives no randomness. Stop: an id or key made without it would be worthless.
#[derive(Debug, Error)]
#[error("the operating system gives no random bytes")]
pub struct EntropyError(#[from] getrandom::Error);

/// So many random bytes.
///
/// # Errors
/// The operating system gives none.
pub fn bytes<const N: usize>() -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A wait before the next try: uniform between nothing and `1 s · 2^failures`, at most `longest` (full jitter).
pub fn backoff(failures: u32, longest: Duration) -> Duration {
    let ceiling = Duration::from_secs(1).saturating_mul(1 << failures.min(10)).min(longest);
    let share = bytes::<4>().map_or(u32::MAX, u32::from_le_bytes);
    ceiling.mul_f64(f64::from(share) / f64::from(u32::MAX))
}
