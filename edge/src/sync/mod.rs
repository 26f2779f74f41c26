//! Sync: takes the record to the cloud, exactly once and in order, through any outage.
//!
//! [`plan`] decides what to do next, [`batch`] makes it, [`http`] carries it; here the step is done and what came of it
//! is told to the plan. It reads the journal on connections of its own and asks the watch for little: to
//! note what the cloud holds, to take the cloud's time, and to begin a new epoch; and it brings it what the cloud desires
//! (`desired`). Nothing of the hub waits for it, and
//! whatever happens to it is shown and tried again: it never ends the hub.

pub mod batch;
mod desired;
pub mod enrol;
pub mod http;
mod live;
pub mod plan;
mod round;
mod session;
pub mod shown;
pub(crate) mod tls;

use crate::clock::Clock;
use crate::config::CloudConfig;
use crate::desired::Standing;
use crate::enrolment::Enrolment;
use crate::entropy::backoff;
use crate::store::journal::{Anew, Heads, Held};
use crate::store::outbox::Wanted;
use crate::store::{Outbox, StoreError};
use crate::watch::{Decided, View};
use batch::{BatchError, Prepared, Sender};
use frostguard_shared::causes::with_causes;
use frostguard_shared::chain::{Hash, digest};
use frostguard_shared::ids::SiteId;
use frostguard_shared::signature::PublicKey;
use frostguard_shared::time::BoottimeMs;
use frostguard_shared::wire::desired::Signed;
use frostguard_shared::wire::{site, to_bytes};
use http::{Address, Link};
use plan::Plan;
use session::Session;
use shown::{CloudState, CloudView};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// The longest wait before the next try, when nothing says otherwise.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A new enrolment is noticed within this.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// After a fault of its own sync begins anew.
const BEGIN_AGAIN: Duration = Duration::from_secs(30);

/// What sync asks of the watch.
pub enum Order {
    /// Note what the cloud holds, with the next group.
    Note(Held),
    /// Record the enrolment, if it was not.
    Enrolled(PublicKey, SiteId),
    /// The clock was told the time: record the correction, and answer when it is durable.
    ClockSet(oneshot::Sender<()>),
    /// Begin a new epoch; answered with what is durable then, or why it cannot begin.
    BeginAnew(Anew, oneshot::Sender<Result<Heads, StoreError>>),
    /// Do what was decided on a document; answered with how it stands then, or, if it was decided by what is no longer the
    /// case, how it stands now.
    Configure(Box<Decided>, oneshot::Sender<Result<Arc<Standing>, Arc<Standing>>>),
    /// Take a command; answered with how it stands then.
    Command(Signed, oneshot::Sender<Arc<Standing>>),
}

/// How an order reaches the watch. An order that wants an answer waits for its place; the others may be dropped, for
/// they come again.
pub type Give = Arc<dyn Fn(Order) + Send + Sync>;

/// Everything that sync is given.
#[derive(Clone)]
pub struct Shared {
    /// `[cloud]`.
    pub config: CloudConfig,
    /// The state folder.
    pub state_dir: PathBuf,
    /// The hub and its key.
    pub sender: Sender,
    /// The site message.
    pub site: Arc<site::Site>,
    /// The clock.
    pub clock: Clock,
    /// What is durable.
    pub heads: watch::Receiver<Heads>,
    /// What the cloud was last known to hold.
    pub held: plan::Held,
    /// What the page shows, for the live status.
    pub views: watch::Receiver<Arc<View>>,
    /// What is shown of the cloud.
    pub shown: watch::Sender<CloudView>,
    /// The way to the watch.
    pub give: Give,
}

/// Runs as long as the hub does. A fault of its own is shown, and it begins anew.
pub async fn run(shared: Shared) {
    loop {
        let ended = AbortOnDrop(tokio::spawn(work(shared.clone()))).await;
        let fault = ended.err().map_or_else(|| "it returned".into(), |fault| fault.to_string());
        tracing::error!(fault, "sync has ended by a fault of its own; it begins anew");
        shared.show(CloudState::Waiting, |view| {
            view.error = Some(format!("sync has a fault of its own: {fault}"))
        });
        sleep(BEGIN_AGAIN).await;
    }
}

/// A task that ends when nobody waits for it any more.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, tokio::task::JoinError>;
    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(context)
    }
}

/// One enrolment after another.
async fn work(shared: Shared) {
    loop {
        let known = Enrolment::changed(&shared.state_dir);
        let enrolment = match Enrolment::load(&shared.state_dir, shared.sender.hub) {
            Ok(found) => found,
            Err(fault) => {
                let error = with_causes(&fault);
                tracing::error!(error, "the enrolment cannot be used");
                shared.show(CloudState::NotEnrolled, |view| view.error = Some(error));
                shared.enrolment_changes(known).await;
                continue;
            }
        };
        let error =
            (!shared.config.enabled).then(|| "[cloud] enabled is false in the hub's configuration".into());
        match enrolment.filter(|_| shared.config.enabled) {
            None => {
                shared.show(CloudState::NotEnrolled, |view| {
                    (view.url, view.name, view.error) = (None, None, error);
                });
                tokio::select! {
                    () = shared.enrolment_changes(known) => {}
                    () = shared.follow_heads() => {}
                }
            }
            Some(enrolment) => tokio::select! {
                () = shared.enrolment_changes(known) => tracing::info!("the enrolment has changed"),
                () = serve(&shared, &enrolment) => {}
            },
        }
    }
}

