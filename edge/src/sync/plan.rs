//! The plan: what to do next for the cloud. Pure.
//!
//! Owns the session's end, how far the cloud holds both streams, how much is sent at once, and when to try again.
//! Takes what came of the last step; gives the next one. Events go before the readings made under them, a batch that
//! is not taken is halved down to the one record that is at fault, and that record is tried slowly for ever and shown:
//! no cursor is ever wedged in silence.

use crate::store::journal::{Anew, Heads, Stream};
use crate::store::outbox::Wanted;
use frostguard_shared::time::BoottimeMs;
use frostguard_shared::wire::login::Standing;
use frostguard_shared::wire::{Head, Problem, RECORDS_MAX, Reason};
use std::time::Duration;

/// A hub logs in anew when so little is left of its session.
const RENEW_BEFORE_MS: u64 = 30_000;
/// A second new epoch begins no sooner after the first, and each further one after twice as long, up to about an hour: a cloud
/// that never agrees must not fill the disk with epochs.
const ANEW_AGAIN_MS: u64 = 60_000;
const ANEW_DOUBLINGS: u32 = 6;
/// A session is used at least this long, whatever the cloud says, so that no hub only ever logs in.
const SHORTEST_SESSION_MS: u64 = 2_000;
/// What will not get better by itself is tried again after so long.
pub const SLOW: Duration = Duration::from_secs(300);
/// A line so slow that a batch takes too long is given smaller ones, down to this.
const SLOW_LINE_MOST: usize = 64;

/// What to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Nothing before this time, or before something changes.
    Wait(Option<BoottimeMs>),
    /// Log in.
    LogIn,
    /// Tell the site.
    SendSite,
    /// Read a round of records and send it.
    SendRecords(Wanted),
    /// Have the watch begin a new epoch.
    BeginAnew(Anew),
}

/// What was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// The login, or its challenge.
    Login,
    /// The site.
    Site,
    /// So many events.
    Events(usize),
    /// So many readings and gaps.
    Readings(usize),
}

/// Why a step did not come to its end.
#[derive(Clone, Debug)]
pub enum Setback {
    /// The cloud refuses.
    Refused(Problem),
    /// The whole took too long.
    TooSlow,
    /// No answer, or a strange one.
    Unanswered,
}

/// How a stream is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Pace {
    /// Records at once.
    most: usize,
    /// The record that the cloud does not take is tried again then.
    again: BoottimeMs,
}

impl Pace {
    const FULL: Self = Self { most: RECORDS_MAX, again: BoottimeMs(0) };

    /// How many may be sent now.
    fn allows(self, now: BoottimeMs) -> usize {
        if now < self.again { 0 } else { self.most }
    }
}

/// The plan of one enrolment.
#[derive(Clone, Debug)]
pub struct Plan {
    heads: Heads,
    /// When to log in anew; `None` without a session.
    renew: Option<BoottimeMs>,
    /// Something was accepted in this session.
    proven: bool,
    held: Held,
    events: Pace,
    readings: Pace,
    /// The heads at which a round found nothing more to send.
    drained: Option<Heads>,
    site_wanted: bool,
    site_again: BoottimeMs,
    anew: Option<Anew>,
    /// How many epochs have begun, and when the next one may.
    epochs: u32,
    anew_from: BoottimeMs,
    not_before: BoottimeMs,
    failures: u32,
    stuck: Option<(Stream, u64)>,
}

/// What the cloud holds of both streams.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Held {
    /// The last event.
    pub events: u64,
    /// The last reading.
    pub readings: u64,
}

/// What a login is answered with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answered {
    /// What the cloud holds of this epoch.
    pub held: Held,
    /// How the journal stands to that.
    pub standing: Standing,
    /// Whether it wants the site message.
    pub site_wanted: bool,
}

impl Plan {
    /// The plan of a hub that has not logged in yet; `held` is what the cloud said last.
    pub fn new(heads: Heads, held: Held) -> Self {
        Self {
            heads,
            renew: None,
            proven: false,
            held,
            events: Pace::FULL,
            readings: Pace::FULL,
            drained: None,
            site_wanted: false,
            site_again: BoottimeMs(0),
            anew: None,
            epochs: 0,
            anew_from: BoottimeMs(0),
            not_before: BoottimeMs(0),
            failures: 0,
            stuck: None,
        }
    }

