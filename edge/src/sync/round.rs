//! Rounds: does what the plan says, and tells it what came of it.
//!
//! Owns the order of one step: before it the plan is shown what is durable, after it the page is shown how it stands.
//! What the cloud has acknowledged goes to the watch, which writes it with its next group.

use super::batch::{Batch, BatchError, Prepared};
use super::http::{Failure, Link};
use super::plan::{Answered, Held, Plan, Sent, Setback, Step};
use super::session::{LoggedIn, Session, Who, log_in};
use super::shown::{CloudState, Drain};
use super::{Order, Read, Shared, pause};
use crate::store::Outbox;
use crate::store::journal::{self, Anew, Heads, Stream};
use crate::store::outbox::Wanted;
use frostguard_shared::causes::with_causes;
use frostguard_shared::signature::PublicKey;
use frostguard_shared::time::BoottimeMs;
use frostguard_shared::wire::record::Acknowledged;
use frostguard_shared::wire::{Problem, RECORDS_MAX, Reason, from_bytes, path};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// A round that is read while the one before it is on its way. What is committed does not change, so it is as good then
/// as it is now, if the cloud has taken what was thought.
struct Ahead {
    wanted: Wanted,
    /// What the watch had told of then. If it has told of more since, there may be an event that has to go first.
    heads: Heads,
    read: JoinHandle<Read>,
}

