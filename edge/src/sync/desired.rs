//! What the cloud desires: asked for over and over on a connection of its own, decided on beside the watch.
//!
//! Owns the long poll and its pace, and the way of a document to its decision: the pure part first, then the rehearsal
//! over the last day's records on a thread that may wait for the disk. The watch does what was decided, unless what it was
//! decided by has changed since. Record and live status wait for none of this, nor the watch.

use super::http::{Failure, Link, packed};
use super::live::forget;
use super::session::Session;
use super::{Order, Shared};
use crate::clock::Clock;
use crate::desired::Standing;
use crate::desired::decide::{Decision, held, rules_of, weighed};
use crate::desired::kept::Rules;
use crate::desired::rehearsal::{REACH, Rehearsal};
use crate::entropy::backoff;
use crate::store::StoreError;
use crate::store::last_day::LastDay;
use crate::watch::Decided;
use frostguard_shared::causes::with_causes;
use frostguard_shared::chain::{Hash, digest};
use frostguard_shared::event::RefusalCode;
use frostguard_shared::rules::SiteRules;
use frostguard_shared::signature::PublicKey;
use frostguard_shared::time::RuleMs;
use frostguard_shared::wire::desired::{COMMANDS_MAX, Desired, Poll, Signed, WAIT_MAX_MS};
use frostguard_shared::wire::{Reason, from_bytes, path};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

/// An answer that is held back comes within this, or never.
const WITHIN: Duration = Duration::from_millis(WAIT_MAX_MS + 15_000);
/// An answer without anything that comes sooner was not held back,
const AT_ONCE_MS: u64 = 1_000;
/// and the next one is asked for after this.
const AT_ONCE: Duration = Duration::from_millis(AT_ONCE_MS);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A document of as many units as there can be is far smaller.
const ANSWER_MAX: usize = 4 << 20;
/// A rehearsal that takes longer is judged by what it has seen.
const REHEARSED_WITHIN_MS: u64 = 10_000;
/// A decision that was overtaken is made anew so often before the document has to come again.
const DECIDED_ANEW: usize = 3;

/// The line of one enrolment.
struct Line<'a> {
    shared: &'a Shared,
    cloud: PublicKey,
    standing: Arc<Standing>,
    /// The last document that decided nothing: the same one is not recorded again.
    undecided: Option<Hash>,
}

/// Asks until the enrolment changes.
pub(super) async fn run(
    shared: &Shared,
    link: Link,
    cloud: PublicKey,
    sessions: &watch::Sender<Option<Arc<Session>>>,
) {
    let link = link.taking(ANSWER_MAX);
    let mut session = sessions.subscribe();
    let standing = Arc::clone(&shared.views.borrow().standing);
    let mut line = Line { shared, cloud, standing, undecided: None };
    let mut failures = 0;
    loop {
        let Some(present) = session.borrow_and_update().clone() else {
            if session.changed().await.is_err() {
                return;
            }
            continue;
        };
        let (poll, began) = (line.poll(), shared.now());
        let answer = tokio::select! {
            changed = session.changed() => if changed.is_err() { return } else { continue },
            answer = timeout(WITHIN, ask(&link, &poll, &present)) => answer,
        };
        let pause = match answer {
            // A cloud holds its answer back; one who does not is not asked without a pause.
            Ok(Ok(None)) if shared.now().0.saturating_sub(began.0) < AT_ONCE_MS => AT_ONCE,
            Ok(Ok(None)) => Duration::ZERO,
            Ok(Ok(Some(desired))) => match line.take(desired).await {
                true => Duration::ZERO,
                // It says what is known or cannot be used: asking at once would bring the same again.
                false => backoff(failures, LONGEST_WAIT),
            },
            Err(_) => backoff(failures, LONGEST_WAIT),
            Ok(Err(failure)) => {
                tracing::debug!(fault = with_causes(&failure), "what is desired could not be asked for");
                if failure.problem().is_some_and(|problem| problem.reason == Reason::Token) {
                    forget(sessions, &present);
                }
                failure.retry_after().unwrap_or_default().max(backoff(failures, LONGEST_WAIT))
            }
        };
        failures = if pause.is_zero() { 0 } else { failures + 1 };
        sleep(pause).await;
    }
}

async fn ask(link: &Link, poll: &Poll, session: &Session) -> Result<Option<Desired>, Failure> {
    let body = link.send(path::DESIRED, packed(poll)?, Some(&session.token)).await?;
    if body.is_empty() {
        return Ok(None);
    }
    from_bytes(&body).map(Some).map_err(|_| Failure::Strange { status: 200, retry_after: None })
}

