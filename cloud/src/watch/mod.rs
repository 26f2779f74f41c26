//! Watching: tells whoever looks on what has changed of their organization, as it changes.
//!
//! Owns who looks on. For each organization that somebody watches there is one task (`organization`), which asks the
//! database once a second for all of them; nobody watching costs nothing. What is news is decided by [`followed`]. Bounded:
//! places for one organization and for the process, and turns that wait for a slow reader, who is told to begin anew
//! when they are gone. A key or session that is no longer good ends what it has opened within a few turns.

pub mod followed;
mod organization;

use crate::counters::Count;
use crate::store::Database;
use crate::store::doors::SecretHash;
use frostguard_shared::ids::OrganizationId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, broadcast, oneshot, watch};
use tokio::task::AbortHandle;

/// Places for one organization.
pub const PLACES: usize = 50;
/// Places for all of them.
pub const PLACES_OF_ALL: usize = 500;
/// Organizations that the database is asked for at once.
pub const AT_ONCE: usize = 2;

/// There is no place, or the service is stopping. Ask to come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("there is no place to watch from")]
pub struct NoPlace;

/// How fast it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// From one turn to the next.
    pub every: Duration,
    /// Turns with news that wait for a slow reader.
    pub held: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { every: Duration::from_secs(1), held: 16 }
    }
}

/// One thing that is told: its kind and its JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// `unit`, `alert`, …
    pub event: &'static str,
    /// The JSON.
    pub data: String,
}

/// What is told at once.
pub type Turn = Arc<[Line]>;

/// What somebody who watches hears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Everything that changes from now on is told.
    Hello,
    /// Something has changed.
    Turn(Turn),
    /// Something was not told: everything may be another.
    Reset,
}

struct Listener {
    secret: SecretHash,
    end: Option<oneshot::Sender<()>>,
}

struct Watched {
    turns: broadcast::Sender<Turn>,
    ready: watch::Sender<bool>,
    listeners: BTreeMap<u64, Listener>,
    task: AbortHandle,
}

#[derive(Default)]
struct Places {
    organizations: BTreeMap<OrganizationId, Watched>,
    taken: usize,
    next: u64,
}

struct Inner {
    database: Database,
    pace: Pace,
    asking: Semaphore,
    stopping: watch::Sender<bool>,
    places: Mutex<Places>,
}

impl Inner {
    fn places(&self) -> MutexGuard<'_, Places> {
        // Whoever panicked held nothing half done: every change below is one step.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where people watch from.
#[derive(Clone)]
pub struct Watch(Arc<Inner>);

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("taken", &self.taken()).finish_non_exhaustive()
    }
}

impl Watch {
    /// Over a database, with nobody there.
    pub fn new(database: Database, pace: Pace) -> Self {
        Self(Arc::new(Inner {
            database,
            pace,
            asking: Semaphore::new(AT_ONCE),
            stopping: watch::Sender::new(false),
            places: Mutex::default(),
        }))
    }

    /// Places that are taken.
    pub fn taken(&self) -> usize {
        self.0.places().taken
    }

    /// Takes a place for somebody who is known by this secret.
    ///
    /// # Errors
    /// There is none.
    pub fn listen(&self, organization: OrganizationId, secret: SecretHash) -> Result<Listening, NoPlace> {
        let mut places = self.0.places();
        let of_organization = places.organizations.get(&organization).map_or(0, |one| one.listeners.len());
        let is_stopping = *self.0.stopping.borrow();
        if is_stopping || places.taken >= PLACES_OF_ALL || of_organization >= PLACES {
            Count::StreamsRefused.one();
            return Err(NoPlace);
        }
        let number = places.next;
        places.next += 1;
        places.taken += 1;
        let watched = places.organizations.entry(organization).or_insert_with(|| self.begin(organization));
        let (end, ended) = oneshot::channel();
        watched.listeners.insert(number, Listener { secret, end: Some(end) });
        Ok(Listening {
            turns: watched.turns.subscribe(),
            ready: watched.ready.subscribe(),
            stopping: self.0.stopping.subscribe(),
            ended,
            greeting: Greeting::Owed,
            _place: Place { watch: self.clone(), organization, number },
        })
    }

