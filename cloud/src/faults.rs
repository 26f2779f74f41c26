//! Fault points: named places at which a test has the service killed or held. Only in builds with the feature `faults`.
//!
//! `FROSTGUARD_FAULT=place:n` kills this process with SIGKILL when it comes to the place for the n-th time, as in
//! `ingest.readings.before_commit:3`. `FROSTGUARD_FAULT=place:n:hold=FILE` makes FILE instead and goes on when it is gone:
//! meanwhile a test can kill the database.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Every place that a test may name.
pub const PLACES: &[&str] = &[
    "ingest.session.found",
    "ingest.events.locked",
    "ingest.events.stored",
    "ingest.events.projected",
    "ingest.events.before_commit",
    "ingest.events.after_commit",
    "ingest.readings.locked",
    "ingest.readings.stored",
    "ingest.readings.rolled_up",
    "ingest.readings.before_commit",
    "ingest.readings.after_commit",
    "ingest.live.before_commit",
    "push.document.kept",
    "push.document.before_commit",
    "push.document.after_commit",
    "push.command.before_commit",
    "push.command.after_commit",
    "push.poll.before_commit",
    "login.challenge_given",
    "login.before_commit",
    "login.after_commit",
];

static SEEN: Mutex<BTreeMap<&'static str, u32>> = Mutex::new(BTreeMap::new());

/// The process is at a place.
pub async fn reached(place: &'static str) {
    let Ok(wanted) = std::env::var("FROSTGUARD_FAULT") else { return };
    let mut words = wanted.splitn(3, ':');
    if words.next() != Some(place) {
        return;
    }
    let count = {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        let count = seen.entry(place).or_default();
        *count += 1;
        *count
    };
    if words.next().and_then(|n| n.parse().ok()) != Some(count) {
        return;
    }
    match words.next().and_then(|action| action.strip_prefix("hold=")) {
        Some(file) => hold(Path::new(file)).await,
        None => die(),
    }
}

async fn hold(file: &Path) {
    if std::fs::write(file, b"held\n").is_err() {
        die();
    }
    while file.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn die() {
    // SIGKILL cannot fail for a process's own id, and nothing could be done if it did.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}
