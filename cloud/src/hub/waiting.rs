//! Waiting: hubs that have asked what is desired of them and are answered when there is something.
//!
//! Owns the places of those that wait. Nobody who waits holds a connection to the database: one task of the process asks
//! it, every `EVERY`, once for all of them, and wakes those for whom there is news. Nobody waiting costs nothing. There
//! is a bound on how many wait; of one hub the last one waits, and the one before is answered with nothing. At the end
//! everybody is answered at once.

use super::body::Refusal;
use crate::counters::Count;
use crate::store::desired::{self, News};
use crate::store::{Database, Duty, StoreError};
use frostguard_shared::causes::with_causes;
use frostguard_shared::ids::HubId;
use frostguard_shared::wire::Reason;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often the database is asked.
const EVERY: Duration = Duration::from_millis(500);
/// How long the database may take to answer, before it is asked again.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Hubs that look into the database at once, of those that have a place here.
const LOOKING: usize = 2;
/// How long a hub waits for its turn to look.
const TURN_MAX: Duration = Duration::from_secs(10);

/// Why somebody who waited is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// There may be something.
    News,
    /// Nothing came in the time, or the service ends, or the hub has asked anew.
    Nothing,
}

/// Those who wait.
#[derive(Clone, Debug)]
pub struct Waiting(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    places: Arc<Semaphore>,
    looking: Arc<Semaphore>,
    hubs: Mutex<Hubs>,
}

#[derive(Debug, Default)]
struct Hubs {
    waiting: BTreeMap<HubId, Waiter>,
    next: u64,
    is_closed: bool,
    watch: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    decided: u64,
    wake: oneshot::Sender<Woken>,
}

/// A place among those who wait; dropped, it is free.
#[derive(Debug)]
pub struct Place {
    inner: Arc<Inner>,
    _permit: OwnedSemaphorePermit,
}

/// Takes a waiter away whose request has ended, however it has ended.
struct Left<'a> {
    inner: &'a Inner,
    hub: HubId,
    number: u64,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        let mut hubs = self.inner.hubs();
        if hubs.waiting.get(&self.hub).is_some_and(|waiter| waiter.number == self.number) {
            hubs.waiting.remove(&self.hub);
        }
    }
}

impl Waiting {
    /// Places for so many.
    pub fn new(database: Database, places: usize) -> Self {
        Self(Arc::new(Inner {
            database,
            places: Arc::new(Semaphore::new(places)),
            looking: Arc::new(Semaphore::new(LOOKING)),
            hubs: Mutex::default(),
        }))
    }

    /// A place among those who wait.
    ///
    /// # Errors
    /// There are as many as may wait; the hub comes back later.
    pub fn place(&self) -> Result<Place, Refusal> {
        match Arc::clone(&self.0.places).try_acquire_owned() {
            Ok(permit) => Ok(Place { inner: Arc::clone(&self.0), _permit: permit }),
            Err(_) => {
                Count::PollsTurnedAway.one();
                Err(Refusal::new(Reason::Unavailable, "as many hubs wait here as may; ask again later"))
            }
        }
    }

    /// Answers everybody with nothing, and from now on everybody who comes.
    pub fn close(&self) {
        let mut hubs = self.0.hubs();
        hubs.is_closed = true;
        for (_, waiter) in std::mem::take(&mut hubs.waiting) {
            // Whoever is not there any more needs no answer.
            let _ = waiter.wake.send(Woken::Nothing);
        }
    }
}

impl Place {
    /// A turn to look into the database; few have one at once.
    ///
    /// # Errors
    /// It did not come in time.
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        match timeout(TURN_MAX, Arc::clone(&self.inner.looking).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Refusal::new(Reason::Busy, "too many hubs ask at once")),
        }
    }

    /// Waits until there is news for a hub that has decided on a version, at most so long.
    pub async fn wait(&self, hub: HubId, decided: u64, most: Duration) -> Woken {
        let (wake, woken) = oneshot::channel();
        let Some(number) = self.inner.enter(hub, decided, wake) else { return Woken::Nothing };
        let _left = Left { inner: &self.inner, hub, number };
        // An error says that the hub has asked anew, and that this is the old request.
        timeout(most, woken).await.ok().and_then(Result::ok).unwrap_or(Woken::Nothing)
    }
}

impl Inner {
    fn hubs(&self) -> MutexGuard<'_, Hubs> {
        self.hubs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a waiter in, and sees to it that somebody asks for it; `None` once the service ends.
    fn enter(self: &Arc<Self>, hub: HubId, decided: u64, wake: oneshot::Sender<Woken>) -> Option<u64> {
        let mut hubs = self.hubs();
        if hubs.is_closed {
            return None;
        }
        hubs.next += 1;
        let number = hubs.next;
        hubs.waiting.insert(hub, Waiter { number, decided, wake });
        if hubs.watch.as_ref().is_none_or(JoinHandle::is_finished) {
            hubs.watch = Some(tokio::spawn(watch(Arc::clone(self))));
        }
        Some(number)
    }

    /// The hubs that wait; `None` if there are none, and then nobody asks any more.
    fn waiting(&self) -> Option<Vec<HubId>> {
        let mut hubs = self.hubs();
        if hubs.waiting.is_empty() {
            hubs.watch = None;
            return None;
        }
        Some(hubs.waiting.keys().copied().collect())
    }

    fn wake(&self, news: &[News]) {
        let mut hubs = self.hubs();
        for one in news {
            let is_news = |waiter: &Waiter| {
                one.has_commands || one.version.is_some_and(|version| version > waiter.decided)
            };
            if hubs.waiting.get(&one.hub).is_some_and(is_news)
                && let Some(waiter) = hubs.waiting.remove(&one.hub)
            {
                // Whoever is not there any more asks again by itself.
                let _ = waiter.wake.send(Woken::News);
            }
        }
    }
}

/// Asks the database for all who wait, for as long as somebody does.
async fn watch(inner: Arc<Inner>) {
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let Some(hubs) = inner.waiting() else { return };
        match timeout(ANSWER_MAX, ask(&inner.database, &hubs)).await {
            Ok(Ok(news)) => inner.wake(&news),
            Ok(Err(fault)) => {
                tracing::warn!(fault = with_causes(&fault), "what is desired of hubs could not be looked up");
                Count::NewsFailed.one();
            }
            Err(_) => {
                tracing::warn!("the database takes too long to say what is desired of hubs");
                Count::NewsFailed.one();
            }
        }
    }
}

async fn ask(database: &Database, hubs: &[HubId]) -> Result<Vec<News>, StoreError> {
    let mut door = database.door(Duty::Ingest).await?;
    let news = desired::news(&mut door, hubs).await?;
    door.commit().await?;
    Ok(news)
}
