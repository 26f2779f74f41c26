//! Entropy: the one file of the cloud that draws randomness.

use thiserror::Error;

/// The operating system gives no randomness. Stop: an id, code or token made without it would be worthless.
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
