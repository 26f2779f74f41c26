//! The hub: the one file that knows every part and every channel.
//!
//! Owns the order in which parts start and stop. The watch runs on a thread of its own and is the only writer; what
//! sources hear and people wish reaches it through one bounded queue; what it decides leaves through two "latest
//! value" channels. A broadcast that a full queue cannot
//! take is dropped and counted, for its sensor speaks again; an uplink waits for its place.

use crate::annunciators::{Desired, Report, log, mqtt};
use crate::clock::{BootIdError, Clock, boot_id};
use crate::config::Config;
use crate::identity::{Identity, IdentityError};
use crate::page::{self, Page};
use crate::site::{OutputKind, Site, SiteError};
use crate::sources::{Heard, ble::Ble, lorawan::Lorawan};
use crate::store::journal::{Heads, Stream};
use crate::sync::batch::Sender;
use crate::sync::plan::Held;
use crate::sync::shown::CloudView;
use crate::sync::{self, Shared};
use crate::watch::{Deed, Refused, StartError, View, Watch, WatchError, Wish};
use frostguard_shared::causes::with_causes;
use frostguard_shared::ids::{AlertId, PersonId};
use frostguard_shared::time::{BoottimeMs, ClockSample, DurationMs};
use frostguard_shared::wire;
use rustix::fs::{FlockOperation, Mode, flock};
use rustix::io::Errno;
use rustix::process::umask;
use std::fs::File;
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
    /// The site cannot be told.
    #[error("the site cannot be written as a message")]
    SiteMessage(#[source] serde_json::Error),
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
    /// A person who has proved who they are does something.
    Act(Deed, PersonId, oneshot::Sender<Result<(), Refused>>),
    /// A person decides on a document that waits.
    Decide(Wish, u64, PersonId, oneshot::Sender<Result<(), Refused>>),
    /// Sync wants something.
    Sync(sync::Order),
    /// The hub is to stop.
    Stop(&'static str),
}

/// A hub that is about to run: its state is open, nothing is heard yet.
pub struct Hub {
    config: Config,
    clock: Clock,
    site: Arc<Site>,
    site_fault: Option<String>,
    watch: Watch,
    sender: Sender,
    site_message: Arc<wire::site::Site>,
    _lock: File,
}

impl Hub {
    /// Opens the hub's state and folds it up to now: the rules are live when this returns.
    ///
    /// # Errors
    /// Something that the hub cannot be without.
    pub fn open(config: Config) -> Result<Self, HubError> {
        // Whatever the hub writes is its own: key, journal and side files.
        umask(Mode::from_raw_mode(0o077));
        let folder = config.state_dir.clone();
        std::fs::create_dir_all(&folder)
            .map_err(io(format!("the state folder {} cannot be made", folder.display())))?;
        // The folder itself is the lock: that works on a disk that takes no file any more.
        let lock = File::open(&folder)
            .map_err(io(format!("the state folder {} cannot be opened", folder.display())))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(HubError::Running(folder)),
            Err(fault) => return Err(io("the state folder cannot be locked")(fault.into())),
        }
        let judged_later = Clock::new(frostguard_shared::time::WallMs(0), config.clock.kept_by_host);
        let mut identity = Identity::open(&folder, judged_later.sample())?;
        let clock = Clock::new(identity.wall_mark(), config.clock.kept_by_host);
        let now = clock.sample();
        let (site, site_fault) = load_site(&config, &mut identity, now)?;
        if let Err(fault) = identity.save() {
            tracing::error!(
                fault = with_causes(&fault),
                "the identity cannot be written; going on with the old one"
            );
        }
        let sender = Sender { hub: identity.hub(), key: identity.key() };
        let site_message = Arc::new(site.message(identity.site()).map_err(HubError::SiteMessage)?);
        let group = DurationMs::seconds(i64::from(config.journal.group_seconds));
        let mut watch = Watch::start(&folder, Arc::clone(&site), identity, &boot_id()?, group, now)?;
        watch.trial_lasts(DurationMs::seconds(i64::from(config.cloud.trial_seconds.clamp(10, 90))));
        Ok(Self { config, clock, site, site_fault, watch, sender, site_message, _lock: lock })
    }

    /// Runs until told to stop by a signal.
    ///
    /// # Errors
    /// A part without which the hub is none.
    pub async fn run(self) -> Result<(), HubError> {
        let Self { config, clock, site, site_fault, watch, sender, site_message, _lock } = self;
        let (input, inputs) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let view = watch.view();
        tracing::info!(hub = %view.hub, site = site.name, "rules are live");
        let client = format!("frostguard-{}", view.hub);
        let (desired, _) = watch::channel(watch.desired());
        let (view, views) = watch::channel(Arc::new(view));
        let (heads, durable) = watch::channel(watch.heads());
        let (shown, cloud) = watch::channel(CloudView::nothing());
        let shared = Shared {
            config: config.cloud.clone(),
            state_dir: config.state_dir.clone(),
            sender,
            site: site_message,
            clock: clock.clone(),
            heads: durable,
            held: Held {
                events: watch.acknowledged(Stream::Events),
                readings: watch.acknowledged(Stream::Readings),
            },
            views: views.clone(),
            shown,
            give: giving(&input),
        };
        let mut parts = JoinSet::new();
        for output in &site.outputs {
            annunciate(&mut parts, &output.key, &output.kind, desired.subscribe(), input.clone());
        }
        let outputs = Outputs { desired, view, heads, dropped: Arc::clone(&dropped) };
        let mut end = spawn_watch(watch, inputs, clock.clone(), outputs)?;
        listen(&mut parts, &config, &clock, &client, &input, &dropped);
        let hear = hearing(&input, &dropped);
        if site_fault.is_some() {
            hear(Heard::Source { source: "site.toml", fault: site_fault });
        }
        let page = Page::new(views, cloud, input.clone(), site, clock, &config.page, &config.state_dir);
        parts.spawn(page::serve(config.page.listen, page, hear));
        parts.spawn(sync::run(shared));
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

/// The site document; if it cannot be used, the one that was in force last, with what is wrong with the new one.
fn load_site(
    config: &Config,
    identity: &mut Identity,
    now: ClockSample,
) -> Result<(Arc<Site>, Option<String>), HubError> {
    let kept = config.state_dir.join(Site::IN_FORCE);
    match Site::load(&config.site, identity, now) {
        Ok(site) => {
            if let Err(fault) = std::fs::copy(&config.site, &kept) {
                tracing::warn!(%fault, "the site document in force could not be kept beside the journal");
            }
            Ok((Arc::new(site), None))
        }
        Err(fault) if kept.exists() => {
            let text = with_causes(&fault);
            tracing::error!(
                fault = text,
                "the site document cannot be used; the one in force before stays in force"
            );
            Ok((Arc::new(Site::load(&kept, identity, now)?), Some(text)))
        }
        Err(fault) => Err(fault.into()),
    }
}

type Ended = oneshot::Receiver<Result<(), WatchError>>;

fn spawn_watch(
    watch: Watch,
    inputs: Receiver<Input>,
    clock: Clock,
    outputs: Outputs,
) -> Result<Ended, HubError> {
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new()
        .name("watch".into())
        .spawn(move || {
            // The hub ends when the watch does; nobody is left to hear of it if that has ended already.
            let _ = ended.send(watch_over(watch, &inputs, &clock, &outputs));
        })
        .map_err(io("the watch's thread cannot be made"))?;
    Ok(end)
}

struct Outputs {
    desired: watch::Sender<Desired>,
    view: watch::Sender<Arc<View>>,
    heads: watch::Sender<Heads>,
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
        let (now, voucher) = clock.sample_vouched();
        watch.vouched_by(voucher);
        let mut answer = None;
        match input {
            Ok(Input::Heard(heard)) => watch.hear(heard, now)?,
            Ok(Input::Report(report)) => watch.report(report, now)?,
            Ok(Input::Quiet(alert, to)) => answer = Some((to, watch.quiet(alert, now)?)),
            Ok(Input::Act(deed, person, to)) => answer = Some((to, watch.act(&deed, person, now)?)),
            Ok(Input::Decide(wish, version, person, to)) => {
                answer = Some((to, watch.decide_waiting(wish, version, person, now)?));
            }
            Ok(Input::Sync(order)) => follow(&mut watch, order, now)?,
            Ok(Input::Stop(reason)) => return watch.stop(reason, now),
            Err(RecvTimeoutError::Timeout) => watch.tick(now)?,
            Err(RecvTimeoutError::Disconnected) => return watch.stop("all parts are gone", now),
        }
        show(&watch, outputs, now, &mut shown);
        // Whoever is answered finds what was done when looking again.
        if let Some((to, done)) = answer {
            reply(to, done);
        }
    }
}

/// Does what sync asks for.
fn follow(watch: &mut Watch, order: sync::Order, now: ClockSample) -> Result<(), WatchError> {
    match order {
        sync::Order::Note(held) => watch.note_held(held),
        sync::Order::Enrolled(cloud, site) => watch.note_enrolled(cloud, site, now)?,
        sync::Order::ClockSet(answer) => {
            watch.tick(now)?;
            // Sync may have begun anew since; it is told the time again then.
            let _ = answer.send(());
        }
        sync::Order::BeginAnew(why, answer) => {
            let begun = watch.begin_anew(why, now)?;
            // Sync sees the new epoch in any case: it is shown with what is durable.
            let _ = answer.send(begun.map(|()| watch.heads()));
        }
        sync::Order::Configure(decided, answer) => {
            let done = watch.configure(*decided, now)?;
            // Sync may have begun anew since; it sees how it stands with the next view.
            let _ = answer.send(done);
        }
        sync::Order::Command(signed, answer) => {
            let standing = watch.command(&signed, now)?;
            let _ = answer.send(standing);
        }
    }
    Ok(())
}

/// The way of sync's orders to the watch. What the watch should note is dropped if the queue is full, for it comes
/// again; what is waited for gets its place, on a thread that may wait.
fn giving(input: &SyncSender<Input>) -> sync::Give {
    let input = input.clone();
    Arc::new(move |order| {
        let given = match order {
            note @ sync::Order::Note(_) => input.try_send(Input::Sync(note)).is_ok(),
            order => tokio::task::block_in_place(|| input.send(Input::Sync(order))).is_ok(),
        };
        if !given {
            tracing::debug!("the watch did not take an order of sync");
        }
    })
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
    let heads = watch.heads();
    outputs.heads.send_if_modified(|present| std::mem::replace(present, heads) != heads);
    if alarm_changed || now.boottime.0 >= shown.0 + VIEW_EVERY_MS {
        let mut view = watch.view();
        view.counters.insert("inputs.dropped".into(), outputs.dropped.load(Ordering::Relaxed));
        outputs.view.send_replace(Arc::new(view));
        *shown = now.boottime;
    }
}

/// The way of what is heard to the watch: dropped and counted if the queue is full, for a broadcast comes again.
fn hearing(input: &SyncSender<Input>, dropped: &Arc<AtomicU64>) -> impl Fn(Heard) + Send + Sync + 'static {
    let (input, dropped) = (input.clone(), Arc::clone(dropped));
    move |heard| {
        if input.try_send(Input::Heard(heard)).is_err() {
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn listen(
    parts: &mut JoinSet<()>,
    config: &Config,
    clock: &Clock,
    client: &str,
    input: &SyncSender<Input>,
    dropped: &Arc<AtomicU64>,
) {
    if config.ble.enabled {
        parts.spawn(Ble::new(config.ble.clone()).run(hearing(input, dropped)));
    }
    if config.lorawan.enabled {
        // What a broker has kept comes once and all at a time: it waits for its place in the queue.
        let (input, dropped) = (input.clone(), Arc::clone(dropped));
        let hear = move |heard| {
            if tokio::task::block_in_place(|| input.send(Input::Heard(heard))).is_err() {
                dropped.fetch_add(1, Ordering::Relaxed);
            }
        };
        parts.spawn(Lorawan::new(config.lorawan.clone(), client, clock.clone()).run(hear));
    }
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