    fn begin(&self, organization: OrganizationId) -> Watched {
        let (turns, _) = broadcast::channel(self.0.pace.held);
        let ready = watch::Sender::new(false);
        let task =
            tokio::spawn(organization::follow(self.clone(), organization, turns.clone(), ready.clone()));
        Watched { turns, ready, listeners: BTreeMap::new(), task: task.abort_handle() }
    }

    /// Ends everything that is listened to, and lets nobody in any more.
    pub fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// The secrets by which those are known who watch an organization.
    fn secrets(&self, organization: OrganizationId) -> Vec<SecretHash> {
        let places = self.0.places();
        let listeners =
            places.organizations.get(&organization).into_iter().flat_map(|one| one.listeners.values());
        let secrets: BTreeSet<[u8; 32]> = listeners.map(|listener| listener.secret.0).collect();
        secrets.into_iter().map(SecretHash).collect()
    }

    /// Ends what those listen to whose secret was asked for and is not good.
    fn keep_only(&self, organization: OrganizationId, asked: &[SecretHash], good: &[SecretHash]) {
        let mut places = self.0.places();
        let Some(watched) = places.organizations.get_mut(&organization) else { return };
        for listener in watched.listeners.values_mut() {
            let is_bad = asked.contains(&listener.secret) && !good.contains(&listener.secret);
            if let Some(end) = listener.end.take_if(|_| is_bad) {
                // Whoever has gone already needs no end.
                let _ = end.send(());
            }
        }
    }

    /// Ends what everybody listens to who watches an organization.
    fn give_up(&self, organization: OrganizationId) {
        let asked = self.secrets(organization);
        self.keep_only(organization, &asked, &[]);
    }

    fn leave(&self, organization: OrganizationId, number: u64) {
        let mut places = self.0.places();
        let Some(watched) = places.organizations.get_mut(&organization) else { return };
        if watched.listeners.remove(&number).is_none() {
            return;
        }
        let is_last = watched.listeners.is_empty();
        places.taken -= 1;
        if is_last && let Some(watched) = places.organizations.remove(&organization) {
            watched.task.abort();
        }
    }
}

/// A place that is taken; dropped, it is free.
struct Place {
    watch: Watch,
    organization: OrganizationId,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.watch.leave(self.organization, self.number);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Greeting {
    Owed,
    Said,
}

/// What somebody listens to.
pub struct Listening {
    turns: broadcast::Receiver<Turn>,
    ready: watch::Receiver<bool>,
    stopping: watch::Receiver<bool>,
    ended: oneshot::Receiver<()>,
    greeting: Greeting,
    _place: Place,
}

impl Listening {
    /// The next that is to be heard; `None` when it is over, and then it must not be asked for again.
    pub async fn next(&mut self) -> Option<Heard> {
        let Self { turns, ready, stopping, ended, greeting, .. } = self;
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => None,
            _ = ended => None,
            heard = heard(turns, ready, greeting) => heard,
        }
    }
}

async fn heard(
    turns: &mut broadcast::Receiver<Turn>,
    ready: &mut watch::Receiver<bool>,
    greeting: &mut Greeting,
) -> Option<Heard> {
    if *greeting == Greeting::Owed {
        ready.wait_for(|ready| *ready).await.ok()?;
        *greeting = Greeting::Said;
        return Some(Heard::Hello);
    }
    match turns.recv().await {
        Ok(turn) => Some(Heard::Turn(turn)),
        Err(RecvError::Lagged(_)) => {
            // What still waits is from before what was lost: after a reset nobody needs it.
            *turns = turns.resubscribe();
            Count::StreamsReset.one();
            Some(Heard::Reset)
        }
        Err(RecvError::Closed) => None,
    }
}