    /// What to do now.
    pub fn next(&self, now: BoottimeMs) -> Step {
        if now < self.not_before {
            return Step::Wait(Some(self.not_before));
        }
        match &self.anew {
            Some(_) if now < self.anew_from => return Step::Wait(Some(self.anew_from)),
            Some(why) => return Step::BeginAnew(why.clone()),
            None => {}
        }
        let Some(renew) = self.renew.filter(|renew| now < *renew) else { return Step::LogIn };
        if self.site_wanted && now >= self.site_again {
            return Step::SendSite;
        }
        if let Some(wanted) = self.wanted(now) {
            return Step::SendRecords(wanted);
        }
        let mut until = renew;
        for (waits, again) in [
            (self.site_wanted, self.site_again),
            (self.stuck.is_some(), self.events.again),
            (self.stuck.is_some(), self.readings.again),
        ] {
            if waits && now < again {
                until = until.min(again);
            }
        }
        Step::Wait(Some(until))
    }

    fn wanted(&self, now: BoottimeMs) -> Option<Wanted> {
        let events_wait = self.heads.events > self.held.events;
        let readings_wait = self.heads.readings > self.held.readings;
        let (events, readings) = (self.events.allows(now), self.readings.allows(now));
        // Readings cannot go before the events that they were made under.
        let is_possible = if events_wait { events > 0 } else { readings_wait && readings > 0 };
        (is_possible && self.drained != Some(self.heads)).then_some(Wanted {
            events_after: self.held.events,
            events_most: events,
            readings_after: self.held.readings,
            readings_most: readings,
        })
    }

    /// What is durable now. Another epoch means that nothing of it is held, and another login.
    pub fn see(&mut self, heads: Heads) {
        if heads.epoch != self.heads.epoch {
            (self.held, self.renew, self.drained, self.anew) = (Held::default(), None, None, None);
            (self.stuck, self.not_before) = (None, BoottimeMs(0));
            (self.events, self.readings) = (Pace::FULL, Pace::FULL);
        }
        self.heads = heads;
    }

    /// A new epoch has begun, as was asked.
    pub fn begun_anew(&mut self, heads: Heads, now: BoottimeMs) {
        let wait = ANEW_AGAIN_MS << self.epochs.min(ANEW_DOUBLINGS);
        (self.epochs, self.anew_from) = (self.epochs + 1, BoottimeMs(now.0 + wait));
        self.see(heads);
    }

    /// What is durable.
    pub fn heads(&self) -> Heads {
        self.heads
    }
    /// What the cloud holds.
    pub fn held(&self) -> Held {
        self.held
    }
    /// True while there is a session.
    pub fn has_session(&self) -> bool {
        self.renew.is_some()
    }
    /// How often in a row something failed.
    pub fn failures(&self) -> u32 {
        self.failures
    }
    /// The record that the cloud does not take, if there is one.
    pub fn stuck(&self) -> Option<(Stream, u64)> {
        self.stuck
    }
    /// True while a pause lasts.
    pub fn is_paused(&self, now: BoottimeMs) -> bool {
        now < self.not_before || self.anew.is_some()
    }
    /// True if everything that is durable has been sent.
    pub fn is_drained(&self) -> bool {
        self.drained == Some(self.heads)
            || (self.heads.events <= self.held.events && self.heads.readings <= self.held.readings)
    }

    /// The login was answered: the cloud says what it holds, and how the journal stands to that.
    pub fn logged_in(&mut self, now: BoottimeMs, valid_ms: u64, reply: Answered) {
        let Answered { held, standing, site_wanted } = reply;
        let valid_ms = valid_ms.max(SHORTEST_SESSION_MS);
        let renew = (valid_ms / 2).max(valid_ms.saturating_sub(RENEW_BEFORE_MS));
        self.renew = Some(BoottimeMs(now.0.saturating_add(renew)));
        (self.proven, self.site_wanted) = (false, site_wanted);
        match standing {
            Standing::Extends => (self.held, self.drained) = (held, None),
            Standing::Behind | Standing::Beside => self.anew = Some(Anew::CloudDiffers),
        }
    }

    /// The token is not good any more. `wait` is for a token that never was.
    pub fn session_lost(&mut self, now: BoottimeMs, wait: Duration) {
        self.renew = None;
        if !self.proven {
            self.fail(now, wait);
        }
    }

    /// The site was taken.
    pub fn site_taken(&mut self) {
        (self.site_wanted, self.proven, self.failures) = (false, true, 0);
    }

    /// A batch was taken up to and including `held`.
    pub fn taken(&mut self, stream: Stream, held: u64, now: BoottimeMs, wait: Duration) {
        let (mine, pace) = match stream {
            Stream::Events => (&mut self.held.events, &mut self.events),
            Stream::Readings => (&mut self.held.readings, &mut self.readings),
        };
        let went_on = held > *mine;
        *mine = held;
        *pace = Pace { most: (pace.most * 2).min(RECORDS_MAX), again: BoottimeMs(0) };
        self.proven = true;
        if went_on {
            self.failures = 0;
            self.stuck = self.stuck.filter(|(stuck, at)| *stuck != stream || *at > held);
        } else {
            // An answer that takes nothing must not be asked for again and again without a pause.
            self.fail(now, wait);
        }
    }