/// Serves one enrolment until it changes.
async fn serve(shared: &Shared, enrolment: &Enrolment) {
    shared.show(CloudState::Connecting, |view| {
        view.url = Some(enrolment.url.clone());
        view.name = Some(format!("{}, {}", enrolment.organization_name, enrolment.site_name));
        view.error = None;
    });
    // A connection for the record, one for the live status and one for what is desired: none waits for another.
    let links = Address::parse(&enrolment.url).map_err(|fault| with_causes(&fault)).and_then(|address| {
        let open = || Link::open(address.clone(), shared.config.ca_file.as_deref(), &shared.clock);
        open().and_then(|record| Ok((record, open()?, open()?))).map_err(|fault| with_causes(&fault))
    });
    let (record, status, wishes) = match links {
        Ok(links) => links,
        Err(error) => {
            tracing::error!(error, "there is no way to the cloud");
            shared.show(CloudState::Waiting, |view| view.error = Some(error));
            sleep(plan::SLOW).await;
            return;
        }
    };
    tracing::info!(url = enrolment.url, site = enrolment.site_name, "the record goes to the cloud");
    (shared.give)(Order::Enrolled(enrolment.cloud, enrolment.site));
    let (sessions, _) = watch::channel(None::<Arc<Session>>);
    let plan = Plan::new(*shared.heads.borrow(), shared.held);
    let mut rounds = round::Rounds::new(shared, record, enrolment.cloud, &sessions, plan);
    tokio::select! {
        () = rounds.run() => {}
        () = live::run(shared, status, &sessions) => {}
        () = desired::run(shared, wishes, enrolment.cloud, &sessions) => {}
    }
}

impl Shared {
    fn now(&self) -> BoottimeMs {
        self.clock.sample().boottime
    }

    /// The site as it is told: with the rules that are in force.
    fn site(&self) -> site::Site {
        let standing = Arc::clone(&self.views.borrow().standing);
        // Rules that could be read as JSON can be written as such.
        standing.site.message(self.site.id).unwrap_or_else(|_| (*self.site).clone())
    }

    fn since(&self, then: BoottimeMs) -> Duration {
        Duration::from_millis(self.now().0.saturating_sub(then.0))
    }

    fn site_hash(&self) -> Hash {
        digest(&to_bytes(&self.site()))
    }

    /// Shows a state with what belongs to it. Its beginning is noted when it is another than before.
    fn show(&self, state: CloudState, more: impl FnOnce(&mut CloudView)) {
        let at = self.clock.sample().wall;
        self.shown.send_modify(|view| {
            // Trying and waiting take turns while the cloud is away: that is one absence.
            let is_away = |state| matches!(state, CloudState::Connecting | CloudState::Waiting);
            if view.state != state && !(is_away(view.state) && is_away(state)) {
                view.since = at;
            }
            view.state = state;
            view.until = None;
            more(view);
        });
    }

    /// Shows how far the record has grown while there is no cloud to send it to.
    async fn follow_heads(&self) {
        let mut heads = self.heads.clone();
        loop {
            let present = *heads.borrow_and_update();
            self.shown.send_modify(|view| view.set_streams(present, plan::Held::default()));
            if heads.changed().await.is_err() {
                // The watch has ended, and the hub with it.
                std::future::pending::<()>().await;
            }
        }
    }

    async fn enrolment_changes(&self, known: Option<std::time::SystemTime>) {
        while Enrolment::changed(&self.state_dir) == known {
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Begins to read and pack a round, on a thread that may wait for the disk.
    fn prepare(&self, outbox: Option<Outbox>, wanted: Wanted) -> JoinHandle<Read> {
        let (path, sender) = (self.state_dir.join(crate::store::FILE), self.sender.clone());
        let epoch = self.heads.borrow().epoch;
        tokio::task::spawn_blocking(move || {
            let outbox = outbox.filter(|outbox| outbox.epoch() == epoch);
            let mut outbox = match outbox.map_or_else(|| Outbox::open(&path, sender.hub), Ok) {
                Ok(outbox) => outbox,
                Err(fault) => return (None, Err(fault.into())),
            };
            let prepared = sender.prepare(&mut outbox, &wanted);
            (Some(outbox), prepared)
        })
    }
}

/// What reading a round gives: the outbox back, and the round.
type Read = (Option<Outbox>, Result<Prepared, BatchError>);

/// A pause that chance asks for after so many failures.
fn pause(failures: u32) -> Duration {
    backoff(failures, LONGEST_WAIT)
}
