//! Login: a hub proves who it is, and is told what the cloud holds of its record.
//!
//! A challenge is good for one login within a minute, answered rightly or wrongly. The token that follows is good for an
//! hour. What is told of the record is a pure comparison of the hub's head with the branches held (`stand`).

use super::HubState;
use super::body::{Packed, Refusal, Reply};
use super::site::visible;
use crate::counters::Count;
use crate::ingest::admit::{Stored, trunk};
use crate::ingest::fault_point;
use crate::store::doors::{self, SecretHash};
use crate::store::event_log::{self, Noticed};
use crate::store::streams::{self, EventsCursor, Journal};
use crate::store::{Duty, StoreError, TenantTx, events, fleet};
use crate::{clock, entropy};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use frostguard_shared::chain::{Hash, genesis};
use frostguard_shared::signature::{login_text, time_text};
use frostguard_shared::wire::login::{Challenge, ChallengeRequest, Login, LoginReply, Standing};
use frostguard_shared::wire::{Head, Reason, path};

/// How long a challenge can be answered.
const CHALLENGE_MS: i64 = 60_000;
/// How long a token is good.
const TOKEN_MS: u64 = 3_600_000;

/// The routes of a hub that nobody knows yet.
pub fn routes() -> Router<HubState> {
    Router::new().route(path::CHALLENGE, post(challenge)).route(path::LOGIN, post(login))
}

async fn challenge(
    State(state): State<HubState>,
    Packed(asked): Packed<ChallengeRequest>,
) -> Result<Reply<Challenge>, Refusal> {
    let nonce = entropy::bytes::<32>().map_err(|fault| Refusal::failed(&fault))?;
    let mut door = state.database.door(Duty::Ingest).await?;
    doors::challenge(&mut door, &nonce, asked.hub, CHALLENGE_MS).await?;
    door.commit().await?;
    fault_point!("login.challenge_given");
    Ok(Reply(Challenge { nonce }))
}

async fn login(
    State(state): State<HubState>,
    Packed(login): Packed<Login>,
) -> Result<Reply<LoginReply>, Refusal> {
    let garbled = |what| Refusal::new(Reason::Garbled, what);
    visible(&login.software, 256).ok_or_else(|| garbled("the software's version cannot be read"))?;
    let own = own_head(&login).ok_or_else(|| garbled("a head of events has a hash"))?;
    let mut tx = answered(&state, &login).await?;
    let journal = Journal { hub: login.hub, epoch: login.epoch };
    let token = entropy::bytes::<32>().map_err(|fault| Refusal::failed(&fault))?;
    fleet::open_session(&mut tx, journal, SecretHash::of(&token), &login.software, TOKEN_MS as i64).await?;
    let hub = fleet::known(&mut tx, login.hub).await?.ok_or_else(unknown)?;
    let (stand, readings) = held(&mut tx, journal, own).await?;
    notice_standing(&mut tx, journal, own.0, &stand).await?;
    fault_point!("login.before_commit");
    tx.commit().await?;
    fault_point!("login.after_commit");
    let time = clock::now();
    Ok(Reply(LoginReply {
        token,
        valid_ms: TOKEN_MS,
        time,
        time_signature: state.key.sign(&time_text(&login.nonce, time)),
        events: stand.held,
        readings: Head { seq: readings, hash: None },
        standing: stand.standing,
        site_wanted: hub.site_hash != Some(login.site_hash),
    }))
}

/// A hub that comes back with less, or with something else, than it had sent was restored or copied: an alarm for people.
async fn notice_standing(
    tx: &mut TenantTx,
    journal: Journal,
    told: u64,
    stand: &Stand,
) -> Result<(), StoreError> {
    let noticed = match stand.standing {
        Standing::Extends => return Ok(()),
        Standing::Behind => Noticed::Rollback,
        Standing::Beside => Noticed::Beside,
    };
    Count::Rollbacks.one();
    let details = serde_json::json!({ "epoch": journal.epoch, "told": told, "held": stand.held.seq });
    event_log::notice_once(tx, journal.hub, noticed, details).await
}

fn unknown() -> Refusal {
    Refusal::new(Reason::UnknownHub, "no such hub is enrolled here")
}

/// The hub's head as number and hash; an empty journal stands at its genesis.
fn own_head(login: &Login) -> Option<(u64, Hash)> {
    match login.events {
        Head { seq: 0, .. } => Some((0, genesis(login.hub, login.epoch))),
        Head { seq, hash } => (seq <= i64::MAX as u64).then_some(seq).zip(hash),
    }
}

/// Takes the challenge away and checks its answer; gives a transaction of the hub's organization.
///
/// The challenge is taken in a transaction of its own, so that a wrong answer uses it up as well.
async fn answered(state: &HubState, login: &Login) -> Result<TenantTx, Refusal> {
    let mut door = state.database.door(Duty::Ingest).await?;
    let answer = doors::answer(&mut door, &login.nonce, login.hub).await?;
    door.commit().await?;
    let answer = answer.ok_or_else(unknown)?;
    if answer.challenge == doors::Challenge::Gone {
        let what = "the challenge was answered before, has expired, or was never given";
        return Err(Refusal::new(Reason::Login, what));
    }
    let text = login_text(login.hub, login.epoch, &login.nonce, state.key.public());
    let checked = answer.key.verify(&text, &login.signature);
    checked.map_err(|_| Refusal::new(Reason::Login, "the signature does not fit the hub's key"))?;
    Ok(state.database.tenant(answer.organization, Duty::Ingest).await?)
}