impl Line<'_> {
    fn poll(&mut self) -> Poll {
        let shown = Arc::clone(&self.shared.views.borrow().standing);
        if shown.serial > self.standing.serial {
            self.standing = shown;
        }
        Poll {
            epoch: self.shared.heads.borrow().epoch,
            decided: self.standing.kept.decided,
            applied: self.standing.kept.applied(),
            received: self.standing.received.clone(),
        }
    }

    /// Takes what is desired; true if any of it was new.
    async fn take(&mut self, desired: Desired) -> bool {
        #[cfg(feature = "faults")]
        crate::faults::reached_place("desired.received");
        let mut is_new = false;
        if let Some(signed) = desired.document {
            is_new |= self.document(signed).await;
        }
        for signed in desired.commands.into_iter().take(COMMANDS_MAX) {
            is_new |= self.command(signed).await;
        }
        is_new
    }

    async fn command(&mut self, signed: Signed) -> bool {
        let (answer, answered) = oneshot::channel();
        (self.shared.give)(Order::Command(signed, answer));
        let Ok(standing) = answered.await else { return false };
        let is_new = standing.received != self.standing.received;
        self.standing = standing;
        is_new
    }

    /// Has a document decided on and the decision done; true if it decided anything.
    async fn document(&mut self, signed: Signed) -> bool {
        let mark = digest(&[&signed.bytes[..], &signed.signature.0].concat());
        if self.undecided == Some(mark) {
            return false;
        }
        for _ in 0..DECIDED_ANEW {
            let (standing, cloud, clock) =
                (Arc::clone(&self.standing), self.cloud, self.shared.clock.clone());
            let (path, now) =
                (self.shared.state_dir.join(crate::store::FILE), self.shared.views.borrow().rule);
            let judged = signed.clone();
            let deciding =
                tokio::task::spawn_blocking(move || decide(&standing, &judged, &cloud, &path, now, &clock));
            let Ok(decision) = deciding.await else { return false };
            let is_decided = !matches!(&decision, Decision::Refuse(refusal) if refusal.decides.is_none());
            let (answer, answered) = oneshot::channel();
            let (after, step) = (self.standing.kept.decided, self.standing.kept.step);
            (self.shared.give)(Order::Configure(Box::new(Decided { after, step, decision }), answer));
            match answered.await {
                Ok(Ok(standing)) => {
                    self.standing = standing;
                    self.undecided = (!is_decided).then_some(mark);
                    return is_decided;
                }
                Ok(Err(standing)) => self.standing = standing,
                Err(_) => return false,
            }
        }
        false
    }
}

/// The whole decision on a document.
fn decide(
    standing: &Standing,
    signed: &Signed,
    cloud: &PublicKey,
    journal: &Path,
    now: RuleMs,
    clock: &Clock,
) -> Decision {
    let proposed = match rules_of(standing, signed, cloud) {
        Ok(proposed) => proposed,
        Err(refusal) => return Decision::Refuse(refusal),
    };
    let mut against = held(standing, &proposed);
    match rehearse(standing, &proposed, journal, now, clock) {
        Ok(reason) => against.extend(reason.map(|reason| (RefusalCode::DryRun, reason))),
        // A record that cannot be read is an alarm of its own, and no reason to keep old limits.
        Err(fault) => {
            tracing::warn!(fault = with_causes(&fault), "the last day could not be read for a rehearsal");
        }
    }
    weighed(proposed, against)
}

fn rehearse(
    standing: &Standing,
    proposed: &Rules,
    journal: &Path,
    now: RuleMs,
    clock: &Clock,
) -> Result<Option<String>, StoreError> {
    let from = now - REACH;
    let in_force = standing.site.rules();
    let mut rules: SiteRules = in_force.clone();
    rules.units.extend(proposed.rules.clone());
    let began = clock.sample().boottime.0;
    let mut day = LastDay::open(journal, standing.kept.hub, from)?;
    let mut rehearsal = Rehearsal::new(day.snapshot().clone(), from, &in_force, &rules);
    while let Some(piece) = day.next_piece()? {
        rehearsal.take(piece);
        if clock.sample().boottime.0.saturating_sub(began) > REHEARSED_WITHIN_MS {
            tracing::warn!("the rehearsal took too long and is judged by what it has seen");
            break;
        }
    }
    Ok(rehearsal.verdict(now, &standing.site))
}
