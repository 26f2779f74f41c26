//! Passwords: their form, their hashes, and what is compared when nobody has the mail.
//!
//! Pure: whoever hashes brings the salt. Hashing is slow and takes much memory on purpose; only
//! [`hashing`](super::hashing) may do it while serving. A password has a type of its own, which never shows it.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;
use thiserror::Error;

/// Fewer characters can be guessed.
pub const CHARACTERS_MIN: usize = 12;
/// More are not typed by anybody.
const BYTES_MAX: usize = 1_024;
/// OWASP's recommendation for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;

/// Stands for the hash of a mail that nobody has. It costs as much as any other, and no password is right for it.
const OF_NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyBpdCEh$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password that cannot be used, or not be hashed.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PasswordError {
    /// Too short or too long. Ask for another.
    #[error("a password has at least {CHARACTERS_MIN} characters and at most {BYTES_MAX} bytes")]
    Form,
    /// Hashing failed; there is too little memory. Nothing was kept.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// A password as somebody has typed it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// A password of any form, to be compared.
    pub fn typed(text: String) -> Self {
        Self(text)
    }

    /// A password to be kept: any characters, but enough of them.
    ///
    /// # Errors
    /// It is too short or too long.
    pub fn chosen(text: String) -> Result<Self, PasswordError> {
        let is_long_enough = text.chars().count() >= CHARACTERS_MIN;
        if is_long_enough && text.len() <= BYTES_MAX { Ok(Self(text)) } else { Err(PasswordError::Form) }
    }

    /// Its hash in PHC form.
    ///
    /// # Errors
    /// There is too little memory.
    pub fn hash(&self, salt: &[u8; 16]) -> Result<String, PasswordError> {
        let failed = |fault: String| PasswordError::Hash(fault);
        let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|fault| failed(fault.to_string()))?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = hasher.hash_password_with_salt(self.0.as_bytes(), salt);
        hash.map(|hash| hash.to_string()).map_err(|fault| failed(fault.to_string()))
    }

    /// True if it is the one of this hash. Of nobody's hash it is never the one, which takes as long to find out.
    pub fn is_of(&self, hash: Option<&str>) -> bool {
        // What nobody could have chosen is not worth 19 MiB, and says nothing about whose mail it is.
        if self.0.len() > BYTES_MAX {
            return false;
        }
        let Ok(known) = PasswordHash::new(hash.unwrap_or(OF_NOBODY)) else { return false };
        let is_same = Argon2::default().verify_password(self.0.as_bytes(), &known).is_ok();
        is_same && hash.is_some()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; 16] = *b"sixteen of these";

    #[test]
    fn only_the_hashed_password_is_right() {
        let chosen = Password::chosen("correct horse battery".to_owned()).unwrap();
        let hash = chosen.hash(&SALT).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(chosen.is_of(Some(&hash)));
        assert!(!Password::typed("correct horse batterY".to_owned()).is_of(Some(&hash)));
        assert!(!Password::typed(String::new()).is_of(Some(&hash)));
        assert!(!chosen.is_of(Some("no hash")));
        assert!(!chosen.is_of(None));
        assert_ne!(hash, chosen.hash(b"sixteen of other").unwrap());
    }

    #[test]
    fn a_password_has_twelve_characters_and_no_other_rule() {
        for good in ["aaaaaaaaaaaa", "            ", "ääääääääääää", &"x".repeat(BYTES_MAX)] {
            assert!(Password::chosen(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "aaaaaaaaaaa", &"x".repeat(BYTES_MAX + 1)] {
            assert_eq!(Password::chosen(bad.to_owned()), Err(PasswordError::Form), "{bad}");
        }
    }

    #[test]
    fn the_hash_of_nobody_is_read_and_costs_what_every_hash_costs() {
        let nobody = PasswordHash::new(OF_NOBODY).unwrap();
        let params = Params::try_from(&nobody).unwrap();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (MEMORY_KIB, PASSES, 1));
        assert_eq!(nobody.hash.unwrap().len(), 32);
    }

    #[test]
    fn a_password_is_never_shown() {
        let shown = format!("{:?}", Password::typed("opensesame".to_owned()));
        assert!(!shown.contains("opensesame"));
    }
}
