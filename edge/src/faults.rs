//! Fault points: named places at which a test has the hub killed. Only in builds with the feature `faults`.
//!
//! `FROSTGUARD_FAULT=place:event` kills this process with SIGKILL when it reaches the place with an event of that type
//! (without its version) in the group, as in `after_commit:alert.raised`. `FROSTGUARD_FAULT=place:n` does so when it
//! comes to one of [`PLACES`] or [`DESIRED`] for the n-th time, as in `sync.before_events:3`.

use rustix::process::{Signal, getpid, kill_process};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The places that are counted: before and after each word to the cloud.
pub const PLACES: &[&str] = &[
    "sync.before_challenge",
    "sync.before_login",
    "sync.logged_in",
    "sync.before_events",
    "sync.events_acknowledged",
    "sync.before_readings",
    "sync.readings_acknowledged",
    "sync.before_live",
    "sync.acknowledgement_noted",
];

/// The same where a hub only comes if something is desired of it: the steps of a document.
pub const DESIRED: &[&str] = &[
    "desired.received",
    "desired.before_file",
    "desired.after_file",
    "desired.trial",
    "desired.before_rollback",
    "desired.after_rollback_file",
];

static SEEN: Mutex<BTreeMap<&'static str, u32>> = Mutex::new(BTreeMap::new());

/// The process is at a place with an event of this kind; it may not return.
pub fn reached(place: &str, kind: &str) {
    let event = kind.split('/').next().unwrap_or(kind);
    if std::env::var("FROSTGUARD_FAULT").is_ok_and(|wanted| wanted == format!("{place}:{event}")) {
        die();
    }
}

/// The process is at a place that is counted; it may not return.
pub fn reached_place(place: &'static str) {
    let Ok(wanted) = std::env::var("FROSTGUARD_FAULT") else { return };
    let count = {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        let count = seen.entry(place).or_default();
        *count += 1;
        *count
    };
    if wanted == format!("{place}:{count}") {
        die();
    }
}

fn die() {
    // SIGKILL cannot fail for a process's own id, and nothing could be done if it did.
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        std::thread::park();
    }
}
