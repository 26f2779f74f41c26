//! Sessions: logging in by signing the cloud's challenge, and the cloud's word on the time.
//!
//! A session is used only if its time is signed by the cloud's pinned key over this very challenge: then it is that
//! cloud, whoever else may hold a certificate for its name.

use super::batch::Sender;
use super::http::{Failure, Link, Token};
use crate::clock::Clock;
use crate::store::journal::Heads;
use frostguard_shared::chain::Hash;
use frostguard_shared::signature::{PublicKey, login_text, time_text};
use frostguard_shared::time::{BoottimeMs, WallMs};
use frostguard_shared::wire::login::{Challenge, ChallengeRequest, Login, LoginReply};
use frostguard_shared::wire::{Head, path};

/// A session of this hub with its cloud.
#[derive(Debug)]
pub(super) struct Session {
    /// What every request carries.
    pub(super) token: Token,
}

/// A login that was answered.
pub(super) struct LoggedIn {
    pub(super) reply: LoginReply,
    /// When it was asked for.
    pub(super) asked: BoottimeMs,
    /// The cloud's time, at a time since boot, with the error that the way there and back leaves.
    pub(super) time: (WallMs, BoottimeMs, u64),
}

/// What the hub says of itself.
pub(super) struct Who<'a> {
    pub(super) sender: &'a Sender,
    pub(super) cloud: PublicKey,
    pub(super) heads: Heads,
    pub(super) site_hash: Hash,
}

/// Logs in.
pub(super) async fn log_in(link: &Link, who: &Who<'_>, clock: &Clock) -> Result<LoggedIn, Failure> {
    let (hub, heads) = (who.sender.hub, who.heads);
    #[cfg(feature = "faults")]
    crate::faults::reached_place("sync.before_challenge");
    let challenge: Challenge = link.ask(path::CHALLENGE, &ChallengeRequest { hub }, None).await?;
    let text = login_text(hub, heads.epoch, &challenge.nonce, who.cloud);
    let login = Login {
        hub,
        epoch: heads.epoch,
        nonce: challenge.nonce,
        signature: who.sender.key.sign(&text),
        software: env!("CARGO_PKG_VERSION").into(),
        site_hash: who.site_hash,
        events: Head { seq: heads.events, hash: Some(heads.hash) },
    };
    #[cfg(feature = "faults")]
    crate::faults::reached_place("sync.before_login");
    let asked = clock.sample().boottime;
    let reply: LoginReply = link.ask(path::LOGIN, &login, None).await?;
    let answered = clock.sample().boottime;
    #[cfg(feature = "faults")]
    crate::faults::reached_place("sync.logged_in");
    let text = time_text(&challenge.nonce, reply.time);
    who.cloud.verify(&text, &reply.time_signature).map_err(|_| Failure::Unsigned)?;
    let error_ms = answered.0.saturating_sub(asked.0).div_ceil(2) + 1;
    let time = (WallMs(reply.time.0.saturating_add(error_ms as i64)), answered, error_ms);
    Ok(LoggedIn { reply, asked, time })
}
