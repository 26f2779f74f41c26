//! Tries: how often somebody may guess. Pure.
//!
//! Five for one mail, then none for a minute, and after each further wrong one twice as long, up to a quarter of an hour.
//! A mail that nobody has is counted alike. The same person has to be let in again: nobody is locked out for good by
//! somebody else's guesses.

use crate::store::sign_in::Tries;

/// Tries before the first lock.
pub const FREE: u32 = 5;
/// The first lock.
const LOCK_MS: i64 = 60_000;
/// The longest.
const LOCK_MAX_MS: i64 = 15 * 60_000;
/// After so long without a try it begins anew.
const FORGOTTEN_MS: i64 = 60 * 60_000;

/// What is to be done about a try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is not looked at. Come back after so many milliseconds.
    Wait(i64),
    /// It is looked at, and counted as the so-manieth wrong one until it turns out to be right; if it is wrong, no other is
    /// taken for so long.
    Look {
        /// Its number.
        failed: u32,
        /// Milliseconds.
        lock_ms: i64,
    },
}

/// Judges a try by those before it.
pub fn judge(before: Tries) -> Verdict {
    if before.locked_ms > 0 {
        return Verdict::Wait(before.locked_ms);
    }
    let before = if before.idle_ms >= FORGOTTEN_MS { 0 } else { before.failed };
    let failed = before.saturating_add(1);
    let lock_ms = match failed.checked_sub(FREE) {
        None => 0,
        Some(more) => LOCK_MS.checked_shl(more.min(16)).unwrap_or(LOCK_MAX_MS).min(LOCK_MAX_MS),
    };
    Verdict::Look { failed, lock_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(failed: u32) -> Verdict {
        judge(Tries { failed, idle_ms: 1_000, locked_ms: 0 })
    }

    #[test]
    fn the_fifth_wrong_try_locks_for_a_minute_and_each_further_one_for_twice_as_long() {
        let minutes = |failed| match after(failed) {
            Verdict::Look { lock_ms, .. } => lock_ms / 60_000,
            Verdict::Wait(_) => panic!("nothing is locked"),
        };
        let locks: Vec<i64> = (0..10).map(minutes).collect();
        assert_eq!(locks, [0, 0, 0, 0, 1, 2, 4, 8, 15, 15]);
        assert_eq!(after(u32::MAX), Verdict::Look { failed: u32::MAX, lock_ms: LOCK_MAX_MS });
    }

    #[test]
    fn while_it_is_locked_nothing_is_looked_at() {
        assert_eq!(judge(Tries { failed: 5, idle_ms: 1, locked_ms: 59_999 }), Verdict::Wait(59_999));
        assert_eq!(
            judge(Tries { failed: 5, idle_ms: 60_000, locked_ms: -1 }),
            Verdict::Look { failed: 6, lock_ms: 120_000 }
        );
    }

    #[test]
    fn after_an_hour_without_a_try_it_begins_anew() {
        let rested = Tries { failed: 9, idle_ms: FORGOTTEN_MS, locked_ms: 0 };
        assert_eq!(judge(rested), Verdict::Look { failed: 1, lock_ms: 0 });
    }
}