/// The rounds of one enrolment.
pub(super) struct Rounds<'a> {
    shared: &'a Shared,
    link: Link,
    cloud: PublicKey,
    sessions: &'a watch::Sender<Option<Arc<Session>>>,
    plan: Plan,
    outbox: Option<Outbox>,
    ahead: Option<Ahead>,
    /// What is wrong with the record that is stuck.
    trouble: Option<String>,
    drain: Option<Drain>,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        link: Link,
        cloud: PublicKey,
        sessions: &'a watch::Sender<Option<Arc<Session>>>,
        plan: Plan,
    ) -> Self {
        Self { shared, link, cloud, sessions, plan, outbox: None, ahead: None, trouble: None, drain: None }
    }

    /// One step after another, until the hub or the enrolment ends.
    pub(super) async fn run(&mut self) {
        let (mut heads, mut session) = (self.shared.heads.clone(), self.sessions.subscribe());
        loop {
            self.plan.see(*heads.borrow_and_update());
            if session.borrow_and_update().is_none() && self.plan.has_session() {
                self.plan.session_lost(self.shared.now(), pause(self.plan.failures()));
            }
            let step = self.plan.next(self.shared.now());
            self.show(&step);
            match step {
                Step::Wait(until) => tokio::select! {
                    changed = heads.changed() => if changed.is_err() { return },
                    changed = session.changed() => if changed.is_err() { return },
                    () = sleep_until(self.shared, until) => {}
                },
                Step::LogIn => self.log_in().await,
                Step::SendSite => self.send_site().await,
                Step::SendRecords(wanted) => self.send_records(wanted).await,
                Step::BeginAnew(why) => self.begin_anew(why).await,
            }
        }
    }

    async fn log_in(&mut self) {
        let heads = self.plan.heads();
        let site_hash = self.shared.site_hash();
        let who = Who { sender: &self.shared.sender, cloud: self.cloud, heads, site_hash };
        match log_in(&self.link, &who, &self.shared.clock).await {
            Ok(LoggedIn { reply, asked, time: (wall, at, error_ms) }) => {
                if self.shared.clock.needs_cloud() {
                    self.shared.clock.told_by_cloud(wall, at, error_ms);
                    let (answer, answered) = oneshot::channel();
                    (self.shared.give)(Order::ClockSet(answer));
                    // A watch that has ended answers no more, and the hub ends with it.
                    let _ = answered.await;
                }
                let held = Held { events: reply.events.seq, readings: reply.readings.seq };
                let answered = Answered { held, standing: reply.standing, site_wanted: reply.site_wanted };
                self.plan.logged_in(asked, reply.valid_ms, answered);
                tracing::info!(events = held.events, readings = held.readings, "logged in to the cloud");
                self.sessions
                    .send_replace(Some(Arc::new(Session { token: super::http::Token(reply.token) })));
                self.went_well();
                self.drain = None;
                self.note(None);
            }
            Err(failure) => self.set_back(Sent::Login, &failure),
        }
    }

    async fn send_site(&mut self) {
        let Some(session) = self.session() else { return };
        let answer = super::http::packed(&self.shared.site());
        let sent = match answer {
            Ok(body) => self.link.send(path::SITE, body, Some(&session.token)).await,
            Err(failure) => Err(failure),
        };
        match sent {
            Ok(_) => self.plan.site_taken(),
            Err(failure) => self.set_back(Sent::Site, &failure),
        }
    }

    async fn send_records(&mut self, wanted: Wanted) {
        let prepared = self.read(wanted).await;
        let Prepared { heads, batches } = match prepared {
            Ok(prepared) => prepared,
            Err(fault) => return self.cannot_read(&fault),
        };
        if batches.is_empty() {
            return self.plan.nothing_to_send(self.plan.heads());
        }
        if heads.epoch != self.plan.heads().epoch {
            // The file is of another epoch than the watch has told of yet: it will.
            return self.plan.put_off(self.shared.now(), pause(0));
        }
        self.read_ahead(wanted, heads, &batches);
        for batch in batches {
            if !self.send(batch).await {
                return;
            }
        }
    }

    /// Reads a round, unless it was read ahead already.
    async fn read(&mut self, wanted: Wanted) -> Result<Prepared, BatchError> {
        let (outbox, ahead) = match self.ahead.take() {
            Some(ahead) if (ahead.wanted, ahead.heads) == (wanted, self.plan.heads()) => {
                (None, Some(ahead.read))
            }
            Some(other) => (other.read.await.ok().and_then(|(outbox, _)| outbox), None),
            None => (self.outbox.take(), None),
        };
        let read = ahead.unwrap_or_else(|| self.shared.prepare(outbox, wanted));
        let (outbox, prepared) = read.await.unwrap_or((None, Err(BatchError::Interrupted)));
        self.outbox = outbox;
        prepared
    }

    /// Begins to read what follows these batches, if anything does.
    fn read_ahead(&mut self, wanted: Wanted, heads: Heads, batches: &[Batch]) {
        let mut next = wanted;
        for batch in batches {
            let (after, most) = match batch.stream {
                Stream::Events => (&mut next.events_after, &mut next.events_most),
                Stream::Readings => (&mut next.readings_after, &mut next.readings_most),
            };
            (*after, *most) = (batch.last, (*most * 2).min(RECORDS_MAX));
        }
        if next.events_after < heads.events || next.readings_after < heads.readings {
            let read = self.shared.prepare(self.outbox.take(), next);
            self.ahead = Some(Ahead { wanted: next, heads: self.plan.heads(), read });
        }
    }

    /// Sends a batch; true if the round can go on.
    async fn send(&mut self, batch: Batch) -> bool {
        let Some(session) = self.session() else { return false };
        let (to, sent) = match batch.stream {
            Stream::Events => (path::EVENTS, Sent::Events(batch.count)),
            Stream::Readings => (path::READINGS, Sent::Readings(batch.count)),
        };
        before(batch.stream);
        let answer = self.link.send(to, batch.body, Some(&session.token)).await;
        let held = answer.and_then(|body| {
            let strange = |_| Failure::Strange { status: 200, retry_after: None };
            from_bytes::<Acknowledged>(&body).map(|answer| answer.held.seq).map_err(strange)
        });
        match held {
            Ok(held) => {
                acknowledged(batch.stream);
                let failures = self.plan.failures();
                self.plan.taken(batch.stream, held, self.shared.now(), pause(failures));
                self.note(batch.checkpoint.filter(|(size, _)| *size == held));
                self.went_well();
                held == batch.last
            }
            Err(failure) => {
                self.set_back(sent, &failure);
                false
            }
        }
    }

    /// Nothing is wrong any more, but for a record that is stuck.
    fn went_well(&mut self) {
        if self.plan.stuck().is_none() {
            self.trouble = None;
        }
        let error = self.trouble.clone();
        self.shared.shown.send_modify(|view| view.error = error);
    }

    fn session(&mut self) -> Option<Arc<Session>> {
        let session = self.sessions.borrow().clone();
        if session.is_none() {
            self.plan.session_lost(self.shared.now(), pause(self.plan.failures()));
        }
        session
    }

    /// Has the watch note what the cloud holds.
    fn note(&self, checkpoint: Option<(u64, String)>) {
        let Held { events, readings } = self.plan.held();
        let epoch = self.plan.heads().epoch;
        (self.shared.give)(Order::Note(journal::Held { epoch, events, readings, checkpoint }));
        #[cfg(feature = "faults")]
        crate::faults::reached_place("sync.acknowledgement_noted");
    }

    fn cannot_read(&mut self, fault: &BatchError) {
        let error = with_causes(fault);
        tracing::error!(error, "the record cannot be read for sending");
        self.outbox = None;
        match fault.breaks_the_record() {
            Some(broken) => self.plan.record_broken(with_causes(broken)),
            None => self.plan.put_off(self.shared.now(), pause(self.plan.failures())),
        }
        self.shared.shown.send_modify(|view| view.error = Some(error));
    }

    async fn begin_anew(&mut self, why: Anew) {
        // The file is about to be renamed: nothing of ours may hold it.
        if let Some(ahead) = self.ahead.take() {
            drop(ahead.read.await);
        }
        self.outbox = None;
        let (answer, answered) = oneshot::channel();
        (self.shared.give)(Order::BeginAnew(why, answer));
        match answered.await {
            Ok(Ok(heads)) => self.plan.begun_anew(heads, self.shared.now()),
            Ok(Err(fault)) => {
                let error = with_causes(&fault);
                tracing::error!(error, "a new epoch cannot begin");
                self.shared.shown.send_modify(|view| view.error = Some(error));
                self.plan.put_off(self.shared.now(), pause(self.plan.failures()));
            }
            // The watch has ended, or was too busy to take the order: it is given again.
            Err(_) => self.plan.put_off(self.shared.now(), pause(self.plan.failures())),
        }
    }

    fn set_back(&mut self, sent: Sent, failure: &Failure) {
        let now = self.shared.now();
        // What the cloud asks for is the least; chance spreads the hubs that it asked all at once.
        let wait = failure.retry_after().unwrap_or_default() + pause(self.plan.failures());
        let setback = match failure.problem() {
            Some(problem) => Setback::Refused(problem.clone()),
            None if failure.is_too_slow() => Setback::TooSlow,
            None => Setback::Unanswered,
        };
        let is_first = self.plan.failures() == 0;
        self.plan.set_back(sent, &setback, now, wait);
        let mut error = with_causes(failure);
        let is_pause =
            |problem: &Problem| matches!(problem.reason, Reason::Busy | Reason::Unavailable | Reason::Token);
        if let (Some((stream, seq)), Setback::Refused(problem)) = (self.plan.stuck(), &setback)
            && !is_pause(problem)
        {
            let what = if stream == Stream::Events { "event" } else { "reading" };
            error = format!("the cloud does not take {what} {seq}: {error}");
            self.trouble = Some(error.clone());
        }
        if is_first {
            tracing::warn!(error, ?sent, "sync is set back; later ones in a row are only shown");
        } else {
            tracing::debug!(error, ?sent, "sync is set back");
        }
        self.shared.shown.send_modify(|view| view.error = Some(error));
        if !self.plan.has_session() {
            self.sessions.send_replace(None);
        }
    }

    /// Shows how it stands before a step.
    fn show(&mut self, step: &Step) {
        let now = self.shared.now();
        let (heads, held) = (self.plan.heads(), self.plan.held());
        let waiting = heads.events.saturating_sub(held.events) + heads.readings.saturating_sub(held.readings);
        let state = match step {
            Step::Wait(_) if self.plan.is_paused(now) => CloudState::Waiting,
            Step::Wait(_) if self.plan.stuck().is_some() => CloudState::Waiting,
            Step::Wait(_) if self.plan.is_drained() => CloudState::Live,
            Step::LogIn | Step::BeginAnew(_) if !self.plan.has_session() => CloudState::Connecting,
            _ if self.shared.shown.borrow().state == CloudState::Live => CloudState::Live,
            _ => CloudState::Draining,
        };
        if state == CloudState::Draining {
            let drain = self.drain.get_or_insert(Drain::begins(now, waiting));
            let progress = drain.progress(now, waiting);
            self.shared.show(state, |view| view.progress = Some(progress));
        } else {
            self.drain = None;
            self.shared.show(state, |view| view.progress = None);
        }
        let wall = self.shared.clock.sample().wall;
        self.shared.shown.send_modify(|view| {
            view.set_streams(heads, held);
            if let (CloudState::Waiting, Step::Wait(Some(until))) = (state, step) {
                let left = frostguard_shared::time::DurationMs(until.0.saturating_sub(now.0) as i64);
                view.until = Some(wall + left);
            }
        });
    }
}

async fn sleep_until(shared: &Shared, until: Option<BoottimeMs>) {
    match until {
        Some(until) => sleep(Duration::from_millis(until.0.saturating_sub(shared.now().0).max(1))).await,
        None => std::future::pending().await,
    }
}

#[cfg(feature = "faults")]
fn before(stream: Stream) {
    crate::faults::reached_place(match stream {
        Stream::Events => "sync.before_events",
        Stream::Readings => "sync.before_readings",
    });
}

#[cfg(not(feature = "faults"))]
fn before(_: Stream) {}

#[cfg(feature = "faults")]
fn acknowledged(stream: Stream) {
    crate::faults::reached_place(match stream {
        Stream::Events => "sync.events_acknowledged",
        Stream::Readings => "sync.readings_acknowledged",
    });
}

#[cfg(not(feature = "faults"))]
fn acknowledged(_: Stream) {}
