//! Fault points: named places at which a test has the hub killed. Only in builds with the feature `faults`.
//!
//! `FROSTGUARD_FAULT=place:event` kills this process with SIGKILL when it reaches the place with an event of that type
//! (without its version) in the group, as in `after_commit:alert.raised`.

use rustix::process::{Signal, getpid, kill_process};

/// The process is at a place with an event of this kind; it may not return.
pub fn reached(place: &str, kind: &str) {
    let event = kind.split('/').next().unwrap_or(kind);
    if std::env::var("FROSTGUARD_FAULT").is_ok_and(|wanted| wanted == format!("{place}:{event}")) {
        // SIGKILL cannot fail for a process's own id, and nothing could be done if it did.
        let _ = kill_process(getpid(), Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}
