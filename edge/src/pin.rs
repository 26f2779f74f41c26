//! PINs: how people at the hub prove who they are.
//!
//! Owns hashing and checking of PINs (Argon2id, PHC form) and the limit of tries: five in five minutes for one person,
//! right or wrong. The limit is pure; hashing is slow on purpose and must not run where readings are folded.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use frostguard_shared::time::BoottimeMs;
use std::collections::BTreeMap;
use thiserror::Error;

/// Fewer digits can be guessed.
pub const DIGITS_MIN: usize = 6;
const DIGITS_MAX: usize = 32;
const TRIES: usize = 5;
const WINDOW_MS: u64 = 5 * 60_000;

/// A PIN that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PinError {
    /// Not six digits or more.
    #[error("a PIN has {DIGITS_MIN} to {DIGITS_MAX} digits and nothing else")]
    Form,
    /// Hashing failed.
    #[error("the PIN could not be hashed: {0}")]
    Hash(String),
}

fn is_well_formed(pin: &str) -> bool {
    (DIGITS_MIN..=DIGITS_MAX).contains(&pin.len()) && pin.bytes().all(|byte| byte.is_ascii_digit())
}

/// The hash of a PIN in PHC form, for the site document.
///
/// # Errors
/// The PIN is too short or no number.
pub fn hash(pin: &str) -> Result<String, PinError> {
    if !is_well_formed(pin) {
        return Err(PinError::Form);
    }
    // 9 MiB and four passes: one of the settings that OWASP lists as equal, small enough for a hub of 512 MB.
    let params = Params::new(9 * 1_024, 4, 1, None).map_err(|fault| PinError::Hash(fault.to_string()))?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    hasher
        .hash_password(pin.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|fault| PinError::Hash(fault.to_string()))
}

/// True if the PIN is the one that was hashed.
pub fn is_right(pin: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    is_well_formed(pin) && Argon2::default().verify_password(pin.as_bytes(), &hash).is_ok()
}

/// The tries of each person, by key of the site document.
#[derive(Debug, Default)]
pub struct Tries(BTreeMap<String, Vec<BoottimeMs>>);

impl Tries {
    /// Counts a try; false if there were five in the last five minutes already.
    pub fn allow(&mut self, person: &str, now: BoottimeMs) -> bool {
        let tries = self.0.entry(person.to_owned()).or_default();
        tries.retain(|at| now.0.saturating_sub(at.0) < WINDOW_MS);
        if tries.len() >= TRIES {
            return false;
        }
        tries.push(now);
        true
    }

    /// A right PIN forgives the tries before it.
    pub fn forgive(&mut self, person: &str) {
        self.0.remove(person);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hashed_pin_is_right_and_short_ones_are_refused() {
        let hashed = hash("246810").unwrap();
        assert!(hashed.starts_with("$argon2id$"));
        assert!(is_right("246810", &hashed));
        assert!(!is_right("246811", &hashed));
        assert!(!is_right("246810", "no hash"));
        for bad in ["12345", "", "12345a", "１２３４５６", &"1".repeat(33)] {
            assert_eq!(hash(bad), Err(PinError::Form), "{bad}");
        }
    }

    #[test]
    fn five_tries_in_five_minutes_and_no_more_for_each_person_apart() {
        let mut tries = Tries::default();
        for n in 0..5 {
            assert!(tries.allow("maria", BoottimeMs(n * 1_000)));
        }
        assert!(!tries.allow("maria", BoottimeMs(299_999)));
        assert!(tries.allow("ben", BoottimeMs(299_999)));
        assert!(tries.allow("maria", BoottimeMs(300_000)), "the first try has left the window");
        tries.forgive("maria");
        assert!((0..5).all(|n| tries.allow("maria", BoottimeMs(301_000 + n))));
    }
}