    /// A round of these heads had nothing to send.
    pub fn nothing_to_send(&mut self, heads: Heads) {
        self.drained = Some(heads);
    }

    /// The record in the file does not fit together: a new epoch has to begin.
    pub fn record_broken(&mut self, what: String) {
        self.anew = Some(Anew::Damaged(what));
    }

    /// The new epoch could not begin, or the journal could not be read: later.
    pub fn put_off(&mut self, now: BoottimeMs, wait: Duration) {
        self.fail(now, wait);
    }

    /// Something did not come to its end. `wait` is the pause that chance and the cloud ask for.
    pub fn set_back(&mut self, sent: Sent, setback: &Setback, now: BoottimeMs, wait: Duration) {
        let problem = match setback {
            Setback::Refused(problem) => problem,
            Setback::TooSlow => {
                self.send_less(sent);
                return self.fail(now, wait);
            }
            Setback::Unanswered => {
                self.send_less(sent);
                return self.fail(now, wait);
            }
        };
        match (problem.reason, sent) {
            (Reason::Token, _) => self.session_lost(now, wait),
            (Reason::Busy, _) => self.fail(now, wait),
            (Reason::Unavailable, _) => {
                // It may be the size of the batch that the cloud cannot do.
                self.send_less(sent);
                self.fail(now, wait);
            }
            (Reason::BrokenLink, Sent::Events(_) | Sent::Readings(_)) => self.anew = Some(Anew::CloudDiffers),
            (Reason::Ahead, Sent::Events(_)) => self.rewind(Stream::Events, problem.held, now, wait),
            (Reason::Ahead, Sent::Readings(_)) => self.rewind(Stream::Readings, problem.held, now, wait),
            (Reason::EventsFirst, Sent::Readings(_)) => self.rewind(Stream::Events, problem.held, now, wait),
            (_, Sent::Events(_) | Sent::Readings(_)) => self.halve(sent, now),
            // The record itself does not wait for the site's description.
            (_, Sent::Site) => self.site_again = later(now, SLOW),
            (Reason::Login, Sent::Login) => self.fail(now, wait),
            (_, Sent::Login) => self.fail(now, SLOW),
        }
    }

    /// Sends half as much next time, down to what a slow line takes.
    fn send_less(&mut self, sent: Sent) {
        if let Some((pace, count)) = self.pace_of(sent) {
            pace.most = (count / 2).max(SLOW_LINE_MOST);
        }
    }

    /// The cloud holds less than was thought: go on from there.
    fn rewind(&mut self, stream: Stream, held: Option<Head>, now: BoottimeMs, wait: Duration) {
        self.drained = None;
        let mine = match stream {
            Stream::Events => &mut self.held.events,
            Stream::Readings => &mut self.held.readings,
        };
        match held.map(|held| held.seq) {
            Some(held) if held < *mine => *mine = held,
            // Nothing to go back to: asking at once for the same would go on for ever. A login tells how things stand.
            Some(_) | None => {
                self.renew = None;
                self.fail(now, wait);
            }
        }
    }

    /// The batch is not taken: half of it may be. A single record that is not taken is tried slowly, and the other
    /// stream goes on as far as it can.
    fn halve(&mut self, sent: Sent, now: BoottimeMs) {
        let next = match sent {
            Sent::Events(_) => (Stream::Events, self.held.events + 1),
            Sent::Login | Sent::Site | Sent::Readings(_) => (Stream::Readings, self.held.readings + 1),
        };
        let Some((pace, count)) = self.pace_of(sent) else { return };
        if count > 1 {
            pace.most = count / 2;
        } else {
            *pace = Pace { most: 1, again: later(now, SLOW) };
            self.stuck = Some(next);
        }
    }

    fn pace_of(&mut self, sent: Sent) -> Option<(&mut Pace, usize)> {
        match sent {
            Sent::Events(count) => Some((&mut self.events, count)),
            Sent::Readings(count) => Some((&mut self.readings, count)),
            Sent::Login | Sent::Site => None,
        }
    }

    fn fail(&mut self, now: BoottimeMs, wait: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = later(now, wait);
    }
}

fn later(now: BoottimeMs, wait: Duration) -> BoottimeMs {
    BoottimeMs(now.0.saturating_add(wait.as_millis() as u64))
}

#[cfg(test)]
mod tests;
