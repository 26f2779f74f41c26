//! What is shown of the cloud: on the hub's page, in its status, and to whoever asks the command line.

use crate::store::journal::Heads;
use crate::sync::plan::Held;
use frostguard_shared::time::{BoottimeMs, WallMs};
use serde::Serialize;

/// How it stands between hub and cloud.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CloudState {
    /// The hub belongs to no cloud, or is told not to speak to it.
    NotEnrolled,
    /// It tries to log in.
    Connecting,
    /// A backlog is on its way.
    Draining,
    /// The cloud holds everything as it comes.
    Live,
    /// It waits before it tries again.
    Waiting,
}

/// A stream's ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct StreamView {
    /// The last number that is durable.
    pub last: u64,
    /// The last number that the cloud holds.
    pub acknowledged: u64,
}

impl StreamView {
    /// How many wait to be sent.
    pub fn waiting(self) -> u64 {
        self.last.saturating_sub(self.acknowledged)
    }
}

/// How far a backlog has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Progress {
    /// Of what waited when it began.
    pub percent: u8,
    /// Records a second since then.
    pub per_second: u64,
    /// At that rate, until it is done.
    pub seconds_left: u64,
}

/// All of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CloudView {
    /// How it stands.
    pub state: CloudState,
    /// Since when.
    pub since: WallMs,
    /// The cloud's address.
    pub url: Option<String>,
    /// The organization and site there.
    pub name: Option<String>,
    /// Events.
    pub events: StreamView,
    /// Readings.
    pub readings: StreamView,
    /// When it is tried again.
    pub until: Option<WallMs>,
    /// What is wrong, if something is.
    pub error: Option<String>,
    /// How far a backlog has got.
    pub progress: Option<Progress>,
}

impl CloudView {
    /// A hub of which nothing is known yet.
    pub fn nothing() -> Self {
        Self {
            state: CloudState::NotEnrolled,
            since: WallMs(0),
            url: None,
            name: None,
            events: StreamView::default(),
            readings: StreamView::default(),
            until: None,
            error: None,
            progress: None,
        }
    }

    /// Takes the ends of both streams.
    pub fn set_streams(&mut self, heads: Heads, held: Held) {
        self.events = StreamView { last: heads.events, acknowledged: held.events };
        self.readings = StreamView { last: heads.readings, acknowledged: held.readings };
    }

    /// How many records wait.
    pub fn waiting(&self) -> u64 {
        self.events.waiting() + self.readings.waiting()
    }
}

/// A backlog under way.
#[derive(Clone, Copy, Debug)]
pub struct Drain {
    began: BoottimeMs,
    waited: u64,
}

impl Drain {
    /// A backlog of so many records begins to go.
    pub fn begins(now: BoottimeMs, waiting: u64) -> Self {
        Self { began: now, waited: waiting }
    }

    /// How far it has got when so many still wait.
    pub fn progress(&mut self, now: BoottimeMs, waiting: u64) -> Progress {
        // What is recorded meanwhile makes the whole larger, never the progress smaller than nothing.
        self.waited = self.waited.max(waiting);
        let sent = self.waited - waiting;
        let per_second = sent.saturating_mul(1_000) / now.0.saturating_sub(self.began.0).max(1);
        Progress {
            percent: (sent.saturating_mul(100) / self.waited.max(1)).min(100) as u8,
            per_second,
            seconds_left: waiting.checked_div(per_second).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_shows_its_share_its_rate_and_what_is_left() {
        let mut drain = Drain::begins(BoottimeMs(1_000), 1_000);
        let progress = drain.progress(BoottimeMs(3_000), 500);
        assert_eq!(progress, Progress { percent: 50, per_second: 250, seconds_left: 2 });
        let grown = drain.progress(BoottimeMs(4_000), 2_000);
        assert_eq!(grown, Progress { percent: 0, per_second: 0, seconds_left: 0 });
        assert_eq!(drain.progress(BoottimeMs(4_000), 0).percent, 100);
    }
}
