//! Signing in: from mail and password to a session, or to the one answer that tells nothing.
//!
//! Owns the order: the address may try ([`peers`]), the mail may be tried ([`tries`], counted before it is known whether
//! the try is good), the password is compared ([`hashing`]), the session is opened. A mail that nobody has takes the same
//! steps and gets the same answer. A token is 32 random bytes, shown once; the database keeps its hash. Nothing here is
//! ever logged but counts.

pub mod hashing;
pub mod password;
pub mod peers;
pub mod tries;

use crate::counters::Count;
use crate::entropy::{self, EntropyError};
use crate::store::doors::SecretHash;
use crate::store::people::{self, Did};
use crate::store::sign_in::{self, Membership, Whence};
use crate::store::{Database, Duty, StoreError};
use hashing::{Hashing, TooMuch};
use password::Password;
use peers::{Peers, TooMany};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use thiserror::Error;
use tries::Verdict;

/// Longest mail that is looked up.
const MAIL_MAX: usize = 254;

/// Somebody is not signed in.
#[derive(Debug, Error)]
pub enum SignInError {
    /// Nobody has this mail, or it is not their password, or they are no member of anything any more. Say no more.
    #[error("mail or password is wrong")]
    Wrong,
    /// Too many tries. Ask to come back after so long.
    #[error("too many tries")]
    TooMany(Duration),
    /// The person is a member of several organizations. Ask for one of them.
    #[error("a person of several organizations")]
    Which(Vec<Membership>),
    /// There is too much at once. Ask to come back.
    #[error("too much at once")]
    Busy,
    /// The database cannot do it now.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No randomness for a token.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl From<TooMuch> for SignInError {
    fn from(_: TooMuch) -> Self {
        Self::Busy
    }
}

/// What somebody shows.
#[derive(Clone, Debug)]
pub struct Shown {
    /// A mail.
    pub email: String,
    /// A password.
    pub password: Password,
    /// The short name of an organization.
    pub organization: Option<String>,
}

/// A session that was opened.
#[derive(Debug)]
pub struct Opened {
    /// The token, to be shown once.
    pub token: Token,
    /// Where and as whom.
    pub membership: Membership,
}

/// A session's token: 32 random bytes in hexadecimal.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    fn random() -> Result<Self, EntropyError> {
        Ok(Self(hex::encode(entropy::bytes::<32>()?)))
    }
    /// A token as it stands in a request, if it has the form of one.
    pub fn shown(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(is_hex)).then(|| Self(text.to_owned()))
    }
    /// What the database knows it by.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.0.as_bytes())
    }
    /// The token, for whoever signed in and nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(not shown)")
    }
}

/// A mail in the one spelling by which it is counted and looked up.
pub fn spelled(mail: &str) -> String {
    mail.trim().to_lowercase()
}

/// What the tries of a mail are counted under.
pub fn counted_under(mail: &str) -> SecretHash {
    SecretHash::of(spelled(mail).as_bytes())
}

/// Where people sign in.
#[derive(Clone, Debug)]
pub struct SignIn {
    database: Database,
    hashing: Hashing,
    peers: Arc<Mutex<Peers>>,
}

impl SignIn {
    /// Over a database, with nobody seen yet.
    pub fn new(database: Database) -> Self {
        Self { database, hashing: Hashing::default(), peers: Arc::default() }
    }