/// How the journal stands to the branches held, and the last reading held on the branch that it belongs to.
async fn held(
    tx: &mut TenantTx,
    journal: Journal,
    (seq, hash): (u64, Hash),
) -> Result<(Stand, u64), StoreError> {
    let cursors = streams::events(tx, journal).await?;
    let stored = events::hashes(tx, &cursors, genesis(journal.hub, journal.epoch), seq, seq).await?;
    let stand = stand(journal, &cursors, &stored, seq, hash);
    let readings = fleet::readings_held(tx, journal, stand.branch).await?;
    Ok((stand, readings))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stand {
    standing: Standing,
    branch: i16,
    held: Head,
}

/// Compares the hub's head with what is held.
///
/// The branch that holds the hub's head is its own; it has more if the hub was restored. Else, of the branches that are
/// shorter than the journal, the longest is what the journal may go on from: the hub looks whether its own hash there
/// is the one it is told. If no branch can be its own, it stands beside the record.
fn stand(journal: Journal, cursors: &[EventsCursor], stored: &Stored, seq: u64, hash: Hash) -> Stand {
    let told = |cursor: &EventsCursor, standing| {
        let held = Head { seq: cursor.branch.last, hash: Some(cursor.branch.head) };
        Stand { standing, branch: cursor.branch.number, held }
    };
    let has_head = |cursor: &&EventsCursor| stored.get(&(cursor.branch.number, seq)) == Some(&hash);
    let Some(first) = cursors.first() else {
        let held = Head { seq: 0, hash: Some(trunk(journal.hub, journal.epoch).head) };
        return Stand { standing: Standing::Extends, branch: 0, held };
    };
    // A branch that ends at the hub's head is better than one that goes on after it.
    if let Some(own) = cursors.iter().filter(has_head).min_by_key(|cursor| cursor.branch.last) {
        let is_behind = own.branch.last > seq;
        return told(own, if is_behind { Standing::Behind } else { Standing::Extends });
    }
    let shorter = cursors.iter().filter(|cursor| cursor.branch.last < seq);
    match shorter.max_by_key(|cursor| cursor.branch.last) {
        Some(longest) => told(longest, Standing::Extends),
        None => told(first, Standing::Beside),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::admit::Branch;
    use frostguard_shared::ids::{EpochId, HubId};
    use frostguard_shared::tree::Frontier;

    const JOURNAL: Journal = Journal { hub: HubId::from_bytes([1; 16]), epoch: EpochId::from_bytes([2; 16]) };

    fn cursor(number: i16, last: u64, head: u8) -> EventsCursor {
        let branch = Branch { number, forked: None, last, head: Hash([head; 32]) };
        EventsCursor { id: i64::from(number), branch, frontier: Frontier::default() }
    }

    fn of(cursors: &[EventsCursor], stored: &[(i16, u64, u8)], seq: u64, hash: u8) -> (Standing, i16, u64) {
        let stored = stored.iter().map(|(branch, seq, hash)| ((*branch, *seq), Hash([*hash; 32]))).collect();
        let stand = stand(JOURNAL, cursors, &stored, seq, Hash([hash; 32]));
        (stand.standing, stand.branch, stand.held.seq)
    }

    #[test]
    fn a_journal_of_which_nothing_is_held_goes_on_from_its_genesis() {
        let stand = stand(JOURNAL, &[], &Stored::new(), 9, Hash([9; 32]));
        let held = Head { seq: 0, hash: Some(genesis(JOURNAL.hub, JOURNAL.epoch)) };
        assert_eq!(stand, Stand { standing: Standing::Extends, branch: 0, held });
    }

    #[test]
    fn a_journal_extends_what_ends_at_or_before_its_head() {
        assert_eq!(of(&[cursor(0, 5, 5)], &[(0, 5, 5)], 5, 5), (Standing::Extends, 0, 5));
        assert_eq!(of(&[cursor(0, 5, 5)], &[], 9, 9), (Standing::Extends, 0, 5));
    }

    #[test]
    fn a_restored_journal_is_behind_and_one_with_another_hash_is_beside() {
        assert_eq!(of(&[cursor(0, 9, 9)], &[(0, 5, 5)], 5, 5), (Standing::Behind, 0, 9));
        assert_eq!(of(&[cursor(0, 9, 9)], &[(0, 5, 5)], 5, 6), (Standing::Beside, 0, 9));
        assert_eq!(of(&[cursor(0, 5, 5)], &[(0, 5, 5)], 5, 6), (Standing::Beside, 0, 5));
    }

    #[test]
    fn of_several_branches_the_one_that_holds_the_head_is_the_journals_own() {
        let both = [cursor(0, 9, 9), cursor(1, 7, 70)];
        assert_eq!(of(&both, &[(0, 7, 7), (1, 7, 70)], 7, 70), (Standing::Extends, 1, 7));
        assert_eq!(of(&both, &[(0, 7, 7), (1, 7, 70)], 7, 7), (Standing::Behind, 0, 9));
        assert_eq!(of(&both, &[(0, 4, 4), (1, 4, 4)], 4, 4), (Standing::Behind, 1, 7));
        assert_eq!(of(&both, &[], 8, 8), (Standing::Extends, 1, 7), "the only one that is shorter");
    }
}
