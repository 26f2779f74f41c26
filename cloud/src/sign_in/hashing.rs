//! Hashing: where passwords are compared while serving. At most two at once, each on a thread that may block, and a
//! bounded number that wait for a bounded time: each takes 19 MiB and some tens of milliseconds of a core, and whoever
//! sends many must not take them from the hubs.

use super::password::Password;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Hashings at once.
pub const AT_ONCE: usize = 2;
/// Hashings at once and waiting.
pub const WITH_THOSE_WAITING: usize = 32;
const WAIT: Duration = Duration::from_secs(3);

/// There are too many passwords to compare. Ask to come back; nothing was found out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMuch;

/// The places for hashing.
#[derive(Clone, Debug)]
pub struct Hashing {
    waiting: Arc<Semaphore>,
    working: Arc<Semaphore>,
    wait: Duration,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            waiting: Arc::new(Semaphore::new(WITH_THOSE_WAITING)),
            working: Arc::new(Semaphore::new(AT_ONCE)),
            wait: WAIT,
        }
    }
}

impl Hashing {
    /// Whether the password is the one of a hash, or of nobody's.
    ///
    /// # Errors
    /// There is too much to do at once.
    pub async fn is_right(&self, password: Password, hash: Option<String>) -> Result<bool, TooMuch> {
        let _waiting = self.waiting.try_acquire().map_err(|_| TooMuch)?;
        let working = timeout(self.wait, Arc::clone(&self.working).acquire_owned()).await;
        let Ok(Ok(working)) = working else { return Err(TooMuch) };
        let compared = tokio::task::spawn_blocking(move || {
            // The place is held until the thread is done, even if nobody waits for it any more.
            let _working = working;
            password.is_of(hash.as_deref())
        });
        compared.await.map_err(|_| TooMuch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_comes_when_all_places_are_taken_is_sent_away_at_once() {
        let hashing = Hashing::default();
        let typed = || Password::typed("whatever it is".to_owned());
        let held = Arc::clone(&hashing.waiting).acquire_many_owned(WITH_THOSE_WAITING as u32).await.unwrap();
        assert_eq!(hashing.is_right(typed(), None).await, Err(TooMuch));
        drop(held);
        assert_eq!(hashing.is_right(typed(), None).await, Ok(false));
    }

    #[tokio::test]
    async fn who_waits_for_too_long_is_sent_away() {
        let hashing = Hashing { wait: Duration::from_millis(10), ..Hashing::default() };
        let _held = Arc::clone(&hashing.working).acquire_many_owned(AT_ONCE as u32).await.unwrap();
        let typed = Password::typed("whatever it is".to_owned());
        assert_eq!(hashing.is_right(typed, None).await, Err(TooMuch));
    }
}