    /// Takes what somebody shows; opens a session if it is right.
    ///
    /// # Errors
    /// It is wrong, there are too many tries, or an organization has to be named.
    pub async fn take(
        &self,
        shown: Shown,
        (address, from, now): (IpAddr, &Whence, Instant),
    ) -> Result<Opened, SignInError> {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner).take(address, now);
        peers.map_err(|TooMany(wait)| {
            Count::SignInsOfPeerRefused.one();
            SignInError::TooMany(wait)
        })?;
        // What cannot be a mail is nobody's, and the database is not asked.
        if shown.email.len() > MAIL_MAX || shown.email.contains(char::is_control) {
            Count::SignInsWrong.one();
            return Err(SignInError::Wrong);
        }
        let mail = spelled(&shown.email);
        let under = SecretHash::of(mail.as_bytes());
        let user = self.counted(&mail, under).await?;
        let (id, hash) = user.map(|user| (user.id, user.password_hash)).unzip();
        let is_right = self.hashing.is_right(shown.password, hash).await?;
        let Some(id) = id.filter(|_| is_right) else {
            let mut door = self.database.door(Duty::App).await?;
            sign_in::note_failed_try(&mut door, id, from).await?;
            door.commit().await?;
            Count::SignInsWrong.one();
            return Err(SignInError::Wrong);
        };
        let mut door = self.database.door(Duty::App).await?;
        let memberships = sign_in::memberships(&mut door, id).await?;
        sign_in::forgive_tries(&mut door, under).await?;
        let membership = match chosen(memberships, shown.organization.as_deref()) {
            Ok(membership) => membership,
            Err(fault) => {
                door.commit().await?;
                return Err(fault);
            }
        };
        let token = Token::random()?;
        sign_in::open_session(&mut door, token.hash(), id, membership.organization).await?;
        let mut tx = door.into_tenant(membership.organization).await?;
        people::note(&mut tx, membership.person, Did::SignIn, from).await?;
        tx.commit().await?;
        Count::SignedIn.one();
        Ok(Opened { token, membership })
    }

    /// Counts a try and gives whose mail it is, unless the mail is locked. This is durable before anything is compared, so
    /// that no number of tries at once gets more than its due.
    async fn counted(&self, mail: &str, under: SecretHash) -> Result<Option<sign_in::User>, SignInError> {
        let mut door = self.database.door(Duty::App).await?;
        match tries::judge(sign_in::tries(&mut door, under).await?) {
            Verdict::Wait(ms) => {
                Count::SignInsLocked.one();
                Err(SignInError::TooMany(Duration::from_millis(ms.unsigned_abs())))
            }
            Verdict::Look { failed, lock_ms } => {
                sign_in::count_try(&mut door, under, failed, lock_ms).await?;
                let user = sign_in::user_of(&mut door, mail).await?;
                door.commit().await?;
                Ok(user)
            }
        }
    }
}

/// The membership that is meant: the one that is named, or the only one.
fn chosen(mut memberships: Vec<Membership>, slug: Option<&str>) -> Result<Membership, SignInError> {
    let meant = match slug {
        Some(slug) => memberships.iter().position(|membership| membership.slug == slug),
        None => (memberships.len() == 1).then_some(0),
    };
    match meant {
        Some(at) => Ok(memberships.swap_remove(at)),
        None if memberships.is_empty() => Err(SignInError::Wrong),
        None => Err(SignInError::Which(memberships)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::doors::Role;
    use frostguard_shared::ids::{OrganizationId, PersonId};

    fn member(number: u8) -> Membership {
        Membership {
            organization: OrganizationId::from_bytes([number; 16]),
            slug: format!("org-{number}"),
            name: "Org".to_owned(),
            person: PersonId::from_bytes([number; 16]),
            role: Role::Viewer,
        }
    }

    #[test]
    fn the_only_membership_is_meant_and_of_several_the_one_that_is_named() {
        assert_eq!(chosen(vec![member(1)], None).unwrap(), member(1));
        assert_eq!(chosen(vec![member(1), member(2)], Some("org-2")).unwrap(), member(2));
        assert!(
            matches!(chosen(vec![member(1), member(2)], None), Err(SignInError::Which(all)) if all.len() == 2)
        );
        assert!(matches!(chosen(vec![member(1)], Some("org-3")), Err(SignInError::Which(_))));
        assert!(matches!(chosen(vec![], None), Err(SignInError::Wrong)));
    }

    #[test]
    fn a_mail_is_counted_under_one_spelling() {
        assert_eq!(counted_under(" Olivia@Nord.Example "), counted_under("olivia@nord.example"));
    }

    #[test]
    fn a_token_reads_back_and_nothing_else_is_one() {
        let token = Token::random().unwrap();
        assert_eq!(Token::shown(token.expose()), Some(token.clone()));
        assert_ne!(Token::random().unwrap(), token);
        for wrong in ["", "00", &"AB".repeat(32), &"ab".repeat(33), &"g".repeat(64)] {
            assert!(Token::shown(wrong).is_none(), "{wrong}");
        }
        assert!(!format!("{token:?}").contains(token.expose()));
    }
}
