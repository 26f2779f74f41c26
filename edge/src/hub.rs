//! The hub: the one file that knows every part and every channel.
//!
//! Owns the order in which parts start and stop. The watch runs on a thread of its own and is the only writer; what
//! sources hear and people wish reaches it through one bounded queue; what it decides leaves through two "latest
//! value" channels. Frames that a full queue cannot take are dropped and counted: a sensor speaks again.

use crate::annunciators::{Desired, Report, log, mqtt};
use crate::clock::{BootIdError, Clock, boot_id};
use crate::config::Config;
use crate::identity::{Identity, IdentityError};
use crate::page::{self, Page};
use crate::site::{OutputKind, Site, SiteError};
use crate::sources::{Heard, ble::Ble, lorawan::Lorawan};
use crate::watch::{Refused, StartError, View, Watch, WatchError};
use frostguard_shared::ids::{AlertId, PersonId};
use frostguard_shared::time::{BoottimeMs, ClockSample, DurationMs};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

/// Inputs that may wait for the watch.
const QUEUE: usize = 1_024;
/// The page's view is made anew at most this often, unless an alarm changed.
const VIEW_EVERY_MS: u64 = 200;

/// The hub cannot run. Stop, and show the chain of causes.
#[derive(Debug, Error)]
pub enum HubError {
    /// Something of the operating system.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Another hub runs in the same state folder.
    #[error("another hub is running in {0}")]
    Running(PathBuf),
    /// The identity.
    #[error("the hub's identity cannot be used")]
    Identity(#[from] IdentityError),
    /// The boot's id.
    #[error("the boot cannot be named")]
    Boot(#[from] BootIdError),
    /// The site document.
    #[error("the site document cannot be used")]
    Site(#[from] SiteError),
    /// The watch could not start.
    #[error("the watch could not start")]
    Start(#[from] StartError),
    /// The watch could not go on.
    #[error("the watch could not go on")]
    Watch(#[from] WatchError),
    /// The watch's thread is gone.
    #[error("the watch's thread ended without a word")]
    Thread,
    /// A source, an output or the page has ended, which none of them does by itself.
    #[error("a part of the hub has ended: {0}")]
    Part(String),
}

fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> HubError {
    let what = what.into();
    move |source| HubError::Io { what, source }
}

/// What reaches the watch.
pub enum Input {
    /// From a source.
    Heard(Heard),
    /// From an annunciator.
    Report(Report),
    /// Someone asks for quiet.
    Quiet(AlertId, oneshot::Sender<Result<(), Refused>>),
    /// A person acknowledges.
    Acknowledge(AlertId, PersonId, oneshot::Sender<Result<(), Refused>>),
    /// The hub is to stop.
    Stop(&'static str),
}

/// A hub that is about to run: its state is open, nothing is heard yet.
pub struct Hub {
    config: Config,
    clock: Clock,
    site: Arc<Site>,
    watch: Watch,
    _lock: File,
}

impl Hub {
    /// Opens the hub's state and folds it up to now: the rules are live when this returns.
    ///
    /// # Errors
    /// Something that the hub cannot be without.
    pub fn open(config: Config) -> Result<Self, HubError> {
        let folder = config.state_dir.clone();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(io(format!("the state folder {} cannot be made", folder.display())))?;
        let lock = File::create(folder.join("lock"))
            .map_err(io(format!("the lock in {} cannot be made", folder.display())))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| HubError::Running(folder.clone()))?;
        let judged_later = Clock::new(frostguard_shared::time::WallMs(0), config.clock.kept_by_host);
        let mut identity = Identity::open(&folder, judged_later.sample())?;
        let clock = Clock::new(identity.wall_mark(), config.clock.kept_by_host);
        let now = clock.sample();
        let site = Arc::new(Site::load(&config.site, &mut identity, now)?);
        identity.save()?;
        let group = DurationMs::seconds(i64::from(config.journal.group_seconds));
        let watch = Watch::start(&folder, Arc::clone(&site), identity, &boot_id()?, group, now)?;
        Ok(Self { config, clock, site, watch, _lock: lock })
    }

    /// Runs until told to stop by a signal.
    ///
    /// # Errors
    /// A part without which the hub is none.
    pub async fn run(self) -> Result<(), HubError> {
        let Self { config, clock, site, watch, _lock } = self;
        let (input, inputs) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let hub = watch.view().hub;
        let (desired, _) = watch::channel(watch.desired());
        let (view, views) = watch::channel(Arc::new(watch.view()));
        let listener = tokio::net::TcpListener::bind(config.page.listen)
            .await
            .map_err(io(format!("the page cannot listen on {}", config.page.listen)))?;
        let address = listener.local_addr().map_err(io("the page's address cannot be read"))?;
        tracing::info!(%hub, site = site.name, "rules are live; the page is at http://{address}/");
        let mut parts = JoinSet::new();
        for output in &site.outputs {
            annunciate(&mut parts, &output.key, &output.kind, desired.subscribe(), input.clone());
        }
        let outputs = Outputs { desired, view, dropped: Arc::clone(&dropped) };
        let thread_clock = clock.clone();
        let (ended, mut end) = oneshot::channel();
        std::thread::Builder::new()
            .name("watch".into())
            .spawn(move || {
                // The hub ends when the watch does; nobody is left to hear of it if that has ended already.
                let _ = ended.send(watch_over(watch, &inputs, &thread_clock, &outputs));
            })
            .map_err(io("the watch's thread cannot be made"))?;
        listen(&mut parts, &config, &clock, &format!("frostguard-{hub}"), &input, &dropped)?;
        let page = Page::new(views, input.clone(), site, clock, &config.page, address);
        parts.spawn(page::serve(listener, page));
        let mut terminate = signal(SignalKind::terminate()).map_err(io("SIGTERM cannot be waited for"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(io("SIGINT cannot be waited for"))?;
        let reason = tokio::select! {
            ended = &mut end => return ended.map_err(|_| HubError::Thread)?.map_err(HubError::Watch),
            Some(ended) = parts.join_next() => {
                // A hub that does not hear or sound as it should is better started again than half alive.
                let why = ended.err().map_or_else(|| "it returned".into(), |fault| fault.to_string());
                return Err(HubError::Part(why));
            }
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(reason, "stopping");
        parts.detach_all();
        let stop = tokio::task::spawn_blocking(move || input.send(Input::Stop(reason)));
        // If the watch has ended already its own word is the better one.
        let _ = stop.await;
        end.await.map_err(|_| HubError::Thread)?.map_err(HubError::Watch)
    }
}

struct Outputs {
    desired: watch::Sender<Desired>,
    view: watch::Sender<Arc<View>>,
    dropped: Arc<AtomicU64>,
}

/// The watch's thread: takes inputs until it is told to stop.
fn watch_over(
    mut watch: Watch,
    inputs: &Receiver<Input>,
    clock: &Clock,
    outputs: &Outputs,
) -> Result<(), WatchError> {
    let mut shown = BoottimeMs(0);
    loop {
        let idle = watch.idle(clock.sample());
        let input = inputs.recv_timeout(Duration::from_millis(idle.0 as u64));
        let now = clock.sample();
        match input {
            Ok(Input::Heard(heard)) => watch.hear(heard, now)?,
            Ok(Input::Report(report)) => watch.report(report, now)?,
            Ok(Input::Quiet(alert, answer)) => reply(answer, watch.quiet(alert, now)?),
            Ok(Input::Acknowledge(alert, person, answer)) => {
                reply(answer, watch.acknowledge(alert, person, now)?)
            }
            Ok(Input::Stop(reason)) => return watch.stop(reason, now),
            Err(RecvTimeoutError::Timeout) => watch.tick(now)?,
            Err(RecvTimeoutError::Disconnected) => return watch.stop("all parts are gone", now),
        }
        show(&watch, outputs, now, &mut shown);
    }
}

/// Whoever asked may have gone away since; what was wished is done all the same.
fn reply(answer: oneshot::Sender<Result<(), Refused>>, done: Result<(), Refused>) {
    if answer.send(done).is_err() {
        tracing::debug!("whoever asked did not wait for the answer");
    }
}

fn show(watch: &Watch, outputs: &Outputs, now: ClockSample, shown: &mut BoottimeMs) {
    let desired = watch.desired();
    let alarm_changed = outputs.desired.send_if_modified(|present| {
        let changed = *present != desired;
        *present = desired;
        changed
    });
    if alarm_changed || now.boottime.0 >= shown.0 + VIEW_EVERY_MS {
        let mut view = watch.view();
        view.counters.insert("inputs.dropped".into(), outputs.dropped.load(Ordering::Relaxed));
        outputs.view.send_replace(Arc::new(view));
        *shown = now.boottime;
    }
}

fn listen(
    parts: &mut JoinSet<()>,
    config: &Config,
    clock: &Clock,
    client: &str,
    input: &SyncSender<Input>,
    dropped: &Arc<AtomicU64>,
) -> Result<(), HubError> {
    let hear = || {
        let (input, dropped) = (input.clone(), Arc::clone(dropped));
        move |heard| {
            if input.try_send(Input::Heard(heard)).is_err() {
                dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    if config.ble.enabled {
        parts.spawn(Ble::new(config.ble.clone()).run(hear()));
    }
    if config.lorawan.enabled {
        let source = Lorawan::new(config.lorawan.clone(), client, clock.clone())
            .map_err(io("the password file of [lorawan] cannot be read"))?;
        parts.spawn(source.run(hear()));
    }
    Ok(())
}

fn annunciate(
    parts: &mut JoinSet<()>,
    key: &str,
    kind: &OutputKind,
    desired: watch::Receiver<Desired>,
    input: SyncSender<Input>,
) {
    // A report waits for its place in the queue: how far something was told must not be forgotten.
    let report = move |report| {
        let sent = tokio::task::block_in_place(|| input.send(Input::Report(report)));
        if sent.is_err() {
            tracing::debug!("the watch has ended; a report came too late");
        }
    };
    let output = key.to_owned();
    match kind.clone() {
        OutputKind::Log => {
            parts.spawn(log::run(output, desired, report));
        }
        OutputKind::Mqtt { host, port, topic, username, password_file } => {
            parts.spawn(mqtt::run(
                mqtt::Target { output, host, port, topic, username, password_file },
                desired,
                report,
            ));
        }
    }
}
